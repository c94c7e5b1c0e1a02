# SPDX-License-Identifier: Apache-2.0
"""Laws of the arithmetic behind verdicts: against Python's own, and whatever is written."""

import builtins
import csv
import math
import statistics

import pytest
from properties import given, settings, st

from r1repro.audit.claims import intervals
from r1repro.audit.claims.cells import Tables, parse_reference, value_of
from r1repro.audit.claims.expressions import (
    FUNCTIONS,
    LARGEST,
    ExpressionError,
    evaluate,
    free_names,
)
from r1repro.audit.claims.judge import shown
from r1repro.audit.claims.verdicts import Computed

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
    st.integers(-(10**6), 10**6).map(lambda number: number / 64), min_size=1, max_size=9
)


@given(samples, st.randoms(use_true_random=False), st.integers(-100, 100), st.integers(1, 8))
def test_the_interval_over_seeds_moves_and_stretches_with_the_values(values, rng, shift, factor):
    """Order does not matter; x -> factor * x + shift does to the ends what it does to values."""
    first = intervals.t_interval(values)
    assert intervals.t_interval(rng.sample(values, len(values))) == first
    moved = intervals.t_interval([factor * value + shift for value in values])
    if len(values) == 1:
        assert first == (values[0], None, None)
        return
    centre, low, high = first
    spread = statistics.stdev(values)
    assert centre == pytest.approx(statistics.fmean(values), abs=1e-9)
    assert high - low == pytest.approx(
        2 * intervals.T_975[len(values) - 2] * spread / math.sqrt(len(values)), abs=1e-6
    )
    assert moved == pytest.approx([factor * end + shift for end in first], abs=1e-6)


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=80))
def test_percentiles_are_those_of_the_standard_library(draws):
    """The first and the last of 39 cuts into 40 equal shares."""
    cuts = statistics.quantiles(draws, n=40, method="inclusive")
    assert intervals.percentiles(draws) == pytest.approx((cuts[0], cuts[-1]))


@given(st.lists(st.integers(0, 4), max_size=9))
def test_a_rank_is_one_more_than_what_is_smaller_and_half_of_what_is_equal(values):
    """Counted one by one; the ranks of n values always add up to n (n + 1) / 2."""
    expected = [
        sum(other < value for other in values) + (values.count(value) + 1) / 2 for value in values
    ]
    assert intervals.ranks(values) == expected
    assert sum(expected) == len(values) * (len(values) + 1) / 2


pairs = st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=2, max_size=9)


@given(pairs, st.integers(1, 9), st.integers(-9, 9))
def test_a_correlation_is_that_of_the_standard_library(drawn, factor, shift):
    """Between -1 and 1, the same both ways round, and in other units; turned round it is minus."""
    found = intervals.correlation(drawn)
    left, right = zip(*drawn, strict=True)
    flat = len(set(left)) == 1 or len(set(right)) == 1
    assert found == pytest.approx(0 if flat else statistics.correlation(left, right), abs=1e-12)
    assert abs(found) <= 1 + 1e-12
    assert intervals.correlation([(y, x) for x, y in drawn]) == pytest.approx(found)
    other_units = [(factor * x + shift, -y) for x, y in drawn]
    assert intervals.correlation(other_units) == pytest.approx(-found, abs=1e-12)


answers = st.sampled_from([True, False, None])


@given(st.lists(answers, max_size=5), st.randoms(use_true_random=False))
def test_conditions_join_in_any_order_and_grouping(parts, rng):
    """One that fails decides, else one unknown leaves it open."""
    expected = False if False in parts else None if None in parts else True
    cut = rng.randint(0, len(parts))
    assert intervals.both(*rng.sample(parts, len(parts))) is expected
    assert intervals.both(intervals.both(*parts[:cut]), intervals.both(*parts[cut:])) is expected


hundredths = st.integers(-500, 500).map(lambda number: number / 100)


@given(hundredths, hundredths, st.integers(0, 500).map(lambda number: number / 100))
def test_a_larger_tolerance_never_takes_a_match_away(result, expected, tolerance):
    """A value matches itself exactly, matching goes both ways, and grows with the tolerance."""
    matches = Computed(result, expected, tolerance, None).matches
    assert matches == Computed(expected, result, tolerance, None).matches
    assert Computed(result, result, 0.0, None).matches
    assert not matches or Computed(result, expected, tolerance + 0.01, None).matches
    assert Computed(result, expected, tolerance, False).holds is False


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
