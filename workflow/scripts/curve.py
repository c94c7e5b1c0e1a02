# SPDX-License-Identifier: Apache-2.0
"""Make the learning curve of an RL stage from the checkpoints kept along the way."""

import sys
from pathlib import Path

from r1repro.cli import run_program, stage_parser


def main() -> None:
    cli = stage_parser(__doc__)
    cli.add_argument("--stage", required=True, help="name of the RL stage and of its settings")
    for name in ("--along", "--metrics", "--test", "--out-curve"):
        cli.add_argument(name, type=Path, required=True)
    args = cli.parse_args()

    from r1repro.evaluate import curve_rows, evaluation_run
    from r1repro.files import read_jsonl, write_text_atomic
    from r1repro.learn.evaluation import first_prompts
    from r1repro.tables import csv_text
    from r1repro.tasks.problem import REASONING

    inputs = [args.along, args.metrics, args.test]
    with evaluation_run("curve", args, inputs, part=args.stage) as run:
        per_category = args.settings["evaluate"]["curve_prompts_per_category"]
        prompts = first_prompts(read_jsonl(args.test), per_category, REASONING)
        folders = sorted(path for path in args.along.glob("step_*") if path.is_dir())
        write_text_atomic(args.out_curve, csv_text(curve_rows(run, folders, prompts)))
        run.attempt.outputs([args.out_curve])


if __name__ == "__main__":
    sys.exit(run_program(main))
