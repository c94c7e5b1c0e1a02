# SPDX-License-Identifier: Apache-2.0
"""Claims about the progress lines in the log of a stage."""

from types import SimpleNamespace

import pytest

from r1repro import progress as module
from r1repro.progress import LINE, NOTE, Progress, announce, clock_seconds, clock_text


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_a_line_says_position_time_left_and_figures_and_can_be_read_back(clock, capsys):
    """20 of 80 updates took 10 s, after a resume at 4: 60 more at 1.6 a second."""
    progress = Progress("r1_zero", 80, "updates", done=4)
    clock.now += 10.0
    progress.update(20, "loss 0.500, length_mean 20.300")
    line = capsys.readouterr().err.rstrip("\n")
    assert line == "r1_zero: 20/80 updates, 0:38 left, loss 0.500, length_mean 20.300"
    assert LINE.fullmatch(line).groupdict() == {
        "label": "r1_zero",
        "done": "20",
        "total": "80",
        "unit": "updates",
        "left": "0:38",
        "note": "loss 0.500, length_mean 20.300",
    }


def test_a_log_stays_short_however_long_the_stage(clock, capsys):
    """A step a second for a week: 604,800 steps are less than 10,000 lines; the last is there."""
    progress = Progress("base", 604_800, "steps")
    for step in range(1, 604_801):
        clock.now += 1.0
        progress.update(step)
    lines = capsys.readouterr().err.splitlines()
    assert 1000 < len(lines) < 10_000
    assert lines[-1] == "base: 604800/604800 steps, 0:00 left"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (70, "1:10"), (3599, "59:59"), (90_061, "25:01:01")]
)
def test_a_clock_is_read_as_it_is_written(seconds, text):
    """Minutes and seconds, hours from an hour on."""
    assert clock_text(seconds) == text
    assert clock_seconds(text) == seconds


def test_what_is_announced_is_marked_in_the_log(capsys):
    """So that the terminal finds it."""
    announce("seal: root 12ab")
    assert capsys.readouterr().out == f"{NOTE}seal: root 12ab\n" == "note: seal: root 12ab\n"
