# SPDX-License-Identifier: Apache-2.0
"""Laws of the arithmetic behind verdicts: against Python's own, and whatever is written."""

import builtins
import csv
import math

import pytest
from properties import given, settings, st

from r1repro.audit.claims import decide
from r1repro.audit.claims.cells import Tables, parse_reference, value_of
from r1repro.audit.claims.expressions import (
    FUNCTIONS,
    LARGEST,
    ExpressionError,
    evaluate,
    free_names,
)
from r1repro.audit.claims.judge import shown

NAMES = {"a": 7, "x": 5, "b": -2.5, "items": [3, 1, 2], "rows": [[1, 2], [3, 5]], "name": "r1"}
PLAIN = ("0", "1", "2", "10", "0.1", "2.5", "1e3", "a", "b", "x", "x", "len(items)")


def joined(*parts: str | tuple | st.SearchStrategy) -> st.SearchStrategy[str]:
    """Draw each part and write them one after the other; of a tuple, one text."""
    drawn = (
        st.just(part) if isinstance(part, str)
        else st.sampled_from(part) if isinstance(part, tuple) else part
        for part in parts
    )  # fmt: skip
    return st.tuples(*drawn).map("".join)


def kinds(depth: int) -> tuple[st.SearchStrategy[str], ...]:
    """Return expressions of so many levels that are numbers, lists of them, and conditions."""
    if depth == 0:
        return st.sampled_from(PLAIN), st.just("items"), st.just("name == 'r1'")
    number, many, truth = kinds(depth - 1)
    numbers = st.one_of(
        number,
        *(joined("(", number, f" {sign} ", number, ")") for sign in "+ - * / // %".split()),
        joined("(", number, ")**", ("2", "3", "0", "-1", "0.5")),
        joined(("-", "+", "abs", "ceil", "floor", "sqrt"), "(", number, ")"),
        joined("round(", number, (", 0", ", 1", ", -1", ""), ")"),
        joined(("min", "max", "sum"), "(", many, ")"),
        joined("max(", number, ", ", number, ")"),
        joined(many, ("[0]", "[-1]", "[2]")),
    )
    lists = st.one_of(
        many,
        joined("[", number, ", ", number, "]"),
        joined("[x + ", number, " for x in ", many, "]"),
        joined("[x*y for x, y in zip(", many, ", ", many, ") if ", truth, "]"),
        st.just("[row[0] for row in rows]"),
        joined(many, ("[1:]", "[:2]", "[::-1]")),
    )
    truths = st.one_of(
        truth,
        joined(number, (" < ", " <= ", " > ", " >= ", " == ", " != "), number),
        joined(number, " < ", number, " <= ", number),
        joined("(", truth, (" and ", " or "), truth, ")"),
        joined("not ", truth),
        joined(number, (" in ", " not in "), many),
        joined(("all", "any"), "([x > ", number, " for x in ", many, "])"),
    )
    return numbers, lists, truths


expressions = st.deferred(lambda: st.one_of(kinds(3)))


def python_value(text: str):
    """Return what Python itself makes of an expression, None where it has no real value."""
    known = {name: getattr(math, name, None) or getattr(builtins, name) for name in FUNCTIONS}
    known["zip"] = lambda *lists: list(zip(*lists, strict=True))
    try:
        value = eval(text, {"__builtins__": {}} | known | NAMES)
    except (ArithmeticError, ValueError, TypeError, IndexError):
        return None
    return None if isinstance(value, complex) else value


@settings(max_examples=600)
@given(expressions)
def test_an_expression_has_the_value_that_python_gives_it(text):
    """Any allowed expression: the same number, list or truth, or for both none."""
    expected = python_value(text)
    try:
        value = evaluate(text, NAMES)
    except ExpressionError as refused:
        limits = ("beyond", "too long", "steps", "not a number")
        assert expected is None or any(limit in str(refused) for limit in limits)
        return
    assert (isinstance(value, bool), value) == (isinstance(expected, bool), expected)


@given(expressions, st.dictionaries(st.sampled_from("yz"), st.integers()))
def test_a_value_depends_on_the_free_names_alone(text, more):
    """Other names change nothing, also those that a comprehension binds for itself."""

    def outcome(names):
        try:
            return evaluate(text, names)
        except ExpressionError as refused:
            return str(refused)

    try:
        needed = free_names(text)
    except ExpressionError as refused:
        assert "too long" in str(refused)
        return
    assert outcome(NAMES | more) == outcome({name: NAMES[name] for name in needed})


written = st.text(max_size=30) | st.lists(
    st.sampled_from([*FUNCTIONS, *"ab01.,()[]+-*/%<>=!'\" :", "for x in", "if", "lambda", "not ",
                     "**", "//", "\\", "\ud800", "\x00", "é", "9" * 50]), max_size=14,
).map("".join)  # fmt: skip


@pytest.mark.filterwarnings("ignore:invalid:SyntaxWarning", "ignore:invalid:DeprecationWarning")
@given(written)
def test_any_text_is_a_value_or_one_sentence(text):
    """A stranger's text has a finite value or is refused by name; nothing else comes out."""
    try:
        value = evaluate(text, NAMES)
    except ExpressionError as refused:
        assert "\n" not in str(refused)
        return
    assert isinstance(value, (int, float, str, list))
    assert not isinstance(value, float) or math.isfinite(value)


samples = st.lists(
    st.integers(-(10**6), 10**6).map(lambda number: number / 64), min_size=2, max_size=9
)


@given(samples, st.randoms(use_true_random=False), st.integers(-100, 100), st.integers(1, 8))
def test_the_interval_over_seeds_moves_and_stretches_with_the_values(values, rng, shift, factor):
    """Order does not matter; x -> factor * x + shift does to the ends what it does to values."""
    first = decide.interval(values)
    assert decide.interval(rng.sample(values, len(values))) == first
    moved = decide.interval([factor * value + shift for value in values])
    assert moved == pytest.approx([factor * end + shift for end in first], abs=1e-6)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_holm_never_makes_a_p_value_smaller_and_keeps_their_order(p_values, rng):
    """The smallest is multiplied by their number; the order in which they come does not matter."""
    adjusted = decide.holm(p_values)
    assert all(p <= a <= 1 for p, a in zip(p_values, adjusted, strict=True))
    assert min(adjusted) == min(1.0, len(p_values) * min(p_values))
    places = rng.sample(range(len(p_values)), len(p_values))
    assert decide.holm([p_values[i] for i in places]) == [adjusted[i] for i in places]
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    assert [adjusted[i] for i in order] == sorted(adjusted)


@given(st.integers(-(10**15), 10**15) | st.floats(-LARGEST, LARGEST))
def test_a_number_is_shown_to_ten_digits(number):
    """What the table of verdicts prints reads as the number, and whole numbers stay whole."""
    read = value_of(shown(number))
    assert read == pytest.approx(number, rel=1e-9)
    if float(number).is_integer() and abs(number) < 1e15:
        assert read == number and isinstance(read, int)


cell_texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=4)
keys = st.sampled_from(["base", "r1", "3", "2.5", "-1"])


@given(st.lists(st.tuples(keys, keys, cell_texts), max_size=6), keys, st.data())
def test_a_reference_leads_to_the_cells_that_a_reader_would_find(
    tmp_path_factory, rows, wanted, data
):
    """Any letters, quotes and line ends in cells; conditions against a look at every row."""
    folder = tmp_path_factory.getbasetemp()
    with open(folder / "drawn.csv", "w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([("stage", "arm", "said"), *rows])
    sign = data.draw(st.sampled_from(["=", "!=", "<=", ">="]))
    tables = Tables(folder)
    table = tables.table("drawn.csv")
    assert [tuple(row.values()) for row in table.rows] == rows
    limit = value_of(wanted)
    fitting = {
        "=": lambda cell: cell == wanted,
        "!=": lambda cell: cell != wanted,
        "<=": lambda cell: not isinstance(value_of(cell), str) and value_of(cell) <= limit,
        ">=": lambda cell: not isinstance(value_of(cell), str) and value_of(cell) >= limit,
    }[sign]
    if sign in ("<=", ">=") and isinstance(limit, str):
        return
    expected = [value_of(arm) for stage, arm, _ in rows if fitting(stage)]
    reference = parse_reference(f"drawn.csv:stage{sign}{wanted}:arm")
    if expected:
        assert tables.column(reference) == expected
    if len(expected) == 1:
        assert tables.cell(reference) == expected[0]
