# SPDX-License-Identifier: Apache-2.0
"""How far a run is and how long it will still take, from how long its stages took before.

Source   The wall seconds of a stage come from its benchmark file, if its last run here was of the
         same scale, else from the table of the miniature.
Choices  Where one stage that is still to run has neither, the time left is unknown, not guessed.
         Seconds are scaled by how long the finished stages took, as if a twentieth of the whole
         had gone as before, so that the first short stages do not decide. What remains cannot
         end before its longest chain of stages, nor before its work is done on the cores there are.
"""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

TRUST_IN_BEFORE = 0.05


@dataclass
class Planned:
    """A stage to run: cores, wall seconds of an earlier run (None: unknown), ids it waits for."""

    stage: str
    threads: int
    seconds: float | None
    after: tuple[int, ...] = ()


@dataclass
class Started:
    """A stage that runs: wall seconds so far, and what it says itself is left (None: nothing)."""

    elapsed: float
    left: float | None


class Plan:
    """The stages of a run by job id, and what became of them so far."""

    def __init__(self, stages: dict[int, Planned], cores: int | None):
        """Plan with `cores` of this machine, None where jobs run elsewhere and may have to wait."""
        self.stages, self.cores = stages, cores
        self.done: dict[int, float] = {}

    def names(self) -> list[str]:
        """Return the names of the stages."""
        return [stage.stage for stage in self.stages.values()]

    def outlook(self, running: dict[int, Started]) -> tuple[float, float] | None:
        """Return the share of the work that is done and the seconds left, None if unknown."""
        remaining = self._remaining(running)
        if self.cores is None or remaining is None:
            return None
        spent = sum(self.stages[job].threads * took for job, took in self.done.items())
        spent += sum(self.stages[job].threads * started.elapsed for job, started in running.items())
        work = sum(self.stages[job].threads * seconds for job, seconds in remaining.items())
        ends: dict[int, float] = {}

        def end(job: int) -> float:
            if job not in ends:
                waits = [end(other) for other in self.stages[job].after if other in remaining]
                ends[job] = max(waits, default=0.0) + remaining[job]
            return ends[job]

        left = max([work / self.cores, *map(end, remaining)])
        return (spent / (spent + work) if spent + work else 1.0), left

    def _remaining(self, running: dict[int, Started]) -> dict[int, float] | None:
        """Return the seconds that each stage still needs, None if one cannot be told."""
        speed, remaining = self._slowness(), {}
        for job in self.stages.keys() - self.done.keys():
            known, started = self.stages[job].seconds, running.get(job)
            says = started.left if started else None
            if known is None and says is None:
                return None
            elapsed = started.elapsed if started else 0.0
            remaining[job] = max((known or 0.0) * speed - elapsed, says or 0.0)
        return remaining

    def _slowness(self) -> float:
        """Return how much longer stages take than before."""
        known = {job: stage.seconds for job, stage in self.stages.items() if stage.seconds}
        trust = TRUST_IN_BEFORE * sum(known.values())
        took = sum(self.done[job] for job in self.done.keys() & known.keys())
        before = sum(known[job] for job in self.done.keys() & known.keys())
        return (took + trust) / (before + trust) if before + trust else 1.0


def miniature_seconds(table: Path) -> dict[str, float]:
    """Return stage -> wall seconds on the two cores that the table was measured on."""
    with table.open(encoding="utf-8") as lines:
        rows = csv.DictReader(lines, delimiter="\t")
        return {row["stage"]: float(row["seconds"]) for row in rows}


def seconds_before(benchmark: Path, attempts: Path, scale: str) -> float | None:
    """Return the wall seconds in a benchmark file of Snakemake.

    None where there is none, or where the newest record in `attempts` is of another scale.
    """
    try:
        newest = max(attempts.glob("*.jsonl"), default=None)  # their names begin with the time
        if newest is not None:
            with newest.open(encoding="utf-8") as lines:
                if json.loads(lines.readline())["scale"] != scale:
                    return None
        with benchmark.open(encoding="utf-8") as table:
            return float(next(csv.DictReader(table, delimiter="\t"))["s"])
    except (OSError, ValueError, KeyError, StopIteration):  # what a kill leaves is no basis
        return None
