# SPDX-License-Identifier: Apache-2.0
"""Put the score tables of all checkpoints into one, with the share preferred to the reference."""

import sys
from pathlib import Path

from r1repro.cli import run_program, stage_parser


def main() -> None:
    cli = stage_parser(__doc__)
    cli.add_argument("--checkpoints", nargs="+", required=True, help="names, in order")
    cli.add_argument("--reference", required=True, help="the checkpoint all are compared with")
    for name in ("--scores", "--samples"):
        cli.add_argument(name, type=Path, nargs="+", required=True, help="one a checkpoint")
    for name in ("--out-scores", "--out-preference"):
        cli.add_argument(name, type=Path, required=True)
    args = cli.parse_args()

    from r1repro.audit.attempts import open_attempt
    from r1repro.files import write_text_atomic
    from r1repro.learn.win_rate import QUESTION_COLUMNS, preference_tables
    from r1repro.tables import csv_text, join_tables

    settings = args.settings
    with open_attempt(
        args.attempts,
        "scores",
        scale=settings["scale"],
        settings=settings,
        seed=settings["seed"],
        gpus=args.gpus,
        code_digest=args.code,
        inputs=[*args.scores, *args.samples],
        purpose="final",
    ) as attempt:
        named = dict(zip(args.checkpoints, args.samples, strict=True))
        questions, scores = preference_tables(
            named, args.reference, settings["evaluate"]["bootstrap"], settings["seed"]
        )
        write_text_atomic(args.out_scores, join_tables(args.scores, scores))
        write_text_atomic(args.out_preference, csv_text(questions, QUESTION_COLUMNS))
        attempt.outputs([args.out_scores, args.out_preference])


if __name__ == "__main__":
    sys.exit(run_program(main))
