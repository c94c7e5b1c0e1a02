# SPDX-License-Identifier: Apache-2.0
"""The choice of a protection level, and what the sandbox survives outside its answers."""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sandbox_attacks import descendants

from r1repro.tasks.sandbox import (
    LEVELS,
    Job,
    Limits,
    Sandbox,
    SandboxError,
    SandboxUnavailable,
    launch,
)

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="reads the processes in /proc, which only Linux has"
)
SCRIPTS = Path(__file__).resolve().parents[2] / "workflow" / "scripts"
DOUBLE = "def f(x): return 2 * x"


def only(sandbox: Sandbox, source: str, *inputs):
    """Run one source on the inputs (one argument each) and return its outcome."""
    return sandbox.run([Job(source, "f", [[x] for x in inputs])])[0]


def gone_soon(process: int) -> bool:
    """Wait up to five seconds until a process has ended (a zombie has)."""
    for _ in range(500):
        try:
            text = Path(f"/proc/{process}/stat").read_text(errors="replace")
        except OSError:
            return True
        if text.rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("level", LEVELS)
def test_the_log_sentence_names_the_level(level):
    """One sentence with the walls of just this level and the limits."""
    try:
        with Sandbox(level=level) as chosen:
            text = chosen.protection
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    assert text.startswith("Code answers run behind ")
    assert text.endswith(".") and "\n" not in text
    assert ("bubblewrap" in text) == (level == "bubblewrap")
    assert "256 MiB memory" in text


def test_without_bubblewrap_the_next_level_is_taken_and_said(monkeypatch):
    """Where bwrap is missing, auto works all the same and the sentence says why not better."""
    monkeypatch.setattr(launch.shutil, "which", lambda name: None)
    with Sandbox() as chosen:
        assert chosen.level in ("namespaces", "limits")
        assert "bwrap is not installed" in chosen.protection
        assert only(chosen, DOUBLE, 21).outputs == [42]


def test_a_bubblewrap_that_fails_is_not_relied_on(monkeypatch, tmp_path):
    """A bwrap that exists and does not work is found out by running it."""
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: no permissions' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(launch.shutil, "which", lambda name: str(broken))
    with Sandbox() as chosen:
        assert chosen.level != "bubblewrap"
        assert "no permissions" in chosen.protection


def test_bubblewrap_without_namespaces_inside_leaves_nothing_behind(monkeypatch):
    """Some systems let only bwrap make namespaces: then the filter and the sweep must do."""
    plain = launch.wrapper

    def without_nesting(level):
        command = plain(level)
        extra = ["--disable-userns", "--cap-drop", "ALL"]
        if "--unshare-user" not in command:
            extra.append("--unshare-user")
        return command[:1] + extra + command[1:]

    monkeypatch.setattr(launch, "wrapper", without_nesting)
    daemon = (
        "import os, time\ndef f(x):\n    if os.fork() == 0:\n        os.setsid()\n"
        "        if os.fork() == 0: time.sleep(10**6)\n        os._exit(0)\n"
        "    time.sleep(0.05)\n    return x"
    )
    kill = "import os\ndef f(x): os.kill(-1, 9)"
    try:
        sandbox = Sandbox(Limits(processes=6), level="bubblewrap")
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    with sandbox:
        assert "pid namespace" not in sandbox.protection
        before = descendants(sandbox.zygote.process.pid)
        jobs = [Job(source, "f", [[1]]) for source in (daemon, kill, DOUBLE)]
        assert [o.status for o in sandbox.run(jobs)] == ["ok", "error", "ok"]
        assert descendants(sandbox.zygote.process.pid) <= before


def test_a_closed_sandbox_says_so():
    """Using it after the with block is an error with a way out, not a hang."""
    with Sandbox() as short:
        process = short.zygote.process
    assert process.returncode is not None
    short.close()
    with pytest.raises(SandboxError, match="closed"):
        short.run([Job(DOUBLE, "f", [[1]])])


def test_a_killed_zygote_costs_no_honest_answer_its_outcome():
    """The zygote's outermost process is killed in the middle of a batch; all outcomes are right."""
    with Sandbox(Limits(wall_seconds=20)) as shaken:
        slow = "import time\ndef f(x):\n    time.sleep(0.05)\n    return x + {n}"
        jobs = [Job(slow.format(n=n), "f", [[1]]) for n in range(12)]
        timer = threading.Timer(0.1, lambda: os.kill(shaken.zygote.process.pid, signal.SIGKILL))
        timer.start()
        outcomes = shaken.run(jobs)
        timer.join()
    assert [o.outputs for o in outcomes] == [[n + 1] for n in range(12)]


def test_an_interrupted_batch_leaves_nothing_running():
    """An exception out of run (here: an alarm) closes the sandbox with all cells."""

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with Sandbox(Limits(wall_seconds=60)) as interrupted:
            process = interrupted.zygote.process
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(KeyboardInterrupt):
                only(interrupted, "import time\ndef f(x): time.sleep(60)", 1)
            assert process.returncode is not None
            with pytest.raises(SandboxError, match="closed"):
                only(interrupted, DOUBLE, 1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("level", LEVELS)
def test_nothing_outlives_a_killed_host(level):
    """kill -9 of the process that uses the sandbox ends the zygote and the answers soon."""
    program = (
        "import sys\nfrom r1repro.tasks.sandbox import *\n"
        "with Sandbox(Limits(wall_seconds=600), level=sys.argv[1]) as s:\n"
        "    print(s.zygote.process.pid, flush=True)\n"
        "    s.run([Job('import time\\ndef f(x): time.sleep(500)', 'f', [[1]])])\n"
    )
    host = subprocess.Popen(
        [sys.executable, "-c", program, level],
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with host:
        assert select.select([host.stdout], [], [], 60)[0]
        first = host.stdout.readline()
        if not first:
            pytest.skip(f"level {level} does not work here")
        time.sleep(0.2)  # so that the answer is under way
        family = [int(first), *descendants(int(first))]
        host.kill()
    assert len(family) >= 2
    assert all(gone_soon(process) for process in family)


def test_a_host_with_many_open_files_gives_none_of_them_away():
    """With descriptors above 300 in use, an answer still finds only its own socket open."""
    count = "import os\ndef f(x):\n    found = []\n    for n in range(4096):\n"
    count += "        try: os.lseek(n, 0, os.SEEK_CUR)\n"
    count += "        except OSError as error:\n            if error.errno == 9: continue\n"
    count += "        found.append(n)\n    return found"
    files = [open("/dev/null", "rb") for _ in range(400)]  # noqa: SIM115
    try:
        with Sandbox() as crowded:
            outcome = only(crowded, count, 1)
    finally:
        for file in files:
            file.close()
    assert outcome.outputs == [[0, 1, 2, 3]]


@pytest.mark.parametrize("level", LEVELS)
def test_two_sandboxes_at_once_leave_each_other_alone(level):
    """One clears up after its answers again and again; the other's long answer comes through."""
    limits = Limits(processes=4, wall_seconds=20)
    fork = "import os\ndef f(x):\n    if os.fork() == 0: os._exit(0)\n    return x + {n}"
    try:
        first = Sandbox(limits, level=level, syscall_filter="off", cells=1)
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    with first, Sandbox(limits, level=level, syscall_filter="off", cells=1) as second:
        slow = Job("import time\ndef f(x):\n    time.sleep(0.5)\n    return x", "f", [[7]])
        seen = []
        thread = threading.Thread(target=lambda: seen.extend(first.run([slow])))
        thread.start()
        outcomes = second.run([Job(fork.format(n=n), "f", [[0]]) for n in range(20)])
        thread.join()
    assert [o.outputs for o in outcomes] == [[n] for n in range(20)]
    assert seen[0].outputs == [7]


def test_the_smallest_memory_limit_is_enough_for_a_small_answer():
    """96 MiB of address space hold the interpreter, its modules and a little list."""
    with Sandbox(Limits(memory_mb=96)) as tight:
        assert only(tight, "def f(x): return sum(list(range(10**5)))", 1).outputs == [4999950000]


def test_many_batches_leak_no_descriptors():
    """As many open descriptors after thirty batches as before."""
    with Sandbox() as sandbox:
        only(sandbox, DOUBLE, 0)
        before = len(os.listdir("/proc/self/fd"))
        for n in range(30):
            only(sandbox, DOUBLE, n)
        assert len(os.listdir("/proc/self/fd")) == before
