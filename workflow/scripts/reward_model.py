# SPDX-License-Identifier: Apache-2.0
"""Train a reward model and tell its held-out accuracy; resume if there is state."""

import sys

from r1repro.cli import run_program
from r1repro.training_cli import parse, training_parser

STAGES = ("rm_helpful", "rm_safety")


def main() -> None:
    paths = ("--start", "--train", "--heldout", "--out-model", "--out-accuracy")
    args = parse(training_parser(__doc__, *paths, stages=STAGES))

    from r1repro.learn.parallel import open_world
    from r1repro.learn.reward_training import train_reward_model
    from r1repro.stage import open_training

    with (
        open_world(args.gpus, args.nodes) as world,
        open_training(
            args.stage,
            args,
            [args.start, args.train, args.heldout],
            purpose=args.purpose,
            planned_device=args.planned_device,
            unit="steps",
            leads=world.leads,
        ) as run,
    ):
        train_reward_model(args.stage, args, world, run)


if __name__ == "__main__":
    sys.exit(run_program(main))
