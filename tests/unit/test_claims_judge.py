# SPDX-License-Identifier: Apache-2.0
"""Claims about rows: one case of each kind, worked by hand, in both directions."""

import pytest
from claims_runs import attempt, make_run, questions

from r1repro.audit.claims.cells import Tables
from r1repro.audit.claims.definitions import Claim, ClaimInvalid, Experiment, PaperCheck, WorldCheck
from r1repro.audit.claims.judge import judge, shown
from r1repro.audit.claims.rows import by_claim, counts
from r1repro.audit.claims.runs import open_runs

GAIN = Experiment(
    "pass@1, after minus before", "share", "difference", 0, 0.02,
    {"of": "r1_zero", "minus": "base", "column": "pass@1"},
)  # fmt: skip


@pytest.fixture
def tables(tmp_path):
    """Hours and dollars of two stages: 10 + 20 is 30, the dollars of b are wrong."""
    (tmp_path / "bill.csv").write_text("stage,hours,usd\na,10,20\nb,20,41\ntotal,30,60\n")
    return Tables(tmp_path)


def claim(*checks, name="x", tier="number", **fields):
    """Return a claim on the bill with checks of any kind."""
    kinds = {PaperCheck: "paper", WorldCheck: "world", Experiment: "experiments"}
    for check in checks:
        fields.setdefault(kinds[type(check)], [])
        fields[kinds[type(check)]].append(check)
    return Claim(name, 1, tier, "cost", "paper", "It adds up.", "a book", unit="h", **fields)


HOURS = {
    "columns": {"parts": "bill.csv:stage!=total:hours"},
    "cells": {"total": "bill.csv:stage=total:hours"},
}
DOLLARS = {
    "columns": {"parts": "bill.csv:stage!=total:usd"},
    "cells": {"total": "bill.csv:stage=total:usd"},
}
SUM = PaperCheck("typo", "sum(parts)", "total")


def test_what_adds_up_and_what_does_not(tables):
    """10 + 20 = 30 as printed; 20 + 41 = 61 where 60 is printed."""
    (good,), (bad,) = (judge([claim(SUM, **f)], tables, []) for f in (HOURS, DOLLARS))
    assert (good.verdict, good.reported, good.obtained) == ("consistent", "30", "30")
    assert (good.gap_percent, good.gap_is) == ("", "")
    assert (bad.verdict, bad.reported, bad.obtained) == ("inconsistent", "60", "61")
    assert (bad.gap_percent, bad.gap_is) == ("+1.7", "typo")
    assert bad.evidence == f"{tables.folder.as_posix()}/bill.csv"


def test_the_change_that_turns_a_verdict_is_named(tables):
    """30 = 30 breaks with any change; 61 against 60 is closed by one dollar less."""
    (good,), (bad,) = (judge([claim(SUM, **f)], tables, []) for f in (HOURS, DOLLARS))
    assert good.turned_by == "total x 0.25"
    assert bad.turned_by == "total x 1.02"


def test_arithmetic_that_nothing_turns_is_not_counted(tables):
    """Zero plus zero is zero whatever the table says."""
    empty = claim(PaperCheck("typo", "total-total", "0"), cells=HOURS["cells"])
    (row,) = judge([empty], tables, [])
    assert (row.verdict, row.turned_by) == ("consistent", "")
    assert counts([row])["number"] == {}
    assert counts(judge([claim(SUM, **HOURS)], tables, []))["number"] == {"paper: consistent": 1}


@pytest.mark.parametrize(("within", "verdict"), [("0.9", "inconsistent"), ("1", "consistent")])
def test_a_tolerance_is_absolute_and_inclusive(tables, within, verdict):
    check = PaperCheck("rounding", "sum(parts)", "total", within, "a reason")
    (row,) = judge([claim(check, **DOLLARS)], tables, [])
    assert (row.verdict, row.note) == (verdict, "Within: a reason.")


def test_an_order_that_holds_shows_the_numbers(tables):
    check = PaperCheck("contradiction", holds="parts[0] < parts[1] < total")
    (row,) = judge([claim(check, **HOURS)], tables, [])
    assert (row.verdict, row.obtained) == ("consistent", "total = 30, parts = 10, 20")
    (row,) = judge(
        [claim(PaperCheck("contradiction", holds="total < 3"), cells=HOURS["cells"])], tables, []
    )
    assert (row.verdict, row.gap_is) == ("inconsistent", "contradiction")


@pytest.mark.parametrize("check", [
    PaperCheck("typo", "1/(total-30)", "total"),
    PaperCheck("typo", "total > 3", "total"),
    PaperCheck("typo", holds="total"),
])  # fmt: skip
def test_arithmetic_without_a_value_stops_with_the_claim(tables, check):
    with pytest.raises(ClaimInvalid, match="line 1, claim x: "):
        judge([claim(check, cells=HOURS["cells"])], tables, [])


def gained(tmp_path, seed, gain, *, scale="mini", folder="seeds"):
    """Write a run of a seed that gained so much."""
    run = make_run(
        tmp_path / folder, seed, questions("base"), questions("r1_zero", pass1=0.5 + gain)
    )
    record = attempt(run, "score", seed=seed)
    record.write_text(record.read_text().replace('"mini"', f'"{scale}"'))
    return run


def seeds(tmp_path, *gains):
    """Return runs with these gains."""
    return open_runs([gained(tmp_path, seed, gain) for seed, gain in enumerate(gains, start=1)])


def test_an_experiment_shows_what_a_reader_needs_to_doubt_it(tables, tmp_path):
    (row,) = judge([claim(GAIN)], tables, seeds(tmp_path, 0.2, 0.21, 0.22, 0.2, 0.21))
    assert (row.verdict, row.seeds, row.obtained) == ("supported", "1, 2, 3, 4, 5", "0.208")
    assert float(row.ci_low) < 0.208 < float(row.ci_high)
    assert float(row.power) > 0.8 and int(row.seeds_needed) <= 5
    assert row.turned_by == "every seed's effect -0.198"
    assert row.evidence.count("questions.csv") == 10


def test_an_effect_too_small_to_matter_says_what_would(tables, tmp_path):
    (row,) = judge([claim(GAIN)], tables, seeds(tmp_path, 0.010, 0.011, 0.012, 0.011))
    assert row.verdict == "too small"
    assert "The smallest effect of interest is 0.02." in row.note


@pytest.mark.parametrize(
    ("gain", "scale", "seed", "word"),
    [
        (0.2, "mini", 1, "the same as seed 1"),
        (0.21, "mini", 9, "inside"),
        (0.9, "mini", 9, "outside"),
        (0.2, "smoke", 1, "of another scale"),
    ],
)
def test_the_present_run_is_placed_beside_the_published_seeds(
    tables, tmp_path, gain, scale, seed, word
):
    """It does not change the verdict, which rests on the published ones."""
    evidence = seeds(tmp_path, 0.2, 0.21, 0.22)
    (present,) = open_runs([gained(tmp_path, seed, gain, scale=scale, folder="present")])
    (row,) = judge([claim(GAIN)], tables, evidence, present)
    assert (row.verdict, row.this_run_is) == ("supported", word)
    assert row.this_run == ("" if scale == "smoke" else shown(gain))


def test_a_present_run_without_the_table_is_said_not_to_have_run(tables, tmp_path):
    (present,) = open_runs([make_run(tmp_path / "present", 1)])
    (row,) = judge([claim(GAIN)], tables, [], present)
    assert (row.verdict, row.obtained, row.this_run) == ("undecided", "", "")


def test_headline_experiments_share_one_level_and_findings_do_not(tables, tmp_path):
    """p is about 0.02 for one; four headline claims together need 0.025 / 4 of the smallest."""
    runs = seeds(tmp_path, 0.1, 0.3, 0.02)
    runs = seeds(tmp_path / "more", 0.30, 0.22, 0.08, 0.25)
    (alone,) = judge([claim(GAIN, tier="headline")], tables, runs)
    assert alone.verdict == "supported"
    family = [claim(GAIN, name=f"x{n}", tier="headline") for n in range(4)]
    assert {row.verdict for row in judge(family, tables, runs)} == {"undecided"}
    findings = [claim(GAIN, name=f"x{n}", tier="finding") for n in range(4)]
    assert {row.verdict for row in judge(findings, tables, runs)} == {"supported"}


def test_one_bad_check_decides_a_claim_and_kinds_stay_apart(tables, tmp_path):
    both = claim(SUM, PaperCheck("typo", "parts[0]", "parts[1]/2.05"), GAIN, **DOLLARS)
    (kinds,) = by_claim(judge([both], tables, seeds(tmp_path, 0.2, 0.2, 0.2))).values()
    assert kinds == {"paper": "inconsistent", "experiment": "supported"}


def test_a_cost_check_without_a_run_or_its_table_is_undecided(tables, tmp_path):
    check = WorldCheck(
        "hours", "GPU-hours", "reported-hours", {"reported": "total", "length_factor": 1}
    )
    world = claim(check, cells=HOURS["cells"])
    for runs in ([], seeds(tmp_path, 0.1)):
        (row,) = judge([world], tables, runs)
        assert row.verdict == "undecided" and row.note.startswith("Evidence is missing: ")


def test_what_cannot_be_tested_says_why(tables):
    (row,) = judge([claim(untestable="It needs 512 GPUs.")], tables, [])
    assert (row.agrees_with, row.verdict, row.note) == (
        "nothing", "not testable here", "It needs 512 GPUs.",
    )  # fmt: skip
