# SPDX-License-Identifier: Apache-2.0
"""Claims about references to cells: one row or an error that names file and key."""

import pytest

from r1repro.audit.claims.cells import CellError, Tables, parse_reference, value_of

TABLE = """model,control,score,note
a,no,1.5,x
a,yes,2,y
b,no,,z
c,no,3e-5,w
"""


@pytest.fixture
def tables(tmp_path):
    (tmp_path / "scores.csv").write_text(TABLE)
    return Tables(tmp_path)


def cell(tables, text):
    return tables.cell(parse_reference(text))


def column(tables, text):
    return tables.column(parse_reference(text))


def test_a_cell_is_found_by_one_or_more_keys(tables):
    assert cell(tables, "scores.csv:model=a&control=yes:score") == 2
    assert cell(tables, "scores.csv:model=c:score") == 3e-5
    assert cell(tables, "scores.csv:score=2:note") == "y"
    assert cell(tables, "scores.csv:score>=2&score<=9:model") == "a"


def test_a_column_keeps_the_order_and_can_leave_rows_out(tables):
    assert column(tables, "scores.csv:*:model") == ["a", "a", "b", "c"]
    assert column(tables, "scores.csv:score!=:score") == [1.5, 2, 3e-5]
    assert column(tables, "scores.csv:control=no&model!=b:score") == [1.5, 3e-5]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("scores.csv:model=a:score", "2 rows have model=a, expected one"),
        ("scores.csv:model=q:score", "0 rows have model=q, expected one"),
        ("scores.csv:model=b:score", "row 4 of .* is empty"),
        ("scores.csv:model=c:points", "has no column points"),
        ("scores.csv:name=c:score", "has no column name"),
        ("other.csv:model=c:score", "there is no table .*other.csv"),
        ("scores.csv:score<=x:score", "'x' after <= in scores.csv:score<=x:score is not a number"),
    ],
)
def test_what_is_not_there_is_named_with_its_file(tables, text, words):
    with pytest.raises(CellError, match=words) as caught:
        cell(tables, text)
    assert text.split(":")[0] in str(caught.value)


def test_a_column_without_rows_is_an_error(tables):
    with pytest.raises(CellError, match="no row fits"):
        column(tables, "scores.csv:model=q:score")


@pytest.mark.parametrize(
    "text",
    [
        "", "scores.csv", "scores.csv:model=a", "../scores.csv:model=a:score", "x.csv:a:b",
        "/etc/passwd:a=b:c", "scores.txt:a=b:c", "x.csv:=a:b", "x.csv::b", 3, None,
    ],
)  # fmt: skip
def test_a_reference_has_one_form_and_leads_nowhere_else(text):
    with pytest.raises(CellError):
        parse_reference(text)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b\n1\n", "row 2: 1 cells where 2 belong"),
        ("a,a\n1,2\n", "a column twice"),
        ("", "no header"),
        ('a,b\n"1,2\n', "cannot be read"),
    ],
)
def test_a_damaged_table_is_refused(tmp_path, content, words):
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(CellError, match=words):
        cell(Tables(tmp_path), "x.csv:a=1:b")


def test_whole_numbers_stay_whole_and_words_stay_words():
    assert [value_of(t) for t in ("12", "-3", "1.50", "1e-4", "about 198 h", "1_000", "nan")] == [
        12, -3, 1.5, 0.0001, "about 198 h", "1_000", "nan",
    ]  # fmt: skip
    assert isinstance(value_of("12"), int)


def test_what_was_read_is_remembered(tables):
    cell(tables, "scores.csv:model=a&control=yes:score")
    assert tables.read == {("scores.csv", 1, "score")}
