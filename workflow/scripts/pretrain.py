# SPDX-License-Identifier: Apache-2.0
"""Pretrain a base model from scratch on the base corpus; resume if there is state."""

import sys

from r1repro.cli import run_program
from r1repro.training_cli import parse, training_parser

STAGES = ("base", "small_base", "tiny_base")


def main() -> None:
    paths = ("--base-corpus", "--tokenizer", "--out-checkpoint")
    args = parse(training_parser(__doc__, *paths, stages=STAGES))

    from r1repro.learn.parallel import open_world
    from r1repro.learn.pretraining import pretrain
    from r1repro.stage import open_training

    with (
        open_world(args.gpus, args.nodes) as world,
        open_training(
            args.stage,
            args,
            [args.base_corpus, args.tokenizer],
            purpose=args.purpose,
            planned_device=args.planned_device,
            unit="steps",
            leads=world.leads,
        ) as run,
    ):
        pretrain(args, world, run)


if __name__ == "__main__":
    sys.exit(run_program(main))
