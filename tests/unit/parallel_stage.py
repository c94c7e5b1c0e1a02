# SPDX-License-Identifier: Apache-2.0
"""A tiny stage of each kind of the native engine, for one process or several."""

import json
from pathlib import Path

from safetensors.torch import save_file
from tiny_stage import PROMPTS, SETTINGS, SUPERVISED, NoSandbox, Run, make_model, make_tokenizer

from r1repro.learn import reinforcement
from r1repro.learn.compute import Compute
from r1repro.learn.packing import Sequence
from r1repro.learn.parallel import open_world
from r1repro.learn.ppo import ProximalReinforcement
from r1repro.learn.reinforcement import Reinforcement
from r1repro.learn.reward_model import ScoredModel, Scorer
from r1repro.learn.reward_training import Example, Judging, example_batches
from r1repro.learn.rewards import Reward
from r1repro.learn.supervised import sample_batches, train_supervised


def supervised(folder, compute, model):
    """Take a few steps; seven samples a step leave the last process fewer rows."""
    samples = [Sequence([3, i + 4], [[i + 5, 6, 7 + i % 3] * (2 + i % 9)], [0]) for i in range(21)]
    batches = sample_batches(samples, 64, 7, (1, "t"))
    run = Run(folder / "supervised") if compute.world.leads else None
    return train_supervised(model, batches, SUPERVISED | {"muon_learning_rate": 0.01}, compute, run)


def low_tokens(prompts, responses, *_):
    """Reward what a random model does, so that there is something to learn."""
    return [Reward(sum(t < 200 for t in tokens) / len(tokens), 0.0) for tokens in responses]


def judging(folder, compute, scored):
    """Learn a reward model from eleven pairs, seven a step."""
    examples = [
        Example([[3, i + 4, 6, 1], [3, i + 4, 9 + i % 2, 1]][:: 1 - 2 * (i % 2)], 1 - i % 2, "pair")
        for i in range(11)
    ]
    settings = SUPERVISED | {"epochs": 2, "samples_per_batch": 7, "muon_learning_rate": None}
    batches = example_batches(examples, settings, 1, "rm")
    aim = Judging(Scorer(scored, compute), examples, compute, settings["row_tokens"])
    run = Run(folder / "judging") if compute.world.leads else None
    return train_supervised(scored, batches, settings, compute, run, aim)


def train_all(folder: Path) -> None:
    """Train by fine-tuning, a reward model, GRPO and PPO.

    The leading process writes rows.json and the weights to the folder.
    """
    reinforcement.judge_responses = low_tokens
    tokenizer = make_tokenizer()
    with open_world(gpus=0) as world:
        compute = Compute(tokens_per_pass=160, responses_at_once=4, world=world)
        tuned = make_model(tokenizer)
        rows = supervised(folder, compute, tuned)
        scored = ScoredModel(make_model(tokenizer))
        judged = judging(folder, compute, scored)
        models, others = {"tuned": tuned, "scored": scored}, {"judging": judged}
        for name, kind in (("rl", Reinforcement), ("ppo", ProximalReinforcement)):
            model = make_model(tokenizer)
            stage = kind("r1_zero", model, tokenizer, PROMPTS, NoSandbox(), SETTINGS, 2, compute)
            run = Run(folder / name) if world.leads else None
            others[name] = stage.train(run, folder / "along" / name)
            models[name] = model
        models["critic"] = stage.critic
        rows += [row for part in others.values() for row in part]
        if world.leads:
            (folder / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
            tensors = {
                f"{kind}/{name}": weight
                for kind, model in models.items()
                for name, weight in model.named_parameters()
            }
            save_file({name: t.detach() for name, t in tensors.items()}, folder / "w.safetensors")
