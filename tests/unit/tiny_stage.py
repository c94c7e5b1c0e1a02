# SPDX-License-Identifier: Apache-2.0
"""A tiny RL stage for tests, alone or as one of several processes."""

import json
import math
import random

import torch

from r1repro.learn.checkpoint import new_model, save_checkpoint
from r1repro.learn.rollout import Response
from r1repro.learn.tokenizer import encode_all, train_tokenizer
from r1repro.state import StageState
from r1repro.tasks.template import frame

MODEL = {
    "architecture": "llama",
    "hidden_size": 32,
    "layers": 2,
    "heads": 2,
    "intermediate_size": 48,
    "max_positions": 256,
}
SETTINGS = {
    "updates": 8,
    "questions_per_update": 2,
    "group_size": 4,
    "updates_per_rollout": 2,
    "inner_epochs": 1,
    "row_tokens": 160,
    "learning_rate": 1e-3,
    "warmup_updates": 2,
    "betas": [0.9, 0.95],
    "weight_decay": 0.1,
    "gradient_clip_norm": 1.0,
    "kl_coefficient": 0.05,
    "clip_epsilon": 0.2,
    "advantage_std": "population",
    "loss_average": "response",
    "accuracy_reward": 1.0,
    "format_reward": 0.5,
    "language_reward": 0.0,
    "preference_reward": 1.0,
    "preference_from_update": None,
    "preference_only": False,
    "preference_by": "model",
    "log_kl_to_start": False,
    "algorithm": "grpo",
    "ppo": {"lambda": 1.0, "critic_learning_rate": 3e-3},
    "temperature": 0.9,
    "max_response_tokens": 10,
    "late_max_response_tokens": 12,
    "late_from_update": 4,
    "reference_reset_updates": 4,
    "checkpoint_every_updates": 2,
    "curve_every_updates": 4,
    "trl": {"vllm": False, "fsdp": False},
}
SUPERVISED = {
    "row_tokens": 64,
    "learning_rate": 5e-3,
    "warmup_share": 0.1,
    "final_share": 0.1,
    "weight_decay": 0.1,
    "betas": [0.9, 0.95],
    "gradient_clip_norm": 1.0,
    "checkpoint_every": 3,
    "muon_learning_rate": None,
}
PROMPTS = [
    {
        "question": f"What is {i}+1?",
        "category": "math",
        "language": "en",
        "task": "chain_sum",
        "check": {"answer": str(i + 1)},
    }
    for i in range(5)
]


class Killed(Exception):
    """Stands for kill -9 in a test."""


class Run:
    """The services of a stage, with a kill after so many steps."""

    def __init__(self, folder, kill_after=None):
        self.state, self.kill_after = StageState(folder, "same"), kill_after
        self.counted = []

    def step(self, row, done, total, **counted):
        self.counted.append(counted)
        if done == self.kill_after:
            self.state.lock.close()
            raise Killed

    def save(self, done, write):
        self.state.save(done, write)


class NoSandbox:
    """No program is judged in these tests."""

    def run(self, jobs):
        raise AssertionError("no program to run")


def weights(model):
    """Return copies of all weights by name."""
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(first, second):
    """Say whether two sets of weights are equal, bit for bit."""
    return all(torch.equal(first[name], second[name]) for name in first)


def without_seconds(rows):
    """Return rows of metrics without what differs from run to run."""
    return [{k: v for k, v in row.items() if not k.startswith("seconds")} for row in rows]


def make_tokenizer():
    """Return a tokenizer that knows the words of the questions and answers."""
    texts = [frame("What is 1+2?") + "<think>1+2=3.</think><answer>3</answer>"] * 50
    return train_tokenizer(texts, 420)


def make_model(tokenizer, seed=1):
    """Return a model with random weights."""
    return new_model(MODEL, len(tokenizer), tokenizer.eos_token_id, seed)


def scripted(tokenizer):
    """Return a sampler of right, wrong, shapeless and cut-off responses, fixed by its seed.

    Its log-probabilities are near those of a model with random weights, so that some ratios are
    clipped and others not.
    """
    level = -math.log(len(tokenizer))

    def respond(sampling, draw):
        number = draw.randint(1, 5)
        form = draw.choice(["<think>{0}</think><answer>{0}</answer>", "<answer>{0}</answer>"])
        text = draw.choice([form, form, form, "{0} {0} 3"]).format(number)
        tokens = encode_all(tokenizer, [text])[0] + [sampling.end_token]
        tokens = tokens[: draw.choice([3, *[sampling.max_tokens] * 3])]
        logprobs = [level + draw.uniform(-0.4, 0.4) for _ in tokens]
        return Response(tokens, logprobs, tokens[-1] == sampling.end_token)

    def sample(prompts, samples, sampling, seeds):
        draws = [random.Random(seed) for seed in seeds]
        return [[respond(sampling, draw) for _ in range(samples)] for draw in draws]

    return sample


def train_with_trl(folder, settings=None, kill_after=None, script=True, compute=None):
    """Train a stage through TRL; return the stage, its rows and the run (None: not leading)."""
    from r1repro.learn.compute import Compute
    from r1repro.learn.trl_engine import TrlReinforcement

    compute = compute or Compute(tokens_per_pass=100_000)
    tokenizer = make_tokenizer()
    stage = TrlReinforcement(
        "r1_zero",
        make_model(tokenizer),
        tokenizer,
        PROMPTS,
        NoSandbox(),
        SETTINGS | (settings or {}),
        2,
        compute,
        sampler=scripted(tokenizer) if script else None,
    )
    run = Run(folder, kill_after) if compute.world.leads else None
    try:
        rows = stage.train(run, folder / "along")
    finally:  # a test that goes on here must not wait for what a traceback still holds
        if run is not None:
            run.state.lock.close()
    return stage, rows, run


def train_as_rank(folder, settings, script):
    """Train through TRL as one of several processes; write rows.json and model/ to the folder."""
    from r1repro.learn.compute import Compute
    from r1repro.learn.parallel import open_world

    with open_world(0) as world:
        compute = Compute(tokens_per_pass=100_000, world=world)
        stage, rows, run = train_with_trl(folder, settings, script=script, compute=compute)
        if run is not None:
            (folder / "rows.json").write_text(json.dumps(rows))
            save_checkpoint(stage.model, stage.tokenizer, folder / "model")
