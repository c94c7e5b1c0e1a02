# SPDX-License-Identifier: Apache-2.0
"""Claims about the evaluator: right values, and nothing but arithmetic, whatever is written."""

import operator
import random

import pytest

from r1repro.audit.claims.expressions import (
    FUNCTIONS,
    LONGEST,
    ExpressionError,
    evaluate,
    free_names,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("512*198", 101376),
        ("(a+b)*rate", 12.0),
        ("7//2 + 7%2 + 2**10", 3 + 1 + 1024),
        ("-a + +b", 1),
        ("1 < a < 3 and not b == 2", True),
        ("a > 5 or b == 3", True),
        ("a in [1, 2] and 9 not in [1, 2]", True),
        ("[a] == [2]", True),
        ("name == 'r1'", True),
        ("min(items) + max(3, 9) + len(items)", 1 + 9 + 3),
        ("sum([x*y for x, y in zip(items, [1, 1, 2])])", 1 + 2 + 8),
        ("sum([1 for x in items if x > 1])", 2),
        ("items[0] + items[-1] + sum(items[1:])", 1 + 4 + 6),
        ("any([x == 4 for x in items]) and all([x > 0 for x in items])", True),
        ("round(2.345, 1) + round(294672, -3)", 2.3 + 295000),
        ("ceil(1.1) + floor(1.9) + abs(-3) + sqrt(16)", 2 + 1 + 3 + 4),
        ("[x for x in [[1, 2], [3, 4]]][1][0]", 3),
    ],
)
def test_the_value_is_that_of_ordinary_arithmetic(text, value):
    names = {"a": 2, "b": 3, "rate": 2.4, "items": [1, 2, 4], "name": "r1"}
    assert evaluate(text, names) == value


def test_what_a_comprehension_binds_ends_with_it():
    """The name is the outer one again, and without an outer one it is unknown."""
    assert evaluate("sum([x for x in [1, 2]]) + x", {"x": 10}) == 13
    with pytest.raises(ExpressionError, match="nothing is named x"):
        evaluate("sum([x for x in [1, 2]]) + x", {})


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "().__class__",
        "a.real",
        "open('/etc/passwd')",
        "eval('1')",
        "exec('1')",
        "getattr(a, 'real')",
        "lambda: 1",
        "(lambda x: x)(1)",
        "f'{a}'",
        "(a := 1)",
        "{1: 2}",
        "{1, 2}",
        "(x for x in [1])",
        "{x: 1 for x in [1]}",
        "[y for x in [[1]] for y in x]",
        "a if a else b",
        "a @ b",
        "a << 400",
        "a & b",
        "~a",
        "a is b",
        "sum(*[[1]])",
        "round(number=1.5)",
        "min([1], key=abs)",
        "abs(1)(2)",
        "[abs for x in [1]][0](1)",
        "[abs for abs in [1]]",
        "[x.y for x in [1]]",
        "[0 for x[0] in [1]]",
        "_private",
        "1; 2",
        "import os",
        "await a",
        "...",
        "None",
        "b'bytes'",
        "1j",
        "1, 2",
        "",
        "   ",
        "\x00",
        "1 +",
        "print",
    ],
)
def test_anything_but_arithmetic_is_refused(text):
    """Refused while reading, or as a name that nothing gives; never run."""
    with pytest.raises(ExpressionError):
        evaluate(text, {"a": 1, "b": 2})


@pytest.mark.parametrize(
    "text",
    [
        "9**99",
        "2**(2**9)",
        "(10**16)**16",
        "1e999",
        "1e30*1e30",
        "10**-30",
        "1/0",
        "0**-1",
        "sqrt(-1)",
        "(-8)**0.5",
        "min([])",
        "[1][5]",
        "[1][0.5]",
        "[1][1:2][0]",
        "round(1.5, 400)",
        "sum([[1], [2]])",
        "zip([1], [1, 2])",
        "len(3)",
        "'a'*1000",
        "[1]*1000000",
        "'a' + 'b'",
        "'a' < 'b'",
        "1 == 'a'",
        "(1 < 2) + 1",
        "not 1",
        "1 and 2",
        "all([1])",
        "abs('a')",
        "abs(1, 2)",
        "abs()",
        "sum([x for x, y in [[1, 2, 3]]])",
        "unknown + 1",
        "1" + "0" * 60,
    ],
)
def test_what_has_no_value_is_an_error_with_one_sentence(text):
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, {})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "1" + "+1" * LONGEST,
        "(" * 250 + "1" + ")" * 250,
        "-" * 200 + "1",
        "[" * 50 + "1" + "]" * 50,
        "+".join(["1"] * 200),
    ],
)
def test_long_and_deep_texts_are_refused(text):
    with pytest.raises(ExpressionError):
        evaluate(text, {})


def test_work_is_limited():
    """A list of a list of a list cannot be made to run for long."""
    many = list(range(900))
    with pytest.raises(ExpressionError, match="steps"):
        evaluate("[[x + y for y in many] for x in many]", {"many": many})
    with pytest.raises(ExpressionError, match="more than 1000 items"):
        evaluate("[x for x in many]", {"many": list(range(1001))})


def test_numbers_that_are_not_finite_do_not_come_in_by_name():
    for value in (float("nan"), float("inf"), 10**60):
        with pytest.raises(ExpressionError):
            evaluate("a + 1", {"a": value})


def test_free_names_are_what_must_be_given():
    assert free_names("a + sum([x*b for x in c if x > d])") == {"a", "b", "c", "d"}
    assert free_names("max(1, 2)") == set()


def test_every_listed_function_is_used_by_name_only():
    """A function is no value: it cannot be stored, compared or passed on."""
    for name in FUNCTIONS:
        with pytest.raises(ExpressionError):
            evaluate(f"[{name}]", {})


def test_operators_agree_with_python_on_random_arithmetic():
    """A second implementation: the same operations, done with the functions of `operator`."""
    signs = {
        "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
        "//": operator.floordiv, "%": operator.mod,
    }  # fmt: skip
    rng = random.Random(5)
    for _ in range(300):
        value = rng.randint(1, 99)
        text = str(value)
        for _ in range(4):
            sign, number = rng.choice(list(signs)), rng.randint(1, 99)
            text, value = f"({text}{sign}{number})", signs[sign](value, number)
        assert evaluate(text, {}) == value
