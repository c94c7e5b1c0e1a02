# SPDX-License-Identifier: Apache-2.0
"""A user's own prompts: good lines become records, a bad line stops with its number."""

import json

import pytest

from r1repro.tasks.data.user_answers import check_of, parse_number, verify
from r1repro.tasks.data.user_prompts import UserPromptError, read_user_prompts

GOOD = b'{"prompt": "What is 2+2?", "answer": "4", "category": "math"}'
CODE = {
    "prompt": "Write f(x) that doubles x",
    "answer": {"entry": "f", "inputs": [[1], [2]], "expected": [2, 4]},
    "category": "code",
}


def write(tmp_path, *lines):
    path = tmp_path / "mine.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def line(**changes):
    value = {"prompt": "What is 3+3?", "answer": "6", "category": "math"} | changes
    return json.dumps({key: item for key, item in value.items() if item is not ...}).encode()


def refusal(tmp_path, *lines):
    with pytest.raises(UserPromptError) as caught:
        read_user_prompts(write(tmp_path, *lines), max_bytes=300)
    message = str(caught.value)
    assert "\n" not in message and message.isprintable()
    return message


def test_good_lines_become_prompt_records(tmp_path):
    """Category, language and rule are filled in; blanks at the ends are dropped."""
    path = write(
        tmp_path,
        GOOD,
        line(prompt=" 首都是哪里？ ", answer="北京", category="logic"),
        line(prompt="Which? A)1 B)2 C)3 D)4", answer="(b)", category="stem", language="en"),
        json.dumps(CODE).encode(),
    )
    math, logic, stem, code = read_user_prompts(path, max_bytes=300)
    assert math["id"] == "user-000001" and math["check"] == {"rule": "number", "answer": "4"}
    assert logic["question"] == "首都是哪里？" and logic["language"] == "zh"
    assert logic["check"]["rule"] == "text"
    assert stem["check"] == {"rule": "choice", "answer": "B"} and stem["language"] == "en"
    assert code["check"] == CODE["answer"] and code["task"] == "user_code"
    assert set(math) == {
        "id", "category", "task", "language", "question", "answer", "check", "key", "level"
    }  # fmt: skip
    assert math["level"] == 0  # nobody has worked it


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (b'{"prompt": "x"', "is not JSON"),
        (b"What is 2+2?", "is not JSON"),
        (b"", "is empty; remove it"),
        (b"[1, 2]", "is a list"),
        (b'"text"', "is a text"),
        (b"null", "is null"),
        (line(promt="x"), "unknown key 'promt'; did you mean 'prompt'?"),
        (line(zzz=1), "unknown key 'zzz'; Known are prompt, answer, category, language"),
        (line(answer=...), "the key 'answer' is missing"),
        (line(answer=6), "'answer' is a number; write a text"),
        (line(answer=None), "'answer' is null"),
        (line(prompt=["a"]), "'prompt' is a list"),
        (line(category=True), "'category' is true or false"),
        (line(prompt=" \t"), "'prompt' is empty"),
        (line(answer=""), "'answer' is empty"),
        (line(answer="..."), "only punctuation"),
        (line(prompt="?!"), "has no word and no number"),
        (line(category="maths"), "unknown category 'maths'; did you mean 'math'?"),
        (line(category="general"), "unknown category 'general'"),
        (line(category="Math"), "did you mean 'math'?"),
        (line(language="fr"), "unknown language 'fr'"),
        (line(prompt="bell \x07 rings"), "control character U+0007"),
        (line(prompt="null \x00"), "control character U+0000"),
        (line(answer="6\u202e"), "control character U+202E"),
        (line(prompt="half \ud800"), "half a character"),
        (line(prompt="Say </answer> now 1"), "reserved tag '</answer>'"),
        (line(prompt="Stop <|end|> 1"), "reserved tag '<|end|>'"),
        (line(prompt="long " * 100), "more than the 300"),
        (line(prompt="长" * 101), "has 303 bytes"),
        (line(answer="7" * 201), "has 201 characters"),
        (b'{"prompt": "a", "prompt": "b", "answer": "1", "category": "math"}', "'prompt' twice"),
        (b'{"prompt": "a", "answer": NaN, "category": "math"}', "holds NaN"),
        (b'{"prompt": "a", "answer": -Infinity, "category": "math"}', "holds -Infinity"),
        (b'{"prompt": "a", "answer": ' + b"9" * 5000 + b"}", "not usable JSON"),
        (b"[" * 100_000, "not usable JSON"),
        (b'{"prompt": "caf\xe9"}', "is not UTF-8 at byte 16"),
        (b"x" * (1 << 20) + b"y", "is longer than"),
        (line(prompt="WHAT is  2 + 2"), "repeats the prompt of line 1"),
    ],
)  # fmt: skip
def test_a_bad_line_stops_with_file_line_and_reason(tmp_path, bad, expected):
    """The second of three lines is bad; the message names file, line and fault."""
    message = refusal(tmp_path, GOOD, bad, line(prompt="What is 9+9?", answer="18"))
    assert message.startswith(f"{tmp_path / 'mine.jsonl'}, line 2: ")
    assert expected in message


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("def f(x): return 2*x", "'answer' of a code prompt is a text"),
        ({"entry": "f", "inputs": [[1]]}, "lacks the key 'expected'"),
        ({"entry": "f", "input": [[1]]}, "did you mean 'inputs'?"),
        ({"entry": "os.system", "inputs": [[1]], "expected": [1]}, "not the name of a Python"),
        ({"entry": "f", "inputs": [1], "expected": [1]}, "list of argument lists"),
        ({"entry": "f", "inputs": [[1], [2]], "expected": [1]}, "one result for each"),
        ({"entry": "f", "inputs": [], "expected": []}, "has 0 cases"),
        ({"entry": "f", "inputs": [[0.5]], "expected": [1]}, "a decimal number"),
        ({"entry": "f", "inputs": [[1]], "expected": [{"a": 1}]}, "holds an object"),
        ({"entry": "f", "inputs": [[1]], "expected": [[[[[1]]]]]}, "lists in lists"),
        ({"entry": "f", "inputs": [[1]], "expected": ["\ud800"]}, "half a character"),
    ],
)
def test_a_code_prompt_needs_hidden_cases(tmp_path, answer, expected):
    """A program given as text cannot be judged; the message shows what to write."""
    assert expected in refusal(tmp_path, GOOD, json.dumps(CODE | {"answer": answer}).encode())


def test_a_byte_order_mark_and_utf16_are_named(tmp_path):
    """Both are what a spreadsheet exports."""
    assert "byte order mark" in refusal(tmp_path, b"\xef\xbb\xbf" + GOOD)
    assert "byte order mark" in refusal(tmp_path, GOOD.decode().encode("utf-16"))


def test_missing_empty_and_folder_paths_are_named(tmp_path):
    """Three things that are not a file of prompts."""
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    for path, expected in (
        (tmp_path / "none.jsonl", "does not exist"),
        (empty, "has no line"),
        (tmp_path, "is a folder"),
    ):
        with pytest.raises(UserPromptError, match=expected):
            read_user_prompts(path, max_bytes=300)


def test_windows_line_ends_are_accepted(tmp_path):
    """A carriage return before the line end is JSON white space."""
    path = tmp_path / "mine.jsonl"
    path.write_bytes(GOOD + b"\r\n" + line() + b"\r\n")
    assert len(read_user_prompts(path, max_bytes=300)) == 2


@pytest.mark.parametrize(
    ("category", "answer", "right", "wrong"),
    [
        ("math", "0.75", ["3/4", " .75 ", "0.750", "+0.75"], ["0.7", "75%", "3/0", "3/4/1", ""]),
        ("math", "-3", ["-3", "−3", "- 3", "-3.0", "-6/2"], ["3", "--3", "-3x", "1e1", "9" * 70]),
        ("math", "x + 1", ["X + 1", "x  + 1."], ["x - 1", "1 + x"]),
        ("stem", "C", ["c", "(C)", "C.", "Ｃ"], ["D", "C)7 D)8", "", "CC"]),
        ("logic", "Yes", ["yes", "YES.", " yes "], ["yes no", "no", ""]),
        ("logic", "北京", ["北京。", "北京"], ["京北"]),
    ],
)
def test_user_answers_are_compared_by_value_option_or_text(category, answer, right, wrong):
    """Equal values in other writing are right; anything else is wrong, never an error."""
    check = check_of(category, answer)
    assert [text for text in right if not verify(check, text)] == []
    assert [text for text in wrong if verify(check, text)] == []


def test_numbers_are_exact():
    """0.1 + 0.2 is 0.3 here, which binary floats would deny."""
    assert parse_number("0.1") + parse_number("0.2") == parse_number("0.3")
