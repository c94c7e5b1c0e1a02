# SPDX-License-Identifier: Apache-2.0
"""What every training stage does around its work: attempt, resume state, tracking, progress.

with open_training(...) as run:
    run.state      checkpoints of this stage (StageState), already locked
    run.step(...)  once per optimiser step: progress line, heartbeat position, tracking
    run.save(...)  where a checkpoint is due
"""

from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from r1repro.audit.attempts import Attempt, open_attempt
from r1repro.files import atomic_dir, sha256_path, write_text_atomic
from r1repro.progress import Progress
from r1repro.state import StageState, fingerprint
from r1repro.tables import csv_text
from r1repro.tracking import Tracker, open_tracker


@dataclass
class TrainingRun:
    """The services of one training stage."""

    stage: str
    attempt: Attempt
    state: StageState
    tracker: Tracker
    unit: str
    progress: Progress | None = field(default=None)

    def step(self, row: dict, done: int, total: int, **counted: int) -> None:
        """Show, record and track one finished step; `counted` goes to the attempt's counters."""
        if self.progress is None:
            self.progress = Progress(self.stage, total, self.unit, done - 1)
        self.attempt.count(**counted)
        self.attempt.note(step=done, total=total)
        self.tracker.log({k: v for k, v in row.items() if isinstance(v, int | float)}, step=done)
        self.progress.update(done, note=_note(row))

    def save(self, done: int, write: Callable[[Path], None]) -> None:
        """Keep a checkpoint, unless what it holds could not be put on the attempt's record."""
        if self.attempt.heartbeat():
            self.state.save(done, write)

    def finish(
        self, rows: list[dict], metrics: Path, save: Callable[[Path], None], checkpoint: Path
    ) -> None:
        """Write the stage's results whole, then drop the checkpoints that led to them."""
        with atomic_dir(checkpoint) as folder:
            save(folder)
        write_text_atomic(metrics, csv_text(rows))
        last = {k: v for k, v in rows[-1].items() if isinstance(v, int | float)}
        self.tracker.summary(last | self.attempt.usage())
        self.attempt.outputs([checkpoint, metrics])
        self.state.clear()


def _note(row: dict) -> str:
    """Say the one or two figures that tell how training goes."""
    figures = ("loss", "reward_accuracy", "length_mean")
    known = ((name, row.get(name, "")) for name in figures)
    return ", ".join(f"{name} {value:.3f}" for name, value in known if value != "")


@contextmanager
def open_training(
    stage: str,
    args: Namespace,
    inputs: list[Path],
    *,
    purpose: str,
    planned_device: str,
    unit: str,
    leads: bool = True,
) -> Iterator[TrainingRun | None]:
    """Lock the stage's state, open its attempt and its tracking run; close all in order.

    Of several processes that train together only the one that leads keeps these; the others get
    None.
    """
    if not leads:
        yield None
        return
    settings = args.settings
    digests = {path.as_posix(): sha256_path(path) for path in inputs}
    if getattr(args, "streams", None) is not None:  # other random numbers are another run
        digests["streams"] = args.streams
    identity = fingerprint(settings, args.code, digests)
    with (
        StageState(args.state, identity) as state,
        open_attempt(
            args.attempts,
            stage,
            scale=settings["scale"],
            settings=settings,
            seed=settings["seed"],
            gpus=args.gpus,
            code_digest=args.code,
            inputs=inputs,
            purpose=purpose,
            planned_device=planned_device,
        ) as attempt,
        open_tracker(
            args.tracking,
            stage=stage,
            group=f"{settings['scale']}-seed{settings['seed']}",
            config=settings,
            folder=args.wandb,
        ) as tracker,
    ):
        attempt.wandb_run_id = tracker.run_id
        run = TrainingRun(stage, attempt, state, tracker, unit)
        yield run
