# SPDX-License-Identifier: Apache-2.0
"""Verdicts: computed from value, interval and bound."""

import page_tables
import pytest

from r1repro.audit.page import verdicts
from r1repro.audit.page.scores import Score, Scores


@pytest.mark.parametrize(
    ("value", "low", "verdict"),
    [(0.70, 0.70, "PASS"), (0.74, 0.69, "WARN"), (0.6999, 0.6, "FAIL"), (0.9, 0.8, "PASS")],
)
def test_a_value_that_should_be_high(value, low, verdict):
    """At the bound it passes; with an interval below the bound it warns; below it fails."""
    assert verdicts.judge_at_least(value, low, 0.70) == verdict


@pytest.mark.parametrize(
    ("value", "high", "verdict"),
    [(0.25, 0.25, "PASS"), (0.24, 0.26, "WARN"), (0.2501, 0.3, "FAIL"), (0.0, 0.0, "PASS")],
)
def test_a_value_that_should_be_low(value, high, verdict):
    """The mirror image of the test above."""
    assert verdicts.judge_at_most(value, high, 0.25) == verdict


def test_length_ratio_by_hand():
    """48 [46, 50] over 20 [16, 25] is 2.4, at least 46/25 = 1.84, at most 50/16 = 3.125."""
    longer, shorter = Score(48, 46, 50, 9, 16, 1), Score(20, 16, 25, 9, 16, 1)
    assert verdicts.length_ratio(longer, shorter) == pytest.approx((2.4, 1.84, 3.125))


def test_a_base_that_says_nothing_gives_no_ratio(tmp_path):
    """No answer of the base means no length to compare with: FAIL, not an endless ratio."""
    path = page_tables.make(tmp_path)["scores"]
    page_tables.edit(
        path, "base,all,mean_length,16,192,20.0,18.5", "base,all,mean_length,16,192,0,0"
    )
    result = verdicts.key_results(Scores(path), "mini")[2]
    assert (result.measured, result.verdict) == ("no ratio", "FAIL")
    page_tables.edit(path, "base,all,mean_length,16,192,0,0", "base,all,mean_length,16,192,20,0")
    result = verdicts.key_results(Scores(path), "mini")[2]
    assert (result.interval, result.verdict) == ("[2.16, no limit]", "PASS")


def test_bounds_are_those_that_were_stated():
    """25 % or less, 70 % or more, at least doubled: changing one changes what is claimed."""
    bounds = (verdicts.BASE_AT_MOST, verdicts.ZERO_AT_LEAST, verdicts.LENGTH_RATIO_AT_LEAST)
    assert bounds == (0.25, 0.70, 2.0)


def test_majority_vote_below_the_mean_fails(tmp_path):
    """cons@16 of 73.9 % beside pass@1 of 74 % fails, 74 % passes."""
    path = page_tables.make(tmp_path)["scores"]
    old = "r1_zero,all,cons@16,16,192,0.79"
    page_tables.edit(path, old, old.replace("0.79", "0.739"))
    assert [r.verdict for r in verdicts.key_results(Scores(path), "mini")][3] == "FAIL"
    page_tables.edit(path, "192,0.739", "192,0.74")
    assert [r.verdict for r in verdicts.key_results(Scores(path), "mini")][3] == "PASS"


@pytest.mark.parametrize("scale", ["smoke", "node", "paper"])
def test_other_scales_have_no_expectation(tmp_path, scale):
    """The expectations were stated for the miniature only."""
    scores = Scores(page_tables.make(tmp_path)["scores"])
    results = verdicts.key_results(scores, scale)
    assert {r.verdict for r in results} == {"n/a"}
    assert {r.expected for r in results} == {"none stated"}


def test_the_worst_verdict_is_the_overall_one(tmp_path):
    """One FAIL among passes is a FAIL."""
    results = verdicts.key_results(Scores(page_tables.make(tmp_path)["scores"]), "mini")
    assert verdicts.overall(results) == "PASS"
    failed = [*results[:3], verdicts.Result("", "", "", "", "FAIL", "")]
    assert verdicts.overall(failed) == "FAIL"
