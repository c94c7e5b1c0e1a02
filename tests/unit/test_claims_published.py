# SPDX-License-Identifier: Apache-2.0
"""Claims about config/claims.yaml and the published tables: each verdict comes out by computing."""

import csv
import re
import shutil
from collections import Counter
from pathlib import Path

import claims_expected
import pytest

from r1repro.audit.claims.cells import Tables, value_of
from r1repro.audit.claims.mechanisms import REGISTRY
from r1repro.audit.claims.table import COLUMNS, csv_of, definitions, rows_of
from r1repro.audit.claims.verdicts import VERDICTS
from r1repro.audit.published import verify_checksums

ROOT = Path(__file__).parents[2]
CLAIMS = ROOT / "config/claims.yaml"
PUBLISHED = ROOT / "results/published/nature"
# numbers of the tables that no claim can check
NOT_CHECKED = {("prices.csv", "as_of"): "a year or a month, the date of a source"}


@pytest.fixture(scope="module")
def tables():
    return Tables(PUBLISHED)


@pytest.fixture(scope="module")
def claims(tables):
    return definitions(CLAIMS, tables)


@pytest.fixture(scope="module")
def rows(claims, tables):
    return {row.id: row for row in rows_of(claims, tables, [])}


def test_there_are_as_many_claims_as_promised(claims):
    """220 or more, 30 of them mechanisms, each area and kind among them."""
    assert len(claims) >= 225
    kinds = Counter(claim.kind for claim in claims)
    assert kinds["mechanism"] == 30
    assert len(kinds) == 5
    assert len({claim.area for claim in claims}) == 6


def test_every_claim_has_the_expected_verdict(claims, rows):
    """All at once, so that a failure lists them."""
    found = {claim.id: rows[claim.id].verdict for claim in claims}
    wanted = {c.id: claims_expected.expected_verdict(c.id, c.kind) for c in claims}
    assert found == wanted


def test_the_known_conflicts_come_out_by_computing(rows):
    """47 were known; each is shown with what does not hold and the numbers in it."""
    known = claims_expected.CONFLICTS + claims_expected.IMPLAUSIBLE + claims_expected.PRESS_ERRORS
    assert len(known) == len(set(known)) == claims_expected.KNOWN + 1
    for name in known:
        assert rows[name].verdict in ("conflict", "implausible", "press_error")
        assert re.match(r"Does not hold: .*\(.* = .*\)", rows[name].note), name


def test_expectations_are_no_input_of_a_verdict():
    """Neither the word nor a verdict stands in the claims file."""
    text = CLAIMS.read_text(encoding="utf-8")
    assert "check_holds" not in text
    assert "verdict:" not in text
    assert "expected_" not in text


def test_the_table_has_the_agreed_columns_and_no_empty_verdict(claims, rows):
    text = csv_of(list(rows.values()))
    table = list(csv.DictReader(text.splitlines()))
    assert text.splitlines()[0] == (
        "id,area,kind,scale,verdict,reported,obtained,ci_low,ci_high,tolerance,evidence,note"
    )
    assert [row["id"] for row in table] == [claim.id for claim in claims]
    assert all(row["verdict"] in VERDICTS and row["evidence"] for row in table)
    assert all(row["reported"] for row in table if row["kind"] not in ("mechanism", "physical"))
    assert len(COLUMNS) == 12


def test_every_number_of_the_published_tables_is_read_by_a_claim(claims, tables, rows):
    """Each cell that holds a number is behind some verdict, or stands in the short list above."""
    unread = set()
    for path in PUBLISHED.glob("*.csv"):
        table = tables.table(path.name)
        for number, row in enumerate(table.rows):
            for column, text in row.items():
                if isinstance(value_of(text), str):
                    continue
                if (table.name, number, column) not in tables.read:
                    unread.add((table.name, column))
    assert unread == set(NOT_CHECKED)


def changed(tmp_path, name, old, new):
    """Return all verdicts after one edit of a published table."""
    folder = Path(shutil.copytree(PUBLISHED, tmp_path / "nature"))
    text = (folder / name).read_text(encoding="utf-8")
    assert text.count(old) == 1
    (folder / name).write_text(text.replace(old, new), encoding="utf-8")
    tables = Tables(folder)
    return {row.id: row.verdict for row in rows_of(definitions(CLAIMS, tables), tables, [])}


@pytest.mark.parametrize(
    ("name", "old", "new", "turned"),
    [
        # the total that the unrounded hours give removes that conflict and breaks the row sum
        ("cost.csv", "147000,294000,", "147000,295000,", {
            "cost-unrounded-usd": "confirmed", "cost-row-sum-usd": "conflict",
        }),
        ("safety_jailbreak.csv", "DeepSeek-R1,yes,8.5,4.3", "DeepSeek-R1,yes,8.5,9.3", {
            "safety-control-raises-rejection": "conflict",
        }),
        ("stages_benchmarks.csv", "77.9,59.0,74.0,78.1,79.8", "77.9,59.0,74.0,73.1,79.8", {
            "results-ladder-aime": "conflict", "results-rising-rows": "conflict",
        }),
        ("sft_data.csv", "math,395285", "math,395286", {"data-sft-sum": "conflict"}),
        ("r1_zero_curve.csv", "200,0.156,0.253", "200,0.156,0.153", {
            "results-consensus-above-pass1": "conflict",
        }),
        ("rivals.csv", "(RL),258048", "(RL),258000", {"cost-minimax-rate": "conflict"}),
    ],
)  # fmt: skip
def test_another_number_in_a_table_turns_the_verdicts_that_rest_on_it(
    tmp_path, rows, name, old, new, turned
):
    after = changed(tmp_path, name, old, new)
    for claim, verdict in turned.items():
        assert rows[claim].verdict != verdict
        assert after[claim] == verdict
    untouched = [c for c in rows if rows[c].evidence.find(f"/{name}") < 0]
    assert {c: after[c] for c in untouched} == {c: rows[c].verdict for c in untouched}


def test_full_scale_claims_say_why_and_read_what_they_report(claims, rows):
    full = [claim for claim in claims if claim.kind == "full-scale-only"]
    assert len(full) == 12
    assert all(rows[c.id].note.startswith(c.reason) and rows[c.id].reported for c in full)
    assert rows["full-aime-r1"].reported == "aime 79.8; math 97.3"


def test_every_mechanism_is_inconclusive_without_a_run_and_says_so(claims, rows):
    for claim in claims:
        check = REGISTRY[claim.mechanism] if claim.mechanism else None
        if check is None or claim.id in claims_expected.WITHOUT_A_RUN:
            continue
        assert rows[claim.id].verdict == "inconclusive"
        assert "no run was given" in rows[claim.id].note


def test_every_registered_check_is_used_by_a_claim(claims):
    assert {claim.mechanism for claim in claims if claim.mechanism} == set(REGISTRY)


def test_the_list_of_checksums_is_what_sha256sum_checks():
    assert set(verify_checksums(PUBLISHED)) == {path.name for path in PUBLISHED.glob("*.csv")}


def test_the_readme_of_the_evidence_names_every_table():
    text = (PUBLISHED / "README.md").read_text(encoding="utf-8")
    assert all(f"`{path.name}`" in text for path in PUBLISHED.glob("*.csv"))
