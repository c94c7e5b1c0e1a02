# SPDX-License-Identifier: Apache-2.0
"""One RL stage from a checkpoint folder to its results, by the engine that the settings name."""

import shutil
from argparse import Namespace

import torch

from r1repro.errors import SettingsError
from r1repro.files import atomic_dir, read_jsonl, write_text_atomic
from r1repro.learn.checkpoint import load_model, load_tokenizer, save_checkpoint
from r1repro.learn.compute import Compute, open_compute
from r1repro.learn.footprint import memory_row
from r1repro.learn.parallel import World
from r1repro.learn.ppo import ProximalReinforcement
from r1repro.learn.preference import Rule, open_preferences
from r1repro.learn.reinforcement import Reinforcement
from r1repro.learn.setup import prepare_device
from r1repro.learn.trl_engine import TrlReinforcement, work_offline
from r1repro.stage import TrainingRun
from r1repro.tables import csv_text
from r1repro.tasks.sandbox import Sandbox

ALGORITHMS = {"grpo": Reinforcement, "ppo": ProximalReinforcement}


def make_trainer(args: Namespace, model, tokenizer, sandbox: Sandbox, compute: Compute):
    """Return the trainer of a stage by its engine and algorithm.

    Raises SettingsError for what does not go together.
    """
    stage, settings = args.stage, args.settings[args.stage]
    if settings["algorithm"] not in ALGORITHMS:
        raise SettingsError(
            f"{stage}.algorithm must be {' or '.join(ALGORITHMS)}, not {settings['algorithm']!r}"
        )
    prompts, seed = read_jsonl(args.train), args.settings["seed"]
    common = (stage, model, tokenizer, prompts, sandbox, settings, seed, compute)
    if settings["engine"] == "trl":
        return TrlReinforcement(*common, streams=args.streams)
    preferences = None
    if settings["preference_by"] == "rule":
        preferences = Rule()
    elif settings["preference_from_update"] is not None:
        folders = {"helpful": args.rm_helpful, "harmless": args.rm_safety}
        preferences = open_preferences(folders, compute, compute.device)
    return ALGORITHMS[settings["algorithm"]](*common, preferences=preferences, streams=args.streams)


def run_rl_stage(args: Namespace, sandbox: Sandbox, world: World, run: TrainingRun | None) -> None:
    """Train from the folder `args.start`; write checkpoint, metrics and what else is asked for."""
    stage, settings = args.stage, args.settings[args.stage]
    device = prepare_device(stage, args.gpus, args.settings["require_gpu"])
    # A model that is to be sharded may be too large for one device: it starts on the CPU.
    sharded = settings["engine"] == "trl" and settings["trl"]["fsdp"]
    if settings["engine"] == "trl":
        work_offline()
    tokenizer = load_tokenizer(args.start)
    compute = open_compute(args.settings["compute"], device, world)
    model = load_model(args.start, torch.device("cpu") if sharded else device)
    if run is not None:
        run.attempt.precision = compute.precision_of(model)
    trainer = make_trainer(args, model, tokenizer, sandbox, compute)
    along = args.state / "along"
    rows = trainer.train(run, along)
    if run is None:
        return
    if args.out_along is not None:
        with atomic_dir(args.out_along) as folder:
            hidden = shutil.ignore_patterns(".*")  # leftovers of a kill
            shutil.copytree(along, folder, dirs_exist_ok=True, ignore=hidden)
        run.attempt.outputs([args.out_along])
    if args.out_memory is not None:
        held = None if settings["engine"] == "trl" else trainer.held()
        row = memory_row(stage, held, rows)
        write_text_atomic(args.out_memory, csv_text([row]))
        run.attempt.outputs([args.out_memory])
    run.finish(
        rows,
        args.out_metrics,
        lambda folder: save_checkpoint(trainer.model, tokenizer, folder),
        args.out_checkpoint,
    )
    shutil.rmtree(along)
