# SPDX-License-Identifier: Apache-2.0
"""The one form of a table: cells by expression, columns that move or go, text that stays text."""

import page_tables
import pytest
from jinja2 import UndefinedError

from r1repro.audit.page import document

ROWS = [
    {"stage": "base", "host": "a", "note": "", "hours": "1234.5", "usd": None},
    {"stage": "<b>", "host": "a", "note": "", "hours": "unknown", "usd": "2"},
]


@pytest.fixture(scope="module")
def made():
    return document.environment(page_tables.ROOT / "workflow/report")


def test_a_cell_is_its_expression_and_nothing_is_unknown(made):
    """Numbers take a filter; None and the word unknown stay unknown; # and ~ are classes."""
    table = made.globals["grid"](
        ROWS, {"Stage": "stage", "#Hours": "hours | fixed(1)", "~USD": "usd"}
    )
    assert table.columns == [("Stage", ""), ("Hours", "n"), ("USD", "wide")]
    assert [cells for cells, _ in table.rows] == [
        ["base", "1,234.5", "unknown"],
        ["<b>", "unknown", "2"],
    ]


def test_a_column_on_which_all_lines_agree_moves_and_an_empty_one_goes(made):
    """Only columns that were named move."""
    heads = {"Stage": "stage", "Host": "host", "Same": "'x'", "Note": "note"}
    table = made.globals["grid"](ROWS, heads, constant=["Host", "Stage"], filled=True)
    assert [name for name, _ in table.columns] == ["Stage", "Same"]
    assert table.same == ["host a"]
    assert [cells for cells, _ in table.rows] == [["base", "x"], ["<b>", "x"]]


def test_several_columns_come_from_one_expression(made):
    table = made.globals["grid"](
        ROWS, [["Stage", "stage"], [["#A", "#B"], "[1, n]"]], using={"n": 2}
    )
    assert [name for name, _ in table.columns] == ["Stage", "A", "B"]
    assert table.rows[0] == (["base", "1", "2"], "")


def test_a_field_that_no_row_has_stops_the_page(made):
    """A name that was mistyped is no empty cell."""
    with pytest.raises(UndefinedError, match="hourz"):
        made.globals["grid"](ROWS, {"Hours": "hourz"})


def test_a_cell_and_a_caption_are_escaped(made):
    """Neither markup in a cell nor in a value that moved into the caption becomes a tag."""
    source = """{% from "parts.html.jinja" import table %}{% call table(
        "T", rows, {"Stage": "stage", "Host": "host"}, constant=["Host"]) %}C.{% endcall %}"""
    rows = [row | {"host": "<i>"} for row in ROWS]
    html = made.from_string(source).render(rows=rows)
    assert "&lt;b&gt;" in html and "C. All lines: host &lt;i&gt;." in html
    assert "<b>" not in html and "<i>" not in html
