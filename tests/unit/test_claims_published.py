# SPDX-License-Identifier: Apache-2.0
"""Claims about config/claims.yaml: every verdict of arithmetic can come out otherwise."""

import csv
import shutil
from collections import Counter
from pathlib import Path

import pytest
from claims_runs import PUBLISHED, ROOT

from r1repro.audit.claims.cells import Tables
from r1repro.audit.claims.definitions import read_claims
from r1repro.audit.claims.judge import judge
from r1repro.audit.claims.rows import csv_of
from r1repro.audit.published import verify_checksums

CLAIMS = ROOT / "config/claims.yaml"
# what an auditor of the paper knows to disagree, and as what
KNOWN = {
    ("gpu-hours", "contradiction"), ("cost-294k", "rounding"), ("cost-r1-zero-usd", "rounding"),
    ("cost-model-size", "contradiction"), ("train-epochs", "contradiction"),
    ("data-rl-code", "contradiction"), ("data-rl-general", "contradiction"),
    ("results-dev1-reasoning", "contradiction"), ("results-final-gains", "typo"),
    ("results-benchmarks-named", "contradiction"),
    ("results-arena-date", "contradiction"), ("results-distill-7b-gpt4o", "contradiction"),
    ("safety-risk-types", "contradiction"), ("safety-jailbreak-unsafe", "contradiction"),
    ("safety-jailbreak-rejected", "contradiction"),
    ("safety-jailbreak-reasoning-models", "typo"), ("press-648-gpus", "misquotation"),
    ("press-single-run", "misquotation"), ("press-29-million", "misquotation"),
    ("press-5m-for-r1", "misquotation"), ("press-preference-data", "misquotation"),
    ("press-market-fall", "misquotation"), ("press-867-as-pass1", "misquotation"),
    ("press-710-as-nature", "misquotation"), ("press-readme-lcb", "contradiction"),
    ("press-readme-qwq", "contradiction"),
}  # fmt: skip


@pytest.fixture(scope="module")
def tables():
    return Tables(PUBLISHED)


@pytest.fixture(scope="module")
def claims(tables):
    return read_claims(CLAIMS, tables)


@pytest.fixture(scope="module")
def rows(claims, tables):
    return judge(claims, tables, [])


def test_every_verdict_of_arithmetic_is_turned_by_a_change_of_one_input(rows):
    """By up to a factor of 4, by one, to another number of the check, or by what closes the gap."""
    unturned = [
        (row.claim, row.what) for row in rows if row.agrees_with == "paper" and not row.turned_by
    ]
    assert unturned == []


def test_a_headline_is_what_the_paper_is_remembered_for(claims):
    """10 to 14 sentences of the paper itself, each with its place."""
    headline = [claim for claim in claims if claim.tier == "headline"]
    assert 10 <= len(headline) <= 14
    assert {claim.speaker for claim in headline} == {"paper"}
    assert all(claim.says and claim.place for claim in claims)


def test_no_verdict_is_an_input():
    """Neither an expected value nor a verdict appears in the claims file."""
    text = CLAIMS.read_text(encoding="utf-8")
    assert "expected:" not in text
    assert "verdict:" not in text


def test_known_inconsistencies_of_the_paper_come_out(rows):
    """Each by arithmetic, with its gap and what it is."""
    found = {(row.claim, row.gap_is) for row in rows if row.verdict == "inconsistent"}
    assert found == KNOWN


def test_the_table_has_a_row_for_every_check_in_the_order_of_the_file(claims, rows):
    table = list(csv.DictReader(csv_of(rows).splitlines()))
    wanted = [
        claim.id
        for claim in claims
        for _ in range(
            len(claim.paper) + len(claim.world) + len(claim.experiments) + bool(claim.untestable)
        )
    ]
    assert [row["claim"] for row in table] == wanted
    assert all(row["verdict"] and row["agrees_with"] for row in table)


def changed(tmp_path, name, old, new):
    """Return the rows of all claims after one edit of a published table."""
    folder = Path(shutil.copytree(PUBLISHED, tmp_path / "nature"))
    text = (folder / name).read_text(encoding="utf-8")
    assert text.count(old) == 1
    (folder / name).write_text(text.replace(old, new), encoding="utf-8")
    tables = Tables(folder)
    return judge(read_claims(CLAIMS, tables), tables, [])


@pytest.mark.parametrize(
    ("name", "old", "new", "turned"),
    [
        # the total that the unrounded hours give removes one gap and makes another
        ("cost.csv", "147000,294000,", "147000,295000,",
         {("cost-294k", "2"), ("cost-294k", "3"), ("press-29-million", "2"),
          ("press-six-million-base", "1")}),
        ("ablations.csv", "0,0.44,2500,0.555", "0,0.44,2500,0.5",
         {("grpo-does-as-well-for-less", "1")}),
        ("small_rl_7b.csv", "22.3,18.1", "6.3,18.1", {("rl-works-on-a-small-model", "1")}),
    ],
)  # fmt: skip
def test_another_number_in_a_table_turns_the_checks_that_rest_on_it_and_no_others(
    tmp_path, rows, name, old, new, turned
):
    after = changed(tmp_path, name, old, new)
    found = {
        (first.claim, first.check)
        for first, second in zip(rows, after, strict=True)
        if first.verdict != second.verdict
    }
    assert found == turned


def test_every_experiment_and_cost_check_is_undecided_without_a_run_and_says_so(rows):
    found = Counter()
    for row in rows:
        if row.agrees_with in ("experiment", "world"):
            found[row.agrees_with] += 1
            assert row.verdict == "undecided"
            assert "no run was given" in row.note or "0 of the 3 seeds" in row.note
    assert min(found.values()) > 0


def test_the_list_of_checksums_is_what_sha256sum_checks():
    assert set(verify_checksums(PUBLISHED)) == {path.name for path in PUBLISHED.glob("*.csv")}


def test_the_readme_of_the_evidence_names_every_table():
    text = (PUBLISHED / "README.md").read_text(encoding="utf-8")
    assert all(f"`{path.name}`" in text for path in PUBLISHED.glob("*.csv"))
