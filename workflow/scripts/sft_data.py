# SPDX-License-Identifier: Apache-2.0
"""Make the second fine-tuning set by rejection sampling from a checkpoint."""

import sys
from pathlib import Path

from r1repro.cli import run_program, stage_parser


def main() -> None:
    cli = stage_parser(__doc__)
    outputs = ("--out-data", "--out-statistics", "--out-rejections")
    for name in ("--checkpoint", "--prompts", *outputs):
        cli.add_argument(name, type=Path, required=True)
    cli.add_argument("--general", type=Path, nargs="+", required=True)
    args = cli.parse_args()

    from r1repro.evaluate import evaluation_run
    from r1repro.learn.sft_data import make_sft_data

    with evaluation_run("sft_data", args, [args.checkpoint, args.prompts, *args.general]) as run:
        make_sft_data(args, run)


if __name__ == "__main__":
    sys.exit(run_program(main))
