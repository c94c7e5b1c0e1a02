# SPDX-License-Identifier: Apache-2.0
"""Claims about results/published/mini: seeds whose verdicts follow from the files there."""

import csv
import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))

from publish import MACHINE_PATH, ladder_over_seeds

from r1repro.audit.attempt_records import read_attempts
from r1repro.audit.claims.cells import Tables
from r1repro.audit.claims.definitions import read_claims
from r1repro.audit.claims.judge import judge
from r1repro.audit.claims.rows import csv_of
from r1repro.audit.claims.runs import open_runs, read_sums
from r1repro.audit.stage_cost import REPORTING
from r1repro.files import sha256_file

ROOT = Path(__file__).resolve().parents[2]
MINI = Path("results/published/mini")
SEEDS = [1, 2, 3, 4, 5, 6, 7]


@pytest.fixture
def at_root(monkeypatch):
    """Evidence names its files as seen from the root of the project."""
    monkeypatch.chdir(ROOT)


@pytest.fixture
def committed(at_root):
    """The committed verdicts, a row a check."""
    with (MINI / "claims.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def verdicts(folder: Path) -> str:
    """Judge every claim over the seeds in a folder."""
    tables = Tables(Path("results/published/nature"))
    runs = open_runs(sorted(folder.glob("seed_*")))
    return csv_of(judge(read_claims(Path("config/claims.yaml"), tables), tables, runs))


def test_every_published_file_is_listed_and_unchanged(at_root):
    for folder in [MINI, *(MINI / f"seed_{seed}" for seed in SEEDS)]:
        sums = read_sums(folder / "SHA256SUMS")
        assert {name: sha256_file(folder / name) for name in sums} == sums
        own = folder.rglob("*") if folder.name.startswith("seed_") else folder.glob("*")
        there = {path.relative_to(folder).as_posix() for path in own if path.is_file()}
        assert there - {"SHA256SUMS", "README.md"} == set(sums)


def test_no_published_record_names_a_path_of_a_machine(at_root):
    for path in MINI.rglob("*.json*"):
        assert MACHINE_PATH.search(path.read_text(encoding="utf-8")) is None, path


def test_the_verdicts_follow_from_the_published_files(at_root):
    assert verdicts(MINI) == (MINI / "claims.csv").read_text(encoding="utf-8")


def test_the_ladder_over_the_seeds_follows_from_theirs(at_root):
    runs = open_runs(sorted(MINI.glob("seed_*")))
    recomputed = ladder_over_seeds(runs).to_csv(index=False, lineterminator="\n")
    assert recomputed == (MINI / "ladder.csv").read_text(encoding="utf-8")


def test_experiments_are_decided_by_all_seeds(committed):
    """Most have an effect in each seed; what is undecided says how many seeds it would need."""
    runs = json.loads((MINI / "manifest.json").read_text(encoding="utf-8"))
    assert [run["seed"] for run in runs["runs"]] == SEEDS
    experiments = [row for row in committed if row["agrees_with"] == "experiment"]
    measured = [row for row in experiments if row["seeds"] == ", ".join(map(str, SEEDS))]
    assert len(measured) >= len(experiments) - 1
    found = Counter(row["verdict"] for row in measured)
    assert min(found["supported"], found["contradicted"]) > 0, found


def test_the_seeds_were_run_from_one_commit_on_a_named_machine(at_root):
    """Ledger and bill were made again later, by a version that seals; the stages were not."""
    records = [r for seed in SEEDS for r in read_attempts(MINI / f"seed_{seed}/attempts")]
    stages = [record for record in records if record.stage not in REPORTING]
    assert len(stages) > 300
    assert {record.scale for record in stages} == {"mini"}
    assert all(record.completed for record in stages)
    assert len({(record.commit, record.device) for record in stages}) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_the_ledger_of_a_seed_verifies(at_root, seed):
    """The auditor's program finds nothing, and its root is the one that is published."""
    folder = MINI / f"seed_{seed}"
    root = (folder / "cost/ledger.root").read_text(encoding="utf-8").split()[0]
    command = [sys.executable, "workflow/scripts/audit.py", "verify", folder, "--root", root]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("edited", "verdict"), [([3], "supported"), ([3, 4, 5, 6, 7], "undecided")]
)
def test_an_edited_seed_is_no_evidence(at_root, edited, verdict, tmp_path):
    """It drops out and is named; with fewer than three seeds left nothing is concluded."""
    copy = tmp_path / "mini"
    shutil.copytree(MINI, copy)
    for seed in edited:
        table = copy / f"seed_{seed}/evaluate/r1_zero/questions.csv"
        text = table.read_text(encoding="utf-8")
        table.write_text(text.replace("0.", "1.", 1), encoding="utf-8")
    rows = csv.DictReader(verdicts(copy).splitlines())
    row = next(row for row in rows if row["what"].startswith("pass@1 of reasoning questions, R1-Z"))
    assert row["verdict"] == verdict
    for seed in edited:
        assert f"seed_{seed}/evaluate/r1_zero/questions.csv was changed since" in row["note"]


def test_readme_counts_the_verdicts_as_the_program_does(at_root):
    """Claims by tier; a claim of two kinds of agreement counts in both."""
    counts = json.loads((MINI / "manifest.json").read_text(encoding="utf-8"))["verdicts"]
    readme = Path("README.md").read_text(encoding="utf-8")
    for tier, found in counts.items():
        words = ", ".join(f"{name} {number}" for name, number in found.items())
        assert f": verdicts | {words} | |" in readme, tier
