# SPDX-License-Identifier: Apache-2.0
"""Lay the checkpoints of the recipe beside one another, with tests between neighbours."""

import sys
from pathlib import Path

from r1repro.cli import run_program, stage_parser


def main() -> None:
    cli = stage_parser(__doc__)
    cli.add_argument("--checkpoints", nargs="+", required=True, help="names, in order")
    cli.add_argument("--questions", type=Path, nargs="+", required=True, help="one a checkpoint")
    for name in ("--scores", "--preference", "--out-ladder", "--out-tests"):
        cli.add_argument(name, type=Path, required=True)
    args = cli.parse_args()

    from r1repro.audit.attempts import open_attempt
    from r1repro.files import write_text_atomic
    from r1repro.learn.ladder import TEST_COLUMNS, ladder_tables
    from r1repro.tables import csv_text

    settings = args.settings
    with open_attempt(
        args.attempts,
        "ladder",
        scale=settings["scale"],
        settings=settings,
        seed=settings["seed"],
        gpus=args.gpus,
        code_digest=args.code,
        inputs=[*args.questions, args.scores, args.preference],
        purpose="final",
    ) as attempt:
        questions = dict(zip(args.checkpoints, args.questions, strict=True))
        ladder, tests = ladder_tables(questions, args.scores, args.preference, settings)
        write_text_atomic(args.out_ladder, csv_text(ladder))
        write_text_atomic(args.out_tests, csv_text(tests, TEST_COLUMNS))
        attempt.outputs([args.out_ladder, args.out_tests])


if __name__ == "__main__":
    sys.exit(run_program(main))
