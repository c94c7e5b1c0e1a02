# SPDX-License-Identifier: Apache-2.0
"""Read a user's own prompts: JSON Lines with `prompt`, `answer`, `category`.

One object a line, exactly these keys and, if wanted, `language` (en or zh; otherwise zh when the
prompt has a Chinese character). Categories are the ones that a rule can check:
math, stem, logic   `answer` is a text (see `user_answers` for how it is compared)
code                `answer` is an object {"entry", "inputs", "expected"}: the name of the
                    function, argument lists, and results; a program given as text could not be
                    judged, because nothing says on which inputs
`general` is refused: its rules know the generated prompts only, and the paper judges such prompts
by reward models.
The first bad line raises UserPromptError with file, line and what is wrong; nothing is written.
"""

import difflib
import json
import re
import unicodedata
from pathlib import Path

from r1repro.errors import StageError
from r1repro.files import canonical_json, sha256_text
from r1repro.tasks.data.user_answers import USER_CODE_TASK, USER_TASK, check_of, plain_text
from r1repro.tasks.data.words import language_of, words_of
from r1repro.tasks.problem import LANGUAGES, REASONING
from r1repro.tasks.template import TAGS

REQUIRED = ("prompt", "answer", "category")
OPTIONAL = ("language",)
CODE_KEYS = ("entry", "inputs", "expected")
LINE_BYTES = 1 << 20
ANSWER_CHARACTERS = 200
CODE_CASES = 64
UNKNOWN_LEVEL = 0  # nobody has worked an own prompt, so its number of steps is not known
CASE_DEPTH = 4
ENTRY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}", re.ASCII)
SPECIAL_TOKEN = re.compile(r"<\|[^|\s]{0,40}\|>")
BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
BIDI_CONTROLS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
JSON_TYPES = {
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


class UserPromptError(StageError):
    """A line of the user's prompt file cannot be used."""


class _BadLine(Exception):
    """What is wrong with a line, before file and line number are known."""


def read_user_prompts(path: Path, max_bytes: int) -> list[dict]:
    """Return prompt records of a user's file; `max_bytes` bounds one prompt in UTF-8.

    Raises UserPromptError for a missing, unreadable or empty file and for the first bad line.
    """
    records: list[dict] = []
    seen: dict[tuple[str, ...], int] = {}
    try:
        with open(path, "rb") as handle:
            for number, raw in enumerate(iter(lambda: handle.readline(LINE_BYTES + 1), b""), 1):
                try:
                    record = _record(_parse(raw, number), number, max_bytes)
                    words = words_of(record["question"])
                    if (earlier := seen.setdefault(words, number)) != number:
                        raise _BadLine(f"repeats the prompt of line {earlier}; remove one")
                except _BadLine as wrong:
                    raise UserPromptError(f"{path}, line {number}: {wrong}") from None
                records.append(record)
    except FileNotFoundError:
        raise UserPromptError(
            f"{path} does not exist; correct data.user_prompts or set it to null"
        ) from None
    except IsADirectoryError:
        raise UserPromptError(
            f"{path} is a folder; data.user_prompts names a JSONL file or is null"
        ) from None
    except PermissionError:
        raise UserPromptError(f"{path} cannot be read; give this user read permission") from None
    if not records:
        raise UserPromptError(f"{path} has no line; add prompts or set data.user_prompts to null")
    return records


def _parse(raw: bytes, number: int) -> dict:
    """Return the JSON object of one line."""
    if len(raw) > LINE_BYTES:
        raise _BadLine(f"is longer than {LINE_BYTES} bytes; shorten it")
    if number == 1 and raw.startswith(BYTE_ORDER_MARKS):
        raise _BadLine("begins with a byte order mark; save the file as UTF-8 without it")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise _BadLine(f"is not UTF-8 at byte {error.start + 1}; save the file as UTF-8") from None
    if not text.strip():
        raise _BadLine("is empty; remove it")
    try:
        value = json.loads(text, object_pairs_hook=_no_twice, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise _BadLine(
            f"is not JSON: {error.msg} at character {error.pos + 1}; write one object a line"
        ) from None
    except (RecursionError, ValueError):
        raise _BadLine("is not usable JSON: nested too deep or a number too long") from None
    if not isinstance(value, dict):
        raise _BadLine(
            f'is {JSON_TYPES[type(value)]}; write an object such as {{"prompt": "What is 2+2?", '
            '"answer": "4", "category": "math"}'
        )
    return value


def _no_twice(pairs: list[tuple[str, object]]) -> dict:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise _BadLine(f"has the key {_shown(key)} twice; keep one")
    return dict(pairs)


def _no_constant(name: str) -> None:
    raise _BadLine(f"holds {name}, which is not JSON; write a number or a text")


def _shown(text: str) -> str:
    """Quote a piece of the user's file so that it is short and prints safely."""
    return ascii(text if len(text) <= 40 else text[:37] + "...")


def _nearest(word: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word.casefold(), known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}Known are {', '.join(known)}"


def _record(value: dict, number: int, max_bytes: int) -> dict:
    """Check one object and turn it into a prompt record."""
    for key in value:
        if key not in REQUIRED + OPTIONAL:
            raise _BadLine(f"unknown key {_shown(key)}; {_nearest(key, REQUIRED + OPTIONAL)}")
    for key in REQUIRED:
        if key not in value:
            raise _BadLine(f"the key {key!r} is missing; every line needs {', '.join(REQUIRED)}")
    category = _choice(value, "category", REASONING)
    prompt = _text(value, "prompt")
    if len(prompt.encode()) > max_bytes:
        raise _BadLine(
            f"'prompt' has {len(prompt.encode())} bytes in UTF-8, more than the {max_bytes} of "
            "data.user_prompt_max_bytes; shorten it or raise that setting"
        )
    if not words_of(prompt):
        raise _BadLine("'prompt' has no word and no number; write a question")
    if category == "code":
        check = _code_check(value["answer"])
        answer = canonical_json(check)
    else:
        answer = _text(value, "answer")
        if len(answer) > ANSWER_CHARACTERS:
            raise _BadLine(
                f"'answer' has {len(answer)} characters, more than {ANSWER_CHARACTERS}; "
                "give only the final answer"
            )
        if not plain_text(answer):
            raise _BadLine("'answer' is only punctuation; give the final answer")
        check = check_of(category, answer)
    language = _choice(value, "language", LANGUAGES) if "language" in value else language_of(prompt)
    return {
        "id": f"user-{number:06d}",
        "category": category,
        "task": USER_CODE_TASK if category == "code" else USER_TASK,
        "language": language,
        "question": prompt,
        "answer": answer,
        "check": check,
        "key": f"{USER_TASK}:{sha256_text(' '.join(words_of(prompt)))}",
        "level": UNKNOWN_LEVEL,
    }


def _choice(value: dict, key: str, known: tuple[str, ...]) -> str:
    chosen = _text(value, key)
    if chosen not in known:
        raise _BadLine(f"unknown {key} {_shown(chosen)}; {_nearest(chosen, known)}")
    return chosen


def _text(value: dict, key: str) -> str:
    """Return a text without blanks at its ends that is safe to print and to train on."""
    text = value[key]
    if not isinstance(text, str):
        raise _BadLine(f"{key!r} is {JSON_TYPES[type(text)]}; write a text in double quotes")
    if not text.strip():
        raise _BadLine(f"{key!r} is empty; fill it in")
    for character in text:
        kind = unicodedata.category(character)
        if (kind == "Cc" and character not in "\n\t") or character in BIDI_CONTROLS:
            raise _BadLine(f"{key!r} has the control character U+{ord(character):04X}; remove it")
        if kind == "Cs":
            raise _BadLine(f"{key!r} has half a character (U+{ord(character):04X}); remove it")
    for tag in (*TAGS, *SPECIAL_TOKEN.findall(text)):
        if tag in text:
            raise _BadLine(f"{key!r} has the reserved tag {_shown(tag)}; remove it")
    return text.strip()


def _code_check(answer: object) -> dict:
    """Check the hidden cases of a code prompt."""
    example = '{"entry": "f", "inputs": [[1], [2]], "expected": [2, 4]}'
    if not isinstance(answer, dict):
        raise _BadLine(
            f"'answer' of a code prompt is {JSON_TYPES[type(answer)]}; write its hidden cases, "
            f"such as {example}"
        )
    for key in answer:
        if key not in CODE_KEYS:
            raise _BadLine(f"unknown key {_shown(key)} in 'answer'; {_nearest(key, CODE_KEYS)}")
    for key in CODE_KEYS:
        if key not in answer:
            raise _BadLine(f"'answer' lacks the key {key!r}; write it such as {example}")
    entry, inputs, expected = (answer[key] for key in CODE_KEYS)
    if not isinstance(entry, str) or not ENTRY.fullmatch(entry):
        raise _BadLine("'entry' is not the name of a Python function, such as f")
    if not isinstance(inputs, list) or not all(isinstance(case, list) for case in inputs):
        raise _BadLine("'inputs' is not a list of argument lists, such as [[1], [2]]")
    if not isinstance(expected, list) or len(expected) != len(inputs):
        raise _BadLine("'expected' is not a list with one result for each of 'inputs'")
    if not 1 <= len(inputs) <= CODE_CASES:
        raise _BadLine(f"'answer' has {len(inputs)} cases; give 1 to {CODE_CASES}")
    for value in (*inputs, *expected):
        _check_case(value, CASE_DEPTH)
    return {"entry": entry, "inputs": inputs, "expected": expected}


def _check_case(value: object, depth: int) -> None:
    """Refuse values that are not compared exactly or cannot be written down."""
    if isinstance(value, dict | float) or depth == 0:
        raise _BadLine(
            "a hidden case holds an object, a decimal number or lists in lists in lists; use "
            "whole numbers, texts, true, false, null and lists of them"
        )
    if isinstance(value, list):
        for item in value:
            _check_case(item, depth - 1)
    elif isinstance(value, str) and any(unicodedata.category(c) == "Cs" for c in value):
        raise _BadLine("a hidden case has half a character (a lone surrogate); remove it")
