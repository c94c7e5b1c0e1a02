# SPDX-License-Identifier: Apache-2.0
"""What a person sees on a terminal while a run goes on, and what is left there when it ends."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios

import pytest
from clones import snakemake_command

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

# Hidden while the display begins, visible from then on: also after kill -9.
CURSOR_STAYS = re.compile(r"\x1b\[\?25l(?:(?!\x1b\[1A).)*\x1b\[\?25h", re.DOTALL)
CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
UP, HIDE = "\x1b[1A", "\x1b[?25l"


def on_a_terminal(clone, *arguments: str, columns: int, stop_at: str = "", **variables: str):
    """Run Snakemake on a terminal; Ctrl-C as soon as there is a file. Return its end and output.

    Snakemake and its stages are new processes here and not forks (forks.py), as for a user.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    run = subprocess.Popen(
        snakemake_command(*arguments),
        cwd=clone,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        # a test that was started in the background ignores Ctrl-C, and what it starts would too
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        env=kept | {"TERM": "xterm", "WANDB_MODE": "offline"} | variables,
    )
    os.close(theirs)
    output, stopped = b"", False
    while True:
        if stop_at and not stopped and any(clone.glob(stop_at)):
            os.killpg(run.pid, signal.SIGINT)
            stopped = True
        if not select.select([ours], [], [], 0.02)[0]:
            continue
        try:
            output += os.read(ours, 65536)
        except OSError:  # nobody has it open any more
            break
    os.close(ours)
    return run.wait(timeout=60), output.decode()


def shown(output: str) -> list[str]:
    """Return every line from the first of the display on, without control codes."""
    lines = CODES.sub("", output).replace("\r", "\n").splitlines()
    return lines[next(n for n, line in enumerate(lines) if line.startswith("whole run")) :]


def test_a_stage_is_shown_in_place_and_leaves_one_line(clone):
    """On 40 columns too, without colours if so wished, and with the cursor where it was."""
    end, output = on_a_terminal(clone, "results/cost/paper_cost.csv", columns=40, NO_COLOR="1")
    lines = shown(output)
    assert end == 0, output
    assert UP in output
    assert any(re.match(r"paper_cost +\d:\d\d so far, recompu.*…$", line) for line in lines), lines
    assert sum(line.startswith("paper_cost: done in ") for line in lines) == 1
    done = next(n for n, line in enumerate(lines) if line.startswith("Done. The rep"))
    assert max(map(len, lines[:done])) <= 40
    assert output.count(HIDE) == len(CURSOR_STAYS.findall(output)) > 0
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", output)
    assert "Job stats" not in output and "Select jobs" not in output


def test_ctrl_c_leaves_the_last_words_below_the_display(clone):
    """The stage, its sentence and its log are the end, and the terminal is as it was."""
    begun = "results/attempts/prompts/*.jsonl"
    end, output = on_a_terminal(clone, "prompts", columns=80, stop_at=begun)
    assert end == 1, output
    last = output[output.index("Stage 'prompts' (prompts) failed: ") :]
    assert "log: logs/prompts.log" in last and "Run the same command again" in last
    assert UP not in last and "whole run" not in last
    assert output.count(HIDE) == len(CURSOR_STAYS.findall(output)) > 0
    assert "Error in rule prompts:" in output


def test_a_dumb_terminal_gets_plain_lines(clone):
    """As in an editor's shell: no control code at all."""
    end, output = on_a_terminal(clone, "results/cost/paper_cost.csv", columns=80, TERM="dumb")
    assert end == 0, output
    assert re.search(r"^paper_cost: done in \d:\d\d \(1 of 1 stages\)\r$", output, re.MULTILINE)
    assert "\x1b" not in output
