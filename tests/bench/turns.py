# SPDX-License-Identifier: Apache-2.0
"""Let several contestants take turns, each in a process of its own: A B A B ...

A contestant is a function of (work, turns). It prepares itself, then repeats

    while turns.wait():
        ... one round ...
        turns.report(updates=4, tokens=9000)

The clock runs from the moment `wait` returns to the call of `report`; whoever is not on turn
sleeps on a pipe and takes no processor. The first rounds warm up and are not counted.
"""

import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PATIENCE_SECONDS = 1800


class Turns:
    """A contestant's side of the pipe."""

    def __init__(self, connection):
        self.connection, self.started = connection, 0.0
        self.busy = self.own = 0.0

    def wait(self) -> bool:
        """Wait for the turn; False means that there are no more."""
        self.connection.send("ready")
        again = self.connection.recv()
        self.busy, self.own = machine_busy_seconds(), time.process_time()
        self.started = time.perf_counter()
        return again

    def report(self, **figures) -> None:
        """End the turn: hand over the seconds it took and what was done in them.

        `disturbed` is the share of the machine that went to anything but this process, the
        sandbox's workers included: a round with much of it says little.
        """
        seconds = time.perf_counter() - self.started
        others = machine_busy_seconds() - self.busy - (time.process_time() - self.own)
        disturbed = max(others, 0.0) / (seconds * (os.cpu_count() or 1))
        self.connection.send({"seconds": seconds, "disturbed": disturbed, **figures})


def machine_busy_seconds() -> float:
    """Return the processor seconds that all processes, and the host's others, have taken."""
    words = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]
    user, nice, system, _idle, _wait, irq, softirq, steal = map(int, words)
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Ratio:
    """How many times as fast A is as B, from interleaved rounds."""

    median: float
    lowest: float
    highest: float


def ratio(slow: list[float], fast: list[float]) -> Ratio:
    """Compare round by round, so that whatever slowed the machine slowed both."""
    each = [a / b for a, b in zip(slow, fast, strict=True)]
    return Ratio(statistics.median(each), min(each), max(each))


def _contestant(function: Callable, work, connection) -> None:
    sys.stdout = sys.stderr  # what a contestant has to say is not part of the tables
    try:
        function(work, Turns(connection))
    except Exception as error:
        connection.send(error if isinstance(error, RuntimeError) else RuntimeError(repr(error)))
        raise


def interleave(contestants: dict[str, tuple], rounds: int, warm: int = 1) -> dict[str, list[dict]]:
    """Run (function, work) of each contestant in turn; return its counted rounds by name.

    A contestant that fails is left out: its entry is the error's text in a list of one.
    """
    context = multiprocessing.get_context("spawn")
    pipes, processes, taken = {}, {}, {name: [] for name in contestants}
    failed: dict[str, str] = {}
    for name, (function, work) in contestants.items():
        pipes[name], other = context.Pipe()
        process = context.Process(target=_contestant, args=(function, work, other))
        process.start()
        other.close()
        processes[name] = process
        # One after the other: preparing is not timed, but would disturb nobody this way.
        _receive(pipes[name], name, failed)
    for number in range(warm + rounds):
        for name in contestants:
            if name in failed:
                continue
            pipes[name].send(True)
            figures = _receive(pipes[name], name, failed)
            if figures is not None and number >= warm:
                taken[name].append(figures)
            _receive(pipes[name], name, failed)
    for name, process in processes.items():
        if name not in failed:
            pipes[name].send(False)
        process.join()
    return {name: [{"error": failed[name]}] if name in failed else taken[name] for name in taken}


def _receive(pipe, name: str, failed: dict[str, str]):
    """Return what a contestant sent, or note its failure and return None."""
    if name in failed:
        return None
    try:
        if not pipe.poll(PATIENCE_SECONDS):
            failed[name] = f"no answer in {PATIENCE_SECONDS} s"
            return None
        said = pipe.recv()
    except EOFError:
        failed[name] = "ended without a word"
        return None
    if isinstance(said, Exception):
        failed[name] = str(said)
        return None
    return said
