# SPDX-License-Identifier: Apache-2.0
"""What a stage does when it is asked to stop (SIGTERM): at once, or at a place it can resume from.

A program stops at once, with Terminated. A training loop runs inside `deferred`: there the request
is only noted, and the loop asks `requested` where its state is whole, saves and raises Terminated
itself. So a job that is preempted loses nothing it has trained, if the scheduler waits long enough
before SIGKILL (Slurm: GraceTime of the partition, KillWait); otherwise it loses what came after the
last regular checkpoint.

Choices  A second SIGTERM changes nothing: schedulers and torchrun send several. Who cannot wait
         sends SIGINT or SIGKILL.
         Processes that train together agree, because the request reaches them at different
         moments: one that left alone would let the others wait for it.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from r1repro.errors import Terminated

TEXT = "stopped by SIGTERM; run the same command again to continue"


class _Request:
    asked = False
    deferring = 0


def _on_sigterm(_signal_number, _frame) -> None:
    _Request.asked = True
    if not _Request.deferring:
        raise Terminated(TEXT)


def listen() -> None:
    """Let SIGTERM stop this program from now on."""
    _Request.asked = False
    signal.signal(signal.SIGTERM, _on_sigterm)


@contextmanager
def deferred() -> Iterator[None]:
    """Note a request instead of stopping; who uses this asks `requested` again and again."""
    _Request.deferring += 1
    try:
        yield
    finally:
        _Request.deferring -= 1


def requested(world) -> bool:
    """Say whether this process, or one that trains with it, was asked to stop."""
    return any(world.collect([_Request.asked]))


def stop() -> None:
    """Raise Terminated, once everything is saved."""
    raise Terminated(TEXT)
