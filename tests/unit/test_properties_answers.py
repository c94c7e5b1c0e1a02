# SPDX-License-Identifier: Apache-2.0
"""Laws of answers to a user's own prompts and to benchmarks, and of results of programs."""

import unicodedata
from fractions import Fraction

from drawn_texts import strange
from properties import given, st

from r1repro.tasks.benchmarks.answers import BOXED, bare, examine, last_boxed
from r1repro.tasks.data.user_answers import (
    LETTERS,
    check_of,
    option_letter,
    parse_number,
    plain_text,
    verify,
)
from r1repro.tasks.judge import same_results

digits = st.integers(0, 10**6).map(str)
decimals = st.one_of(digits, st.tuples(digits, digits).map(".".join), digits.map(".{}".format))
FULL_WIDTH = {ord(character): ord(character) + 0xFEE0 for character in "0123456789.+-/"}


@st.composite
def written_numbers(draw) -> tuple[str, Fraction]:
    """Draw a number as people write it, and its value."""
    sign, above = draw(st.sampled_from(["", "+", "-", "−"])), draw(decimals)
    below = draw(st.none() | st.integers(1, 10**6).map(str))
    value = Fraction(above) / Fraction(below or 1)
    text = sign + above + (f"/{below}" if below else "")
    if draw(st.booleans()):
        text = text.translate(FULL_WIDTH)
    text = f" {text}" + draw(st.sampled_from(["", ".", "。", " ", "\n"]))
    return text, -value if sign in ("-", "−") else value


@given(written_numbers(), written_numbers())
def test_a_number_is_right_in_any_form_and_another_number_in_none(first, second):
    """Decimals, fractions, signs, full width: equal exactly when the values are."""
    for text, value in (first, second):
        assert parse_number(text) == value
    check = check_of("math", first[0])
    assert check["rule"] == "number"
    assert verify(check, second[0]) == (first[1] == second[1])


@given(st.text("0123456789.-+/ ²³¹₁½⁰⁻①１٣", max_size=6))
def test_only_digits_on_the_line_make_a_number(text):
    """An exponent, an index, a fraction in one character or a circled digit is no digit."""
    if parse_number(text) is not None:
        assert all(unicodedata.decimal(c, None) is not None for c in text if c.isnumeric())


@given(st.integers(0, 999), st.integers(-99, 99))
def test_an_exponent_that_is_set_high_is_an_exponent(base, exponent):
    """10² is 10^2 in a text, and neither a number nor the text 102."""
    raised = f"{base}" + f"{exponent}".translate(str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"))
    check = check_of("math", raised)
    assert check == {"rule": "text", "answer": f"{base}^{exponent}"}
    assert verify(check, raised) and verify(check, f"{base}^{exponent}")
    assert not verify(check, f"{base}{exponent}")
    assert not verify(check_of("math", f"{base}{exponent}"), raised)


@given(st.sampled_from(["math", "stem", "logic"]), strange, strange)
def test_the_reference_answer_is_right_and_any_text_is_judged(category, reference, text):
    """Whatever a user wrote as the answer, its own text is right and none makes the judge fail."""
    check = check_of(category, reference)
    assert verify(check, reference) and verify(check, f" {reference}\n")
    assert verify(check, text) in (True, False)
    if plain_text(text) == plain_text(reference):
        assert verify(check, text)
    if check["rule"] == "text":
        assert verify(check, text) == (plain_text(text) == plain_text(reference))


letters = st.sampled_from(LETTERS)
wraps = st.sampled_from(["{}", "({})", "({}).", " {}. ", "({}", "．{}"])


@given(letters, letters, wraps, strange)
def test_an_option_is_one_letter(letter, other, form, text):
    """In either case and width, alone or in brackets; a longer text is no option."""
    for written in (letter, letter.lower(), chr(ord(letter) + 0xFEE0)):
        assert option_letter(form.format(written)) == letter
    check = check_of("stem", letter)
    assert verify(check, form.format(other)) == (letter == other)
    found = option_letter(text)
    assert found is None or found in LETTERS
    assert option_letter(letter + other) is None


balanced = st.recursive(
    st.text("x1+\\ $.", max_size=4),
    lambda inner: st.lists(inner, max_size=3).map(lambda parts: "{" + "".join(parts) + "}"),
    max_leaves=5,
)


@given(strange, balanced, st.text("ab .$", max_size=4), letters, letters)
def test_the_last_box_is_the_answer(before, inside, behind, letter, other):
    """Braces in it are kept; an option in a box, in dollars or bare is the same option."""
    assert last_boxed(f"{before}{BOXED}{inside}}}{behind}") == inside.strip()
    assert last_boxed(before + BOXED + inside) is None
    check = {"rule": "choice", "answer": letter}
    for text in (other, f"${other}$", f"{BOXED}{other}}}", f"${BOXED}{other}}}$.", f"({other})"):
        assert examine(None, check, text) == (letter == other, other)


@given(strange)
def test_taking_the_wrap_off_any_text_never_fails(text):
    """A text from a stranger: something is left, or nothing, and no blank at either end."""
    assert bare(text) == bare(text).strip()
    assert last_boxed(text) is None or BOXED in text


results = st.recursive(
    st.sampled_from([0, 1, 0.0, 1.0, False, True, None, "", "1"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=3,
)


def same_by_definition(one, other) -> bool:
    """Compare two results of programs by walking through both."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same_by_definition, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same_by_definition(one[k], other[k]) for k in one)
    return repr(one) == repr(other)


EQUAL_TO_PYTHON = ([0, 0.0, False], [1, 1.0, True])


def retyped(value) -> st.SearchStrategy:
    """Draw a result that Python's == takes for the same, whatever its types."""
    if isinstance(value, list):
        return st.tuples(*map(retyped, value)).map(list)
    if isinstance(value, dict):
        return st.fixed_dictionaries({key: retyped(item) for key, item in value.items()})
    return st.sampled_from(next((same for same in EQUAL_TO_PYTHON if value in same), [value]))


lists_of_results = st.lists(results, max_size=2)


@given(lists_of_results, lists_of_results, st.data())
def test_results_are_the_same_only_with_the_same_type_at_every_depth(one, other, data):
    """1, 1.0, True and "1" are four results, wherever they stand."""
    assert same_results(one, one)
    for second in (other, data.draw(retyped(one))):
        assert same_results(one, second) == same_by_definition(one, second)
