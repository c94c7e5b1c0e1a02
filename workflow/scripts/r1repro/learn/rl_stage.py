# SPDX-License-Identifier: Apache-2.0
"""One RL stage from a checkpoint folder to its results, by the engine that the settings name."""

import shutil
from argparse import Namespace
from pathlib import Path

from r1repro.files import atomic_dir, read_jsonl
from r1repro.learn.checkpoint import load_model, load_tokenizer, save_checkpoint
from r1repro.learn.compute import open_compute
from r1repro.learn.parallel import World
from r1repro.learn.reinforcement import Reinforcement
from r1repro.learn.setup import prepare_device
from r1repro.stage import TrainingRun
from r1repro.tasks.sandbox import Sandbox


def run_rl_stage(
    stage: str,
    start: Path,
    prompts: Path,
    args: Namespace,
    sandbox: Sandbox,
    world: World,
    run: TrainingRun | None,
) -> None:
    """Train from the folder `start` and write checkpoint, checkpoints along the way and metrics."""
    settings = args.settings
    device = prepare_device(stage, args.gpus, settings["require_gpu"])
    model, tokenizer = load_model(start, device), load_tokenizer(start)
    trainer = Reinforcement(
        stage,
        model,
        tokenizer,
        read_jsonl(prompts),
        sandbox,
        settings[stage],
        settings["seed"],
        open_compute(settings["compute"], device, world),
    )
    along = args.state / "along"
    rows = trainer.train(run, along)
    if run is None:
        return
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
