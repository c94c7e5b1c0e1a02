# SPDX-License-Identifier: Apache-2.0
"""Claims about W&B tracking: offline by default, no key in a file, never at training's cost."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from r1repro import tracking
from r1repro.errors import SettingsError, Terminated
from r1repro.tracking import NotLoggedIn, Tracker, chosen_mode, logged_in, open_tracker

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"
KEY = "0123456789abcdef0123456789abcdef01234567"  # the shape of a key, and nobody's
PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from r1repro.tracking import open_tracker
settings = {"mode": sys.argv[4], "project": "r1repro"}
config = {"lr": 0.5, "url": "https://" + sys.argv[3] + "@example.org"}
with open_tracker(settings, "r1_zero", "mini-seed1", config, Path(sys.argv[2])) as tracker:
    for step in (1, 2, 2, 3):  # a resumed stage repeats a step
        tracker.log({"reward": step / 2}, step=step)
    tracker.summary({"gpu_hours": 1.25, "note": sys.argv[3]})
    print(tracker.run_id)
"""


@pytest.fixture(scope="module")
def offline_run(tmp_path_factory):
    """Track a small run offline in a process of its own, with a fake key in its environment."""
    home = tmp_path_factory.mktemp("home")
    folder = tmp_path_factory.mktemp("run") / "results/wandb"
    command = [sys.executable, "-c", PROGRAM, SCRIPTS, folder, KEY, "offline"]
    # nothing of the caller's environment: a real key of the developer must not get near
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "WANDB_API_KEY": KEY}
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=120, env=environment
    )
    assert done.returncode == 0, done.stderr
    return folder, home, done


def records(folder):
    """Read a run back with W&B's own reader."""
    (run,) = folder.glob("offline-run-*")
    wandb = Path(sys.executable).with_name("wandb")
    command = [str(wandb), "leet", "inspect", "--json", str(run)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return [json.loads(line) for line in answer.stdout.splitlines()]


def test_an_offline_run_reads_back(offline_run):
    """Group, stage, configuration, every step and the summary are in the files."""
    folder, _, done = offline_run
    found = records(folder)
    (run,) = [record["run"] for record in found if record["type"] == "run"]
    assert (run["run_group"], run["job_type"], run["display_name"]) == (
        "mini-seed1", "r1_zero", "r1_zero",
    )  # fmt: skip
    assert run["run_id"] == done.stdout.strip()
    assert run["config"]["update"]["lr"] == 0.5
    steps = [record["history"]["item"] for record in found if record["type"] == "history"]
    assert [(item["step"], item["reward"]) for item in steps] == [
        (1, 0.5), (2, 1), (2, 1), (3, 1.5),
    ]  # fmt: skip
    summaries = [record["summary"]["update"] for record in found if record["type"] == "summary"]
    assert any(update.get("gpu_hours") == 1.25 for update in summaries)


def test_no_key_is_in_any_file_not_even_one_that_was_logged(offline_run):
    """Neither the variable, nor the same text inside the configuration and the summary."""
    folder, home, done = offline_run
    files = [path for root in (folder.parent, home) for path in root.rglob("*") if path.is_file()]
    assert any(path.suffix == ".wandb" for path in files)
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
    assert KEY not in done.stdout + done.stderr


def test_offline_tracking_is_quiet_and_describes_no_machine(offline_run):
    folder, _, done = offline_run
    assert done.stderr == ""
    names = {path.name for path in folder.rglob("*")}
    assert not names & {"wandb-metadata.json", "requirements.txt", "output.log", "diff.patch"}
    (run,) = [record["run"] for record in records(folder) if record["type"] == "run"]
    assert run["host"] == "not recorded"
    assert "git" not in run


def test_the_reserved_word_off_writes_and_imports_nothing(tmp_path):
    command = [sys.executable, "-c", PROGRAM + "print('wandb' in sys.modules)"]
    command += [str(SCRIPTS), str(tmp_path / "wandb"), KEY, "off"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["None", "False"]
    assert not (tmp_path / "wandb").exists()


def no_login(tmp_path):
    """Return an environment in which W&B finds no credentials."""
    return {"HOME": str(tmp_path)}


def test_online_without_a_login_is_one_sentence_before_any_work(tmp_path):
    with pytest.raises(NotLoggedIn, match="wandb login") as caught:
        chosen_mode("online", no_login(tmp_path))
    assert "\n" not in str(caught.value)


def test_auto_is_online_exactly_when_there_is_a_login(tmp_path):
    assert chosen_mode("auto", no_login(tmp_path)) == "offline"
    assert chosen_mode("auto", no_login(tmp_path) | {"WANDB_API_KEY": KEY}) == "online"
    (tmp_path / ".netrc").write_text(f"machine api.wandb.ai\n  login user\n  password {KEY}\n")
    assert chosen_mode("auto", no_login(tmp_path)) == "online"
    other = no_login(tmp_path) | {"WANDB_BASE_URL": "https://wandb.example.org"}
    assert chosen_mode("auto", other) == "offline"


def test_a_login_does_not_send_an_offline_run_anywhere():
    assert chosen_mode("offline", {"WANDB_API_KEY": KEY}) == "offline"
    assert chosen_mode("off", {"WANDB_API_KEY": KEY}) == "off"


def test_a_damaged_netrc_is_no_login(tmp_path):
    path = tmp_path / "rc"
    path.write_text("machine\n\nthis is not a netrc")
    assert not logged_in({"HOME": str(tmp_path), "NETRC": str(path)})


@pytest.mark.parametrize("mode", ["disabled", "Offline", "", False])
def test_an_unknown_mode_is_refused(mode):
    with pytest.raises(SettingsError, match="off, offline, online, auto"):
        chosen_mode(mode, {})


class Broken:
    """A W&B run whose every call fails."""

    calls = 0

    def log(self, _metrics):
        self.calls += 1
        raise RuntimeError("the service died")

    def finish(self, exit_code):
        raise AssertionError("a failed run is left alone")


def test_a_failure_of_tracking_does_not_stop_training(capsys):
    """It is said once, and then tracking is off."""
    run = Broken()
    tracker = Tracker(run, "id")
    for step in range(3):
        tracker.log({"loss": 1.0}, step=step)
    tracker.finish(0)
    assert run.calls == 1
    errors = capsys.readouterr().err
    assert errors.count("warning: Weights & Biases failed (RuntimeError: the service died)") == 1
    assert errors.count("\n") == 1


def test_a_client_that_cannot_start_does_not_stop_training(tmp_path, capsys, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tracking, "_start", refuse)
    settings = {"mode": "offline", "project": "r1repro"}
    with open_tracker(settings, "base", "g", {}, tmp_path) as tracker:
        tracker.log({"loss": 1.0}, step=1)
        assert tracker.run_id is None
    assert "No space left on device" in capsys.readouterr().err


class Stopping:
    """A W&B run during whose call the process is asked to stop."""

    def log(self, _metrics):
        raise Terminated("stopped")


def test_a_stop_signal_inside_the_client_still_stops_the_stage():
    with pytest.raises(Terminated):
        Tracker(Stopping(), "id").log({"loss": 1.0}, step=1)


class Recorder:
    """A W&B run that keeps its exit status."""

    def finish(self, exit_code):
        self.exit_code = exit_code


@pytest.mark.parametrize(("failure", "exit_code"), [(None, 0), (Terminated("stopped"), 1)])
def test_the_run_ends_as_the_stage_did(tmp_path, monkeypatch, failure, exit_code):
    run = Recorder()
    monkeypatch.setattr(tracking, "_start", lambda *_: run)
    settings = {"mode": "offline", "project": "r1repro"}
    try:
        with open_tracker(settings, "base", "g", {}, tmp_path):
            if failure:
                raise failure
    except Terminated:
        assert failure is not None
    assert run.exit_code == exit_code
