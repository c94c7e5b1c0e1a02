# SPDX-License-Identifier: Apache-2.0
"""Fine-tune a checkpoint on whole responses; resume if there is state."""

import sys

from r1repro.cli import run_program
from r1repro.training_cli import parse, training_parser


def main() -> None:
    cli = training_parser(__doc__, "--start", "--samples", "--out-checkpoint")
    cli.add_argument("--streams", help="stage whose random numbers are used; as a rule its own")
    args = parse(cli)

    from r1repro.learn.finetuning import finetune
    from r1repro.learn.parallel import open_world
    from r1repro.stage import open_training

    with (
        open_world(args.gpus, args.nodes) as world,
        open_training(
            args.stage,
            args,
            [args.start, args.samples],
            purpose=args.purpose,
            planned_device=args.planned_device,
            unit="steps",
            leads=world.leads,
        ) as run,
    ):
        finetune(args, world, run)


if __name__ == "__main__":
    sys.exit(run_program(main))
