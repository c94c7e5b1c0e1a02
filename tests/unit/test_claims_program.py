# SPDX-License-Identifier: Apache-2.0
"""Claims about the program `claims`, run as the rule runs it."""

import csv
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

from claims_runs import PUBLISHED, ROOT, SEEDS, all_definitions, attempt, make_run, questions

from r1repro.audit.attempt_records import read_attempts
from r1repro.provenance import foreign_packages

SECONDS_ALLOWED = 5


GAIN = "pass@1 of reasoning questions, R1-Zero minus its base"


def learned(folder, seed, gain=0.3):
    """Write a run that gained so much."""
    base = questions("base", pass1=0.3 + seed / 100)
    return make_run(folder, seed, base, questions("r1_zero", pass1=0.3 + gain))


def run(folder, *runs, claims=ROOT / "config/claims.yaml", tables=PUBLISHED, published=()):
    """Run the program; return status and what it said on stderr."""
    command = [sys.executable, ROOT / "workflow/scripts/claims.py"]
    command += ["--settings", '{"scale": "mini", "seed": 1}', "--gpus", "0", "--code", "c"]
    command += ["--state", folder / "state", "--attempts", folder / "attempts"]
    command += ["--claims", claims, "--tables", tables, "--runs", *runs]
    command += ["--published", *published]
    command += ["--out-claims", folder / "claims.csv", "--out-manifest", folder / "manifest.json"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
    return done.returncode, done.stderr


def table(folder):
    """Return the rows of claims.csv by what was measured or compared."""
    with open(folder / "claims.csv", newline="", encoding="utf-8") as handle:
        return {row["what"]: row for row in csv.DictReader(handle)}


def test_verdicts_manifest_and_record_are_written(tmp_path):
    """Without runs the arithmetic stands, and the attempt names its outputs."""
    assert run(tmp_path) == (0, "")
    with open(tmp_path / "claims.csv", newline="", encoding="utf-8") as handle:
        assert {row["claim"] for row in csv.DictReader(handle)} == all_definitions().keys()
    found = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert len(found["published"]) == len(list(PUBLISHED.glob("*.csv")))
    assert found["verdicts"]["headline"]["paper: inconsistent"] == 2
    (record,) = read_attempts(tmp_path / "attempts")
    assert (record.stage, record.completed) == ("claims", True)


def test_the_same_files_give_the_same_bytes(tmp_path):
    folders = [learned(tmp_path, seed) for seed in SEEDS]
    texts = []
    for name in ("first", "second"):
        assert run(tmp_path / name, *folders) == (0, "")
        texts.append((tmp_path / name / "claims.csv").read_bytes())
    assert texts[0] == texts[1]
    assert table(tmp_path / "first")[GAIN]["verdict"] == "supported"


def test_a_single_run_is_placed_beside_the_published_seeds_which_decide(tmp_path):
    published = [learned(tmp_path / "published", seed) for seed in SEEDS]
    assert run(tmp_path, learned(tmp_path, 1, gain=-0.2), published=published) == (0, "")
    row = table(tmp_path)[GAIN]
    assert (row["verdict"], row["seeds"], row["this_run_is"]) == ("supported", "1, 2, 3", "outside")
    folders = [learned(tmp_path, seed, gain=-0.2) for seed in SEEDS]
    assert run(tmp_path, *folders, published=published) == (0, "")
    row = table(tmp_path)[GAIN]
    assert (row["verdict"], row["this_run_is"]) == ("contradicted", "")


def test_changed_published_evidence_stops_and_keeps_the_old_table(tmp_path):
    published = Path(shutil.copytree(PUBLISHED, tmp_path / "nature"))
    assert run(tmp_path, tables=published) == (0, "")
    before = (tmp_path / "claims.csv").read_bytes()
    path = published / "safety.csv"
    path.write_text(path.read_text().replace("89.3", "98.3"))
    status, errors = run(tmp_path, tables=published)
    assert status == 1
    assert "safety.csv is not the published evidence any more" in errors
    assert (tmp_path / "claims.csv").read_bytes() == before


def test_a_fault_in_the_claims_file_stops_with_id_and_line(tmp_path):
    text = (ROOT / "config/claims.yaml").read_text(encoding="utf-8")
    claims = tmp_path / "claims.yaml"
    claims.write_text(text.replace("effect: vote-gain\n", "effect: vote-loss\n"))
    status, errors = run(tmp_path, claims=claims)
    line = text[: text.index("- id: voting-adds")].count("\n") + 1
    assert status == 1
    assert f"line {line}, claim voting-adds: there is no effect 'vote-loss'" in errors
    assert errors.count("\n") == 1


def test_two_runs_of_one_seed_stop(tmp_path):
    folders = [make_run(tmp_path / name, 1) for name in "ab"]
    status, errors = run(tmp_path, *folders)
    assert (status, errors.count("\n")) == (1, 1)
    assert "both hold seed 1" in errors


def test_the_record_of_the_run_in_the_same_folder_is_no_evidence_yet(tmp_path):
    """The rule judges `results` while its own attempt is being written there."""
    folder = tmp_path / "results"
    shutil.copytree(learned(tmp_path, 1), folder)
    attempt(folder, "score", seed=5)
    assert run(folder, folder) == (0, "")
    row = table(folder)[GAIN]
    assert (row["verdict"], row["seeds"]) == ("undecided", "")


def test_the_published_seeds_are_judged_within_five_seconds(tmp_path):
    """The start of Python included; the best of two, because others run beside."""
    published = sorted((ROOT / "results/published/mini").glob("seed_*"))
    taken = []
    for _ in range(2):
        begun = time.perf_counter()
        assert run(tmp_path, published=published) == (0, "")
        taken.append(time.perf_counter() - begun)
    assert min(taken) <= SECONDS_ALLOWED
    assert table(tmp_path)[GAIN]["seeds"] == ", ".join(
        str(seed) for seed in range(1, len(published) + 1)
    )


def test_the_program_needs_nothing_but_yaml_and_scipy():
    """An auditor installs no torch, no pandas and no Snakemake."""
    assert foreign_packages("claims") - sys.stdlib_module_names == {"yaml", "scipy"}
