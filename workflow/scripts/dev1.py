# SPDX-License-Identifier: Apache-2.0
"""Fine-tune the base on the cold-start set; resume if there is state."""

import json
import sys
from pathlib import Path

from r1repro.cli import run_program, stage_parser


def main() -> None:
    cli = stage_parser(__doc__)
    for name in ("--base", "--cold-start", "--wandb", "--out-dev1", "--out-metrics"):
        cli.add_argument(name, type=Path, required=True)
    cli.add_argument("--tracking", type=json.loads, required=True)
    args = cli.parse_args()

    from r1repro.learn.finetuning import finetune
    from r1repro.learn.parallel import open_world
    from r1repro.stage import open_training

    inputs = [args.base, args.cold_start]
    with (
        open_world(args.gpus) as world,
        open_training(
            "dev1",
            args,
            inputs,
            purpose="preparatory",
            planned_device="A100",
            unit="steps",
            leads=world.leads,
        ) as run,
    ):
        finetune(args.base, args.cold_start, "dev1", args, world, run)


if __name__ == "__main__":
    sys.exit(run_program(main))
