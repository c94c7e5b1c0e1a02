# SPDX-License-Identifier: Apache-2.0
"""Read the lines of one part of a ledger: link, form, times, order."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from r1repro.audit.ledger.fields import NO_LINE, PATTERNS, fault
from r1repro.audit.ledger.part import UNREADABLE, Fault, Part
from r1repro.audit.ledger.seen import ORDER, Seen, of_groups
from r1repro.audit.stage_cost import REPORTING

LATE_MS = 60_000  # so long before a seal an attempt may have begun without being in it
JUMP_MS = 2_000  # so far may the wall clock move against the monotonic one
SETUP_MS = 30_000  # may be counted before the first line has its time (older records did)
INDEX, PREVIOUS = ORDER.index("index"), ORDER.index("previous")


@dataclass(frozen=True)
class Seal:
    """A head of the ledger: how many lines it covers, and when it was made."""

    size: int
    time_ms: int


class Reader:
    """Reads the lines of one part."""

    def __init__(self, part: Part, seals: Sequence[Seal]):
        self.part = part
        self._starts = {seal.size for seal in seals}
        self._seals = sorted(seals, key=lambda seal: -seal.size)
        self._sealed_ms: int | None = None  # when the head before this line was made

    def read(self, lines: Iterator[bytes]) -> Part:
        """Read all lines and return the part."""
        part, index, previous = self.part, self.part.first, None
        part.first_previous = None
        self._enter(index)
        match = PATTERNS["attempt"].fullmatch
        for line in lines:
            part.leaves += sha256(b"\x00" + line).digest()
            if index in self._starts:
                self._enter(index)
            try:
                found = match(line.decode())
            except UnicodeDecodeError:
                found = None
            if found is None:
                linked = self._other(index, line)
            else:
                groups = found.groups()
                linked = (groups[INDEX], groups[PREVIOUS])
                self._attempt(index, groups)
            if linked is not None:
                self._link(index, *linked, previous)
            previous = sha256(line).hexdigest()
            index += 1
        part.lines = index - part.first
        part.last_hash = previous or NO_LINE
        return part

    def _enter(self, index: int) -> None:
        """Begin what was appended after a seal: times start anew."""
        before = next((seal for seal in self._seals if 0 < seal.size <= index), None)
        self._sealed_ms = None if before is None else before.time_ms
        self.part.last_started = UNREADABLE

    def _link(self, index: int, claimed: str, link: str, previous: str | None) -> None:
        if previous is None:
            self.part.first_previous = link
        elif link != previous:
            what = "it does not follow the line before it: `previous` is not that line's SHA-256"
            self.part.tell(Fault("chain", index, what))
        if claimed != str(index):
            self.part.tell(Fault("chain", index, f"its index is {claimed}, its place {index}"))

    def _attempt(self, index: int, groups: tuple[str, ...]) -> None:
        """Take in a line of the usual form."""
        seen = self._sound(index, groups)
        if seen is None:
            return
        part = self.part
        part.ids.append(seen.attempt_id)
        part.places.append(index)
        self._order(index, seen)
        if seen.finished:
            part.settle(index, seen)
        else:
            part.open[index] = seen

    def _sound(self, index: int, groups: tuple[str, ...]) -> Seen | None:
        """Return the attempt of a matched line, None where its times cannot be read."""
        try:
            seen, told = of_groups(groups)
        except ValueError as error:
            self.part.tell(Fault("schema", index, f"no such time ({error})"))
            return None
        if told is not None:
            self.part.tell(Fault("schema", index, told))
        self.check_times(index, seen)
        return seen

    def check_times(self, index: int, seen: Seen) -> None:
        """Tell what one attempt's own times contradict."""
        took = seen.ended - seen.started
        elapsed = seen.elapsed_ms
        if took < 0:
            self.part.tell(Fault("times", index, "it ended before it began"))
        elif not -SETUP_MS <= took - elapsed <= JUMP_MS:
            what = (
                f"{elapsed} ms were counted but {took} ms passed on the wall clock: the clock "
                "was set, or one of the numbers"
            )
            self.part.tell(Fault("clock", index, what, "warning"))

    def _order(self, index: int, seen: Seen) -> None:
        """Within a seal attempts stand in the order in which they began."""
        part, begun = self.part, (seen.started, seen.attempt_id)
        if begun < part.last_started:
            what = "it began before the attempt of the line before it"
            part.tell(Fault("order", index, what))
        if part.first_started == UNREADABLE:
            part.first_started, part.first_place = begun, index
        part.last_started, part.last_place = begun, index
        late = self._sealed_ms is not None and seen.started < self._sealed_ms - LATE_MS
        if late and seen.stage not in REPORTING:
            what = "it began before an earlier seal, which does not hold it"
            part.tell(Fault("late", index, what))

    def _other(self, index: int, line: bytes) -> tuple[str, str] | None:
        """Take in any line but a sound attempt; return its index and link, None without."""
        told = fault(line)
        if told is not None:
            self.part.tell(Fault("schema", index, told))
            return _loose_link(line)
        entry = json.loads(line)
        if entry["kind"] == "amendment":
            groups = PATTERNS["amendment"].fullmatch(line.decode()).groups()
            seen = self._sound(index, groups[1:])
            if seen is not None:
                self.part.amendments.append((index, entry["amends"], seen))
        else:
            self.part.others.append((index, entry))
        return str(entry["index"]), entry["previous"]


def _loose_link(line: bytes) -> tuple[str, str] | None:
    """Return index and link of a line with faults where they can be read, so the chain goes on."""
    try:
        entry = json.loads(line)
        return str(entry["index"]), str(entry["previous"])
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
