# SPDX-License-Identifier: Apache-2.0
"""Claims about a stage that is asked to stop: what it saves, and how much work is lost."""

import os
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from preempted_stage import INTERVAL, program
from ranks import start_ranks
from tiny_stage import (
    PROMPTS,
    SETTINGS,
    SUPERVISED,
    NoSandbox,
    Run,
    make_model,
    make_tokenizer,
    same,
    train_with_trl,
    weights,
    without_seconds,
)

from r1repro.errors import Terminated
from r1repro.learn import reinforcement
from r1repro.learn.compute import Compute
from r1repro.learn.packing import Sequence
from r1repro.learn.ppo import ProximalReinforcement
from r1repro.learn.reinforcement import Reinforcement
from r1repro.learn.rewards import Reward
from r1repro.learn.supervised import sample_batches, train_supervised
from r1repro.termination import deferred, listen


@pytest.fixture(autouse=True)
def our_handler():
    """SIGTERM is handled as in a program, for the time of a test."""
    before = signal.getsignal(signal.SIGTERM)
    listen()
    yield
    signal.signal(signal.SIGTERM, before)


class Asked(Run):
    """The services of a stage that is asked to stop during one of its steps."""

    def __init__(self, folder, at=None):
        super().__init__(folder)
        self.at, self.seen = at, []

    def step(self, row, done, total, **counted):
        self.seen.append(done)
        if done == self.at:
            signal.raise_signal(signal.SIGTERM)


def by_length(prompts, responses, *_):
    """Reward by length, so that there is something to learn."""
    return [Reward(float(len(tokens) % 3), 0.0) for tokens in responses]


def train_rl(kind):
    """Return a function that trains a stage of that kind in a run."""

    def train(run, folder):
        tokenizer = make_tokenizer()
        model = make_model(tokenizer)
        stage = kind("r1_zero", model, tokenizer, PROMPTS, NoSandbox(), SETTINGS, 2)
        return stage.train(run, folder / "along"), weights(model)

    return train


def train_text(run, folder):
    """Fine-tune on a few made-up samples."""
    samples = [Sequence([3, i + 4], [[i + 5, 6, 7 + i % 3] * (2 + i % 9)], [0]) for i in range(24)]
    batches = sample_batches(samples, 64, 3, (1, "t"))
    model = make_model(make_tokenizer())
    return train_supervised(model, batches, SUPERVISED, Compute(), run), weights(model)


KINDS = {
    "grpo": train_rl(Reinforcement),
    "ppo": train_rl(ProximalReinforcement),
    "supervised": train_text,
}


@pytest.mark.parametrize("at", [1, 4, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_a_stage_that_is_asked_to_stop_loses_no_update(kind, at, tmp_path, monkeypatch):
    """It saves all that it did, and what goes on from there equals an undisturbed run."""
    monkeypatch.setattr(reinforcement, "judge_responses", by_length)
    whole_run = Asked(tmp_path / "whole")
    rows, whole = KINDS[kind](whole_run, tmp_path / "whole")
    first = Asked(tmp_path / "cut", at)
    with pytest.raises(Terminated):
        KINDS[kind](first, tmp_path / "cut")
    assert first.state.latest()[0] == first.seen[-1] >= at
    first.state.lock.close()
    listen()
    second = Asked(tmp_path / "cut")
    again, resumed = KINDS[kind](second, tmp_path / "cut")
    assert first.seen + second.seen == whole_run.seen
    assert without_seconds(again) == without_seconds(rows)
    assert same(whole, resumed)


@pytest.mark.slow
def test_the_trl_engine_stops_where_it_can_resume(tmp_path, monkeypatch):
    """Asked in the first update of a rollout, it ends the rollout, saves and stops."""
    monkeypatch.setattr(Run, "step", lambda run, row, done, total, **counted: None)
    rows = train_with_trl(tmp_path / "whole")[1]

    def ask_to_stop(run, row, done, total, **counted):
        if done == 3:
            run.state.lock.close()  # as the end of a process does
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Run, "step", ask_to_stop)
    with pytest.raises(Terminated):
        train_with_trl(tmp_path / "cut", {"checkpoint_every_updates": 8})
    assert (tmp_path / "cut" / "step_00000004").is_dir()
    monkeypatch.setattr(Run, "step", lambda run, row, done, total, **counted: None)
    listen()
    again = train_with_trl(tmp_path / "cut", {"checkpoint_every_updates": 8})[1]
    assert without_seconds(again) == without_seconds(rows)


def test_a_request_in_the_last_update_lets_the_stage_finish(tmp_path):
    """Nothing is left to do but to write the results."""
    run = Asked(tmp_path, at=8)
    rows, _ = train_text(run, tmp_path)
    assert len(rows) == 8


def test_what_cannot_resume_stops_at_once():
    """Outside a training loop the request is an exception where the program is."""
    with pytest.raises(Terminated):
        signal.raise_signal(signal.SIGTERM)
    with deferred():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)


# ---- with real processes, killed from outside --------------------------------------------------


def start(folder: Path, processes: int = 1) -> list[BaseProcess]:
    """Start the stage, which would take hours."""
    return start_ranks(program, folder, 100_000, said=folder / "said.txt", processes=processes)


def steps(folder: Path) -> list[int]:
    """Return the updates that were made, in order."""
    told = folder / "steps.txt"
    return [int(line) for line in told.read_text().split()] if told.exists() else []


def wait_for_steps(folder: Path, count: int, process: BaseProcess) -> None:
    deadline = time.monotonic() + 300
    while len(steps(folder)) < count:
        assert process.exitcode is None, (folder / "said.txt").read_text()[-3000:]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def lost_to(how: int, folder: Path, at: int) -> tuple[int, int]:
    """Kill the stage after so many updates; return the updates made again, and the exit status."""
    [process] = start(folder)
    wait_for_steps(folder, at, process)
    os.kill(process.pid, how)
    process.join(120)
    before = steps(folder)
    [again] = start(folder)
    wait_for_steps(folder, len(before) + 1, again)
    again.kill()
    again.join()
    first = steps(folder)[len(before)]
    return before[-1] - (first - 1), process.exitcode


@pytest.mark.slow
def test_sigterm_loses_less_than_one_update_and_sigkill_less_than_the_interval(tmp_path):
    """Measured: updates that had been made and were made again."""
    for how, least, most, status in (
        (signal.SIGTERM, 0, 0, 143),
        (signal.SIGKILL, 0, INTERVAL - 1, -9),
    ):
        folder = tmp_path / str(how)
        folder.mkdir()
        lost, ended = lost_to(how, folder, at=9)
        assert ended == status
        assert least <= lost <= most, how


@pytest.mark.slow
def test_processes_that_train_together_stop_together(tmp_path):
    """Only one of two is asked: both end their rollout, one checkpoint is written, none hangs."""
    both = start(tmp_path, processes=2)
    wait_for_steps(tmp_path, 3, both[0])
    both[1].terminate()
    for process in both:
        process.join(120)
    assert [process.exitcode for process in both] == [143, 143]
    made = steps(tmp_path)
    saves = sorted(path.name for path in (tmp_path / "state").glob("step_*"))
    assert saves[-1] == f"step_{made[-1]:08d}"
    assert "stopped by SIGTERM" in (tmp_path / "said.txt").read_text()
