# SPDX-License-Identifier: Apache-2.0
"""Claims about published runs: their verdicts are those of the run, and edits are noticed."""

import sys
from pathlib import Path

import pytest
from claims_runs import attempt, make_run, questions

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))

from publish import publish

from r1repro.audit.claims.runs import MissingEvidence, Run
from r1repro.errors import StageError

TABLE = "evaluate/r1_zero/questions.csv"


@pytest.fixture
def folder(tmp_path):
    """One run with the tables that a check of the vote reads, and a file that stays behind."""
    made = make_run(tmp_path, 3, questions("r1_zero", cons=0.7))
    (made / "evaluate/r1_zero/samples.jsonl").write_text("{}\n")
    attempt(made, "score", seed=3)
    return made


def test_a_published_run_holds_its_tables_and_records_and_nothing_else(folder, tmp_path):
    target = publish(folder, tmp_path / "published")
    assert target.name == "seed_3"
    assert Run(target).text(TABLE) == Run(folder).text(TABLE)
    assert not list(target.rglob("samples.jsonl"))
    listed = {line.split("  ")[1] for line in (target / "SHA256SUMS").read_text().splitlines()}
    there = {p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()}
    assert listed == there - {"SHA256SUMS"}
    assert any(name.startswith("attempts/") for name in listed)


def test_an_edited_copy_is_no_evidence(folder, tmp_path):
    target = publish(folder, tmp_path / "published")
    with (target / TABLE).open("a") as table:
        table.write("\n")
    with pytest.raises(MissingEvidence, match="was changed since it was made"):
        Run(target).text(TABLE)


def test_a_seed_is_not_published_over_another(folder, tmp_path):
    publish(folder, tmp_path / "published")
    with pytest.raises(StageError, match="seed_3 exists; take it away first"):
        publish(folder, tmp_path / "published")


def test_a_record_that_names_a_path_of_the_machine_is_not_published(folder, tmp_path):
    [record] = (folder / "attempts").rglob("*.jsonl")
    text = record.read_text().replace('"device": "a CPU"', '"device": "/opt/python/bin/python"')
    record.write_text(text)
    with pytest.raises(StageError, match="names /opt/python/bin/python, a path of this machine"):
        publish(folder, tmp_path / "published")
    assert not (tmp_path / "published").exists()


def test_a_folder_without_a_run_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(StageError, match="its seed is unknown"):
        publish(tmp_path / "empty", tmp_path / "published")
