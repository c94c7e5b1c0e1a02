# SPDX-License-Identifier: Apache-2.0
"""What the task r1repro.yaml asks of this project: questions in their frame, and the judge."""

import json
from pathlib import Path

from datasets import Dataset

from r1repro.files import read_jsonl
from r1repro.tasks.judge import judge
from r1repro.tasks.problem import REASONING
from r1repro.tasks.template import frame

CATEGORIES = tuple(category for category in REASONING if category != "code")


def dataset(test: str, **_metadata) -> dict[str, Dataset]:
    """Return the reasoning questions of a prompt file; `test` is its path."""
    records = [row for row in read_jsonl(Path(test)) if row["category"] in CATEGORIES]
    rows = [
        {
            "prompt": frame(record["question"]),
            "answer": str(record["answer"]),
            "record": json.dumps(record, ensure_ascii=False),
        }
        for record in records
    ]
    return {"test": Dataset.from_list(rows)}


def judged(doc: dict, results: list[str]) -> dict[str, float]:
    """Judge the response to one question as `evaluate` does."""
    [verdict] = judge([json.loads(doc["record"])], [results[0]], sandbox=None)
    return {"pass_at_1": float(verdict.correct), "format_ok": float(verdict.format_ok)}
