# SPDX-License-Identifier: Apache-2.0
"""Claims about the gate: larger runs begin only if the pilot gained enough."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "workflow/scripts/gate.py"
HEADER = "checkpoint,category,metric,k,n_prompts,value,ci_low,ci_high,seed\n"


def write_scores(path, checkpoint, value, category="all", metric="pass@1"):
    """Write scores in which only one row counts; the others would decide otherwise."""
    rows = [
        (checkpoint, "math", "pass@1", 0.99 - value),
        (checkpoint, category, metric, value),
        (checkpoint, "all", "cons@16", 0.99 - value),
        ("r1_zero", "all", "pass@1", 0.99 - value),
    ]
    lines = (f"{name},{group},{what},1,96,{number},0,1,1\n" for name, group, what, number in rows)
    path.write_text(HEADER + "".join(lines), encoding="utf-8")


def gate(folder, before, after, wanted, change=None):
    """Run the program as its rule does; return status, what it said, and what it wrote or None."""
    write_scores(folder / "before.csv", "small_base", before)
    write_scores(folder / "after.csv", "pilot", after)
    if change:
        change(folder)
    out = folder / "out" / "gate.json"
    settings = {"scale": "mini", "seed": 1, "gate": {"pilot_gain": wanted}}
    command = [sys.executable, PROGRAM, "--settings", json.dumps(settings), "--gpus", "0"]
    command += ["--state", folder / "state", "--attempts", folder / "attempts", "--code", "0"]
    command += ["--before", folder / "before.csv", "--after", folder / "after.csv", "--out", out]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    written = json.loads(out.read_text(encoding="utf-8")) if out.exists() else None
    return done.returncode, done.stderr, written


def test_a_pilot_that_gained_enough_passes_and_its_gain_is_written(tmp_path):
    """0.51 - 0.18 = 0.33, of which 0.05 was asked."""
    wanted = {"pilot_gain": 0.33, "wanted": 0.05}
    assert gate(tmp_path, 0.18, 0.51, 0.05) == (0, "", wanted)


@pytest.mark.parametrize(("before", "after", "wanted"), [(0.2, 0.3, 0.1), (0.7, 0.8, 0.1)])
def test_a_gain_of_just_what_was_asked_passes(tmp_path, before, after, wanted):
    """0.3 - 0.2 is less than 0.1 in binary, and that is no reason to stop."""
    status, errors, written = gate(tmp_path, before, after, wanted)
    assert (status, errors, written) == (0, "", {"pilot_gain": 0.1, "wanted": 0.1})


@pytest.mark.parametrize(("after", "shown"), [(0.22, "0.040"), (0.1, "-0.080")])
def test_too_little_is_refused_in_one_sentence_and_nothing_is_written(tmp_path, after, shown):
    """A pilot that lost is refused like one that gained too little."""
    assert gate(tmp_path, 0.18, after, 0.05) == (
        1,
        f"error: the pilot gained {shown} of pass@1 but gate.pilot_gain asks for 0.05; "
        "change the recipe and run again, or set gate.pilot_gain to null\n",
        None,
    )


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("after", ("small_base", "all", "pass@1")),
        ("after", ("pilot", "math", "pass@1")),
        ("after", ("pilot", "all", "pass@8")),
        ("before", ("pilot", "all", "pass@1")),
    ],
)
def test_a_table_without_the_row_is_named_and_no_other_row_stands_in(tmp_path, name, row):
    """Another checkpoint, one category alone and another metric are not pass@1 over all."""

    def change(folder):
        checkpoint, category, metric = row
        write_scores(folder / f"{name}.csv", checkpoint, 0.9, category, metric)

    wanted = {"before": "small_base", "after": "pilot"}[name]
    assert gate(tmp_path, 0.18, 0.51, 0.05, change) == (
        1,
        f"error: {tmp_path / name}.csv holds no pass@1 of {wanted} over all categories\n",
        None,
    )
