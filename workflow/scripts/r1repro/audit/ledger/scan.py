# SPDX-License-Identifier: Apache-2.0
"""Read a whole ledger once: chain, leaves of the Merkle tree, form of each line, times and sums.

A large file is cut at line ends into one part a core, each read by a process of its own; what the
parts found is joined here, and does not depend on the cutting (a test compares). Nothing is kept
of an attempt but its id, three times and its share of the sums: a million need some hundred MB.

Choices  A line of the usual form is taken apart by one pattern made from the list of fields
         (`fields`), which admits nothing but canonical JSON of the right types. What it refuses
         is parsed by `strict_json`, which says why. Faults of one kind are listed up to
         MOST_FAULTS a part and counted beyond.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.ledger.joining import finish, join
from r1repro.audit.ledger.merkle import Accumulator, each_leaf
from r1repro.audit.ledger.part import Part
from r1repro.audit.ledger.reader import Reader, Seal

ONE_PART_BYTES = 8_000_000
BLOCK_BYTES = 16_000_000


@dataclass(frozen=True)
class Ledger:
    """A ledger as it was read."""

    part: Part
    head_roots: dict[int, str]  # the root over the first n lines, for each asked n
    root: str
    cut: int  # bytes after the last line end

    @property
    def size(self) -> int:
        """How many lines there are."""
        return self.part.lines

    @property
    def leaves(self) -> bytes:
        """The hashes of the leaves, joined."""
        return bytes(self.part.leaves)

    def entries(self, kind: str) -> list[tuple[int, dict]]:
        """Return the lines of a kind that is neither attempt nor amendment."""
        return [(index, entry) for index, entry in self.part.others if entry["kind"] == kind]


def _ranges(path: Path, parts: int) -> list[tuple[int, int, int]]:
    """Cut a file at line ends into ranges of about one size; return start, end, first index."""
    size = path.stat().st_size
    cuts, firsts = [0], [0]
    with open(path, "rb") as handle:
        for number in range(1, parts):
            target = max(size * number // parts, cuts[-1])
            count = firsts[-1]
            while handle.tell() < target:
                count += handle.read(min(BLOCK_BYTES, target - handle.tell())).count(b"\n")
            count += handle.readline().endswith(b"\n")
            cuts.append(handle.tell())
            firsts.append(count)
    return list(zip(cuts, [*cuts[1:], size], firsts, strict=True))


def each_line(path: Path, first: int = 0, last: int | None = None) -> Iterator[bytes]:
    """Yield the whole lines of a range without their ends; what follows the last end is cut."""
    with open(path, "rb") as handle:
        end = handle.seek(0, os.SEEK_END) if last is None else last
        left, rest = end - first, b""
        handle.seek(first)
        while left > 0 and (block := handle.read(min(BLOCK_BYTES, left))):
            left -= len(block)
            *lines, rest = (rest + block).split(b"\n")
            yield from lines


def _reach(path: Path, first: int, last: int, index: int, seals: Sequence[Seal]) -> Part:
    """Read one range; what a process of its own does."""
    return Reader(Part(index), seals).read(each_line(path, first, last))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def scan(path: Path, seals: Sequence[Seal] = (), parts: int | None = None) -> Ledger:
    """Read a ledger; `seals` are its earlier heads. Raises OSError for a file that cannot be."""
    size = path.stat().st_size
    if parts is None:
        parts = max(1, min(_cores(), size // ONE_PART_BYTES))
    ranges = _ranges(path, parts)
    if parts == 1:
        found = [_reach(path, *ranges[0], seals)]
    else:
        with ProcessPoolExecutor(parts) as pool:
            tasks = [pool.submit(_reach, path, *piece, seals) for piece in ranges]
            found = [task.result() for task in tasks]
    whole = found[0]
    for part in found[1:]:
        join(whole, part, {seal.size for seal in seals})
    finish(whole)
    tree, roots = Accumulator(), {}
    sizes = {seal.size for seal in seals}
    for leaf in each_leaf(whole.leaves):
        tree.add(leaf)
        if tree.size in sizes:
            roots[tree.size] = tree.root().hex()
    return Ledger(whole, roots, tree.root().hex(), _cut_bytes(path, size))


def _cut_bytes(path: Path, size: int) -> int:
    """Return how many bytes follow the last line end."""
    with open(path, "rb") as handle:
        handle.seek(max(0, size - BLOCK_BYTES))
        tail = handle.read()
    return len(tail) - (tail.rfind(b"\n") + 1)
