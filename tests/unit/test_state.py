# SPDX-License-Identifier: Apache-2.0
"""Claims about checkpoints: whole or absent, checked, last two kept, one process at a time."""

import subprocess
import sys
from pathlib import Path

import pytest

from r1repro.errors import StateError
from r1repro.state import StageState

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"


def save(state, step, text):
    state.save(step, lambda folder: (folder / "data.txt").write_text(text, encoding="utf-8"))


def test_the_newest_checkpoint_is_used_and_two_are_kept(tmp_path):
    with StageState(tmp_path, "a") as state:
        for step in (10, 20, 30):
            save(state, step, str(step))
        step, folder = state.latest()
    assert (step, (folder / "data.txt").read_text()) == (30, "30")
    assert sorted(p.name for p in tmp_path.glob("step_*")) == ["step_00000020", "step_00000030"]


@pytest.mark.parametrize("damage", ["flip", "cut", "missing", "added", "no sums"])
def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(tmp_path, capsys, damage):
    with StageState(tmp_path, "a") as state:
        save(state, 10, "old content")
        save(state, 20, "new content")
        newest = tmp_path / "step_00000020"
        if damage == "flip":
            (newest / "data.txt").write_text("new c0ntent")
        elif damage == "cut":
            (newest / "data.txt").write_text("new")
        elif damage == "missing":
            (newest / "data.txt").unlink()
        elif damage == "added":
            (newest / "other.txt").write_text("x")
        else:
            (newest / "SHA256SUMS").unlink()
        step, folder = state.latest()
    assert (step, (folder / "data.txt").read_text()) == (10, "old content")
    assert "damaged" in capsys.readouterr().err


def test_a_save_that_is_cut_off_leaves_the_one_before(tmp_path):
    def fail(folder):
        (folder / "data.txt").write_text("half")
        raise OSError(28, "No space left on device")

    with StageState(tmp_path, "a") as state:
        save(state, 10, "good")
        with pytest.raises(OSError):
            state.save(20, fail)
        assert state.latest()[0] == 10
    assert [p.name for p in tmp_path.glob(".*")] == []


def test_checkpoints_of_other_settings_are_moved_aside_and_said_so(tmp_path, capsys):
    with StageState(tmp_path, "a") as state:
        save(state, 10, "under a")
        (tmp_path / "along").mkdir()
    with StageState(tmp_path, "b") as state:
        assert state.latest() is None
    assert not (tmp_path / "along").exists()
    assert "starts anew" in capsys.readouterr().out
    assert list(tmp_path.glob("superseded-*/step_00000010/data.txt"))


def test_leftovers_of_a_killed_save_are_removed(tmp_path):
    (tmp_path / ".step_00000010.999.partial").mkdir()
    with StageState(tmp_path, "a"):
        assert not list(tmp_path.glob(".*.partial"))


def test_a_second_process_waits_and_names_the_first(tmp_path, capsys):
    code = (
        "import sys, time; from pathlib import Path; from r1repro.state import StageState\n"
        f"with StageState(Path({str(tmp_path)!r}), 'a'):\n"
        "    print('locked', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=SCRIPTS,
    ) as holder:
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(StateError, match=f"process {holder.pid}"):
            StageState(tmp_path, "a", wait_seconds=0.3)
        assert f"waiting for process {holder.pid}" in capsys.readouterr().out
        holder.kill()
        holder.wait()
    StageState(tmp_path, "a", wait_seconds=5).lock.close()  # a killed holder frees the lock
