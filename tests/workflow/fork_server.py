# SPDX-License-Identifier: Apache-2.0
"""The process that forks.py forks from.

    python tests/workflow/fork_server.py ADDRESS

waits for requests at a Unix socket until its input is closed. Each has a connection of its own: it
brings arguments, environment, folder and three files, and gets the process id, then the exit
status. A connection that is closed before kills the process group.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import struct
import sys
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path

# What the programs of stages import of others' code.
STAGES = (
    "jinja2",
    "matplotlib.backends.backend_svg",
    "pandas",
    "pyarrow.parquet",
    "reasoning_gym",
    "safetensors.torch",
    "torch",
    "transformers.convert_slow_tokenizer",
    "transformers.models.llama.modeling_llama",
    "wandb.sdk.launch.inputs.internal",
)


def _import_snakemake() -> None:
    import jsonschema  # noqa: F401
    import smart_open  # noqa: F401
    from snakemake.cli import get_argument_parser

    get_argument_parser()  # which looks for the plugins and imports them


@cache
def _import_for_stages() -> None:
    """Import at the first run: many tests ask for plans only."""
    for name in STAGES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # or each fork would copy what its collector touches


class Server:
    """Forks a process for each connection and tells how it ended."""

    def __init__(self, address: str):
        self.children: dict[socket.socket, int] = {}
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(address)
        self.listening.listen(64)
        self.woken, self.wakes = socket.socketpair()
        self.wakes.setblocking(False)
        signal.set_wakeup_fd(self.wakes.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends when pytest closes its input
        self.selector = selectors.DefaultSelector()
        for source in (sys.stdin, self.woken, self.listening):
            self.selector.register(source, selectors.EVENT_READ)

    def serve(self) -> tuple[list, list[int]]:
        """Return a request, in the process that was forked for it only."""
        while True:
            for key, _ in self.selector.select():
                source = key.fileobj
                if source is sys.stdin:
                    for connection in list(self.children):
                        self._kill(connection)
                    sys.exit()
                elif source is self.woken:
                    self.woken.recv(4096)
                    self._tell_ends()
                elif source is self.listening:
                    request = self._fork(self.listening.accept()[0])
                    if request:
                        return request
                elif source in self.children:
                    self._kill(source)

    def _fork(self, connection: socket.socket) -> tuple[list, list[int]] | None:
        size, files, _, _ = socket.recv_fds(connection, 8, 3)
        request = json.loads(connection.recv(struct.unpack("Q", size)[0], socket.MSG_WAITALL))
        if "-n" not in request[0]:  # before a stage begins, or it would seem to take so long
            _import_for_stages()
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            for source in (connection, self.wakes, *self.selector.get_map().values()):
                getattr(source, "fileobj", source).close()
            return request, files
        with suppress(OSError):  # the child may have done it, and may have ended
            os.setpgid(child, child)
        for file in files:
            os.close(file)
        self.children[connection] = child
        self.selector.register(connection, selectors.EVENT_READ)
        self._tell(connection, child)
        return None

    def _tell(self, connection: socket.socket, number: int) -> None:
        with suppress(BrokenPipeError):
            connection.sendall(struct.pack("q", number))

    def _tell_ends(self) -> None:
        for connection, child in list(self.children.items()):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                self._tell(connection, os.waitstatus_to_exitcode(status))
                self._forget(connection)

    def _kill(self, connection: socket.socket) -> None:
        """Kill a process and all it started, when who asked for it is gone."""
        child = self.children[connection]
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        self._forget(connection)

    def _forget(self, connection: socket.socket) -> None:
        del self.children[connection]
        self.selector.unregister(connection)
        connection.close()


def become(request: list, files: list[int]) -> None:
    """Be `python ARGUMENTS` from here on."""
    arguments, environment, folder = request
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for target, file in enumerate(files):
        os.dup2(file, target)
        os.close(file)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout.reconfigure(line_buffering=os.isatty(1))
    try:
        if arguments[:2] == ["-m", "snakemake"]:
            sys.path[0] = folder
            sys.argv = [sys.modules["snakemake"].__file__, *arguments[2:]]
            sys.modules["snakemake.cli"].main()
        else:
            sys.path[0] = str(Path(arguments[0]).resolve().parent)
            sys.argv = arguments
            runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, int):
            _end(end.code)
        raise


def _end(status: int) -> None:
    """End as Python does, but leave out to free each object, which takes a third of a second."""
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _import_snakemake()
    server = Server(sys.argv[1])
    print("ready", flush=True)
    become(*server.serve())
