# SPDX-License-Identifier: Apache-2.0
"""What the record of an attempt, its heartbeats and tracking cost a training stage.

Needs a finished miniature (`make reproduce`) for its base and prompts. A round is the whole stage
`r1_zero` with the configuration's settings: locks, checkpoints and results are written by all
contestants, only what the title names differs. They take turns, each in a process of its own; what
a process imports is paid before its first counted round. Whole rounds differ by more than what is
sought, so the calls themselves are timed as well. Prints Markdown; writes a JSON record.

    python tests/bench/overhead.py --record results/published/benchmarks/overhead.json
"""

import argparse
import contextlib
import shlex
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import native
import record
import yaml
from shapes import ROOT, BenchError, Work, prepare
from turns import interleave

STAGE = "r1_zero"
ARMS = {
    "neither": (False, "off"),
    "record": (True, "off"),
    "record and tracking": (True, "offline"),
}


class NoRecord:
    """Stands in for an attempt: takes what a stage tells it and keeps nothing."""

    wandb_run_id = precision = None

    def count(self, **amounts) -> None: ...
    def note(self, **position) -> None: ...
    def heartbeat(self) -> bool:
        return True

    def outputs(self, paths) -> None: ...

    def usage(self) -> dict:
        return {}


@contextlib.contextmanager
def services(recorded: bool, tracking: str, work: Work, folder: Path):
    """Open what a stage has around it, with or without its record and tracking."""
    from r1repro.stage import TrainingRun, open_training
    from r1repro.state import StageState
    from r1repro.tracking import Tracker

    settings = {"scale": "mini", "seed": work.seed, STAGE: work.settings}
    if not recorded:
        with StageState(folder / "state", "bench") as state:
            yield TrainingRun(STAGE, NoRecord(), state, Tracker(None, None), "updates")
        return
    args = argparse.Namespace(
        settings=settings,
        code="0" * 64,
        state=folder / "state",
        attempts=folder / "attempts",
        gpus=0,
        tracking={"mode": tracking, "project": "r1repro"},
        wandb=folder / "wandb",
    )
    named = {"purpose": "final", "planned_device": "H800", "unit": "updates"}
    with open_training(STAGE, args, [Path(work.checkpoint)], **named) as run:
        yield run


class Watch:
    """Adds up the seconds that are spent in some calls."""

    def __init__(self):
        self.seconds = 0.0

    def over(self, call):
        """Return the call, timed."""

        def timed(*arguments, **named):
            started = time.perf_counter()
            try:
                return call(*arguments, **named)
            finally:
                self.seconds += time.perf_counter() - started

        return timed


def stage(work: Work, turns, *, recorded: bool, tracking: str) -> None:
    """A round trains the whole stage in a folder of its own.

    `in_services` are the seconds of opening and closing them, and of what they do at each step and
    before each checkpoint.
    """
    while turns.wait():
        watch = Watch()
        with tempfile.TemporaryDirectory() as name, native.engine(work) as engine:
            folder = Path(name)
            around = services(recorded, tracking, work, folder)
            run = watch.over(around.__enter__)()
            run.step = watch.over(run.step)
            run.attempt.heartbeat = watch.over(run.attempt.heartbeat)
            rows = engine.train(run, folder / "along")
            run.finish(rows, folder / "metrics.csv", engine.model.save_pretrained, folder / "model")
            watch.over(around.__exit__)(None, None, None)
        turns.report(updates=len(rows), rewards=rows[-1]["reward"], in_services=watch.seconds)


def work_of(results: Path, folder: Path) -> Work:
    """Return the miniature's R1-Zero from its base, with its own settings."""
    base = results / "prepare/base"
    configuration = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    return replace(prepare("mini", results, base, folder), settings=configuration[STAGE])


def table(rounds: dict[str, list[dict]]) -> str:
    """Return seconds, and those in services as a share of them, by contestant, as Markdown."""
    rows = []
    for name, entries in rounds.items():
        seconds, inside = (
            [entry[column] for entry in entries] for column in ("seconds", "in_services")
        )
        shares = [100 * part / whole for part, whole in zip(inside, seconds, strict=True)]
        disturbed = statistics.median(entry["disturbed"] for entry in entries)
        rows.append(
            [
                name,
                record.spread(seconds),
                record.spread(inside),
                f"{statistics.median(shares):.2f} % [{min(shares):.2f}, {max(shares):.2f}]",
                record.percent(disturbed),
            ]
        )
    head = ["with", "seconds", "in services", "share", "others took"]
    return record.table(head, rows)


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("--rounds", type=int, default=7, help="counted rounds of each contestant")
    cli.add_argument("--results", type=Path, default=ROOT / "results", help="folder of a run")
    cli.add_argument("--record", type=Path, help="write every figure there as JSON")
    args = cli.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = work_of(args.results, Path(folder))
        entered = {
            name: (partial(stage, recorded=recorded, tracking=tracking), work)
            for name, (recorded, tracking) in ARMS.items()
        }
        rounds = interleave(entered, args.rounds)
    for name, entries in rounds.items():
        if "error" in entries[0]:
            raise BenchError(f"{name}: {entries[0]['error']}")
    if len({entry["rewards"] for entries in rounds.values() for entry in entries}) != 1:
        raise BenchError("the contestants did not train the same")
    print("### Record, heartbeats and tracking\n\n" + table(rounds))
    if args.record:
        command = "python tests/bench/overhead.py " + shlex.join(sys.argv[1:])
        record.write(
            args.record, {"command": command, "machine": record.machine(), "rounds": rounds}
        )


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(f"error: {error}")
