# SPDX-License-Identifier: Apache-2.0
"""Real processes that train, alone or together, and can be killed from outside.

They are forked from one process that has imported what takes seconds: torch, transformers, TRL.
Two and more meet over gloo, told of each other by the variables that torchrun sets; torchrun
itself is tried in test_launch.py.
"""

import contextlib
import multiprocessing
import os
import random
import socket
import sys
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["transformers.models.llama.modeling_llama", "trl.trainer.grpo_trainer", "reasoning_gym"]
)


def _rank(main: Callable, variables: dict[str, str], said: str, arguments: tuple) -> None:
    with open(said, "a") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.environ.update(variables)
    sys.exit(main(*arguments))


def free_port() -> int:
    """Return a port that nobody listens on, below those that the kernel gives to anybody who asks.

    One of those could be gone before the first rank listens on it.
    """
    while True:
        address = ("127.0.0.1", random.randrange(20_000, 32_000))
        with contextlib.suppress(OSError), socket.create_server(address):
            return address[1]


def start_ranks(
    main: Callable, *arguments: object, said: Path, processes: int
) -> list[BaseProcess]:
    """Start processes that call `main`, a function of a module; what they say is kept."""
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    shared["GLOO_SOCKET_IFNAME"] = "lo"
    started = []
    for rank in range(processes):
        variables = {name: str(rank) for name in ("RANK", "LOCAL_RANK")}
        variables |= {name: str(processes) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE")}
        each = (main, shared | variables if processes > 1 else {}, str(said), arguments)
        started.append(FORKS.Process(target=_rank, args=each))
        started[-1].start()
    return started


def run_ranks(main: Callable, *arguments: object, said: Path, processes: int, seconds: int = 300):
    """Start processes and wait until all have ended well."""
    started = start_ranks(main, *arguments, said=said, processes=processes)
    for process in started:
        process.join(seconds)
    ends = [process.exitcode for process in started]
    for process in started:
        process.kill()
    told = said.read_text()[-3000:] if said.exists() else "nothing"
    assert ends == [0] * processes, (ends, told)
