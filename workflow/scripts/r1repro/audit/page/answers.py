# SPDX-License-Identifier: Apache-2.0
"""Sample answers: the same test question, answered by the base and by r1_zero.

Chosen by rule, not by eye: of each category the first question of the test split, and of each
checkpoint its sample 0.

Model output is hostile text. The template escapes it; here everything that is not plain visible
text (control characters, direction overrides, lone surrogates, characters that do not exist) is
written out as its code point, and very long answers are cut, so that no answer can change the
page around it.
"""

import json
import unicodedata
from pathlib import Path
from types import SimpleNamespace

from r1repro.audit.page.scores import CATEGORY_NAMES, ORDER_OF_CATEGORIES, in_order
from r1repro.audit.page.tables import absent, field
from r1repro.errors import InputError

FIELDS = {
    "prompt_id": str, "category": str, "language": str, "question": str, "answer": str,
    "response": str, "extracted": str | None, "correct": bool, "format_ok": bool, "tokens": int,
    "sample": int,
}  # fmt: skip
LONGEST = 1500  # characters of a response that are shown
LONGEST_FIELD = 300  # characters of a question, of an answer
MOST_MARKS = 2  # combining marks on one character; more could cover the lines around it
HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def harmless(text: str) -> str:
    """Return text in which every character is visible and stays in its place."""
    shown, marks = [], 0
    for character in text:
        kind = unicodedata.category(character)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        hidden = kind in HIDDEN and character not in "\n\t"
        written_out = hidden or marks > MOST_MARKS
        shown.append(f"\u27e8U+{ord(character):04X}\u27e9" if written_out else character)
    return "".join(shown)


def shortened(text: str, limit: int) -> str:
    """Return harmless text of at most so many characters of the original."""
    return harmless(text[:limit]) + (" \u2026" if len(text) > limit else "")


def read_first_samples(path: Path) -> dict[str, dict]:
    """Return sample 0 of every prompt, by prompt id, in the order of the file.

    Reads line by line: at larger scales the file does not fit in memory.
    Raises InputError that names file, line and field.
    """
    found: dict[str, dict] = {}
    try:
        with open(path, encoding="utf-8") as handle:
            for number, line in enumerate(handle, start=1):
                row = _sample(path, number, line)
                if row["sample"] == 0:
                    found.setdefault(row["prompt_id"], row)
    except FileNotFoundError as error:
        raise absent(path) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text ({error.reason}); remake it") from error
    if not found:
        raise InputError(f"{path} holds no answer with sample 0; remake it")
    return found


def _sample(path: Path, number: int, line: str) -> dict:
    where = Path(f"{path}, line {number}:")
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{where} not JSON ({error}); remake the file") from error
    for name, kind in FIELDS.items():
        if not isinstance(field(row, where, name), kind):
            wanted = getattr(kind, "__name__", kind)
            raise InputError(f"{where} {name} is not a {wanted}; remake the file")
    return row


def _answer(checkpoint: str, row: dict) -> SimpleNamespace:
    response, extracted = row["response"], row["extracted"]
    return SimpleNamespace(
        checkpoint=checkpoint,
        response=harmless(response[:LONGEST]),
        left_out=max(0, len(response) - LONGEST),
        extracted=None if extracted is None else shortened(extracted, LONGEST_FIELD),
        **{name: row[name] for name in ("correct", "format_ok", "tokens")},
    )


def pairs(samples: dict[str, Path]) -> list[SimpleNamespace]:
    """Return one question of each category with the answer of each checkpoint.

    `samples` names the checkpoints and their files, in the order in which they are shown. All texts
    are harmless to show; `left_out` counts the characters of a response that are not.
    Raises InputError when the checkpoints did not answer the same questions.
    """
    read = {checkpoint: read_first_samples(path) for checkpoint, path in samples.items()}
    first, *others = read.values()
    chosen: dict[str, str] = {}
    for prompt_id, row in first.items():
        if row["category"] in chosen:
            continue
        if any(prompt_id not in other for other in others):
            raise InputError(
                f"{' and '.join(str(p) for p in samples.values())} do not answer the same "
                f"questions ({harmless(prompt_id)} is in one only); rerun the rule score"
            )
        chosen[row["category"]] = prompt_id
    questions = []
    for category in in_order(chosen, ORDER_OF_CATEGORIES):
        row = first[chosen[category]]
        questions.append(
            SimpleNamespace(
                category=CATEGORY_NAMES.get(category, harmless(category)),
                prompt_id=harmless(row["prompt_id"]),
                language="zh" if row["language"] == "zh" else "en",
                question=shortened(row["question"], LONGEST),
                answer=shortened(row["answer"], LONGEST_FIELD),
                answers=[_answer(name, rows[chosen[category]]) for name, rows in read.items()],
            )
        )
    return questions
