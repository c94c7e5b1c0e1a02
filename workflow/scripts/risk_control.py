# SPDX-License-Identifier: Apache-2.0
"""Put an external risk control in front of checkpoints and count what still comes through."""

import sys
from pathlib import Path

from r1repro.cli import run_program, stage_parser


def main() -> None:
    cli = stage_parser(__doc__)
    cli.add_argument("--checkpoints", nargs="+", required=True, help="names, in order")
    cli.add_argument("--samples", type=Path, nargs="+", required=True, help="one a checkpoint")
    for name in ("--reviewer", "--out-filter"):
        cli.add_argument(name, type=Path, required=True)
    args = cli.parse_args()

    from r1repro.audit.attempts import open_attempt
    from r1repro.files import each_of_jsonl, write_text_atomic
    from r1repro.learn.compute import open_compute
    from r1repro.learn.review import open_review
    from r1repro.learn.risk_control import COLUMNS, filter_rows
    from r1repro.learn.setup import prepare_device
    from r1repro.tables import csv_text

    settings = args.settings
    with open_attempt(
        args.attempts,
        "risk_control",
        scale=settings["scale"],
        settings=settings,
        seed=settings["seed"],
        gpus=args.gpus,
        code_digest=args.code,
        inputs=[*args.samples, args.reviewer],
        purpose="final",
        planned_device="H800",
    ) as attempt:
        device = prepare_device("risk_control", args.gpus, settings["require_gpu"])
        review = open_review(args.reviewer, device, open_compute(settings["compute"], device))
        draws, seed = settings["evaluate"]["bootstrap"], settings["seed"]
        rows = []
        for checkpoint, path in zip(args.checkpoints, args.samples, strict=True):
            rows += filter_rows(checkpoint, each_of_jsonl(path), review, draws, seed)
        write_text_atomic(args.out_filter, csv_text(rows, COLUMNS))
        attempt.outputs([args.out_filter])


if __name__ == "__main__":
    sys.exit(run_program(main))
