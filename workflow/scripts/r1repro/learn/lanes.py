# SPDX-License-Identifier: Apache-2.0
"""Independent pieces of work side by side on the cores of one machine.

A small model's operations are too short to be divided among cores: two threads inside one matrix
product of 512 x 96 x 512 gain a tenth, two such products at once gain almost all. So on a CPU
torch gets one thread, and whole pieces (a micro-batch, a wave of responses) run in lanes. Results
come back in the order of the pieces, so sums over them do not depend on how many lanes there are.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

Piece = TypeVar("Piece")
Result = TypeVar("Result")


class Lanes:
    """A fixed number of threads; one lane runs everything in the caller's own thread."""

    def __init__(self, count: int):
        self.count = count
        self.pool = None
        if count > 1:
            self.pool = ThreadPoolExecutor(count, "lane", lambda: torch.set_num_threads(1))

    def map(self, work: Callable[[Piece], Result], pieces: Iterable[Piece]) -> Iterator[Result]:
        """Yield work(piece) in order; at most as many results wait as there are lanes."""
        if self.pool is None:
            yield from map(work, pieces)
            return
        waiting: deque[Future] = deque()
        try:
            for piece in pieces:
                waiting.append(self.pool.submit(work, piece))
                if len(waiting) > self.count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def open_lanes(device: torch.device) -> Lanes:
    """Return one lane per core that the rule granted (OMP_NUM_THREADS), or one on a GPU."""
    if device.type != "cpu":
        return Lanes(1)
    granted = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
    torch.set_num_threads(1)
    return Lanes(granted)
