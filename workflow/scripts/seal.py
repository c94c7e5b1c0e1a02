# SPDX-License-Identifier: Apache-2.0
"""Append every attempt of the run to its ledger and print the root to publish."""

import sys
from pathlib import Path

from r1repro.audit.attempts import open_attempt, utc_now
from r1repro.audit.ledger.heads import LEDGER, ROOT, SEAL, sign
from r1repro.audit.ledger.sealing import Run, seal
from r1repro.audit.prices import load_prices, preferred_rows
from r1repro.audit.provenance import git_state
from r1repro.cli import run_program, stage_parser
from r1repro.errors import InputError
from r1repro.files import sha256_file
from r1repro.progress import announce


def main() -> None:
    """Read records and prices, append what is new, write the head."""
    cli = stage_parser(__doc__)
    for name in ("--prices", "--out-ledger", "--out-seal", "--out-root"):
        cli.add_argument(name, type=Path, required=True)
    cli.add_argument("--configuration", required=True, help="SHA-256 of the whole configuration")
    args = cli.parse_args()
    settings, folder = args.settings, args.out_ledger.parent
    results = args.attempts.parent  # the records lie in the folder of results
    made = [args.out_ledger, args.out_seal, args.out_root]
    if made != [folder / name for name in (LEDGER, SEAL, ROOT)]:
        raise InputError(f"the ledger's files are named {LEDGER}, {SEAL}, {ROOT}, in one folder")
    key = settings["cost"]["signing_key"]
    with open_attempt(
        args.attempts,
        "seal",
        scale=settings["scale"],
        settings=settings,
        seed=settings["seed"],
        gpus=args.gpus,
        code_digest=args.code,
        inputs=[args.prices],
        purpose="final",
    ) as attempt:
        preferred = preferred_rows(load_prices(args.prices), settings["cost"]["price_basis"])
        run = Run(
            results=results.as_posix(),
            scale=settings["scale"],
            seed=settings["seed"],
            commit=git_state(Path(__file__)),
            configuration_sha256=args.configuration,
            now=utc_now(),
        )
        table = sha256_file(args.prices)
        sealed = seal(folder, results, args.attempts, run, preferred, table)
        signed = "not signed"
        if key is not None:
            signed = f"signed in {sign(folder, Path(key).expanduser())}"
        attempt.outputs(made)
        for path in made:
            path.touch()  # up to date for Snakemake, also with nothing new
        announce(
            f"seal: {sealed.size} lines, {sealed.attempts} attempts, {sealed.added} lines new, "
            f"root {sealed.root}, {signed}"
        )


if __name__ == "__main__":
    sys.exit(run_program(main))
