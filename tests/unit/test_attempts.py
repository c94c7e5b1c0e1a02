# SPDX-License-Identifier: Apache-2.0
"""Claims about the record that every attempt of a stage leaves, also when it is killed."""

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from r1repro.audit import attempts
from r1repro.audit.attempt_records import read_attempt, read_attempts
from r1repro.audit.attempts import AttemptNotWritable, open_attempt
from r1repro.errors import StageError, Terminated
from r1repro.stage import TrainingRun

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"
DESIGN_FIELDS = (
    "stage", "scale", "purpose", "device", "nodes", "gpus_per_node", "device_uuids", "host",
    "time_utc", "slurm_job_id", "seed", "git_commit", "git_dirty", "config_digest", "code_digest",
    "inputs", "packages", "cpu_cores", "planned_device",
)  # fmt: skip


def begin_with(folder, **changes):
    """Open an attempt with ordinary arguments, some of them changed."""
    given = {
        "scale": "mini",
        "settings": {"lr": 0.1},
        "seed": 1,
        "gpus": 0,
        "code_digest": "c" * 64,
        "inputs": [],
        "purpose": "final",
    }
    return open_attempt(folder, "r1_zero", **(given | changes))


def lines_of(folder):
    """Return the lines of the only record below a folder."""
    (path,) = folder.rglob("*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_begin_carries_every_identity_field_of_the_design(tmp_path):
    """A record can be judged by someone who has nothing but the file."""
    source = tmp_path / "in.txt"
    source.write_text("abc")
    with begin_with(tmp_path / "a", inputs=[source], planned_device="H800"):
        begin = lines_of(tmp_path / "a")[0]
    assert set(DESIGN_FIELDS) <= set(begin)
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of "abc", FIPS 180
    assert begin["inputs"] == {str(source): known}
    assert begin["packages"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert begin["planned_device"] == "H800" and begin["time_utc"].endswith("Z")


def test_opening_an_attempt_takes_less_than_a_third_of_a_second(tmp_path):
    started = time.perf_counter()
    with begin_with(tmp_path):
        assert time.perf_counter() - started < 0.3


def test_counters_position_and_outputs_are_in_the_end_line(tmp_path):
    out = tmp_path / "out.txt"
    with begin_with(tmp_path / "a") as attempt:
        attempt.count(tokens_generated=3, flop=10**25)
        attempt.count(tokens_generated=4)
        attempt.note(step=7, total=9)
        attempt.wandb_run_id = "abc"
        attempt.precision = "bfloat16"
        out.write_text("abc")
        attempt.outputs([out])
    end = lines_of(tmp_path / "a")[-1]
    assert (end["kind"], end["exit_code"], end["signal"]) == ("end", 0, None)
    assert (end["tokens_generated"], end["tokens_trained"], end["flop"]) == (7, 0, 10**25)
    assert (end["step"], end["total"], end["wandb_run_id"]) == (7, 9, "abc")
    assert end["precision"] == "bfloat16"
    assert end["outputs"][str(out)].startswith("ba7816bf")


@pytest.mark.parametrize(
    ("failure", "exit_code", "signal_number"),
    [
        (StageError("no luck"), 1, None),
        (Terminated("stopped"), 143, 15),
        (KeyboardInterrupt(), 130, 2),
        (SystemExit(3), 3, None),
        (MemoryError(), 1, None),
    ],
)
def test_a_failure_is_recorded_and_goes_on(tmp_path, failure, exit_code, signal_number):
    with pytest.raises(type(failure)), begin_with(tmp_path):
        raise failure
    end = lines_of(tmp_path)[-1]
    assert (end["kind"], end["exit_code"], end["signal"]) == ("end", exit_code, signal_number)
    assert end["error_class"] == type(failure).__name__ and end["outputs"] == {}


def test_a_named_output_that_is_missing_makes_the_attempt_fail(tmp_path):
    """A stage cannot be recorded as done while a result it named is not there."""
    with pytest.raises(FileNotFoundError), begin_with(tmp_path / "a") as attempt:
        attempt.outputs([tmp_path / "never"])
    assert lines_of(tmp_path / "a")[-1]["exit_code"] == 1


@pytest.mark.parametrize("amount", [-1, 1.5, True, "3"])
def test_counters_take_whole_numbers_only(tmp_path, amount):
    with pytest.raises(TypeError, match="whole"), begin_with(tmp_path) as attempt:
        attempt.count(flop=amount)
    with pytest.raises(TypeError, match="no counter"), begin_with(tmp_path) as attempt:
        attempt.count(tokens=1)


def run_until_killed(tmp_path, body, signal_number, marker="ready"):
    """Run a program with an attempt, send the signal once it printed the marker, return it."""
    program = textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        sys.path.insert(0, {str(SCRIPTS)!r})
        from r1repro.audit import attempts
        from r1repro.cli import run_program
        attempts.FIRST_HEARTBEAT_SECONDS = 0.05
        def main():
            with attempts.open_attempt(Path(sys.argv[1]), "base", scale="mini", settings={{}},
                    seed=1, gpus=0, code_digest="c", inputs=[], purpose="final") as attempt:
                {body}
        sys.exit(run_program(main))
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline().strip() == marker
    process.send_signal(signal_number)
    process.communicate(timeout=20)
    return process.returncode


WORK = (
    "attempt.count(tokens_trained=5); time.sleep(0.4); print('ready', flush=True); time.sleep(60)"
)


def test_a_killed_attempt_is_billed_to_its_last_heartbeat(tmp_path):
    assert run_until_killed(tmp_path, WORK, signal.SIGKILL) == -9
    (record,) = read_attempts(tmp_path)
    last = lines_of(tmp_path)[-1]
    assert last["kind"] == "heartbeat" and record.exit_code is None
    assert record.elapsed_ms == last["elapsed_ms"] >= 40
    assert record.tokens_trained == 5


def test_work_that_a_checkpoint_keeps_is_on_the_record_before_the_checkpoint(tmp_path):
    """Killed in the middle of saving, with the next regular heartbeat a minute away."""
    body = """
                from r1repro import stage
                class State:
                    def save(self, done, write):
                        print('ready', flush=True)
                        time.sleep(60)
                attempts.HEARTBEAT_SECONDS = 60
                time.sleep(0.4)
                attempt.count(tokens_trained=7)
                stage.TrainingRun("base", attempt, State(), None, "update").save(3, None)
    """
    assert run_until_killed(tmp_path, body.strip(), signal.SIGKILL) == -9
    (record,) = read_attempts(tmp_path)
    assert (record.exit_code, record.tokens_trained) == (None, 7)


def test_work_that_cannot_be_put_on_the_record_is_not_kept(tmp_path, monkeypatch):
    """The disk of the records is full: no checkpoint, until a heartbeat can be written again."""
    kept = []

    def no_space(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    state = SimpleNamespace(save=lambda done, write: kept.append(done))
    with begin_with(tmp_path) as attempt:
        run = TrainingRun("r1_zero", attempt, state, None, "updates")
        with monkeypatch.context() as full:
            full.setattr(attempt._lines, "append", no_space)
            run.save(8, None)
        assert kept == []
        run.save(16, None)
    assert kept == [16]


def test_an_attempt_killed_at_once_still_has_a_record(tmp_path):
    body = "print('ready', flush=True); time.sleep(60)"
    assert run_until_killed(tmp_path, body, signal.SIGKILL) == -9
    (record,) = read_attempts(tmp_path)
    assert record.stage == "base" and not record.completed


def test_sigterm_ends_the_record_with_143(tmp_path):
    assert run_until_killed(tmp_path, WORK, signal.SIGTERM) == 143
    end = lines_of(tmp_path)[-1]
    assert (end["kind"], end["exit_code"], end["error_class"]) == ("end", 143, "Terminated")


class Pauses:
    """Stands in for the event a heartbeat waits on, and stops it after seven pauses."""

    def __init__(self):
        self.seen = []

    def wait(self, pause):
        self.seen.append(pause)
        return len(self.seen) == 7


def test_heartbeats_are_never_more_than_ten_seconds_apart(tmp_path):
    """Early ones come sooner, so that short attempts are billed too; the design allows 30 s."""
    with begin_with(tmp_path) as attempt:
        real, attempt._stop = attempt._stop, Pauses()
        attempt._beat()
        seen, attempt._stop = attempt._stop.seen, real
    assert seen == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0]
    assert [line["kind"] for line in lines_of(tmp_path)].count("heartbeat") == 6


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(AttemptNotWritable, match="cannot be written"),
        begin_with(tmp_path / "file"),
    ):
        pytest.fail("the work must not begin")


def test_a_full_disk_at_the_start_leaves_nothing_half_written(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(attempts.os, "write", full)
    with pytest.raises(AttemptNotWritable, match="No space left"), begin_with(tmp_path):
        pytest.fail("the work must not begin")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_disk_that_fills_up_stops_the_stage_after_half_a_minute(tmp_path, monkeypatch):
    """Not at the first failed heartbeat, and with the record intact."""
    monkeypatch.setattr(attempts, "FIRST_HEARTBEAT_SECONDS", 0.02)
    real, room = os.write, [10]

    def nearly_full(descriptor, data):
        if room[0] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = real(descriptor, data[: room[0]])
        room[0] -= written
        return written

    with pytest.raises(AttemptNotWritable, match="No space left"), begin_with(tmp_path) as attempt:
        monkeypatch.setattr(attempts.os, "write", nearly_full)
        deadline = time.monotonic() + 5
        while attempt._trouble is None and time.monotonic() < deadline:
            time.sleep(0.01)
        attempt.count(flop=1)  # the first seconds are forgiven
        attempt._written_at -= attempts.SECONDS_WITHOUT_A_RECORD
        attempt.count(flop=1)
    assert [line["kind"] for line in lines_of(tmp_path)] == ["begin"]


def test_large_inputs_are_hashed_after_the_record_exists(tmp_path, monkeypatch):
    monkeypatch.setattr(attempts, "HASHED_BEFORE_BEGIN_BYTES", 2)
    source = tmp_path / "in.txt"
    source.write_text("abc")
    with begin_with(tmp_path / "a", inputs=[source]):
        begin, heartbeat = lines_of(tmp_path / "a")
    assert begin["inputs"] == {} and begin["inputs_hashed_later"] == [str(source)]
    assert heartbeat["inputs"][str(source)].startswith("ba7816bf")


def test_no_secret_of_the_environment_reaches_a_record(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0123456789abcdef-not-a-real-key")
    monkeypatch.setenv("SOME_HARMLESS_NAME", "and-its-value-stays-out-too")
    url = "https://user:0123456789abcdef-not-a-real-key@example.org"
    with pytest.raises(StageError), begin_with(tmp_path, settings={"url": [url]}):
        raise StageError(f"cannot reach {url}")
    (path,) = tmp_path.rglob("*.jsonl")
    text = path.read_text()
    assert "not-a-real-key" not in text and "stays-out-too" not in text
    assert text.count("[redacted]") == 2


def test_ranks_above_zero_write_no_second_bill(tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "3")
    with begin_with(tmp_path) as attempt:
        attempt.count(flop=1)
        attempt.note(step=1)
        attempt.heartbeat()
        attempt.outputs([tmp_path])
        assert attempt.usage()["flop"] == 1
    assert list(tmp_path.iterdir()) == []


def test_a_forked_child_that_leaves_the_block_writes_no_end(tmp_path):
    with begin_with(tmp_path) as attempt:
        child = os.fork()
        if child == 0:
            attempt.close(None, {})
            os._exit(0)
        os.waitpid(child, 0)
        assert [line["kind"] for line in lines_of(tmp_path)].count("end") == 0
    assert lines_of(tmp_path)[-1]["kind"] == "end"


def test_without_git_the_commit_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with begin_with(tmp_path / "a"):
        begin = lines_of(tmp_path / "a")[0]
    assert (begin["git_commit"], begin["git_dirty"]) == ("unknown", "unknown")


def test_code_outside_a_repository_has_no_commit(tmp_path):
    """Also inside a repository that is not ours: an archive unpacked into someone's project."""
    source = tmp_path / "copy.py"
    source.write_text("")
    assert attempts.git_state(source) == ("unknown", "unknown")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert attempts.git_state(source) == ("unknown", "unknown")


def test_a_change_makes_the_work_tree_dirty(tmp_path):
    source = tmp_path / "code.py"
    source.write_text("a = 1\n")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "code.py"], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)
    commit, dirty = attempts.git_state(source)
    assert len(commit) == 40 and dirty is False
    source.write_text("a = 2\n")
    assert attempts.git_state(source) == (commit, True)


def test_setting_the_wall_clock_back_changes_no_billed_time(tmp_path, monkeypatch):
    """The wall clock jumps back a day during the attempt; the monotonic clock is billed."""
    times = iter(["2026-03-02T00:00:00.000Z"] + ["2026-03-01T00:00:00.000Z"] * 99)
    monkeypatch.setattr(attempts, "utc_now", lambda: next(times))
    with begin_with(tmp_path) as attempt:
        time.sleep(0.05)
        path = attempt.path
    record = read_attempt(path)
    assert 50 <= record.elapsed_ms < 5000
    assert record.clock_jump_ms < -86_399_000
