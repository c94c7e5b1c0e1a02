# SPDX-License-Identifier: Apache-2.0
"""Claims about verdicts: one case of each kind, worked by hand, in both directions."""

from pathlib import Path

import pytest

from r1repro.audit.claims import verdicts
from r1repro.audit.claims.cells import Tables
from r1repro.audit.claims.definitions import Claim, ClaimInvalid
from r1repro.audit.claims.judge import judge, shown
from r1repro.audit.claims.verdicts import Computed


@pytest.fixture
def tables(tmp_path):
    """Hours and dollars of two stages: 10 + 20 is 30, the dollars of b are wrong."""
    (tmp_path / "bill.csv").write_text("stage,hours,usd\na,10,20\nb,20,41\ntotal,30,60\n")
    return Tables(tmp_path)


def claim(kind="arithmetic", area="cost", **fields):
    """Return a claim on the bill's hours that holds, with other fields where given."""
    usual = {
        "cells": {
            "a": "bill.csv:stage=a:hours",
            "b": "bill.csv:stage=b:hours",
            "total": "bill.csv:stage=total:hours",
        },
        "expression": "a+b",
        "expected": 30,
        "tolerance": 0,
        "check": "result == total",
    }
    return Claim("x", 1, area, kind, "It adds up.", "h", "a book", "derived", **(usual | fields))


WRONG = {
    "columns": {"usd": "bill.csv:stage!=total:usd"},
    "cells": {"total": "bill.csv:stage=total:usd"},
    "expression": "sum(usd)",
    "expected": 61,
    "reported": "total",
}


@pytest.mark.parametrize(
    ("kind", "area", "right", "wrong"),
    [
        ("arithmetic", "cost", "confirmed", "conflict"),
        ("cross-table", "results", "confirmed", "conflict"),
        ("arithmetic", "press", "confirmed", "press_error"),
        ("physical", "cost", "plausible", "implausible"),
    ],
)
def test_what_adds_up_and_what_does_not(tables, kind, area, right, wrong):
    """10 + 20 = 30 as printed; 20 + 41 = 61 where 60 is printed."""
    good, bad = judge(claim(kind, area), tables, []), judge(claim(kind, area, **WRONG), tables, [])
    assert (good.verdict, good.reported, good.obtained, good.note) == (right, "30", "30", "")
    assert (bad.verdict, bad.reported, bad.obtained) == (wrong, "60", "61")
    assert bad.note == "Does not hold: result == total (result = 61, total = 60)."
    assert bad.evidence == f"{tables.folder.as_posix()}/bill.csv; a book"


def test_a_statement_that_the_numbers_contradict_is_a_conflict(tables):
    """The statement says 31; the condition is not even reached."""
    row = judge(claim(expected=31, check=None), tables, [])
    assert (row.verdict, row.note) == ("conflict", "Recomputed 30, stated 31.")


@pytest.mark.parametrize(("tolerance", "verdict"), [(0.4, "conflict"), (0.5, "confirmed")])
def test_a_tolerance_is_absolute_and_inclusive(tables, tolerance, verdict):
    row = judge(claim(expected=30.5, tolerance=tolerance, check=None), tables, [])
    assert (row.verdict, row.tolerance) == (verdict, str(tolerance))


def test_the_condition_alone_does_not_confirm_nor_the_value_alone():
    """Both must hold; a claim without a condition rests on its value."""
    table = {
        (30, True): True, (30, False): False, (30, None): True,
        (31, True): False, (31, False): False, (31, None): False,
    }  # fmt: skip
    for (result, condition), holds in table.items():
        assert Computed(result, 30, 0, condition).holds is holds


@pytest.mark.parametrize(
    ("holds", "seeds", "needed", "verdict"),
    [
        (True, 3, 3, "supported"),
        (False, 3, 3, "not_supported"),
        (None, 5, 3, "inconclusive"),
        (True, 2, 3, "inconclusive"),
        (False, 2, 3, "inconclusive"),
        (True, 0, 0, "supported"),
    ],
)
def test_a_mechanism_needs_its_seeds_and_a_rule_that_decides(holds, seeds, needed, verdict):
    assert verdicts.of_mechanism(holds, seeds, needed) == verdict


def test_a_bound_that_is_not_computed_is_inconclusive():
    assert [verdicts.of_bound(value) for value in (True, False, None)] == [
        "plausible", "implausible", "inconclusive",
    ]  # fmt: skip


def test_full_scale_only_ends_with_a_run_of_that_scale():
    """Then no check of ours has read it, which is said instead."""
    assert verdicts.of_full_scale({"mini"}) == "full_scale_only"
    assert verdicts.of_full_scale(set()) == "full_scale_only"
    assert verdicts.of_full_scale({"mini", "paper"}) == "inconclusive"


@pytest.mark.parametrize(
    "fields",
    [
        {"expression": "a/(b-2*a)"},
        {"expression": "[a]"},
        {"check": "a+b"},
        {"cells": {"a": "bill.csv:hours>=10:hours"}},
    ],
)
def test_arithmetic_without_a_value_stops_with_the_claim(tables, fields):
    with pytest.raises(ClaimInvalid, match="line 1, claim x"):
        judge(claim(**fields), tables, [])


def test_a_text_can_be_what_differs(tables):
    """A label, not a number: the stage of 20 hours is b."""
    fields = {
        "cells": {"hours": "bill.csv:stage=b:hours", "label": "bill.csv:hours=20:stage"},
        "values": {"said": "a"},
        "expression": "hours",
        "expected": 20,
        "check": "label == said",
        "reported": "said",
    }
    row = judge(claim(area="press", **fields), tables, [])
    assert (row.verdict, row.reported, row.obtained) == ("press_error", "a", "20")


def test_values_are_shown_without_noise():
    shown_as = {
        30.0: "30", 0.1 + 0.2: "0.3", 5e-5: "5e-05", None: "", "a": "a", 1e15: "1e+15",
    }  # fmt: skip
    assert {value: shown(value) for value in shown_as} == shown_as
    assert shown([1, [2.50, "x"]]) == "1, 2.5, x"


def test_the_module_reads_no_file():
    """A verdict is a pure function: nothing but its arguments goes in."""
    source = Path(verdicts.__file__).read_text(encoding="utf-8")
    assert "open(" not in source
    assert "import Path" not in source
