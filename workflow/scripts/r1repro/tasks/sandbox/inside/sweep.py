# SPDX-License-Identifier: Apache-2.0
"""Kill what an answer leaves behind where no pid namespace does it.

The zygote is the parent of all orphans below it (PR_SET_CHILD_SUBREAPER), so a daemon that an
answer leaves behind turns up as a child of the zygote that is no answer's main process.
"""

import os
import signal
import time

from . import confine

PATIENCE_SECONDS = 2.0


def sweep_user(uid: int) -> None:
    """Kill every process of a user id that only one answer has.

    kill(-1) as that user is one step for the kernel: a fork in progress cannot escape it.
    """
    child = os.fork()
    if child == 0:
        try:
            confine.become_user(uid)
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            os._exit(0)
        except OSError:
            os._exit(1)
        os._exit(0)
    os.waitpid(child, 0)


def sweep_orphans(running: set[int]) -> bool:
    """Kill all descendants of this process outside the running answers' trees; True when gone."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        rubbish = descendants_outside(running)
        if not rubbish:
            return True
        for process in rubbish:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        for process in rubbish:
            reap(process)
        time.sleep(0.001)
    return False


def reap(process: int) -> None:
    """Collect a dead child; one that is not ours, or not dead yet, is left."""
    try:
        os.waitpid(process, os.WNOHANG)
    except ChildProcessError:
        return


def descendants_outside(running: set[int]) -> list[int]:
    """List this process's descendants, leaving out the running answers and what is below them."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                # The name in brackets may hold anything; the parent is the second field after it.
                parent = int(file.read().rsplit(")", 1)[1].split()[1])
        except OSError:  # it ended meanwhile
            continue
        children.setdefault(parent, []).append(int(name))
    found, todo = [], [os.getpid()]
    while todo:
        for child in children.get(todo.pop(), []):
            if child not in running:
                found.append(child)
                todo.append(child)
    return found
