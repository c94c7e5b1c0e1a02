# SPDX-License-Identifier: Apache-2.0
"""Claims about runs as evidence: what vouches for a file, and what happens to an edited one."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from claims_runs import PUBLISHED, SEEDS, attempt, make_run, questions, rows_of, write_csv

from r1repro.audit.attempt_records import AttemptDamaged
from r1repro.audit.claims.manifest import manifest
from r1repro.audit.claims.runs import MissingEvidence, Run, open_runs
from r1repro.errors import InputError

BASE, ZERO = "evaluate/base/questions.csv", "evaluate/r1_zero/questions.csv"
CLAIM = "rl-alone-elicits-reasoning"


def gain_row(folders):
    """Return the first experiment of the claim: pass@1."""
    return rows_of(CLAIM, folders)[0]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def learned(tmp_path, seed, *, recorded=False, extra=0.0):
    """Write a run that learned; on demand with attempts that name both tables as outputs."""
    run = make_run(
        tmp_path,
        seed,
        questions("base", pass1=0.3 + seed / 100),
        questions("r1_zero", pass1=0.8 + extra),
    )
    if recorded:
        for number, name in enumerate((BASE, ZERO), start=1):
            outputs = {f"results/{name}": sha256(run / name)}
            attempt(run, "score", seed=seed, outputs=outputs, number=number)
    return run


def edit(path: Path) -> None:
    """Make the last reasoning answer right."""
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("q9,logic,0.8", "q9,logic,1.0"), encoding="utf-8")


def test_seed_and_scale_come_from_the_newest_attempt_or_from_the_folder(tmp_path):
    named = learned(tmp_path, 7)
    assert (Run(named).seed, Run(named).scale) == (7, "unknown")
    attempt(named, "score", seed=11, number=1)
    attempt(named, "score", seed=12, number=2)
    attempt(named, "claims", seed=13, number=3)  # a report makes no results
    assert (Run(named).seed, Run(named).scale) == (12, "mini")


def test_a_folder_without_seed_or_that_is_not_there_is_refused(tmp_path):
    (tmp_path / "results").mkdir()
    with pytest.raises(InputError, match="its seed is unknown"):
        Run(tmp_path / "results")
    with pytest.raises(InputError, match="is no folder of a run"):
        Run(tmp_path / "absent")


def test_one_seed_counts_once_and_scales_are_not_mixed(tmp_path):
    first, second = learned(tmp_path / "a", 1), learned(tmp_path / "b", 1)
    with pytest.raises(InputError, match="one seed counts once"):
        open_runs([first, second])
    attempt(second, "score", seed=2)
    with pytest.raises(InputError, match="judge one scale at a time"):
        open_runs([first, second])


def test_recorded_tables_are_accepted_and_an_edited_one_is_not(tmp_path):
    """Five seeds decide; after an edit by hand that seed says so, and four still decide."""
    folders = [learned(tmp_path, seed, recorded=True) for seed in (1, 2, 3, 4)]
    assert gain_row(folders).verdict == "supported"
    edit(folders[1] / ZERO)
    row = gain_row(folders)
    assert row.verdict == "supported"
    assert "seed_2/evaluate/r1_zero/questions.csv was changed since it was made" in row.note
    assert "attempt a2-score" in row.note
    assert "seed_2/evaluate/r1_zero" not in row.evidence
    edit(folders[0] / ZERO)
    row = gain_row(folders)
    assert row.verdict == "undecided"
    assert "Has 2 of the 3 seeds that it needs." in row.note


def test_only_the_newest_attempt_vouches(tmp_path):
    """A stage that ran again made the file anew."""
    run = learned(tmp_path, 1, recorded=True)
    edit(run / ZERO)
    with pytest.raises(MissingEvidence, match="was changed"):
        Run(run).text(ZERO)
    attempt(run, "score", seed=1, outputs={f"results/{ZERO}": sha256(run / ZERO)}, number=3)
    assert Run(run).text(ZERO)


def test_another_file_of_the_same_name_vouches_for_nothing(tmp_path):
    """`pilot/metrics.csv` is not `small_pilot/metrics.csv`."""
    run = make_run(tmp_path, 1)
    write_csv(run / "pilot/metrics.csv", {"a": [1]})
    attempt(run, "pilot", outputs={"results/small_pilot/metrics.csv": "0" * 64})
    assert Run(run).rows("pilot/metrics.csv") == [{"a": "1"}]


def committed(tmp_path, folders):
    """List the files of several runs as sha256sum does, in the folder above them."""
    lines = [
        f"{sha256(path)}  {path.relative_to(tmp_path).as_posix()}\n"
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    (tmp_path / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def test_committed_evidence_must_be_as_listed(tmp_path):
    folders = [learned(tmp_path, seed) for seed in SEEDS]
    committed(tmp_path, folders)
    assert gain_row(folders).verdict == "supported"
    edit(folders[0] / BASE)
    (folders[0] / BASE).write_text((folders[0] / BASE).read_text() + "\n")
    write_csv(folders[1] / "evaluate/filter.csv", {"a": [1]})
    row = gain_row(folders)
    assert row.verdict == "undecided"
    assert "was changed since it was made (SHA-256 of SHA256SUMS)" in row.note
    with pytest.raises(MissingEvidence, match="is not listed in SHA256SUMS"):
        Run(folders[1]).text("evaluate/filter.csv")


def test_committed_records_must_be_as_listed(tmp_path):
    run = learned(tmp_path, 1, recorded=True)
    committed(tmp_path, [run])
    record = run / "attempts/score/a1-score.jsonl"
    assert Run(run).seed == 1
    record.write_text(record.read_text().replace('"seed": 1', '"seed": 2'))
    with pytest.raises(InputError, match="a1-score.jsonl is not as SHA256SUMS lists it"):
        Run(run)


def test_a_damaged_list_or_record_stops(tmp_path):
    run = learned(tmp_path, 1, recorded=True)
    (run / "SHA256SUMS").write_text("not a checksum\n")
    with pytest.raises(InputError, match="SHA256SUMS, line 1"):
        Run(run)
    (run / "SHA256SUMS").unlink()
    (run / "attempts/score/a1-score.jsonl").write_text("{\n{}\n")
    with pytest.raises(AttemptDamaged, match="line 1: not JSON"):
        Run(run)
    (run / "attempts/score/a1-score.jsonl").write_text('{"kind": "begin"}\n')
    with pytest.raises(AttemptDamaged, match="line 1: elapsed_ms must be"):
        Run(run)


def test_a_torn_record_made_no_file(tmp_path):
    """A killed attempt vouches for nothing; what an earlier one made still counts."""
    run = learned(tmp_path, 1, recorded=True)
    torn = attempt(run, "score", outputs={f"results/{ZERO}": "0" * 64}, number=5)
    torn.write_text(torn.read_text()[:-30])
    assert Run(run).text(ZERO)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "has no rows"),
        (b"prompt_id,category,pass@1\n", "has no rows"),
        (b"prompt_id,category\nq1,math\n", "has no column pass@1"),
        (b"prompt_id,category,pass@1\nq1,math\n", "rows of unequal length"),
        (b"prompt_id,category,pass@1\nq1,math,0.5,9\n", "rows of unequal length"),
        (b"prompt_id,category,pass@1\nq1,math,high\n", "'high' where a number is needed"),
        (b"prompt_id,category,pass@1\nq1,math,nan\n", "'nan' where a number is needed"),
        (b"prompt_id,category,pass@1\nq1,math,1e999\n", "where a number is needed"),
        (b"prompt_id,category,pass@1\nq1,general,0.5\n", "has no reasoning question"),
        (b"prompt_id,category,pass@1\nother,math,0.5\n", "do not hold the same questions"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b'prompt_id,category,pass@1\n"q1,math,0.5\n', "is not a table"),
    ],
)
def test_a_table_that_is_none_is_missing_evidence_with_its_name(tmp_path, content, words):
    folders = [learned(tmp_path, seed) for seed in SEEDS]
    (folders[0] / ZERO).write_bytes(content)
    row = gain_row(folders)
    assert row.verdict == "undecided"
    assert words in row.note
    assert "questions.csv" in row.note


def test_the_manifest_names_every_file_and_who_vouches_for_it(tmp_path):
    run = learned(tmp_path, 4, recorded=True)
    write_csv(run / "extra.csv", {"a": [1]})
    opened = Run(run)
    opened.rows(ZERO)
    opened.rows("extra.csv")
    claims = Path(shutil.copy(PUBLISHED / "cost.csv", tmp_path / "claims.yaml"))
    found = manifest(claims, PUBLISHED, ["cost.csv"], [opened], "digest", {"number": {}})
    assert json.loads(json.dumps(found)) == found
    assert found["published"] == {(PUBLISHED / "cost.csv").as_posix(): sha256(claims)}
    assert found["verdicts"] == {"number": {}}
    (only,) = found["runs"]
    assert (only["seed"], only["scale"], only["commits"]) == (4, "mini", ["c0ffee"])
    assert only["files"] == {
        ZERO: {"sha256": sha256(run / ZERO), "vouched_by": "a2-score"},
        "extra.csv": {"sha256": sha256(run / "extra.csv"), "vouched_by": "unrecorded"},
    }
