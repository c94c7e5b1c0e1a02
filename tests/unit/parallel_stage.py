# SPDX-License-Identifier: Apache-2.0
"""A tiny fine-tuning and a tiny RL stage of the native engine, as a program for torchrun.

    torchrun --nproc-per-node 2 tests/unit/parallel_stage.py FOLDER

trains in FOLDER; the leading process writes rows.json and the weights there.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from tiny_stage import PROMPTS, SETTINGS, SUPERVISED, NoSandbox, Run, make_model, make_tokenizer

from r1repro.learn.compute import Compute
from r1repro.learn.packing import Sequence
from r1repro.learn.parallel import open_world
from r1repro.learn.reinforcement import Reinforcement
from r1repro.learn.supervised import sample_batches, train_supervised


def supervised(folder, compute, model):
    """Take a few steps; seven samples a step leave the last process fewer rows."""
    samples = [Sequence([3, i + 4], [[i + 5, 6, 7 + i % 3] * (2 + i % 9)], [0]) for i in range(21)]
    batches = sample_batches(samples, 64, 7, (1, "t"))
    run = Run(folder / "supervised") if compute.world.leads else None
    return train_supervised(model, batches, SUPERVISED | {"muon_learning_rate": 0.01}, compute, run)


def main(folder: Path) -> None:
    """Train both and write what came of them."""
    torch.set_num_threads(1)
    tokenizer = make_tokenizer()
    with open_world(gpus=0) as world:
        compute = Compute(tokens_per_pass=160, responses_at_once=4, world=world)
        tuned = make_model(tokenizer)
        rows = supervised(folder, compute, tuned)
        model = make_model(tokenizer)
        stage = Reinforcement(
            "r1_zero", model, tokenizer, PROMPTS, NoSandbox(), SETTINGS, 2, compute
        )
        run = Run(folder / "rl") if world.leads else None
        rows += stage.train(run, folder / "along")
        if world.leads:
            (folder / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
            tensors = {f"tuned/{name}": weight for name, weight in tuned.named_parameters()}
            tensors |= {f"rl/{name}": weight for name, weight in model.named_parameters()}
            save_file({name: t.detach() for name, t in tensors.items()}, folder / "w.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
