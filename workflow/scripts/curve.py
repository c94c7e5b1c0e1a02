# SPDX-License-Identifier: Apache-2.0
"""Make the learning curve of R1-Zero from the checkpoints kept along the way."""

import sys
from pathlib import Path

from r1repro.cli import run_program, stage_parser


def main() -> None:
    cli = stage_parser(__doc__)
    for name in ("--along", "--test", "--out-curve"):
        cli.add_argument(name, type=Path, required=True)
    args = cli.parse_args()

    from r1repro.evaluate import curve_prompts, curve_row, evaluation_run
    from r1repro.files import read_jsonl, write_text_atomic
    from r1repro.tables import csv_text

    with evaluation_run("curve", args, [args.along, args.test]) as run:
        per_category = args.settings["evaluate"]["curve_prompts_per_category"]
        prompts = curve_prompts(read_jsonl(args.test), per_category)
        folders = sorted(path for path in args.along.glob("step_*") if path.is_dir())
        rows = [
            curve_row(run, folder, prompts, number, len(folders))
            for number, folder in enumerate(folders)
        ]
        write_text_atomic(args.out_curve, csv_text(rows))
        run.attempt.outputs([args.out_curve])


if __name__ == "__main__":
    sys.exit(run_program(main))
