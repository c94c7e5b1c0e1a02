# SPDX-License-Identifier: Apache-2.0
"""A tiny RL stage that says in a file how far it is, to be killed; alone or as one of several."""

from pathlib import Path

from tiny_stage import PROMPTS, SETTINGS, NoSandbox, Run, make_model, make_tokenizer

from r1repro.cli import run_program
from r1repro.learn import reinforcement
from r1repro.learn.compute import Compute
from r1repro.learn.parallel import open_world
from r1repro.learn.reinforcement import Reinforcement
from r1repro.learn.rewards import Reward

INTERVAL = 6
MORE = {"checkpoint_every_updates": INTERVAL, "curve_every_updates": 1000}


class Told(Run):
    """The services of a stage; each step is told."""

    def __init__(self, folder: Path):
        super().__init__(folder / "state")
        self.told = folder / "steps.txt"

    def step(self, row, done, total, **counted):
        with self.told.open("a") as handle:
            handle.write(f"{done}\n")


def low_tokens(prompts, responses, *_):
    """Reward what a random model does, so that there is something to learn."""
    return [Reward(sum(t < 200 for t in tokens) / len(tokens), 0.0) for tokens in responses]


def train(folder: Path, updates: int) -> None:
    """Train in the folder; steps.txt gets a line after each update."""
    reinforcement.judge_responses = low_tokens
    tokenizer = make_tokenizer()
    settings = SETTINGS | MORE | {"updates": updates}
    with open_world(gpus=0) as world:
        compute = Compute(tokens_per_pass=160, responses_at_once=4, world=world)
        model = make_model(tokenizer)
        stage = Reinforcement(
            "r1_zero", model, tokenizer, PROMPTS, NoSandbox(), settings, 2, compute
        )
        run = Told(folder) if world.leads else None
        stage.train(run, folder / "along")


def program(folder: Path, updates: int) -> int:
    """Train as a program does; return its exit status, 143 after SIGTERM."""
    return run_program(lambda: train(folder, updates))
