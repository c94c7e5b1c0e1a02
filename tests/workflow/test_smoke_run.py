# SPDX-License-Identifier: Apache-2.0
"""The whole chain at smoke scale: what it leaves, twice, and killed on the way.

Two clones run side by side. One is left alone; the other is killed hard three times, twice with
everything it started and once only Snakemake itself. Both must end with the same bytes.
"""

import csv
import hashlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import copy_repository, snakemake, snakemake_command

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

SMOKE = ("--configfile", "config/smoke.yaml")
SECONDS = 400
# Secrets as a shell may hold them; none may reach a file.
PLANTED = {
    "WANDB_API_KEY": "5ec2e7" * 6 + "abcd",
    "HF_TOKEN": "hf_plantedPlantedPlantedPlanted0123456",
    "AWS_SECRET_ACCESS_KEY": "planted/SECRET/key/0123456789abcdefghijkl",
    "MY_PASSWORD": "correct-horse-battery-planted",
}
COLUMNS = {
    "results/evaluate/scores.csv": (
        "checkpoint,category,metric,k,n_prompts,value,ci_low,ci_high,seed"
    ),
    "results/evaluate/base/questions.csv": (
        "checkpoint,prompt_id,category,task,set,language,level,samples,pass@1,pass@16,cons@16,"
        "mean_length,format_rate,language_consistency,repetition_rate,refusal_rate,utility,unsafe"
    ),
    "results/evaluate/preference.csv": "checkpoint,prompt_id,samples,preference",
    "results/evaluate/ladder.csv": (
        "benchmark,paper_rows,metric,unit,checkpoint,value,ci_low,ci_high,n"
    ),
    "results/evaluate/ladder_tests.csv": (
        "benchmark,lower,upper,test,n,difference,ci_low,ci_high,p_value,p_holm,significant,finding"
    ),
    "results/rl/r1_zero/curve.csv": (
        "step,pass1,cons16,mean_length,flop,greedy_pass1,greedy_repetition,sampled_repetition,"
        "pass1_easy,pass1_middle,pass1_hard"
    ),
    "results/claims/claims.csv": (
        "id,area,kind,scale,verdict,reported,obtained,ci_low,ci_high,tolerance,evidence,note"
    ),
    "results/cost/cost_by_stage.csv": (
        "stage,scale,purpose,device,nodes,gpus_per_node,attempts,hours,gpu_hours,core_hours,"
        "unit_price_usd,cost_usd,energy_kwh,energy_source"
    ),
}
FILES = [
    "results/data/train.jsonl",
    "results/data/validation.jsonl",
    "results/data/test.jsonl",
    "results/data/prompts_manifest.json",
    "results/data/decontamination.json",
    "results/data/decontamination_test.csv",
    "results/data/preference_pairs.jsonl",
    "results/data/preference_heldout.jsonl",
    "results/data/safety_responses.jsonl",
    "results/data/safety_heldout.jsonl",
    "results/data/preferences_manifest.json",
    "results/data/base_corpus.jsonl",
    "results/data/cold_start.jsonl",
    "results/data/corpus_manifest.json",
    "results/data/tokens_manifest.json",
    "results/prepare/tokenizer/tokenizer.json",
    "results/prepare/base/model.safetensors",
    "results/prepare/dev1/model.safetensors",
    "results/rl/r1_zero/checkpoint/model.safetensors",
    "results/rl/r1_zero/metrics.csv",
    "results/rl/r1/checkpoint/model.safetensors",
    "results/rl/distill/model.safetensors",
    "results/data/sft_data.jsonl",
    "results/prepare/rm_accuracy.csv",
    "results/claims/manifest.json",
    "results/cost/paper_cost.csv",
    "results/cost/ledger.jsonl",
    "results/cost/seal.json",
    "results/cost/ledger.root",
    "results/report.html",
    "results/summary.txt",
    *COLUMNS,
]
# Folders whose files may not differ between two runs; cost and report tell of times and hosts, and
# so does memory.csv.
SAME = ("results/data", "results/prepare", "results/rl", "results/evaluate")


@dataclass
class Kill:
    """Kill a run hard at a moment; `whole` kills what it started as well."""

    stage: str
    sign: str  # a glob below results/ whose first match is the moment
    whole: bool
    landed: bool = field(default=False)


def kills() -> list[Kill]:
    """Return the three moments: first checkpoint of base and of r1_zero, then an evaluation."""
    return [
        Kill("base", "state/base/step_*", whole=True),
        Kill("r1_zero", "state/r1_zero/step_*", whole=True),
        Kill("score", "attempts/score*/*.jsonl", whole=False),
    ]


def run_until(clone: Path, kill: Kill | None) -> subprocess.Popen:
    """Run the chain; kill it at the moment, or wait until it ends."""
    with (clone / "output.txt").open("a") as output:
        run = subprocess.Popen(
            snakemake_command(*SMOKE),
            cwd=clone,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | PLANTED,
        )
    deadline = time.monotonic() + SECONDS
    while run.poll() is None and time.monotonic() < deadline:
        if kill is not None and any((clone / "results").glob(kill.sign)):
            kill.landed = True
            (os.killpg if kill.whole else os.kill)(run.pid, signal.SIGKILL)
            break
        time.sleep(0.01)
    else:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    return run


def run_with_kills(clone: Path, moments: list[Kill], ends: dict) -> None:
    """Run the chain through all kills to its end."""
    for kill in moments:
        run_until(clone, kill)
    ends[clone] = run_until(clone, None).returncode


@dataclass
class Runs:
    """The two finished clones and what happened."""

    plain: Path
    killed: Path
    moments: list[Kill]
    ends: dict


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Runs:
    """Run both clones side by side, once for all tests of this file."""
    plain = copy_repository(tmp_path_factory.mktemp("plain"))
    killed = copy_repository(tmp_path_factory.mktemp("killed"))
    moments, ends = kills(), {}
    threads = [
        threading.Thread(target=run_with_kills, args=(plain, [], ends)),
        threading.Thread(target=run_with_kills, args=(killed, moments, ends)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Runs(plain, killed, moments, ends)


def fingerprints(clone: Path) -> dict[str, str]:
    """Return file -> sha256 of what may not differ; columns of seconds are left out."""
    found = {}
    for folder in SAME:
        for path in sorted((clone / folder).rglob("*")):
            if not path.is_file() or path.name in (".snakemake_timestamp", "memory.csv"):
                continue
            content = path.read_bytes()
            if path.name.endswith("metrics.csv"):
                rows = csv.DictReader(content.decode().splitlines())
                content = repr(
                    [{k: v for k, v in row.items() if not k.startswith("seconds")} for row in rows]
                ).encode()
            found[path.relative_to(clone).as_posix()] = hashlib.sha256(content).hexdigest()
    return found


def test_the_chain_runs_to_its_report(runs):
    """Every promised file exists and the tables have the promised columns."""
    assert runs.ends[runs.plain] == 0, (runs.plain / "output.txt").read_text()[-3000:]
    for name in FILES:
        assert (runs.plain / name).stat().st_size > 0, name
    for name, columns in COLUMNS.items():
        assert (runs.plain / name).read_text().splitlines()[0] == columns


def test_no_planted_secret_is_written_anywhere(runs):
    """Records, logs, W&B files, Snakemake's metadata and the page hold none of four secrets."""
    secrets = {name: value.encode() for name, value in PLANTED.items()}
    written = 0
    for clone in (runs.plain, runs.killed):
        for path in sorted(clone.rglob("*")):
            ours = path.parts[len(clone.parts)] == "tests"  # this file holds them
            if path.is_file() and not path.is_symlink() and not ours:
                content = path.read_bytes()
                assert [name for name in secrets if secrets[name] in content] == [], path
                written += path.suffix in (".wandb", ".log", ".jsonl", ".html")
    assert written > 100


def test_the_terminal_ends_with_the_summary(runs):
    """About fifteen lines and the path of the page."""
    output = (runs.plain / "output.txt").read_text()
    summary = (runs.plain / "results/summary.txt").read_text().strip()
    assert summary in output
    assert "results/report.html" in summary
    assert 8 <= len(summary.splitlines()) <= 25


def test_without_a_terminal_the_whole_chain_is_a_hundred_plain_lines(runs):
    """No control code; each stage ends in a line of its own that says how far the whole is."""
    output = (runs.plain / "output.txt").read_text()
    assert "\x1b" not in output and "\r" not in output
    assert len(output.splitlines()) <= 100
    stages = [path.stem for path in (runs.plain / "logs").glob("*.log")]
    done = re.findall(
        r"^(\w+): done in \d+:\d\d \((?:\d+ %, about [\d:]+ left, )?(\d+) of (\d+) stages",
        output,
        re.MULTILINE,
    )
    assert sorted(stage for stage, _, _ in done) == sorted(stages)
    assert [int(number) for _, number, _ in done] == list(range(1, len(stages) + 1))
    assert {total for _, _, total in done} == {str(len(stages))}


def test_the_logs_hold_no_control_characters(runs):
    """A log can be read with any tool."""
    for path in (runs.plain / "logs").glob("*.log"):
        text = path.read_bytes().decode()
        found = {char for char in text if ord(char) < 32 and char not in "\n\t"} | (
            {"\x7f", "\x1b"} & set(text)
        )
        assert not found, f"{path.name}: {found}"


def test_both_runs_verify(runs):
    """The auditor's program finds nothing, killed attempts or not, and the root was printed."""
    for clone in (runs.plain, runs.killed):
        command = [sys.executable, "workflow/scripts/audit.py", "verify", "results"]
        answer = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)
        lines = answer.stdout.splitlines()
        assert (answer.returncode, lines[-1:]) == (0, ["all holds"]), answer.stdout
        root = (clone / "results/cost/ledger.root").read_text().split()[0]
        assert f"root {root}" in (clone / "output.txt").read_text()
        assert root in (clone / "logs/seal.log").read_text()
        assert root in (clone / "results/report.html").read_text()
        assert f"under the root {root}" in (clone / "results/summary.txt").read_text()


def test_every_stage_left_a_complete_attempt(runs):
    """First line begin, last line end with exit 0."""
    stages = {path.name for path in (runs.plain / "results/attempts").iterdir()}
    assert {"prompts", "corpus", "tokenizer", "base", "dev1", "r1_zero", "curve"} <= stages
    for path in (runs.plain / "results/attempts").rglob("*.jsonl"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert '"begin"' in json.dumps(lines[0]), path
        assert '"end"' in json.dumps(lines[-1]), path


def test_the_kills_landed_where_they_were_meant(runs):
    """Otherwise the next test would compare two runs that were left alone."""
    assert all(kill.landed for kill in runs.moments), runs.moments
    assert runs.ends[runs.killed] == 0, (runs.killed / "output.txt").read_text()[-3000:]


def test_a_killed_run_ends_with_the_same_bytes(runs):
    """Weights, samples, scores, curve and data of both clones are identical."""
    plain, killed = fingerprints(runs.plain), fingerprints(runs.killed)
    assert plain
    assert set(plain) == set(killed)
    assert [name for name in plain if plain[name] != killed[name]] == []


def test_a_killed_attempt_is_in_the_bill(runs):
    """The bill of the killed clone has a failed attempt of base and of r1_zero; the other none."""

    def failed(clone: Path) -> set[str]:
        with (clone / "results/cost/cost_by_stage.csv").open() as table:
            return {row["stage"] for row in csv.DictReader(table) if row["purpose"] == "failed"}

    assert failed(runs.plain) == set()
    assert {"base", "r1_zero"} <= failed(runs.killed)


def test_a_second_run_has_nothing_to_do_within_three_seconds(runs):
    """Counted in processor time, because other tests may hold the cores."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    again = snakemake(runs.plain, *SMOKE)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "Nothing to be done" in again.stdout
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime <= 3.0


def planned(clone: Path, *arguments: str) -> set[str]:
    """Return the rules a dry run would run, without targets."""
    files = () if "--configfile" in arguments else SMOKE
    answer = snakemake(clone, "-n", *files, *arguments).stdout
    if "Nothing to be done" in answer:
        return set()
    rows = answer.split("Job stats:")[1].split("total")[0].splitlines()[3:]
    return {row.split()[0] for row in rows if row.strip()} - {"all"}


def test_switching_tracking_off_reruns_nothing(runs):
    """How a run is watched does not change what it computes."""
    assert planned(runs.plain, "--config", 'tracking={mode: "off"}') == set()


def test_a_setting_reruns_the_stages_that_depend_on_it_and_no_others(runs):
    """Bootstrap resamples concern evaluation and what follows, not training."""
    (runs.plain / "mine.yaml").write_text("evaluate: {bootstrap: 150}\n")
    after = {
        "score", "scores", "ladder", "curve", "risk_control", "stage_cost",
        "cost_model_measured", "allocation", "projection", "claims", "page", "exports", "seal",
    }  # fmt: skip
    assert planned(runs.plain, "--configfile", "config/smoke.yaml", "mine.yaml") == after


def test_a_stage_can_be_run_again_by_its_name(runs):
    """Forcing the curve runs it, the bill and the page."""
    after = {"curve", "seal", "stage_cost", "cost_model_measured", "claims", "page", "exports"}
    after |= {"allocation", "projection"}
    assert planned(runs.plain, "--forcerun", "curve") == after


def test_snakemakes_own_report_works(runs):
    """Tables and page are in it; it needs no network."""
    answer = snakemake(runs.plain, *SMOKE, "--report", "report.zip")
    assert answer.returncode == 0, answer.stdout
    assert (runs.plain / "report.zip").stat().st_size > 10_000
