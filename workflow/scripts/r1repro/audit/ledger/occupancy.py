# SPDX-License-Identifier: Apache-2.0
"""What held what at the same time: no GPU works twice in one moment, and no stage beside itself.

GPU      (host, UUID): two attempts that hold it at once are an error. Where no UUID is known there
         is nothing to compare.
Work     (host, stage, part, scale, seed): the state folder is locked, and Snakemake locks the run;
         a second attempt beside the first bills one work twice.
CPU      attempts share a host's cores, and a record tells those that it held, not how many there
         are: nothing to compare.
Choices  Times are wall clocks and end a little late: 2 s are let pass for a GPU; 15 s for work,
         because a stage whose workflow was killed notices only after a second or two.
"""

from array import array
from collections import defaultdict
from typing import NamedTuple

GPU_TOLERANCE_MS = 2_000
WORK_TOLERANCE_MS = 15_000


def _intervals() -> array:
    return array("q")


class Overlap(NamedTuple):
    """Two lines of the ledger (or numbers of records) whose attempts overlap by so much."""

    what: tuple
    first: int
    second: int
    by_ms: int


class Occupancy:
    """Intervals by what they occupy: start, end and number of the attempt, flat in arrays."""

    def __init__(self):
        # by (host, UUIDs as one text); by host and work
        self._gpus: dict[tuple[str, str], array] = defaultdict(_intervals)
        self._work: dict[tuple, array] = defaultdict(_intervals)

    def add(self, number: int, start: int, end: int, host: str, gpus: str, work: tuple) -> None:
        """Note an attempt; `gpus` are its UUIDs joined by spaces, empty where none is known."""
        found = (start, end, number)
        self._work[host, *work].extend(found)
        if gpus:
            self._gpus[host, gpus].extend(found)

    def merge(self, other: "Occupancy") -> None:
        """Take in what another part of the ledger held."""
        for mine, theirs in ((self._gpus, other._gpus), (self._work, other._work)):
            for key, intervals in theirs.items():
                mine[key].extend(intervals)

    def latest(self) -> int:
        """Return when the last attempt ended, 0 without one."""
        return max((max(intervals[1::3]) for intervals in self._work.values()), default=0)

    def gpu_overlaps(self) -> list[Overlap]:
        """Return the first overlap on each GPU, or on each set of GPUs held together."""
        owners: dict[tuple[str, str], set[str]] = {}
        for host, gpus in self._gpus:
            for uuid in gpus.split():
                owners.setdefault((host, uuid), set()).add(gpus)
        found = []
        for key, intervals in self._gpus.items():
            found += _first_overlap(key, intervals, GPU_TOLERANCE_MS)
        shared = {
            (host, frozenset(sets)): uuid for (host, uuid), sets in owners.items() if len(sets) > 1
        }
        for (host, sets), uuid in shared.items():
            joined = array("q")
            for gpus in sorted(sets):
                joined.extend(self._gpus[host, gpus])
            found += _first_overlap((host, uuid), joined, GPU_TOLERANCE_MS)
        return found

    def work_overlaps(self) -> list[Overlap]:
        """Return the first overlap of each work with itself."""
        found = []
        for key, intervals in self._work.items():
            found += _first_overlap(key, intervals, WORK_TOLERANCE_MS)
        return found


def _first_overlap(key: tuple, intervals: array, tolerance: int) -> list[Overlap]:
    """Return the first overlap among intervals in any order, or nothing."""
    starts = intervals[0::3]
    order = range(len(starts))
    if any(starts[i] > starts[i + 1] for i in range(len(starts) - 1)):
        order = sorted(order, key=starts.__getitem__)
    latest, holder = None, 0
    for position in order:
        start, end, number = intervals[3 * position : 3 * position + 3]
        if latest is not None and start < latest - tolerance:
            return [Overlap(key, holder, number, min(latest, end) - start)]
        if latest is None or end > latest:
            latest, holder = end, number
    return []
