# SPDX-License-Identifier: Apache-2.0
"""The warm process that forks one cell per answer, keeps its time and clears up after it.

It never reads an answer and never holds one in its memory: each cell reads its own socket. So an
answer that searches its memory finds nobody else's. It ends when the host's socket closes.
"""

import gc
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass

from . import confine, preload, sweep, syscall_filter, walls, wire

TICK_MILLISECONDS = 20  # how often the clocks of running answers are read
PROCESSES = "/proc/self/stat"


@dataclass
class Cell:
    """One running answer."""

    process: int
    started: float
    cause: int = wire.BY_ITSELF


class Zygote:
    """Fork cells on request and report their end; one thread, one loop."""

    def __init__(self, control: socket.socket, config: dict):
        self.control = control
        self.config = config
        self.cells: dict[int, Cell] = {}
        self.features, self.own_pid_namespace, self.uid_base = build_walls(config)
        self.wakeup, writer = os.pipe()
        os.set_blocking(writer, False)
        os.set_blocking(self.wakeup, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def serve(self) -> None:
        """Work until the host hangs up."""
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        poll.register(self.wakeup, select.POLLIN)
        self.tell(wire.READY, status=self.features)
        while True:
            events = dict(poll.poll(TICK_MILLISECONDS if self.cells else None))
            if self.wakeup in events:
                os.read(self.wakeup, 4096)
            self.reap_cells()
            self.keep_time()
            if self.control.fileno() in events and not self.obey():
                break
        self.end()

    def tell(self, kind: int, cause: int = 0, slot: int = 0, status: int = 0, micros: int = 0):
        """Send the host one record."""
        self.control.sendall(wire.RECORD.pack(kind, cause, slot, status, micros))

    def obey(self) -> bool:
        """Carry out one record of the host; False when there is no host any more."""
        record, descriptors, _, _ = socket.recv_fds(self.control, wire.RECORD.size, 1)
        if len(record) < wire.RECORD.size:
            return False
        kind, cause, slot, _, _ = wire.RECORD.unpack(record)
        if kind == wire.START:
            self.start(slot, descriptors[0])
        elif kind == wire.KILL and slot in self.cells:
            self.kill(self.cells[slot], cause)
        return True

    def start(self, slot: int, descriptor: int) -> None:
        """Fork the cell of one answer."""
        process = -1
        try:
            if self.features & wire.JOB_PID_NAMESPACE:
                confine.kernel.unshare(confine.kernel.CLONE_NEWPID)
            process = os.fork()
        except OSError as error:
            self.tell(wire.EXITED, wire.NOT_STARTED, slot, error.errno or 0)
        if process == 0:
            try:
                confine.become_cell(descriptor, slot, self.config, self.features, self.uid_base)
            finally:
                os._exit(1)  # never back into the zygote's loop
        os.close(descriptor)
        if self.features & wire.JOB_PID_NAMESPACE:
            confine.kernel.set_namespace(self.own_pid_namespace, confine.kernel.CLONE_NEWPID)
        if process > 0:
            self.cells[slot] = Cell(process, time.monotonic())

    def keep_time(self) -> None:
        """Kill the cells that have used up their CPU or wall time."""
        for cell in self.cells.values():
            if time.monotonic() - cell.started > self.config["wall_seconds"]:
                self.kill(cell, wire.WALL_LIMIT)
            elif cpu_seconds(cell.process) > self.config["cpu_seconds"]:
                self.kill(cell, wire.CPU_LIMIT)

    def kill(self, cell: Cell, cause: int) -> None:
        """Kill a cell's main process; in a pid namespace everything in it goes too."""
        if cell.cause == wire.BY_ITSELF:
            cell.cause = cause
            os.kill(cell.process, signal.SIGKILL)

    def reap_cells(self) -> None:
        """Report the cells that have ended, after clearing up what they left."""
        slots = {cell.process: slot for slot, cell in self.cells.items()}
        while True:
            try:
                process, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            if process not in slots:
                continue  # an orphan that came to us, see sweep
            slot = slots[process]
            cause = self.cells.pop(slot).cause
            self.clear_up(slot)
            micros = int((usage.ru_utime + usage.ru_stime) * 1e6)
            self.tell(wire.EXITED, cause, slot, status, micros)

    def end(self) -> None:
        """Kill and clear up all cells; the host is gone, so nothing is reported."""
        for slot, cell in list(self.cells.items()):
            os.kill(cell.process, signal.SIGKILL)
            os.waitpid(cell.process, 0)
            del self.cells[slot]
            self.clear_up(slot)

    def clear_up(self, slot: int) -> None:
        """Kill what an ended answer left running; leave if that fails, so the host starts anew."""
        if self.features & wire.JOB_PID_NAMESPACE:
            return  # the kernel ended the whole namespace with its process 1
        if self.features & wire.FILTER and self.config["processes"] == 1:
            return  # it could not start anything
        if self.features & wire.OWN_UID:
            sweep.sweep_user(self.uid_base + slot)
        running = {cell.process for cell in self.cells.values()}
        if os.path.exists(PROCESSES) and not sweep.sweep_orphans(running):
            os._exit(1)


def cpu_seconds(process: int) -> float:
    """Read a process's CPU clock (clock_getcpuclockid's formula: ~pid * 8 + CPUCLOCK_SCHED)."""
    try:
        return time.clock_gettime((~process << 3) | 2)
    except OSError:  # it has just ended, or macOS, where its own limit (confine) ends it
        return 0.0


def build_walls(config: dict) -> tuple[int, int, int]:
    """Build what the level asks for and find what else works here.

    Returns the features, a descriptor of the zygote's pid namespace (-1: none) and the first of the
    answers' user ids (0: none). Raises OSError where the level's own requirement is not met.
    """
    features, own, uid_base, reason = 0, -1, 0, ""
    if config["level"] in ("bubblewrap", "namespaces"):
        features, own, reason = walls.enter_namespaces(config["number"], config["cells"])
        if config["level"] == "namespaces" and not features:
            raise OSError(f"no namespaces: {reason}")
    if os.geteuid() == 0:
        uid_base = confine.find_uid_base(config["number"], config["cells"]) or 0
    if uid_base:
        features |= wire.OWN_UID
        if config["level"] == "limits" and walls.change_root_to_nothing():
            features |= wire.EMPTY_ROOT
    elif features and walls.user_namespace_works():
        features |= wire.OWN_USER_NAMESPACE
    if confine.kernel is not None:
        confine.kernel.prctl(confine.kernel.PR_SET_CHILD_SUBREAPER, 1)
    features |= try_filter(config)
    if config["level"] == "bubblewrap":
        features |= wire.NO_NETWORK
        if not features & (wire.JOB_PID_NAMESPACE | wire.FILTER):
            raise OSError(f"answers could reach the process that starts them: {reason}")
    counted = features & (wire.OWN_UID | wire.OWN_USER_NAMESPACE) or os.path.exists(PROCESSES)
    if config["processes"] > 1 and not counted:
        raise OSError("without /proc an answer's processes cannot be counted; set processes to 1")
    return features, own, uid_base


def try_filter(config: dict) -> int:
    """Prepare the filter if wanted and possible; raise OSError if required and impossible."""
    if config["filter"] == "off":
        return 0
    try:
        if confine.kernel is None:
            raise OSError(confine.NO_KERNEL)
        config["filter_program"] = syscall_filter.filter_program(config["processes"])
        reason = walls.filter_works(config["filter_program"])
    except OSError as error:
        reason = str(error)
    if reason and config["filter"] == "on":
        raise OSError(f"no system-call filter: {reason}")
    return 0 if reason else wire.FILTER


def main() -> None:
    """Start from the command line: one argument, the configuration as JSON."""
    config = json.loads(sys.argv[1])
    # The host may have had hundreds of files open. A low number, below the limit set here, so that
    # closing everything in a cell really closes this one.
    control = socket.socket(fileno=os.dup(config["control_descriptor"]))
    os.close(config["control_descriptor"])
    confine.set_limit(resource.RLIMIT_NOFILE, 256)
    preload.load_everything()
    zygote = Zygote(control, config)
    sys.path.clear()
    gc.collect()
    gc.freeze()  # so that a cell's garbage collection does not touch, and copy, the shared pages
    zygote.serve()
    os._exit(0)
