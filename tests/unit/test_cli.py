# SPDX-License-Identifier: Apache-2.0
"""Claims about how a program ends: one line for what a user can mend, else a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"

# What goes wrong, as the body of a program's main; /dev/full is a disk without room.
FULL_DISK = {
    "python": "open('/dev/full', 'w').write('x' * 100_000)",
    "safetensors": (  # its words on a file system that was really full
        "from safetensors import SafetensorError; raise SafetensorError('Error while"
        " serializing: I/O error: No space left on device (os error 28)')"
    ),
    "tokenizers": "raise Exception('No space left on device (os error 28)')",
}


def run(body: str) -> subprocess.CompletedProcess:
    """Run a program whose main has this body, with Ctrl-C as a terminal has it.

    Tests that were started in the background of a script inherit that it is ignored.
    """
    code = "import signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += f"from r1repro.cli import run_program\ndef main():\n    {body}\n"
    code += "sys.exit(run_program(main))\n"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=SCRIPTS, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("body", FULL_DISK.values(), ids=FULL_DISK.keys())
def test_a_full_disk_is_one_line_whoever_notices_it(body):
    ended = run(body)
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert "the disk is full" in ended.stderr and "run the same command again" in ended.stderr


def test_a_fault_of_ours_keeps_its_traceback():
    ended = run("raise ValueError('broken')")
    assert ended.returncode == 1 and "Traceback" in ended.stderr


def test_ctrl_c_and_sigterm_are_one_line_with_their_status():
    for name, status in (("SIGINT", 130), ("SIGTERM", 143)):
        ended = run(f"import os, signal; os.kill(os.getpid(), signal.{name}); signal.pause()")
        assert ended.returncode == status
        assert len(ended.stderr.splitlines()) == 1 and "same command again" in ended.stderr
