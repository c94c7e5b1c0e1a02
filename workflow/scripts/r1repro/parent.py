# SPDX-License-Identifier: Apache-2.0
"""End a stage in good order when the workflow that started it is gone.

After `kill -9` of Snakemake its jobs live on: they would hold the state folder and write outputs
behind the back of the next run. The workflow puts its process id into the environment; a thread
of the stage looks once a second and asks its own process to stop (SIGTERM) when that process
has ended, so that the attempt record is closed and the next run continues at once.

A job of a cluster inherits that variable and may run where the process id means nothing: it
belongs to the scheduler. So the variable names host and job too, and a stage elsewhere does not
look.
"""

import os
import signal
import socket
import sys
import threading
import time

VARIABLE = "R1REPRO_WORKFLOW"
SECONDS_BETWEEN_LOOKS = 1.0


def put_this_python_first() -> None:
    """Let rules that call `python` find the one that runs the workflow, activated or not."""
    os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])


def _place() -> str:
    """Return host and cluster job of this process, as one word."""
    return f"{socket.gethostname()}/{os.environ.get('SLURM_JOB_ID', '')}"


def announce_workflow() -> None:
    """Let the jobs of this process know whom they belong to."""
    os.environ[VARIABLE] = f"{os.getpid()} {_place()}"


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it exists and belongs to somebody else
        return True
    return True


def _watch(process: int) -> None:
    while _alive(process):
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os.kill(os.getpid(), signal.SIGTERM)


def watch_workflow() -> None:
    """Start looking after the workflow; without one (a program called by hand) do nothing."""
    process, _, place = os.environ.get(VARIABLE, "").partition(" ")
    if process.isdigit() and place == _place():
        threading.Thread(target=_watch, args=(int(process),), daemon=True).start()
