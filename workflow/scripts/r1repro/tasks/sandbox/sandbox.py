# SPDX-License-Identifier: Apache-2.0
"""Run many hostile answers, a few at a time, each in a cell of its own.

The host never blocks on an answer: every socket is non-blocking, every wait has an end, every
buffer has a limit. The expected results stay with the caller and never come here.
"""

import os
import selectors
import socket
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Self

from . import protection, verdict
from .inside import wire
from .job import InvalidJob, Job, Limits, Outcome, SandboxError
from .launch import Zygote

GRACE_SECONDS = 10.0  # beyond an answer's wall limit; then the zygote itself counts as lost
READ_BYTES = 65536


class ZygoteLost(Exception):
    """The zygote ended or no longer answers."""


@dataclass
class Active:
    """A cell at work, seen from the host."""

    index: int
    connection: socket.socket
    far: socket.socket  # the cell's end: macOS may lose it if it is closed before it has arrived
    nonce: bytes
    to_send: memoryview
    deadline: float
    received: bytearray = field(default_factory=bytearray)
    finished: bool = False  # nothing more is read


class Sandbox:
    """A warm sandbox; use as a context manager. Not for use by two threads at once.

    limits        what each answer may use
    level         auto, bubblewrap, namespaces or limits (see protection)
    syscall_filter  auto (where it works), on (or raise) or off
    cells         how many answers run at the same time; None: one per CPU core (at most 64)

    `protection` says in one sentence what is in force; log it.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        level: str = "auto",
        syscall_filter: str = "auto",
        cells: int | None = None,
    ):
        self.limits = limits or Limits()
        wanted = cells or available_cores()
        if wanted < 1:
            raise InvalidJob(f"The sandbox was asked for {cells} cells; give 1 or more.")
        self.cells = min(wanted, wire.MOST_CELLS)
        self.zygote: Zygote | None = None
        self.protection = ""
        self._choose(level, syscall_filter)

    def _choose(self, level: str, syscall_filter: str) -> None:
        """Start at the best level that passes its own test."""
        refused = []
        for name in protection.levels(level, syscall_filter):
            self.level, self.syscall_filter = name, syscall_filter
            try:
                self.zygote = Zygote(name, syscall_filter, self.limits, self.cells)
                outcome = self.run([protection.probe_job(self.limits)])[0]
                open_ways = protection.read_probe(outcome, self.zygote, self.limits)
            except SandboxError as error:
                self.close()
                if level != "auto":
                    raise
                refused.append(str(error))
                continue
            except BaseException:
                self.close()
                raise
            self.protection = protection.sentence(self.zygote, self.limits, open_ways, refused)
            return
        raise SandboxError(f"No protection level works here: {'; '.join(refused)}.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error) -> None:
        self.close()

    def close(self) -> None:
        """End the zygote and everything below it; may be called twice."""
        if self.zygote is not None:
            self.zygote.end()
            self.zygote = None

    def run(self, jobs: list[Job]) -> list[Outcome]:
        """Run the jobs and return their outcomes in the same order; identical jobs run once."""
        if self.zygote is None:
            raise SandboxError("The sandbox is closed; open a new one.")
        requests = [job.request() for job in jobs]
        first = {}
        for index, request in enumerate(requests):
            first.setdefault(request, index)
        outcomes: dict[int, Outcome] = {}
        batch = Batch(self, jobs, requests, outcomes)
        # Whoever was running when the zygote was lost is tried again alone: the innocent ones get
        # their outcome, and who loses it again is the cause.
        for suspect in batch.drive(list(first.values()), self.cells):
            if batch.drive([suspect], 1):
                outcomes[suspect] = Outcome("died", None, "took the sandbox down with it", 0.0)
        return [outcomes[first[request]] for request in requests]

    def restart(self) -> None:
        """Replace a lost zygote by a new one of the same level."""
        features = self.zygote.features
        self.close()
        self.zygote = Zygote(self.level, self.syscall_filter, self.limits, self.cells)
        if self.zygote.features != features:
            self.close()
            raise SandboxError(
                "The sandbox had to be started again and found less protection than before; "
                f"before: {self.protection} Start the stage again."
            )


class Batch:
    """One call of Sandbox.run."""

    def __init__(self, sandbox: Sandbox, jobs: list[Job], requests: list[bytes], outcomes: dict):
        self.sandbox, self.limits = sandbox, sandbox.limits
        self.jobs, self.requests, self.outcomes = jobs, requests, outcomes
        self.most_bytes = self.limits.output_bytes + wire.RESPONSE_OVERHEAD_BYTES + 1
        self.active: dict[int, Active] = {}
        self.records = bytearray()

    def drive(self, indices: list[int], width: int) -> list[int]:
        """Run these jobs, `width` at a time; return those that were running as the zygote ended."""
        waiting, lost = deque(indices), []
        while waiting or self.active:
            self.selector = selectors.DefaultSelector()
            try:
                self.selector.register(self.sandbox.zygote.control, selectors.EVENT_READ, None)
                self.work(waiting, width)
            except ZygoteLost:
                lost += [active.index for active in self.active.values()]
                self.forget_all()
                self.sandbox.restart()
            except BaseException:
                self.forget_all()
                self.sandbox.close()  # its cells may still run
                raise
            finally:
                self.selector.close()
        return lost

    def forget_all(self) -> None:
        """Close the sockets of all cells."""
        for active in self.active.values():
            active.connection.close()
            active.far.close()
        self.active.clear()
        self.records.clear()

    def work(self, waiting: deque, width: int) -> None:
        """Start, feed, read and finish cells until there are none left."""
        while waiting or self.active:
            for slot in range(width):
                if waiting and slot not in self.active:
                    self.start(slot, waiting.popleft())
            now = time.monotonic()
            next_deadline = min(active.deadline for active in self.active.values())
            if next_deadline <= now:
                raise ZygoteLost
            for key, events in self.selector.select(next_deadline - now):
                if key.data is None:
                    self.hear_zygote()
                elif key.data in self.active:
                    self.serve_cell(key.data, events)

    def start(self, slot: int, index: int) -> None:
        """Hand the zygote one end of a new socket pair and keep the other."""
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        near.setblocking(False)
        nonce, request = os.urandom(16), self.requests[index]
        deadline = time.monotonic() + self.limits.wall_seconds + GRACE_SECONDS
        data = memoryview(wire.HEADER.pack(nonce, len(request)) + request)
        self.active[slot] = Active(index, near, far, nonce, data, deadline)
        self.selector.register(near, selectors.EVENT_READ | selectors.EVENT_WRITE, slot)
        record = wire.RECORD.pack(wire.START, 0, slot, 0, 0)
        try:
            socket.send_fds(self.sandbox.zygote.control, [record], [far.fileno()])
        except OSError as error:
            raise ZygoteLost from error

    def serve_cell(self, slot: int, events: int) -> None:
        """Send and receive what a cell's socket takes and gives at the moment."""
        active = self.active[slot]
        if events & selectors.EVENT_WRITE and active.to_send:
            try:
                active.to_send = active.to_send[active.connection.send(active.to_send) :]
            except BlockingIOError:
                pass  # another turn
            except OSError:
                active.to_send = active.to_send[:0]  # it hung up; its end will be reported
            if not active.to_send:
                self.selector.modify(active.connection, selectors.EVENT_READ, slot)
        if events & selectors.EVENT_READ:
            self.receive(slot, active)

    def receive(self, slot: int, active: Active) -> None:
        """Read what is there; an answer that sends more than it may is killed."""
        while not active.finished:
            room = self.most_bytes - len(active.received)
            try:
                part = active.connection.recv(min(room, READ_BYTES))
            except BlockingIOError:
                return
            except OSError:
                part = b""
            active.received += part
            if len(active.received) >= self.most_bytes:
                self.order_kill(slot)
            if not part or len(active.received) >= self.most_bytes:
                active.finished = True
                self.selector.unregister(active.connection)

    def order_kill(self, slot: int) -> None:
        """Ask the zygote to kill one cell."""
        try:
            record = wire.RECORD.pack(wire.KILL, wire.ON_REQUEST, slot, 0, 0)
            self.sandbox.zygote.control.sendall(record)
        except OSError as error:
            raise ZygoteLost from error

    def hear_zygote(self) -> None:
        """Take in the zygote's records and finish the cells that have ended."""
        try:
            part = self.sandbox.zygote.control.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            raise ZygoteLost from error
        if not part:
            raise ZygoteLost
        self.records += part
        while len(self.records) >= wire.RECORD.size:
            kind, cause, slot, status, micros = wire.RECORD.unpack_from(self.records)
            del self.records[: wire.RECORD.size]
            if kind == wire.EXITED and slot in self.active:
                self.finish(slot, cause, status, micros)

    def finish(self, slot: int, cause: int, status: int, micros: int) -> None:
        """Record the outcome of a cell that has ended."""
        active = self.active[slot]
        if cause == wire.NOT_STARTED:
            raise SandboxError(
                f"The sandbox could not start a process for an answer: {os.strerror(status)}. "
                "Close other programs or raise the limit on processes (ulimit -u)."
            )
        self.receive_rest(slot, active)
        self.outcomes[active.index] = verdict.judge_end(
            self.jobs[active.index],
            active.nonce,
            bytes(active.received),
            cause,
            status,
            micros,
            self.limits,
        )
        del self.active[slot]

    def receive_rest(self, slot: int, active: Active) -> None:
        """Empty the socket of an ended cell and close it."""
        if not active.finished:
            # Unlike receive, never an order to kill: the cell is gone already.
            while len(active.received) < self.most_bytes:
                try:
                    part = active.connection.recv(self.most_bytes - len(active.received))
                except OSError:
                    break
                if not part:
                    break
                active.received += part
            self.selector.unregister(active.connection)
        active.connection.close()
        active.far.close()


def available_cores() -> int:
    """Count the CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
