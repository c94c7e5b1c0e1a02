# SPDX-License-Identifier: Apache-2.0
"""Start, greet and end a zygote at one protection level."""

import itertools
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from .inside import wire
from .job import Limits, SandboxUnavailable

HERE = Path(__file__).resolve().parent
START_SECONDS = 60.0  # a cold disk and a busy machine; normally 0.2
END_SECONDS = 5.0
BOOT = "import sys; sys.path.insert(0, sys.argv[2]); from inside import zygote; zygote.main()"
# Where an interpreter's libraries may lie; bubblewrap shows these, read-only, to the zygote alone.
LIBRARY_PLACES = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/nix/store", "/etc/ld.so.cache")
ENVIRONMENT = {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8", "TZ": "UTC0"}
STARTED = itertools.count()  # zygotes started by this process
FLAGS = ("-s", "-S", "-P", "-B")


class Zygote:
    """A running zygote: `control` is the socket to it, `features` the bits it reported."""

    def __init__(self, level: str, syscall_filter: str, limits: Limits, cells: int):
        self.level = level
        self.process: subprocess.Popen | None = None
        self.control, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        config = asdict(limits) | {"level": level, "filter": syscall_filter, "cells": cells}
        config["control_descriptor"] = far.fileno()
        config["number"] = os.getpid() % 2**20 * 16 + next(STARTED) % 16
        with far, tempfile.TemporaryFile() as complaints:
            command = [*wrapper(level), interpreter(), *FLAGS, "-c", BOOT, json.dumps(config)]
            command.append("/sandbox" if level == "bubblewrap" else str(HERE))
            try:
                self.process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=complaints,
                    env=ENVIRONMENT,
                    cwd="/",
                    pass_fds=(far.fileno(),),
                    start_new_session=True,  # the terminal's Ctrl-C is for us, not for it
                )
                far.close()
                self.features = self.await_ready()
            except OSError as error:
                self.end()
                raise SandboxUnavailable(f"{level}: {last_line(complaints) or error}") from error
            except BaseException:
                self.end()
                raise
        self.control.setblocking(False)

    def await_ready(self) -> int:
        """Wait for the zygote's first record and return the features in it."""
        deadline = time.monotonic() + START_SECONDS
        data = b""
        while len(data) < wire.RECORD.size:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.control], [], [], left)[0]:
                raise TimeoutError(f"the zygote was not ready after {START_SECONDS:.0f} s")
            part = self.control.recv(wire.RECORD.size - len(data))
            if not part:
                raise ConnectionError("the zygote ended before it was ready")
            data += part
        kind, _, _, features, _ = wire.RECORD.unpack(data)
        if kind != wire.READY:
            raise ConnectionError("the zygote's first word was not that it is ready")
        return features

    def end(self) -> None:
        """Close the control socket, which ends the zygote and all below it, and wait for that."""
        self.control.close()
        if self.process is None:
            return
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def last_line(file) -> str:
    """Return the last line a failed start wrote, cut to a sentence's length."""
    file.seek(0)
    lines = file.read(100_000).decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else ""


def interpreter() -> str:
    """Find the real interpreter behind a virtual environment, so nothing of that is needed."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    base = Path(sys.base_prefix) / "bin" / name
    return str(base.resolve() if base.exists() else Path(sys.executable).resolve())


def wrapper(level: str) -> list[str]:
    """Return the command in front of the interpreter: bubblewrap's, or nothing."""
    if level != "bubblewrap":
        return []
    program = shutil.which("bwrap")
    if program is None:
        raise SandboxUnavailable("bubblewrap: the program bwrap is not installed")
    command = [program, "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    command += ["--proc", "/proc", "--dev", "/dev", "--dir", "/tmp", "--chdir", "/"]
    if os.geteuid() != 0:
        command += ["--unshare-user"]
    for place in LIBRARY_PLACES:
        if os.path.islink(place):
            command += ["--symlink", os.readlink(place), place]
        elif os.path.exists(place):
            command += ["--ro-bind", place, place]
    home = Path(interpreter()).parent.parent
    if not home.is_relative_to("/usr"):
        for part in ("bin", "lib"):
            command += ["--ro-bind", str(home / part), str(home / part)]
    return [*command, "--ro-bind", str(HERE / "inside"), "/sandbox/inside", "--"]
