# SPDX-License-Identifier: Apache-2.0
"""Let the larger runs begin only if the pilot gained enough; write what it gained."""

import csv
import sys
from pathlib import Path

from r1repro.cli import run_program, stage_parser


def pass_at_1(table: Path, checkpoint: str) -> float:
    """Return pass@1 over the reasoning categories; raises InputError when the table lacks it."""
    from r1repro.errors import InputError

    with open(table, encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            if (row["checkpoint"], row["category"], row["metric"]) == (checkpoint, "all", "pass@1"):
                return float(row["value"])
    raise InputError(f"{table} holds no pass@1 of {checkpoint} over all categories")


def main() -> None:
    cli = stage_parser(__doc__)
    for name in ("--before", "--after", "--out"):
        cli.add_argument(name, type=Path, required=True)
    args = cli.parse_args()

    from r1repro.errors import StageError
    from r1repro.files import write_json_atomic

    wanted = args.settings["gate"]["pilot_gain"]
    # rounded, so that 0.3 - 0.2 is not below 0.1
    gain = round(pass_at_1(args.after, "pilot") - pass_at_1(args.before, "small_base"), 6)
    if gain < wanted:
        raise StageError(
            f"the pilot gained {gain:.3f} of pass@1 but gate.pilot_gain asks for {wanted}; "
            "change the recipe and run again, or set gate.pilot_gain to null"
        )
    write_json_atomic(args.out, {"pilot_gain": gain, "wanted": wanted})


if __name__ == "__main__":
    sys.exit(run_program(main))
