# SPDX-License-Identifier: Apache-2.0
"""Pretrain the base model from scratch on the base corpus; resume if there is state."""

import json
import sys
from pathlib import Path

from r1repro.cli import run_program, stage_parser


def main() -> None:
    cli = stage_parser(__doc__)
    for name in ("--base-corpus", "--tokenizer", "--wandb", "--out-base", "--out-metrics"):
        cli.add_argument(name, type=Path, required=True)
    cli.add_argument("--tracking", type=json.loads, required=True)
    args = cli.parse_args()

    from r1repro.learn.parallel import open_world
    from r1repro.learn.pretraining import pretrain
    from r1repro.stage import open_training

    inputs = [args.base_corpus, args.tokenizer]
    with (
        open_world(args.gpus) as world,
        open_training(
            "base",
            args,
            inputs,
            purpose="preparatory",
            planned_device="A100",
            unit="steps",
            leads=world.leads,
        ) as run,
    ):
        pretrain(args.base_corpus, args.tokenizer, args, world, run)


if __name__ == "__main__":
    sys.exit(run_program(main))
