# SPDX-License-Identifier: Apache-2.0
"""What was found in one part of a ledger, and how two parts join."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from r1repro.audit.ledger.fields import NO_LINE
from r1repro.audit.ledger.occupancy import Occupancy
from r1repro.audit.ledger.seen import Seen
from r1repro.audit.ledger.tally import Tally

MOST_FAULTS = 20
UNREADABLE = (-(10**18), "")


class Fault(NamedTuple):
    """Something wrong with one line; `index` counts lines from 0."""

    check: str
    index: int
    what: str
    level: str = "error"


class Fastest(NamedTuple):
    """The attempt with the most FLOP a second on one kind of hardware."""

    flop_per_second: float
    index: int


@dataclass
class Part:
    """Lines that follow one another; indices are those of the places in the file."""

    first: int = 0  # place of the first line, counted from 0
    lines: int = 0
    first_previous: str = NO_LINE
    last_hash: str = NO_LINE
    leaves: bytearray = field(default_factory=bytearray)  # their hashes, joined
    faults: list[Fault] = field(default_factory=list)
    left_out: Counter = field(default_factory=Counter)
    tally: Tally = field(default_factory=Tally)
    occupancy: Occupancy = field(default_factory=Occupancy)
    ids: list[str] = field(default_factory=list)
    places: list[int] = field(default_factory=list)  # of the ids
    # what must wait until all is read: attempts without an end, amendments, other kinds
    open: dict[int, Seen] = field(default_factory=dict)
    amendments: list[tuple[int, int, Seen]] = field(default_factory=list)
    others: list[tuple[int, dict]] = field(default_factory=list)
    # the first attempt, and the last one since the last seal, with their places
    first_started: tuple[int, str] = UNREADABLE
    first_place: int = 0
    last_started: tuple[int, str] = UNREADABLE
    last_place: int = 0
    fastest: dict[tuple, Fastest] = field(default_factory=dict)

    def tell(self, found: Fault) -> None:
        """Keep a fault, or count it where there are many of its kind."""
        if sum(other.check == found.check for other in self.faults) < MOST_FAULTS:
            self.faults.append(found)
        else:
            self.left_out[found.check] += 1

    def settle(self, index: int, seen: Seen) -> None:
        """Count an attempt that no later line can replace."""
        self.tally.add(seen)
        work = (seen.stage, seen.part, seen.scale, seen.seed)
        self.occupancy.add(index, seen.started, seen.ended, seen.host, seen.gpus, work)
        if seen.flop:
            nodes = seen.nodes
            hardware = (
                seen.device, seen.precision, nodes * seen.gpus_per_node, nodes * seen.cpu_cores
            )  # fmt: skip
            rate = seen.flop * 1000 / max(seen.elapsed_ms, 1)
            fastest = self.fastest.get(hardware)
            if fastest is None or rate > fastest.flop_per_second:
                self.fastest[hardware] = Fastest(rate, index)
