# SPDX-License-Identifier: Apache-2.0
"""Sample answers: chosen by rule, and harmless whatever the model wrote."""

import json

import page_tables
import pytest

from r1repro.audit.page import answers
from r1repro.errors import InputError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\tc", "a\nb\tc"),
        ("\u7b54\u6848 12", "\u7b54\u6848 12"),
        ("\x00\x1b[2J", "\u27e8U+0000\u27e9\u27e8U+001B\u27e9[2J"),
        ("a\u202eb\u2066", "a\u27e8U+202E\u27e9b\u27e8U+2066\u27e9"),
        ("\ud83d", "\u27e8U+D83D\u27e9"),
        ("\u2028\ufffe\ue000", "\u27e8U+2028\u27e9\u27e8U+FFFE\u27e9\u27e8U+E000\u27e9"),
        ("e\u0301", "e\u0301"),
        ("e" + "\u0301" * 4, "e\u0301\u0301\u27e8U+0301\u27e9\u27e8U+0301\u27e9"),
    ],
)
def test_invisible_characters_become_code_points(text, shown):
    """Line breaks and languages stay; what hides, turns or piles up text is written out."""
    assert answers.harmless(text) == shown
    assert answers.harmless(text).encode()  # can always be written


def test_first_question_of_each_category_and_first_sample(tmp_path):
    """The rule is: first question of the file in a category, sample 0, base beside r1_zero."""
    options = page_tables.make(tmp_path)
    rows = [json.loads(line) for line in options["samples"][0].open(encoding="utf-8")]
    later = [row | {"prompt_id": "math-test-000009", "question": "later"} for row in rows]
    for path in options["samples"]:
        page_tables.write_lines(path, rows + later)
    files = dict(zip(("base", "r1_zero"), options["samples"][::2], strict=True))
    found = answers.pairs(files)
    assert [q.category for q in found] == ["Math", "Code", "STEM", "Logic"]
    assert {q.question for q in found} == {"What is 7 + 5 ?", "\u8ba1\u7b97 7 + 5"}
    assert [a.checkpoint for a in found[0].answers] == ["base", "r1_zero"]
    assert found[3].language == "zh"


def test_long_answers_are_cut_and_say_so(tmp_path):
    """An answer of a million characters shows 1,500 of them and the number left out."""
    options = page_tables.make(tmp_path)
    rows = [json.loads(line) for line in options["samples"][0].open(encoding="utf-8")]
    page_tables.write_lines(
        options["samples"][0], [row | {"response": "x" * 1_000_000} for row in rows]
    )
    html = page_tables.render(options)[0]
    assert "[998500 more characters in samples.jsonl]" in html
    assert "x" * 1500 in html
    assert "x" * 1501 not in html


def test_different_questions_are_not_compared(tmp_path):
    """Answers of two checkpoints to different test splits stop the page."""
    options = page_tables.make(tmp_path)
    page_tables.edit(options["samples"][2], "math-test-000000", "math-test-000001")
    with pytest.raises(InputError, match="do not answer the same questions"):
        page_tables.render(options)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"sample": 0', '"sample": 7', "no answer with sample 0"),
        ('"response"', '"reply"', "line 1: lacks the field response"),
        ('"correct": false', '"correct": "no"', "correct is not a bool"),
        ('"tokens": 14', '"tokens": "many"', "tokens is not a int"),
        ('{"prompt_id"', '{prompt_id"', "not JSON"),
    ],
)
def test_bad_samples_are_named(tmp_path, old, new, words):
    """A line that is not as promised is named with file, line and field."""
    options = page_tables.make(tmp_path)
    page_tables.edit(options["samples"][0], old, new)
    with pytest.raises(InputError, match=words) as caught:
        page_tables.render(options)
    assert str(options["samples"][0]) in str(caught.value)
