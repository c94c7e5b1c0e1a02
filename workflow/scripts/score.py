# SPDX-License-Identifier: Apache-2.0
"""Score one checkpoint on the test split: samples, a line a question, a table with intervals."""

import sys
from pathlib import Path

from r1repro.cli import run_program, stage_parser


def main() -> None:
    cli = stage_parser(__doc__)
    cli.add_argument("--checkpoint", required=True, help="name of the checkpoint")
    for name in ("--model", "--test", "--out-samples", "--out-questions", "--out-scores"):
        cli.add_argument(name, type=Path, required=True)
    args = cli.parse_args()

    from r1repro.evaluate import evaluation_run, score_checkpoint
    from r1repro.files import read_jsonl, write_jsonl_atomic, write_text_atomic
    from r1repro.learn.evaluation import first_prompts
    from r1repro.tables import csv_text

    with evaluation_run("score", args, [args.model, args.test], part=args.checkpoint) as run:
        per_category = args.settings["evaluate"]["prompts_per_category"]
        prompts = first_prompts(read_jsonl(args.test), per_category)
        groups, questions, scores = score_checkpoint(run, args.checkpoint, args.model, prompts)
        write_jsonl_atomic(args.out_samples, (s.row() for group in groups for s in group))
        write_text_atomic(args.out_questions, csv_text(questions))
        write_text_atomic(args.out_scores, csv_text(scores))
        run.attempt.outputs([args.out_samples, args.out_questions, args.out_scores])


if __name__ == "__main__":
    sys.exit(run_program(main))
