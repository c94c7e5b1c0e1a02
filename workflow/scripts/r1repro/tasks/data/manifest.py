# SPDX-License-Identifier: Apache-2.0
"""What a data file holds: counts, average lengths, checksum, and what it was made with.

Lengths before a tokenizer exists are in normalised words (`words_of`), and the field says so;
`token_statistics` gives the same counts in tokens of a trained tokenizer.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from r1repro.files import read_jsonl, sha256_file
from r1repro.tasks.data.words import words_of
from r1repro.tasks.template import frame

GENERATOR_VERSION = "1"
TOKENS_AT_ONCE = 4096


def text_of(record: dict) -> str:
    """Return the text of a record that a model reads or is trained on; of a pair, both."""
    if "text" in record:
        return record["text"]
    if "chosen" in record:
        return f"{record['prompt']} {record['chosen']} {record['rejected']}"
    if "response" in record:
        return record["prompt"] + record["response"]
    return frame(record["question"])


class Statistics:
    """Counts and lengths of the records of one file, gathered while it is written."""

    def __init__(self):
        self.records: dict[str, Counter[str]] = defaultdict(Counter)
        self.words: Counter[str] = Counter()
        self.by: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))

    def add(self, record: dict) -> dict:
        """Count one record and hand it on."""
        category = record["category"]
        self.words[category] += len(words_of(record.get("question") or text_of(record)))
        for field in ("language", "kind", "task"):
            if field in record:
                self.by[category][field][record[field]] += 1
        self.records[category]["records"] += 1
        return record

    def report(self) -> dict:
        """Return the counts of every category and of all together."""
        totals = {name: counts["records"] for name, counts in sorted(self.records.items())}
        categories = {
            name: {
                "records": count,
                "average_normalised_words": round(self.words[name] / count, 2),
            }
            | {f"by_{field}": dict(sorted(n.items())) for field, n in self.by[name].items()}
            for name, count in totals.items()
        }
        total = sum(totals.values())
        average = round(self.words.total() / total, 2) if total else 0.0
        return {
            "records": total,
            "average_normalised_words": average,
            "by_category": categories,
        }


def describe_file(path: Path, statistics: Statistics) -> dict:
    """Return the manifest entry of a finished file."""
    return {
        "bytes": path.stat().st_size,
        "sha256": sha256_file(path),
    } | statistics.report()


def manifest(files: dict[str, dict], seed: int, settings: dict) -> dict:
    """Return the manifest of files made together."""
    return {
        "files": files,
        "seed": seed,
        "settings": settings,
        "generator": {
            "r1repro_data": GENERATOR_VERSION,
            "reasoning_gym": version("reasoning-gym"),
        },
        "length_unit": "normalised words; of the question for prompts, of the text for the rest",
    }


def token_statistics(path: Path, encode: Callable[[list[str]], list[list[int]]]) -> dict:
    """Return counts and average tokens of a JSONL file by category.

    `encode` turns texts into token lists. Prompts are counted with their frame, cold-start
    samples as prompt and response together.
    """
    records = read_jsonl(path)
    tokens, counts = Counter(), Counter()
    longest = 0
    for first in range(0, len(records), TOKENS_AT_ONCE):
        batch = records[first : first + TOKENS_AT_ONCE]
        for record, ids in zip(batch, encode([text_of(one) for one in batch]), strict=True):
            tokens[record["category"]] += len(ids)
            counts[record["category"]] += 1
            longest = max(longest, len(ids))
    return {
        "sha256": sha256_file(path),
        "records": counts.total(),
        "tokens": tokens.total(),
        "average_tokens": round(tokens.total() / counts.total(), 2) if counts else 0.0,
        "longest_tokens": longest,
        "by_category": {
            name: {"records": count, "average_tokens": round(tokens[name] / count, 2)}
            for name, count in sorted(counts.items())
        },
    }


def tokens_manifest(paths: list[Path], encode: Callable[[list[str]], list[list[int]]]) -> dict:
    """Return the counts of several files in tokens, by file name."""
    return {
        "files": {path.name: token_statistics(path, encode) for path in paths},
        "length_unit": (
            "tokens of the base's tokenizer; prompts with their frame, cold-start samples "
            "with their response"
        ),
    }
