# SPDX-License-Identifier: Apache-2.0
"""One RL stage from a checkpoint folder to its results, by the engine that the settings name."""

import shutil
from argparse import Namespace
from pathlib import Path

import torch

from r1repro.files import atomic_dir, read_jsonl
from r1repro.learn.checkpoint import load_model, load_tokenizer, save_checkpoint
from r1repro.learn.compute import open_compute
from r1repro.learn.parallel import World
from r1repro.learn.reinforcement import Reinforcement
from r1repro.learn.setup import prepare_device
from r1repro.learn.trl_engine import TrlReinforcement
from r1repro.stage import TrainingRun
from r1repro.tasks.sandbox import Sandbox

ENGINES = {"native": Reinforcement, "trl": TrlReinforcement}


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
    settings = args.settings[stage]
    device = prepare_device(stage, args.gpus, args.settings["require_gpu"])
    # A model that is to be sharded may be too large for one device: it starts on the CPU.
    sharded = settings["engine"] == "trl" and settings["trl"]["fsdp"]
    tokenizer = load_tokenizer(start)
    compute = open_compute(args.settings["compute"], device, world)
    model = load_model(start, torch.device("cpu") if sharded else device)
    if run is not None:
        run.attempt.precision = compute.precision_of(model)
    trainer = ENGINES[settings["engine"]](
        stage,
        model,
        tokenizer,
        read_jsonl(prompts),
        sandbox,
        settings,
        args.settings["seed"],
        compute,
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
        lambda folder: save_checkpoint(trainer.model, tokenizer, folder),
        args.out_checkpoint,
    )
    shutil.rmtree(along)
