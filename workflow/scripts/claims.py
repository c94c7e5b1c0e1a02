# SPDX-License-Identifier: Apache-2.0
"""Judge every claim of the paper from its published numbers and the results of runs."""

import sys
from pathlib import Path

from r1repro.audit.attempts import open_attempt
from r1repro.audit.claims.cells import Tables
from r1repro.audit.claims.manifest import manifest
from r1repro.audit.claims.runs import open_runs
from r1repro.audit.claims.table import counts, csv_of, definitions, rows_of
from r1repro.audit.published import verify_checksums
from r1repro.cli import run_program, stage_parser
from r1repro.files import write_json_atomic, write_text_atomic


def main() -> None:
    """Verify the published tables, read the runs, write a verdict for each claim."""
    cli = stage_parser(__doc__)
    for name in ("--claims", "--tables", "--out-claims", "--out-manifest"):
        cli.add_argument(name, type=Path, required=True)
    cli.add_argument("--runs", type=Path, nargs="*", default=[], help="folders, one a seed")
    args = cli.parse_args()
    settings = args.settings
    with open_attempt(
        args.attempts,
        "claims",
        scale=settings["scale"],
        settings=settings,
        seed=settings["seed"],
        gpus=args.gpus,
        code_digest=args.code,
        inputs=[args.claims, args.tables],
        purpose="final",
    ) as attempt:
        verified = verify_checksums(args.tables)
        tables, runs = Tables(args.tables), open_runs(args.runs)
        rows = rows_of(definitions(args.claims, tables), tables, runs)
        found = counts(rows)
        files = manifest(args.claims, args.tables, verified, runs, args.code, found)
        write_text_atomic(args.out_claims, csv_of(rows))
        write_json_atomic(args.out_manifest, files)
        attempt.outputs([args.out_claims, args.out_manifest])
        seeds = ", ".join(str(run.seed) for run in runs) or "none"
        listed = ", ".join(f"{count} {verdict}" for verdict, count in found.items())
        print(f"claims judged: {len(rows)} ({listed}); seeds: {seeds}")


if __name__ == "__main__":
    sys.exit(run_program(main))
