# SPDX-License-Identifier: Apache-2.0
"""Bound and model the GPU-hours of the published run from first principles."""

import csv
import sys
from pathlib import Path

from r1repro.audit.attempts import open_attempt
from r1repro.audit.cost_model.anchors import brackets
from r1repro.audit.cost_model.inputs import read_inputs
from r1repro.audit.cost_model.report import COLUMNS, rows
from r1repro.cli import run_program, stage_parser
from r1repro.files import atomic_writer


def main() -> None:
    """Check the model against published speeds, write every row."""
    cli = stage_parser(__doc__)
    cli.add_argument("--inputs", type=Path, required=True, help="config/cost_model.yaml")
    cli.add_argument("--length-curve", type=Path, help="CSV: step, mean, p50, p90, p99, max")
    cli.add_argument("--out", type=Path, required=True)
    args = cli.parse_args()
    settings = args.settings
    with open_attempt(
        args.attempts,
        "cost_model",
        scale=settings["scale"],
        settings=settings,
        seed=settings["seed"],
        gpus=args.gpus,
        code_digest=args.code,
        inputs=[args.inputs, *filter(None, [args.length_curve])],
        purpose="final",
    ) as attempt:
        inputs = read_inputs(args.inputs, args.length_curve)
        for found in brackets(inputs):
            print(
                f"check {found.name}: published {found.published:.0f} tokens/s per GPU, model "
                f"{found.no_overlap:.0f} to {found.ideal_overlap:.0f}: "
                f"{'bracketed' if found.holds else 'NOT bracketed'}"
            )
        found = rows(inputs)
        with atomic_writer(args.out) as handle:
            table = csv.DictWriter(handle, COLUMNS, lineterminator="\n")
            table.writeheader()
            table.writerows(row.cells() for row in found)
        attempt.outputs([args.out])
        print(f"rows written: {len(found)}")


if __name__ == "__main__":
    sys.exit(run_program(main))
