# SPDX-License-Identifier: Apache-2.0
"""Score a checkpoint on a benchmark of others, as `score` does on the test prompts."""

import sys
from contextlib import closing
from pathlib import Path

from r1repro.cli import run_program, stage_parser


def main() -> None:
    cli = stage_parser(__doc__)
    cli.add_argument("--checkpoint", required=True, help="name of the checkpoint")
    cli.add_argument("--benchmark", required=True, help="name of the benchmark")
    for name in ("--model", "--test", "--out-samples", "--out-questions", "--out-scores"):
        cli.add_argument(name, type=Path, required=True)
    args = cli.parse_args()

    from r1repro.evaluate import evaluation_run, score_checkpoint
    from r1repro.files import read_jsonl, write_jsonl_atomic, write_text_atomic
    from r1repro.tables import csv_text
    from r1repro.tasks.benchmarks.answers import Worker, judge_with

    part = f"{args.checkpoint}.{args.benchmark}"
    inputs = [args.model, args.test]
    with (
        closing(Worker()) as worker,
        evaluation_run(
            "benchmark", args, inputs, part, sandboxed=False, judge=judge_with(worker)
        ) as run,
    ):
        prompts = read_jsonl(args.test)
        groups, questions, scores = score_checkpoint(run, args.checkpoint, args.model, prompts)
        scores = [{**row, "benchmark": args.benchmark} for row in scores]
        write_jsonl_atomic(args.out_samples, (s.row() for group in groups for s in group))
        write_text_atomic(args.out_questions, csv_text(questions))
        write_text_atomic(args.out_scores, csv_text(scores))
        run.attempt.outputs([args.out_samples, args.out_questions, args.out_scores])


if __name__ == "__main__":
    sys.exit(run_program(main))
