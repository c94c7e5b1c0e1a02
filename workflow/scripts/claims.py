# SPDX-License-Identifier: Apache-2.0
"""Judge every claim of the paper from its published numbers and the results of runs."""

import sys
from pathlib import Path

from r1repro.audit.attempts import open_attempt
from r1repro.audit.claims.cells import Tables
from r1repro.audit.claims.definitions import read_claims
from r1repro.audit.claims.judge import judge
from r1repro.audit.claims.manifest import manifest
from r1repro.audit.claims.rows import by_claim, counts, csv_of
from r1repro.audit.claims.runs import open_runs
from r1repro.audit.published import verify_checksums
from r1repro.cli import run_program, stage_parser
from r1repro.files import write_json_atomic, write_text_atomic


def main() -> None:
    """Verify the published tables, read the runs, write a verdict for each claim."""
    cli = stage_parser(__doc__)
    for name in ("--claims", "--tables", "--out-claims", "--out-manifest"):
        cli.add_argument(name, type=Path, required=True)
    cli.add_argument("--runs", type=Path, nargs="*", default=[], help="folders, one a seed")
    cli.add_argument(
        "--published", type=Path, nargs="*", default=[], help="seeds that judge a single run"
    )
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
        single = len(runs) < 2
        evidence = open_runs(args.published) if single else runs
        present = runs[0] if single and runs else None
        rows = judge(read_claims(args.claims, tables), tables, evidence, present)
        found = counts(rows)
        judged = [*evidence, *([present] if present else [])]
        files = manifest(args.claims, args.tables, verified, judged, args.code, found)
        write_text_atomic(args.out_claims, csv_of(rows))
        write_json_atomic(args.out_manifest, files)
        attempt.outputs([args.out_claims, args.out_manifest])
        seeds = ", ".join(str(run.seed) for run in evidence) or "none"
        print(f"claims judged: {len(by_claim(rows))}; experiments by seeds {seeds}")
        for tier, verdicts in found.items():
            print(f"  {tier}: " + ", ".join(f"{n} {name}" for name, n in verdicts.items()))


if __name__ == "__main__":
    sys.exit(run_program(main))
