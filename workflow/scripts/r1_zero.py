# SPDX-License-Identifier: Apache-2.0
"""Train R1-Zero: GRPO from the base with rule-based rewards alone; resume if there is state."""

import json
import sys
from pathlib import Path

from r1repro.cli import run_program, stage_parser


def main() -> None:
    cli = stage_parser(__doc__)
    names = ("--base", "--train", "--wandb", "--out-checkpoint", "--out-along", "--out-metrics")
    for name in names:
        cli.add_argument(name, type=Path, required=True)
    cli.add_argument("--tracking", type=json.loads, required=True)
    args = cli.parse_args()

    from r1repro.learn.parallel import open_world
    from r1repro.learn.rl_stage import run_rl_stage
    from r1repro.stage import open_training
    from r1repro.tasks.sandbox import open_sandbox

    with (
        open_world(args.gpus) as world,
        open_training(
            "r1_zero",
            args,
            [args.base, args.train],
            purpose="final",
            planned_device="H800",
            unit="updates",
            leads=world.leads,
        ) as run,
        open_sandbox(args.settings["sandbox"]) as sandbox,
    ):
        print(f"sandbox: {sandbox.protection}", flush=True)
        run_rl_stage("r1_zero", args.base, args.train, args, sandbox, world, run)


if __name__ == "__main__":
    sys.exit(run_program(main))
