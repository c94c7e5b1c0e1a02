# SPDX-License-Identifier: Apache-2.0
"""Train one stage of reinforcement learning from a checkpoint; resume if there is state."""

import sys
from pathlib import Path

from r1repro.cli import run_program
from r1repro.training_cli import parse, training_parser


def main() -> None:
    cli = training_parser(__doc__, "--start", "--train", "--out-checkpoint")
    for name in ("--rm-helpful", "--rm-safety", "--out-along", "--out-memory"):
        cli.add_argument(name, type=Path, nargs="?")
    cli.add_argument("--streams", help="stage whose random numbers are used; as a rule its own")
    args = parse(cli)

    from r1repro.learn.parallel import open_world
    from r1repro.learn.rl_stage import run_rl_stage
    from r1repro.stage import open_training
    from r1repro.tasks.sandbox import open_sandbox

    inputs = [args.start, args.train, *filter(None, (args.rm_helpful, args.rm_safety))]
    with (
        open_world(args.gpus, args.nodes) as world,
        open_training(
            args.stage,
            args,
            inputs,
            purpose=args.purpose,
            planned_device=args.planned_device,
            unit="updates",
            leads=world.leads,
        ) as run,
        open_sandbox(args.settings["sandbox"]) as sandbox,
    ):
        print(f"sandbox: {sandbox.protection}", flush=True)
        run_rl_stage(args, sandbox, world, run)


if __name__ == "__main__":
    sys.exit(run_program(main))
