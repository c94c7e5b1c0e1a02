# SPDX-License-Identifier: Apache-2.0
"""Snakemake, and the programs of stages, in forks of one process that has imported much already.

More than a hundred tests ask Snakemake for a plan or a run, and each stage of a run is a program
that imports torch, pandas and more for seconds. Here each is a process with a folder, arguments,
environment and files of its own; only what others wrote is imported once, in fork_server.py. Our
own code comes from the clone that is tested.

The shells of the rules find a function named python, which runs this file: it has a fork made,
passes signals on to it and ends as it ends. Where it is killed, so is the fork.
"""

import json
import os
import select
import signal
import socket
import struct
import sys

ADDRESS = "R1REPRO_FORKS"
HASHES = {"PYTHONHASHSEED": "0"}  # what the rules set, and a fork cannot change
PASSED_ON = (signal.SIGTERM, signal.SIGINT)


class Fork:
    """A process that the server has forked. Without this object it is killed, with its group."""

    def __init__(self, address: str, arguments: list, environment: dict, files: list, folder: str):
        request = json.dumps([arguments, environment, folder]).encode()
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.connect(address)
        socket.send_fds(self.connection, [struct.pack("Q", len(request))], files)
        self.connection.sendall(request)
        self.returncode: int | None = None
        self.pid = self._number()

    def _number(self) -> int:
        return struct.unpack("q", self.connection.recv(8, socket.MSG_WAITALL))[0]

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal; None while the process runs."""
        if self.returncode is None and select.select([self.connection], [], [], 0)[0]:
            self.returncode = self._number()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status, negative for a signal; raises TimeoutError."""
        if self.poll() is None and not select.select([self.connection], [], [], timeout)[0]:
            raise TimeoutError
        return self.poll()


def main(arguments: list[str]) -> None:
    """Be what a rule calls python."""
    if not arguments[0].endswith(".py") or any(os.environ.get(n) != HASHES[n] for n in HASHES):
        os.execvp("python", ["python", *arguments])
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    fork = Fork(os.environ[ADDRESS], arguments, dict(os.environ), [0, 1, 2], os.getcwd())
    for number in PASSED_ON:
        signal.signal(number, lambda number, _: os.kill(fork.pid, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
    status = fork.wait()
    if status < 0:
        for number in PASSED_ON:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


if __name__ == "__main__":
    main(sys.argv[1:])
