# SPDX-License-Identifier: Apache-2.0
"""Carry the speed of measured attempts to the published run: GPU-hours and dollars, with bounds."""

import sys
from dataclasses import asdict
from pathlib import Path

from r1repro.audit.attempt_records import read_attempts
from r1repro.audit.attempts import open_attempt
from r1repro.audit.cost_model.inputs import read_inputs
from r1repro.audit.economics.inputs import read_economics
from r1repro.audit.economics.projection import COLUMNS, projection, target_of
from r1repro.audit.prices import load_prices, preferred_rows
from r1repro.cli import run_program, stage_parser
from r1repro.errors import InputError
from r1repro.files import write_text_atomic
from r1repro.tables import csv_text


def main() -> None:
    """Read attempts and inputs, write one table."""
    cli = stage_parser(__doc__)
    for name in ("--inputs", "--economics", "--prices", "--out"):
        cli.add_argument(name, type=Path, required=True)
    cli.add_argument("--measured", type=Path, required=True, help="folder of attempts to project")
    args = cli.parse_args()
    settings = args.settings
    with open_attempt(
        args.attempts,
        "projection",
        scale=settings["scale"],
        settings=settings,
        seed=settings["seed"],
        gpus=args.gpus,
        code_digest=args.code,
        inputs=[args.inputs, args.economics, args.prices],
        purpose="final",
    ) as attempt:
        if not args.measured.is_dir():
            raise InputError(f"{args.measured} is no folder of attempts; pass --measured FOLDER")
        known, prices = read_economics(args.economics), load_prices(args.prices)
        target = target_of(
            read_inputs(args.inputs), preferred_rows(prices, known.prices["base"])[0].price
        )
        preferred = preferred_rows(prices, settings["cost"]["price_basis"])
        rows = projection(read_attempts(args.measured), target, known, preferred)
        write_text_atomic(args.out, csv_text([asdict(row) for row in rows], COLUMNS))
        attempt.outputs([args.out])
        print(f"lines: {len(rows)}")


if __name__ == "__main__":
    sys.exit(run_program(main))
