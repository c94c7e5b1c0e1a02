# SPDX-License-Identifier: Apache-2.0
"""A stage that is forked (forks.py) begins, ends and dies as one that is run by a new Python."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from clones import forked_python

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


def start(folder: Path, end: str, forked: bool) -> subprocess.Popen:
    """Start the program through a shell, as a rule does."""
    variables = {"OWN": "a value", "PYTHONHASHSEED": "0"} | (forked_python() if forked else {})
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    return subprocess.Popen(
        # with -n nothing is imported beforehand
        ["bash", "-c", f"echo $$; exec 3>&1; python own/program.py {end} -n"],
        cwd=folder,
        env=os.environ | {"PATH": path} | variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("end", ["0", "3", "fault", "words", "killed"])
def test_a_forked_program_says_and_returns_what_a_new_one_does(end, folder):
    """Arguments, folder, environment, input, output and status; a traceback has other frames."""
    said = []
    for forked in (True, False):
        run = start(folder, end, forked)
        output, errors = run.communicate("some input")
        told = errors.splitlines()
        status = run.returncode if run.returncode >= 0 else 128 - run.returncode  # as a shell says
        last = told[-1:] if end != "killed" else []  # which a shell reports
        said.append((output.splitlines()[1:], told[:1], last, status))
    assert said[0] == said[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_the_group_of_the_shell_reaches_the_fork(number, folder):
    """It ends as it decides on SIGTERM, and at once where its shell is killed."""
    run = start(folder, "waits", forked=True)
    run.stdin.close()
    _, _, fork = (run.stdout.readline() for _ in range(3))
    os.killpg(run.pid, number)
    deadline = time.monotonic() + 20
    while Path(f"/proc/{int(fork)}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{int(fork)}").exists()
    assert run.wait(20) != 0
