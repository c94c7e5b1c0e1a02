# SPDX-License-Identifier: Apache-2.0
"""A stage that is forked (forks.py) begins, ends and dies as one that is run by a new Python."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from clones import forked_python
from forks import ADDRESS

# what a shell says of a command that was killed, and frames
SHELL = ("bash:", "environment:", " ")
PROGRAM = """
import os, signal, sys, time, beside
print(sys.argv, sys.path[0], os.getcwd(), os.environ["OWN"], sys.stdin.read(), beside.__file__)
print("said", file=sys.stderr)
end = sys.argv[1]
if end == "waits":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(os.getpid(), flush=True)
    time.sleep(60)
elif end == "killed":
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)
elif end == "fault":
    raise ValueError("no")
elif end == "words":
    sys.exit("some words")
sys.exit(int(end))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a program that says what it got and ends as it is told, and a module."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own/program.py").write_text(PROGRAM)
    (tmp_path / "own/beside.py").write_text("")
    return tmp_path


# with -n, what stages import is not imported beforehand
def start(
    folder: Path,
    end: str,
    forked: bool,
    command: str = "python own/program.py {} -n; exit $?",
    **more: str,
) -> subprocess.Popen:
    """Start the program through a shell, as a rule does."""
    variables = {"OWN": "a value", "PYTHONHASHSEED": "0"} | (forked_python() if forked else {})
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    return subprocess.Popen(
        ["bash", "-c", command.format(end)],
        cwd=folder,
        env=os.environ | {"PATH": path} | variables | more,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("end", ["0", "3", "fault", "words", "killed"])
def test_a_forked_program_says_and_returns_what_a_new_one_does(end, folder):
    """Arguments, folder, environment, input, output and status; traceback but for its frames."""
    ends = []
    for forked in (True, False):
        run = start(folder, end, forked)
        output, errors = run.communicate("some input")
        errors = [line for line in errors.splitlines() if not line.startswith(SHELL)]
        ends.append((output, errors, run.returncode))
    assert ends[0] == ends[1]


def test_a_child_of_multiprocessing_leaves_the_server_where_it_is():
    """From Python 3.13 on it forgets what its parent would do at exit, and drops what that held."""
    address = forked_python()[ADDRESS]
    child = multiprocessing.get_context("fork").Process(target=int)
    child.start()
    child.join()
    assert child.exitcode == 0 and os.path.exists(address)


def waiting(folder: Path) -> tuple[subprocess.Popen, int]:
    """Return the shell of a forked program that waits, and the process id of the program."""
    run = start(folder, "waits", forked=True)
    run.stdin.close()
    run.stdout.readline()
    return run, int(run.stdout.readline())


def test_who_kills_the_group_kills_the_fork(folder):
    """As `kill -9` of a run kills its stages: the program is in another group, and dies with it."""
    run, program = waiting(folder)
    os.killpg(run.pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < deadline:
            os.kill(program, 0)
            time.sleep(0.01)


def test_a_fork_is_asked_to_stop_with_its_group(folder):
    """SIGTERM reaches the program, whose status is that of the shell."""
    run, _ = waiting(folder)
    os.killpg(run.pid, signal.SIGTERM)
    assert run.wait(30) == -signal.SIGTERM


def test_a_program_that_is_asked_to_stop_chooses_its_status(folder):
    """Whoever sends SIGTERM to the program alone."""
    run, program = waiting(folder)
    os.kill(program, signal.SIGTERM)
    assert run.wait(30) == 143


def test_other_hashes_and_other_ways_to_call_python_are_not_forked(folder):
    """A rule that forgot PYTHONHASHSEED is run by a new Python, as is `python -m`."""
    address = {ADDRESS: "nowhere"}
    for command in ("PYTHONHASHSEED=1 python own/beside.py", "python -m this"):
        run = start(folder, "0", forked=True, command=command, **address)
        run.communicate()
        assert run.returncode == 0
