# SPDX-License-Identifier: Apache-2.0
"""Which words count for the language of a text, and which responses can be read."""

import random

import pytest

from r1repro.tasks.language import language_share, words_by_language
from r1repro.tasks.problem import LANGUAGES, join_steps
from r1repro.tasks.readability import MOST_REPEATED, fault_of, is_readable, repetition_rate
from r1repro.tasks.registry import TASKS
from r1repro.tasks.template import respond


@pytest.mark.parametrize(
    ("text", "english", "chinese", "other"),
    [
        ("First 3+4=7. Then 7-5=2.", 2, 0, 0),
        ("先算3+4=7。", 0, 2, 0),
        ("First 3+4=7. 再算7-5=2。", 1, 2, 0),
        ("It is 12/4=3 . Try (A)5-3=2 (B)3-3=0 .", 3, 0, 0),
        ("From A# #B . Now #B A# .", 2, 0, 0),
        ("f(x)=2*x+3, x y z", 0, 0, 0),
        ("a I (B) C.", 0, 0, 0),
        ("H2O NH3 C2H6 12kg 3m/s ohm", 1, 0, 0),
        ("don't well-known naïve", 3, 0, 0),
        ("用soap洗车", 1, 3, 0),
        ("привет мир", 0, 0, 2),
        ("ありがとう 감사", 0, 0, 2),
        ("ＦＵＬＬ width", 2, 0, 0),
        ("", 0, 0, 0),
        ("\ud800 \x00 12345", 0, 0, 0),
    ],
)
def test_words_are_characters_or_runs_of_letters_and_nothing_else(text, english, chinese, other):
    """Counted by hand; digits, formulas, units, single letters and symbols are no words."""
    assert words_by_language(text) == {"en": english, "zh": chinese, "other": other}


def test_the_share_is_target_words_by_all_words():
    """`First` and two characters: one third English, two thirds Chinese."""
    mixed = "First 3+4=7. 再算7-5=2。"
    assert language_share(mixed, "en") == pytest.approx(1 / 3)
    assert language_share(mixed, "zh") == pytest.approx(2 / 3)
    assert language_share("привет", "en") == 0.0


def test_a_text_without_words_has_no_share():
    """Neither 0 nor 1: the caller has to say what silence is worth."""
    assert language_share("", "en") is None
    assert language_share("3+4=7", "zh") is None


def test_worked_solutions_are_in_their_language_alone_and_readable():
    """All tasks, both languages: share 1 in the own and 0 in the other, no fault found."""
    rng = random.Random(4)
    for task in TASKS.values():
        for problem in (task.make(rng) for _ in range(150)):
            for language in LANGUAGES:
                reasoning = join_steps(problem.steps[language])
                other = LANGUAGES[1 - LANGUAGES.index(language)]
                assert language_share(reasoning, language) == 1.0, reasoning
                assert language_share(reasoning, other) == 0.0, reasoning
                response = respond(reasoning, problem.answer_in(language))
                assert fault_of(response, language) is None, response
                looped = respond(" ".join([reasoning] * 4), problem.answer_in(language))
                assert fault_of(looped, language) == "repetition", looped


def test_repetition_is_the_share_of_runs_that_were_there_before():
    """a b c d e a b c d e has six runs of five, the last of which is the first again."""
    assert repetition_rate("a b c d e a b c d e") == pytest.approx(1 / 6)
    assert repetition_rate("a b c d e f g h i") == 0.0
    assert repetition_rate("") == repetition_rate("one two three four") == 0.0
    assert repetition_rate("so " * 40) == pytest.approx(1 - 1 / 36)
    assert repetition_rate("好" * 40) == pytest.approx(1 - 1 / 36)
    assert repetition_rate("x" * 4000) > MOST_REPEATED


@pytest.mark.parametrize(
    ("response", "fault"),
    [
        (respond("First 3+4=7.", "7"), None),
        (respond("3+4=7", "7"), None),
        (respond("", "7"), "unreadable"),
        (respond("First 3+4=7.", ""), "unreadable"),
        ("First 3+4=7. 7", "unreadable"),
        (respond("First 3+4=7.", "7") + "!", "unreadable"),
        (respond("First \ufffd\ufffd", "7"), "unreadable"),
        (respond("First \x1b[2J", "7"), "unreadable"),
        (respond("First \ud800", "7"), "unreadable"),
        (respond("先算3+4=7。", "7"), "mixed_language"),
        (respond("First 3+4=7. 再算", "7"), "mixed_language"),
        (respond("now now now now now now now now", "7"), "repetition"),
    ],
)
def test_the_first_fault_is_named(response, fault):
    """The prompt is English."""
    assert fault_of(response, "en") == fault
    assert is_readable(response) == (fault != "unreadable")
