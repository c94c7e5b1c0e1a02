# SPDX-License-Identifier: Apache-2.0
"""One run per folder, clear words when a run cannot start or a stage fails."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import namedtuple

import pytest
from clones import ROOT, snakemake, snakemake_command

from r1repro import preflight
from r1repro.messages import failed_logs, failure_text, last_error, summary_text

TABLE = "results/cost/paper_cost.csv"  # a stage that needs no other and takes a second
SCRIPTS = str(ROOT / "workflow/scripts")


@pytest.mark.workflow
def test_the_bare_command_runs_a_stage_with_a_bare_path(clone):
    """No core count, no activated environment: the profile and the workflow see to both."""
    answer = subprocess.run(
        snakemake_command(TABLE),
        cwd=clone,
        env={"PATH": "/usr/bin:/bin", "HOME": str(clone)},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    assert (clone / TABLE).is_file()
    again = snakemake(clone, TABLE)
    assert "Nothing to be done" in again.stdout


@pytest.mark.workflow
def test_a_second_run_in_the_same_folder_is_refused_and_loses_nothing(clone):
    """The first run's files stay as they are; afterwards the second run works."""
    assert snakemake(clone, TABLE).returncode == 0
    before = (clone / TABLE).read_bytes()
    (clone / ".snakemake").mkdir(exist_ok=True)
    lock = preflight.take_lock(clone / preflight.LOCK)
    try:
        refused = snakemake(clone, TABLE, "--forcerun", "paper_cost")
    finally:
        lock.close()
    assert refused.returncode != 0
    assert f"another run (process {os.getpid()} on " in refused.stdout
    assert "Traceback" not in refused.stdout
    assert (clone / TABLE).read_bytes() == before
    assert snakemake(clone, TABLE, "--forcerun", "paper_cost").returncode == 0


@pytest.mark.workflow
def test_a_failed_stage_is_named_with_its_error_and_log(clone):
    """A bad line of own prompts: file, line and log stand at the end of the output."""
    (clone / "mine.jsonl").write_text('{"prompt": "1 + 1?"\n', encoding="utf-8")
    failed = snakemake(
        clone,
        "data",
        "--configfile",
        "config/smoke.yaml",
        "--config",
        "data={user_prompts: mine.jsonl}",
    )
    assert failed.returncode != 0
    assert re.search(r"Stage 'prompts' \(prompts\) failed: error: .*mine\.jsonl.*1", failed.stdout)
    assert "log: logs/prompts.log" in failed.stdout
    assert "Run the same command again" in failed.stdout
    assert not list((clone / "results/data").glob("*"))


@pytest.mark.workflow
def test_a_configuration_for_gpus_is_refused_where_the_profile_grants_none(clone):
    """Before the data are made, not hours later; the sentence names the profile to use."""
    refused = snakemake(clone, TABLE, "--config", "require_gpu=True")
    assert refused.returncode != 0
    assert "require_gpu: true but the profile in force grants no GPU" in refused.stdout
    assert "Traceback" not in refused.stdout
    granted = ("--config", "require_gpu=True", "--workflow-profile", "profiles/gpu")
    assert snakemake(clone, TABLE, *granted).returncode == 0


def test_a_killed_run_leaves_no_lock(tmp_path):
    """The system drops the lock with the process, however it ended."""
    lock = tmp_path / "lock"
    code = "import sys,time; from pathlib import Path; from r1repro.preflight import take_lock;"
    code += "take_lock(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(lock)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": SCRIPTS},
    )
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(preflight.PreflightError, match=f"process {holder.pid}"):
        preflight.take_lock(lock)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    preflight.take_lock(lock).close()


def test_a_cluster_is_refused_a_python_that_its_jobs_could_not_start():
    """Snakemake's job script would cut the path at its blank; here it does no harm."""
    python = "/a lab/.venv/bin/python"
    preflight.check_interpreter(False, python)
    preflight.check_interpreter(True, "/lab/.venv/bin/python")
    with pytest.raises(preflight.PreflightError, match=r"ln -s '/a lab/.venv' ~/r1repro-venv"):
        preflight.check_interpreter(True, python)


@pytest.mark.workflow
def test_a_conda_that_could_not_activate_is_refused_before_it_makes_anything(clone, tmp_path):
    """Snakemake would run the rules in the workflow's own Python without a word."""
    preflight.check_conda(True, None)
    preflight.check_conda(True, "/opt/conda/bin/conda")
    conda = tmp_path / "my conda/bin/conda"
    conda.parent.mkdir(parents=True)
    conda.write_text(f"#!/bin/sh\ntouch '{tmp_path}/called'\nexit 1\n")
    conda.chmod(0o755)
    environment = os.environ | {"PATH": f"{conda.parent}:{os.environ['PATH']}"}
    for arguments in ((TABLE, "--sdm", "conda"), ("--list-rules",)):
        answer = subprocess.run(
            snakemake_command(*arguments),
            cwd=clone,
            env=environment,
            capture_output=True,
            text=True,
        )
        refused = f"error: conda is {conda}, and Snakemake cannot activate" in answer.stderr
        assert (refused, answer.returncode != 0) == ("conda" in arguments, "conda" in arguments)
    assert not (tmp_path / "called").exists()


def test_a_full_disk_stops_the_run_before_it_begins(monkeypatch):
    """The sentence says how much is needed and how much there is."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12, 3 * 10**8))
    preflight.check_free_disk("smoke")
    with pytest.raises(preflight.PreflightError, match=r"needs 1\.0 GB .* has 0\.3 GB; free some"):
        preflight.check_free_disk("mini")


@pytest.mark.workflow
def test_an_unwritable_folder_gives_one_sentence(clone):
    """A user may read the clone and not write in it; root may not either, without its powers."""
    command = snakemake_command(TABLE)
    if os.geteuid() == 0:
        # no other user: the folder of this Python may be one that only root can enter
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    clone.chmod(0o555)
    answer = subprocess.run(command, cwd=clone, capture_output=True, text=True)
    clone.chmod(0o755)
    assert answer.returncode != 0
    assert "cannot be written (Permission denied)" in answer.stderr, answer.stderr
    assert "Traceback" not in answer.stderr


def here() -> str:
    """Return this host and the cluster job, if the tests run in one."""
    return f"{socket.gethostname()}/{os.environ.get('SLURM_JOB_ID', '')}"


@pytest.mark.parametrize("place", ["another-host/", "{host}/4711"])
def test_a_job_of_a_cluster_does_not_look_for_a_process_elsewhere(place):
    """A process id of the login node means nothing on the node, or in the job, of a stage."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    code = "import time; from r1repro.parent import watch_workflow; watch_workflow(); time.sleep(2)"
    place = place.format(host=socket.gethostname())
    environment = {"PYTHONPATH": SCRIPTS, "R1REPRO_WORKFLOW": f"{gone.pid} {place}"}
    child = subprocess.run([sys.executable, "-c", code], env=os.environ | environment, timeout=60)
    assert child.returncode == 0


def test_a_stage_ends_when_its_workflow_is_gone():
    """After kill -9 of Snakemake the job stops by itself within seconds, as if by SIGTERM."""
    parent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    code = "import time; from r1repro.parent import watch_workflow; watch_workflow();"
    code += "print('watching', flush=True); time.sleep(60)"
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": SCRIPTS, "R1REPRO_WORKFLOW": f"{parent.pid} {here()}"},
    )
    assert child.stdout.readline() == b"watching\n"
    time.sleep(1.5)
    assert child.poll() is None
    parent.kill()
    parent.wait()
    assert child.wait(timeout=10) == -signal.SIGTERM
    child.stdout.close()


LOG = """\
Job 4: base: pretraining from scratch
Error in rule base:
    message: None
    jobid: 4
    output: results/prepare/base
    log: logs/base.log (check log file(s) for error details)
    shell:
        python workflow/scripts/pretrain.py
Error in rule scores:
    jobid: 9
    log: logs/scores.log (check log file(s) for error details)
"""


def test_the_logs_of_failed_stages_are_found_in_snakemakes_own_log():
    """Both failed stages, in the order they failed."""
    assert failed_logs(LOG.splitlines(keepends=True)) == {
        "logs/base.log": "base",
        "logs/scores.log": "scores",
    }


def test_the_last_word_of_a_log_is_its_error_and_not_what_follows(tmp_path):
    """A warning after the error does not hide it; an empty log is said to be empty."""
    log = tmp_path / "base.log"
    log.write_text("step 1\nerror: the disk is full\nwandb: bye\n")
    assert last_error(log) == "error: the disk is full"
    log.write_text("step 1\nTraceback (most recent call last):\n  x\nValueError: no\n")
    assert last_error(log) == "ValueError: no"
    log.write_text("step 1\n")
    assert "without saying why, as if killed; its log ends with: step 1" in last_error(log)
    log.write_text("\n")
    assert last_error(log) == "its log is empty"
    assert last_error(tmp_path / "none.log") == "it wrote no log"


def test_a_failure_before_any_stage_is_said_so(tmp_path):
    """A log without a failed rule names none."""
    (tmp_path / "x.log").write_text("Building DAG of jobs...\n")
    assert "before a stage failed" in failure_text([str(tmp_path / "x.log")])


def test_the_summary_is_shown_only_beside_its_report(tmp_path):
    """`snakemake data` does not repeat the summary of a page that is gone."""
    summary, report = tmp_path / "summary.txt", tmp_path / "report.html"
    summary.write_text("scale mini\n")
    assert "scale mini" not in summary_text(summary, report)
    report.write_text("<html>")
    assert "scale mini" in summary_text(summary, report)
