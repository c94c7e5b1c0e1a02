# SPDX-License-Identifier: Apache-2.0
"""Score a checkpoint on a task of lm-evaluation-harness: samples, a table, the versions."""

import sys
from pathlib import Path

from r1repro.cli import run_program, stage_parser


def main() -> None:
    cli = stage_parser(__doc__)
    cli.add_argument("--checkpoint", required=True, help="name of the checkpoint")
    cli.add_argument("--task", required=True, help="task or group of the harness")
    for name in ("--model", "--test", "--out-samples", "--out-scores"):
        cli.add_argument(name, type=Path, required=True)
    cli.add_argument("--tasks", type=Path, nargs="+", required=True, help="folders of task files")
    args = cli.parse_args()

    from r1repro.evaluate import open_evaluation
    from r1repro.files import write_jsonl_atomic, write_text_atomic
    from r1repro.learn.flop import forward_flop
    from r1repro.learn.harness import COLUMNS, run_task, sample_rows, score_rows
    from r1repro.learn.setup import prepare_device
    from r1repro.tables import csv_text

    settings, part = args.settings, f"{args.checkpoint}.{args.task}"
    device = prepare_device("harness", args.gpus, settings["require_gpu"])
    with open_evaluation("harness", args, [args.model, args.test], part) as attempt:
        outcome, model, _ = run_task(args.task, args.model, args.test, args.tasks, settings, device)
        length = settings["evaluate"]["max_response_tokens"]
        flop = forward_flop(model.config, outcome.processed, length)
        attempt.count(tokens_generated=outcome.generated, flop=flop)
        rows = score_rows(args.checkpoint, args.task, outcome.results)
        write_jsonl_atomic(args.out_samples, sample_rows(outcome.results))
        write_text_atomic(args.out_scores, csv_text(rows, COLUMNS))
        attempt.outputs([args.out_samples, args.out_scores])
        for row in rows:
            print(f"{row['task']} {row['metric']} ({row['filter']}): {row['value']}")


if __name__ == "__main__":
    sys.exit(run_program(main))
