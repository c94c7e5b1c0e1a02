# SPDX-License-Identifier: Apache-2.0
"""Train R1-Zero: GRPO from the base with rule-based rewards alone; resume if there is state."""

import json
import shutil
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

    from r1repro.files import atomic_dir, read_jsonl
    from r1repro.learn.checkpoint import load_model, load_tokenizer, save_checkpoint
    from r1repro.learn.reinforcement import Reinforcement
    from r1repro.learn.setup import prepare_device
    from r1repro.stage import open_training
    from r1repro.tasks.sandbox import open_sandbox

    settings = args.settings
    with (
        open_training(
            "r1_zero",
            args,
            [args.base, args.train],
            purpose="final",
            planned_device="H800",
            unit="updates",
        ) as run,
        open_sandbox(settings["sandbox"]) as sandbox,
    ):
        print(f"sandbox: {sandbox.protection}", flush=True)
        device = prepare_device("r1_zero", args.gpus, settings["require_gpu"])
        model, tokenizer = load_model(args.base, device), load_tokenizer(args.base)
        stage = Reinforcement(
            "r1_zero",
            model,
            tokenizer,
            read_jsonl(args.train),
            sandbox,
            settings["r1_zero"],
            settings["seed"],
        )
        along = args.state / "along"
        rows = stage.train(run, along)
        with atomic_dir(args.out_along) as folder:
            hidden = shutil.ignore_patterns(".*")  # leftovers of a kill
            shutil.copytree(along, folder, dirs_exist_ok=True, ignore=hidden)
        run.attempt.outputs([args.out_along])
        run.finish(
            rows,
            args.out_metrics,
            lambda folder: save_checkpoint(model, tokenizer, folder),
            args.out_checkpoint,
        )
        shutil.rmtree(along)


if __name__ == "__main__":
    sys.exit(run_program(main))
