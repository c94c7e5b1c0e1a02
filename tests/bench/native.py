# SPDX-License-Identifier: Apache-2.0
"""The native engine as a contestant: the only file of the benchmarks that knows its inside."""

import contextlib
import sys
from pathlib import Path

from shapes import ROOT, Work

sys.path.insert(0, str(ROOT / "workflow/scripts"))

PHASES = ("rollout", "reward", "reference", "update")


@contextlib.contextmanager
def engine(work: Work):
    """Open the RL stage as its program does."""
    from r1repro.learn.checkpoint import load_model, load_tokenizer
    from r1repro.learn.compute import open_compute
    from r1repro.learn.reinforcement import Reinforcement
    from r1repro.learn.setup import prepare_device
    from r1repro.tasks.sandbox import open_sandbox

    with open_sandbox(work.sandbox) as sandbox:
        device = prepare_device("r1_zero", int(work.device == "cuda"), False)
        folder = Path(work.checkpoint)
        yield Reinforcement(
            "r1_zero",
            load_model(folder, device),
            load_tokenizer(folder),
            list(work.prompts),
            sandbox,
            work.settings,
            work.seed,
            open_compute(work.compute, device),
        )


def synchronise(device: str) -> None:
    """Wait until a GPU has done what was asked of it."""
    import torch

    if device == "cuda":
        torch.cuda.synchronize()


def question_order(work: Work, first_update: int, updates: int) -> list[int]:
    """Return the prompts that the native engine asks in these updates."""
    from r1repro.learn.phases import QuestionOrder

    each = work.settings["questions_per_update"]
    order = QuestionOrder(len(work.prompts), work.seed, "r1_zero")
    return order.take(first_update * each, updates * each)


def updates(work: Work, turns) -> None:
    """A round is one rollout and all updates on it."""
    with engine(work) as stage:
        sampled = _keep_samples(stage)
        done = 0
        while turns.wait():
            rows = list(stage._rollout_and_update(done))
            synchronise(work.device)
            done += len(rows)
            turns.report(
                updates=len(rows),
                tokens=sum(row["tokens_generated"] for row in rows),
                flop_counted=sum(stage._counted(row)["flop"] for row in rows),
                precision=stage.compute.precision,
                groups=_lengths(stage, *sampled[0]),
                **{p: sum(row[f"seconds_{p}"] for row in rows) for p in PHASES},
            )


def rollout(work: Work, turns) -> None:
    """A round samples the responses of one rollout."""
    each = work.settings["updates_per_rollout"]
    with engine(work) as stage:
        done = 0
        while turns.wait():
            chosen = question_order(work, done, each)
            groups = stage._sample(chosen, done)
            synchronise(work.device)
            done += each
            turns.report(
                tokens=sum(len(response.tokens) for group in groups for response in group),
                precision=stage.compute.precision,
                groups=_lengths(stage, chosen, groups),
            )


def give_rollout(work: Work, turns) -> None:
    """Sample one rollout for `step` of everybody: prompts and groups of responses."""
    chosen = question_order(work, 0, work.settings["updates_per_rollout"])
    with engine(work) as stage:
        while turns.wait():
            turns.report(chosen=chosen, groups=stage._sample(chosen, 0))


def step(given: tuple[Work, list[int], list], turns) -> None:
    """A round trains on the given rollout; only forward, backward and optimiser are counted."""
    work, _, groups = given
    with engine(work) as stage:
        stage._sample = lambda chosen, update: groups
        while turns.wait():
            rows = list(stage._rollout_and_update(0))
            synchronise(work.device)
            turns.report(updates=len(rows), update=sum(row["seconds_update"] for row in rows))


def memory(work: Work, turns) -> None:
    """A round is one rollout and its updates; reports the bytes that its peak adds."""
    from memory import Peak

    with engine(work) as stage:
        while turns.wait():
            peak = Peak(work.device)
            rows = list(stage._rollout_and_update(0))
            turns.report(updates=len(rows), bytes=peak.added())


def _keep_samples(stage) -> list:
    """Keep the questions and responses of the newest rollout in a list of one."""
    sample, newest = stage._sample, [None]

    def keep(chosen, update):
        groups = sample(chosen, update)
        newest[0] = (chosen, groups)
        return groups

    stage._sample = keep
    return newest


def _lengths(stage, chosen, groups) -> list[tuple[int, list[int]]]:
    """Return (tokens of the question, tokens of each response) by group."""
    return [
        (len(stage.prompt_tokens[i]), [len(response.tokens) for response in group])
        for i, group in zip(chosen, groups, strict=True)
    ]
