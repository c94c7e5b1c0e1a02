# SPDX-License-Identifier: Apache-2.0
"""Predict this run's stages with the formulas of the cost model, beside what attempts measured."""

import csv
import sys
from dataclasses import asdict
from pathlib import Path

from r1repro.audit.attempt_records import read_attempts
from r1repro.audit.attempts import open_attempt
from r1repro.audit.cost_model.measured import COLUMNS, compare
from r1repro.audit.cost_model.own_run import read_own_run
from r1repro.cli import run_program, stage_parser
from r1repro.files import atomic_writer


def main() -> None:
    """Read inputs and attempts, write one row per stage."""
    cli = stage_parser(__doc__)
    cli.add_argument("--inputs", type=Path, required=True, help="config/cost_model_mini.yaml")
    cli.add_argument("--out", type=Path, required=True)
    args = cli.parse_args()
    settings = args.settings
    with open_attempt(
        args.attempts,
        "cost_model_measured",
        scale=settings["scale"],
        settings=settings,
        seed=settings["seed"],
        gpus=args.gpus,
        code_digest=args.code,
        inputs=[args.inputs],
        purpose="final",
    ) as attempt:
        lines = compare(read_own_run(args.inputs), read_attempts(args.attempts), settings)
        with atomic_writer(args.out) as handle:
            table = csv.DictWriter(handle, COLUMNS, lineterminator="\n")
            table.writeheader()
            table.writerows(asdict(line) for line in lines)
        attempt.outputs([args.out])
        print(f"stages: {len(lines)}; predicted: {sum(not line.note for line in lines)}")


if __name__ == "__main__":
    sys.exit(run_program(main))
