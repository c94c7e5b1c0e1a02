# SPDX-License-Identifier: Apache-2.0
"""The questions of a benchmark as prompts of this workflow, read by the library `datasets`.

Choices  Options are put in an order that is drawn from the benchmark's name and the row alone: the
         same in every run of every checkpoint. Nobody has worked these questions here, so their
         level is unknown (0).
"""

import random
from pathlib import Path

from r1repro.errors import InputError, reason_of
from r1repro.tasks.benchmarks.sources import Source

TASK = "benchmark"
UNKNOWN_LEVEL = 0
LETTERS = "ABCDEFGH"


def prompts_of(name: str, source: Source, file: Path) -> list[dict]:
    """Return the prompts of a benchmark's file.

    Raises InputError when the file cannot be read, has other rows or columns than stated, or a row
    without question or answer.
    """
    from datasets import load_dataset

    try:
        # streaming: nothing is converted and written to a cache
        rows = list(
            load_dataset(source.format, data_files=str(file), split="train", streaming=True)
        )
    except Exception as error:
        raise InputError(f"{file} cannot be read as {source.format}: {reason_of(error)}") from error
    if len(rows) != source.rows:
        raise InputError(f"{file} has {len(rows)} questions where {name} has {source.rows}")
    return [_prompt(name, source, number, row) for number, row in enumerate(rows, start=1)]


def _prompt(name: str, source: Source, number: int, row: dict) -> dict:
    question = _text(name, number, row, source.question)
    answer = _text(name, number, row, source.answer)
    if source.answer_after is not None:
        _, mark, answer = answer.rpartition(source.answer_after)
        if not mark or not answer.strip():
            raise InputError(f"{name}, row {number}: no answer after {source.answer_after!r}")
        answer = answer.strip()
    if source.judge == "choice":
        options = [answer, *(_text(name, number, row, column) for column in source.wrong)]
        order = list(range(len(options)))
        random.Random(f"{name}/{number}").shuffle(order)
        shown = (f"({LETTERS[i]}) {options[place]}" for i, place in enumerate(order))
        question, answer = "\n".join([question, *shown]), LETTERS[order.index(0)]
    return {
        "id": f"{name}-{number:05d}",
        "category": source.category,
        "task": TASK,
        "language": "en",
        "question": question,
        "answer": answer,
        "check": {"rule": source.judge, "answer": answer},
        "key": f"{name}:{number}",
        "level": UNKNOWN_LEVEL,
    }


def _text(name: str, number: int, row: dict, column: str) -> str:
    if column not in row:
        raise InputError(
            f"{name}, row {number}: there is no column {column!r}, only {', '.join(map(str, row))}"
        )
    value = "" if row[column] is None else str(row[column]).strip()
    if not value:
        raise InputError(f"{name}, row {number}: the column {column!r} is empty")
    return value
