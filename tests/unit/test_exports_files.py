# SPDX-License-Identifier: Apache-2.0
"""Claims about crate, statements, table of attempts and checksums; each by hand or by mutation."""

import csv
import hashlib
import json
import shutil
from decimal import Decimal

import pyarrow.parquet
import pytest
from exported_run import attempt, exported_run, write_run

from r1repro.audit.attempt_records import read_attempts
from r1repro.audit.exports.checks.attempts import attempts_findings
from r1repro.audit.exports.checks.folder import folder_findings, sums_findings
from r1repro.audit.exports.checks.in_toto import in_toto_findings
from r1repro.audit.exports.checks.ro_crate import ro_crate_findings
from r1repro.audit.exports.folder import ledger_root
from r1repro.audit.exports.in_toto import FOLDER_DIGEST, resource
from r1repro.audit.exports.record_files import record_files
from r1repro.errors import InputError, StageError

VERDICTS = {
    "first/1": "consistent", "first/2": "inconsistent", "third/1": "undecided",
    "fourth/1": "plausible",
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return exported_run(tmp_path_factory.mktemp("run"))


@pytest.fixture
def run(made, tmp_path):
    """A copy that a test may spoil."""
    from exported_run import Exported

    shutil.copytree(made.root, tmp_path / "run")
    return Exported(tmp_path / "run")


def files_of(run):
    """Return the record files of what the exports hold."""
    records = [r for r in read_attempts(run.attempts) if r.attempt_id != "a09"]
    return record_files(run.attempts, records).values()


def edit(path, change):
    """Change a JSON file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def entity(content, name):
    """Return an entity of a crate."""
    return next(item for item in content["@graph"] if item["@id"] == name)


def test_all_checks_of_an_honest_folder_are_silent(made):
    found = folder_findings(made.folder, made.attempts, made.prices_file)
    assert found == {name: [] for name in found}
    assert len(found) == 6


def test_the_same_records_give_the_same_bytes(made, run):
    """No time of writing, no random name."""
    shutil.rmtree(run.folder)
    run.write()
    assert (run.folder / "SHA256SUMS").read_text() == (made.folder / "SHA256SUMS").read_text()


def test_an_attempt_taken_out_of_every_export_is_missed(run):
    """The exports alone are consistent: the records of the run tell."""
    hidden = run.attempts / "rm_safety" / "a07.jsonl"
    kept = hidden.read_bytes()
    hidden.unlink()
    shutil.rmtree(run.folder)
    run.write()
    assert not any(folder_findings(run.folder, run.attempts, run.prices_file).values())
    hidden.write_bytes(kept)
    found = folder_findings(run.folder, run.attempts, run.prices_file)
    assert "attempt a07 of the records is missing" in found["focus"]
    assert found["attempts"]


def test_without_the_attempt_that_made_them_exports_are_not_judged(run):
    (run.attempts / "exports" / "a09.jsonl").unlink()
    with pytest.raises(StageError, match="which attempt made"):
        folder_findings(run.folder, run.attempts, run.prices_file)


def test_the_root_of_the_ledger_stands_in_every_export(run):
    (run.results / "cost" / "seal.json").write_text(
        json.dumps({"heads": [{"size": 4, "root": "old"}, {"size": 9, "root": "r00t"}]})
    )
    shutil.rmtree(run.folder)
    run.write()
    for name in ("focus.csv", "mlperf/r1_zero.log", "in-toto/r1_zero.json"):
        assert "r00t" in (run.folder / name).read_text(encoding="utf-8"), name
    assert "r00t" in (run.folder / "ro-crate/ro-crate-metadata.json").read_text(encoding="utf-8")
    metadata = pyarrow.parquet.read_schema(run.folder / "attempts.parquet").metadata
    assert metadata[b"ledger_root"] == b"r00t"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"heads": []}', '{"heads": [{"root": 7}]}'])
def test_a_broken_seal_stops_the_export(text, tmp_path):
    assert ledger_root(tmp_path) == ""
    (tmp_path / "cost").mkdir()
    (tmp_path / "cost" / "seal.json").write_text(text)
    with pytest.raises(InputError, match="seal the ledger again"):
        ledger_root(tmp_path)


def test_no_record_at_all_is_a_sentence(tmp_path):
    from exported_run import Exported

    write_run(tmp_path)
    shutil.rmtree(tmp_path / "results" / "attempts")
    with pytest.raises(InputError, match="there is no attempt record"):
        Exported(tmp_path).write()


# the table of attempts


def test_the_table_has_all_attempts_and_exact_money(made):
    """a08 made the report: it is there, and not billed."""
    rows = pyarrow.parquet.read_table(made.folder / "attempts.parquet").to_pylist()
    by_id = {row["attempt_id"]: row for row in rows}
    assert len(rows) == 10
    assert (by_id["a03"]["cost_usd"], by_id["a03"]["exit_code"]) == (Decimal(8), None)
    assert (by_id["a07"]["cost_usd"], by_id["a07"]["exit_code"]) == (None, 1)
    assert (by_id["a08"]["billed"], by_id["a08"]["cost_usd"]) == (False, None)
    assert by_id["a04"]["flop"] == 10**21  # beyond 64 bits
    with open(made.folder / "attempts.csv", encoding="utf-8", newline="") as handle:
        cells = {row["attempt_id"]: row for row in csv.DictReader(handle)}
    assert cells["a07"]["cost_usd"] == cells["a08"]["cost_usd"] == "unknown"
    assert cells["a01"]["cost_usd"] == "0.00033333335"


def test_a_number_beyond_38_digits_is_refused_in_a_sentence(run):
    """10^12 ms on 10^12 nodes of 10^12 GPUs: the reader's own limits, 3 x 10^29 GPU-hours."""
    most = 10**12
    attempt(run.attempts, "a04", "r1_zero", 50, most, nodes=most, gpus_per_node=most)
    files = files_of(run)
    from r1repro.audit.exports.attempts import attempts_table
    from r1repro.audit.exports.billed import billed_attempts

    billed = billed_attempts([file.record for file in files], run.prices)
    with pytest.raises(InputError, match="does not fit a Parquet column"):
        attempts_table(list(files), billed).parquet_bytes()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("a03,r1_zero", "a03,r1", "stage is 'r1'"),
        ("NVIDIA H800,1,8", "NVIDIA H800,1,4", "gpus_per_node is '4'"),
        (",16.00", ",15.00", "cost is not quantity x unit price"),
        (",3600000,", ",1800000,", "elapsed_ms is '1800000'"),
    ],
)
def test_a_changed_cell_of_the_table_is_found(old, new, told, run):
    """In the records and in the other format."""
    path = run.folder / "attempts.csv"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    found = attempts_findings(path, run.folder / "attempts.parquet", files_of(run))
    assert any(told in line for line in found)
    assert any("attempts.parquet" in line for line in found)


def test_a_parquet_file_cut_short_is_found(run):
    path = run.folder / "attempts.parquet"
    path.write_bytes(path.read_bytes()[:-10])
    (told,) = attempts_findings(run.folder / "attempts.csv", path, files_of(run))
    assert "attempts.parquet cannot be read" in told


# the statements


def test_a_statement_names_what_was_read_what_was_made_and_every_attempt(made):
    statement = json.loads((made.folder / "in-toto/r1_zero.json").read_text(encoding="utf-8"))
    (subject,) = statement["subject"]
    metrics = hashlib.sha256((made.results / "rl/r1_zero/metrics.csv").read_bytes()).hexdigest()
    assert subject == {
        "name": "results/rl/r1_zero/metrics.csv", "digest": {"sha256": metrics},
    }  # fmt: skip
    predicate = statement["predicate"]
    (material,) = predicate["materials"]
    assert material == {"name": "results/prepare/base", "digest": {FOLDER_DIGEST: "a" * 64}}
    (other,) = predicate["byproducts"]["other_attempts"]
    assert (other["attempt_id"], other["exit_code"]) == ("a03", None)


def test_a_folder_has_no_sha256_of_a_file():
    assert set(resource("results/prepare/base", "a" * 64)["digest"]) == {FOLDER_DIGEST}
    assert set(resource("results/x.csv", "a" * 64)["digest"]) == {"sha256"}


def test_the_verdicts_are_a_test_result(made):
    """One inconsistency makes it FAILED; what was not decided warns."""
    statement = json.loads((made.folder / "in-toto/verdicts.json").read_text(encoding="utf-8"))
    assert statement["predicateType"].endswith("/test-result/v0.1")
    predicate = statement["predicate"]
    assert predicate["result"] == "FAILED"
    assert predicate["passedTests"] == ["first/1", "fourth/1"]
    assert (predicate["failedTests"], predicate["warnedTests"]) == (["first/2"], ["third/1"])


STATEMENTS = {
    "a product's digest": (
        "r1_zero",
        lambda s: s["subject"][0]["digest"].update(sha256="0" * 64),
        "the subject is not what the record says",
    ),
    "a material taken out": (
        "r1_zero",
        lambda s: s["predicate"]["materials"].clear(),
        "the materials are not what the record says",
    ),
    "no digest": (
        "curve_r1_zero",
        lambda s: s["subject"][0]["digest"].update(sha256="none"),
        "the digest of results/rl/r1_zero/curve.csv is none",
    ),
    "a failed attempt left out of its record": (
        "r1_zero",
        lambda s: s["predicate"]["byproducts"]["other_attempts"][0].update(exit_code=0),
        "attempt a03 has another duration or exit code",
    ),
    "a verdict turned": (
        "verdicts",
        lambda s: s["predicate"]["passedTests"].append(s["predicate"]["failedTests"].pop()),
        "failedTests are not the claims",
    ),
    "a better result": (
        "verdicts",
        lambda s: s["predicate"].update(result="PASSED"),
        "the result is PASSED, the worst verdict is FAILED",
    ),
    "another predicate": ("base", lambda s: s.update(predicateType="x"), "is none of ours"),
    "no predicate": ("base", lambda s: s.pop("predicate"), "is not a statement of ours"),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_changed_statement_is_found_and_named(name, run):
    which, change, told = STATEMENTS[name]
    edit(run.folder / "in-toto" / f"{which}.json", change)
    found = in_toto_findings(run.folder / "in-toto", files_of(run), VERDICTS)
    assert told in "\n".join(found)


def test_a_missing_statement_and_a_file_that_changed_between_stages_are_found(run):
    (run.folder / "in-toto" / "base.json").unlink()
    changed = {"results/rl/r1_zero/metrics.csv": "0" * 64}
    attempt(run.attempts, "a05", "curve", 120, 1, part="r1_zero", inputs=changed)
    folder = run.root / "again"
    folder.mkdir()
    from r1repro.audit.exports.in_toto import statements

    files = files_of(run)
    for name, statement in statements(files).items():
        if name != "base":
            (folder / f"{name}.json").write_text(json.dumps(statement), encoding="utf-8")
    attempt(run.attempts, "c05", "curve", 121, 1, part="r1_zero", inputs=changed, outputs=changed)
    for name, statement in statements(files_of(run)).items():
        if name == "curve_r1_zero":
            (folder / f"{name}.json").write_text(json.dumps(statement), encoding="utf-8")
    found = in_toto_findings(folder, files_of(run), {})
    assert "there is no statement of base" in found
    assert any("curve_r1_zero read another results/rl/r1_zero/metrics.csv" in f for f in found)


# the crate


def test_the_crate_has_an_action_for_the_run_and_each_attempt(made):
    metadata = made.folder / "ro-crate" / "ro-crate-metadata.json"
    content = json.loads(metadata.read_text(encoding="utf-8"))
    run, killed = entity(content, "#run"), entity(content, "#attempt-a03")
    assert (run["startTime"], run["endTime"]) == (
        "2026-03-01T10:00:00.000Z", "2026-03-01T13:40:01.000Z",
    )  # fmt: skip
    assert run["actionStatus"]["@id"].endswith("FailedActionStatus")  # rm_safety never completed
    assert killed["actionStatus"]["@id"].endswith("FailedActionStatus")
    assert killed["error"] == "killed"
    made_by = entity(content, "#attempt-a04")["result"]
    assert made_by == [{"@id": "run/rl/r1_zero/metrics.csv"}]
    assert sum(item.get("@type") == "CreateAction" for item in content["@graph"]) == 11


CRATE = {
    "a changed file": (
        lambda folder: (folder / "run/claims/claims.csv").write_text("id,verdict\n"),
        "run/claims/claims.csv has another SHA-256",
    ),
    "a missing file": (lambda folder: (folder / "Snakefile").unlink(), "Snakefile is missing"),
    "a file nobody describes": (
        lambda folder: (folder / "run/extra.csv").write_text("x"), "run/extra.csv is in the folder",
    ),
}  # fmt: skip
METADATA = {
    "an end before the start": (
        lambda c: entity(c, "#attempt-a04").update(endTime="2026-03-01T10:00:00Z"),
        "#attempt-a04 ends before it starts",
    ),
    "an end that is no date": (
        lambda c: entity(c, "#run").update(endTime="tomorrow"), "#run: its times cannot be read",
    ),
    "a shorter run": (
        lambda c: entity(c, "#run").update(endTime="2026-03-01T12:00:00Z"),
        "#run does not last from",
    ),
    "a shorter attempt": (
        lambda c: entity(c, "#attempt-a04").update(endTime="2026-03-01T11:00:00Z"),
        "#attempt-a04 has other times than its record",
    ),
    "a failure made a success": (
        lambda c: entity(c, "#attempt-a07").update(
            actionStatus={"@id": "http://schema.org/CompletedActionStatus"}
        ),
        "#attempt-a07 has another status",
    ),
    "an attempt left out": (
        lambda c: c["@graph"].remove(entity(c, "#attempt-a07")), "#attempt-a07 is not an action",
    ),
    "an attempt made up": (
        lambda c: entity(c, "#attempt-a07").update({"@id": "#attempt-z"}),
        "#attempt-z is no record of the crate",
    ),
    "a file outside": (
        lambda c: entity(c, "Snakefile").update({"@id": "../../Snakefile"}), "outside the crate",
    ),
    "a description twice": (
        lambda c: c["@graph"].append(entity(c, "Snakefile")), "Snakefile is described twice",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", [*CRATE, *METADATA])
def test_a_changed_crate_is_found_and_named(name, run):
    folder = run.folder / "ro-crate"
    if name in CRATE:
        change, told = CRATE[name]
        change(folder)
    else:
        change, told = METADATA[name]
        edit(folder / "ro-crate-metadata.json", change)
    assert told in "\n".join(ro_crate_findings(folder))


def test_sums_find_a_changed_a_missing_and_an_added_file(run):
    (run.folder / "focus.csv").write_text("x")
    (run.folder / "attempts.csv").unlink()
    (run.folder / "new").write_text("x")
    assert sums_findings(run.folder) == [
        "attempts.csv is missing",
        "new is not listed",
        "focus.csv has another SHA-256 than listed",
    ]
