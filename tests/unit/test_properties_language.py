# SPDX-License-Identifier: Apache-2.0
"""Laws of the measures of a text: words by language, repetition, readability."""

import math
from collections import Counter

import pytest
from drawn_texts import strange, without_tags
from properties import given, st

from r1repro.tasks.language import language_share, words_by_language
from r1repro.tasks.problem import LANGUAGES
from r1repro.tasks.readability import PIECE, PIECES, fault_of, is_readable, repetition_rate
from r1repro.tasks.template import respond

# a piece of text and how many words of each language it holds
PIECES_OF_TEXT = {
    "word": {"en": 1}, "don't": {"en": 1}, "数学": {"zh": 2}, "用soap洗": {"zh": 2, "en": 1},
    "мир": {"other": 1}, "かな": {"other": 1}, "x": {}, "3+4=7": {}, "H2O": {}, "kg3": {},
    "a_b": {}, "x=ab": {}, "ab/s": {}, "A#": {}, "": {},
}  # fmt: skip
known_pieces = st.lists(st.sampled_from(list(PIECES_OF_TEXT)), max_size=6)
mixed = st.lists(known_pieces.map("".join) | strange, max_size=4).map("".join)


@given(known_pieces, st.sampled_from([" ", ", ", "。", ") (", "\n"]))
def test_words_are_counted_and_formulas_are_not(pieces, between):
    """Known pieces in any order: the counts are the sum of theirs."""
    expected = Counter({"en": 0, "zh": 0, "other": 0})
    for piece in pieces:
        expected.update(PIECES_OF_TEXT[piece])
    assert words_by_language(between.join(pieces)) == expected


@given(mixed, mixed)
def test_words_of_two_texts_add_up(first, second):
    """With a blank between, no word is joined or cut: the counts of both are those of each."""
    together = words_by_language(f"{first} {second}")
    apart = Counter(words_by_language(first)) + Counter(words_by_language(second))
    assert together == {name: apart[name] for name in together}


@given(mixed)
def test_shares_of_the_languages_are_parts_of_one(text):
    """Each from 0 to 1, together at most 1, and all unknown where there is no word."""
    shares = [language_share(text, language) for language in LANGUAGES]
    words = words_by_language(text)
    if not sum(words.values()):
        assert shares == [None, None]
        return
    assert all(0 <= share <= 1 for share in shares)
    assert math.isclose(sum(shares), 1 - words["other"] / sum(words.values()), abs_tol=1e-12)


@given(st.lists(st.sampled_from(["so ", "on ", "数", "x" * 30 + " "]), max_size=14).map("".join))
def test_repetition_is_the_share_of_runs_that_stood_before(text):
    """A second implementation: go through the runs and note which have been seen."""
    found, seen, again = PIECE.findall(text), set(), 0
    runs = [tuple(found[at : at + PIECES]) for at in range(max(len(found) - PIECES + 1, 0))]
    for run in runs:
        again += run in seen
        seen.add(run)
    assert repetition_rate(text) == pytest.approx(again / len(runs) if runs else 0)


@given(strange, strange, st.sampled_from(LANGUAGES))
def test_any_response_is_readable_or_has_a_fault(thought, answer, language):
    """No text makes the filter of responses fail, and it is the same filter each time."""
    for response in (thought, respond(without_tags(thought), without_tags(answer))):
        fault = fault_of(response, language)
        assert fault in (None, "unreadable", "mixed_language", "repetition")
        assert (fault == "unreadable") == (not is_readable(response))


GOOD = respond("First 3+4=7.", "7")


@given(st.sampled_from("\x1b\x00\ud800\ufffd\ue000"), st.integers(0, len(GOOD)))
def test_a_broken_character_anywhere_makes_a_response_unreadable(broken, at):
    """A control character, half of a surrogate pair or the mark of broken bytes."""
    assert is_readable(GOOD) and not is_readable(GOOD[:at] + broken + GOOD[at:])
