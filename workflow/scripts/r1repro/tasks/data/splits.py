# SPDX-License-Identifier: Apache-2.0
"""Train, validation and test prompts: disjoint by content, in counts that are set.

Counts   the four categories of reasoning have one count, general prompts have their own; general
         ones are helpful and harmless in turn.

Order    test first, then validation, then train; each is kept apart from the ones before it by
         the content key (the same in both languages) and by the n-gram filter. What is removed
         is replaced by the next draw, so the counts hold.
Within   test and validation use a key once; train may use it again in another question (other
         options of the same multiple choice), never the same question twice.
User     own prompts join the split named in the settings. One that repeats a question of the
         other evaluation splits is left out and reported, not replaced.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import zip_longest

from r1repro.errors import SettingsError
from r1repro.tasks.data.decontamination import Decontaminator, Tally
from r1repro.tasks.data.draw import (
    draw_record,
    language_shares,
    shuffled_labels,
    wording_sample,
)
from r1repro.tasks.problem import CATEGORIES, GENERAL, Problem

SPLITS = ("train", "validation", "test")
EVALUATION = ("test", "validation")


@dataclass
class Splits:
    """The records of each split, what the filter did, and what became of own prompts.

    problems   the problem behind each prompt by id, own prompts aside
    """

    records: dict[str, list[dict]]
    filter: Decontaminator
    tallies: dict[str, Tally] = field(default_factory=dict)
    user_removed: list[dict] = field(default_factory=list)
    problems: dict[str, Problem] = field(default_factory=dict)


def prompt_record(problem: Problem, language: str, record_id: str) -> dict:
    """Return one line of a prompt file."""
    return {
        "id": record_id,
        "category": problem.category,
        "task": problem.task,
        "language": language,
        "question": problem.question[language],
        "answer": problem.answer_in(language),
        "check": problem.check_in(language),
        "key": problem.key,
        "level": problem.level,
    }


def prompts_of(data: dict, category: str) -> dict[str, int]:
    """Return how many prompts a category has in each split."""
    return data["general_prompts" if category == GENERAL else "prompts_per_category"]


def build_splits(
    data: dict, seed: int, user_records: list[dict], progress: Callable[[int], None]
) -> Splits:
    """Draw all splits; `data` is the section of the configuration with that name.

    `progress` is called with the number of prompts done. Raises SettingsError when a category
    has too few different problems or own prompts are sent to an unknown split.
    """
    if data["user_prompts_split"] not in SPLITS:
        raise SettingsError(
            f"data.user_prompts_split is {data['user_prompts_split']!r}; "
            f"use one of {', '.join(SPLITS)}"
        )
    splits = Splits({}, Decontaminator(**data["decontamination"]))
    wording = wording_sample(seed)
    taken: set[str] = set()
    done = 0
    for split in ("test", "validation", "train"):
        splits.tallies[split] = Tally()
        records = []
        for category in CATEGORIES:
            count = prompts_of(data, category)[split]
            records.append(_draw_category(split, category, count, data, seed, taken, splits))
            done += count
            progress(done)
        interleaved = [record for row in zip_longest(*records) for record in row if record]
        if data["user_prompts_split"] == split:
            interleaved += _keep_clean(user_records, splits)
        splits.records[split] = interleaved
        if split in EVALUATION:
            taken |= {record["key"] for record in interleaved}
            splits.filter.add(interleaved, wording)
    del splits.tallies["test"]  # drawn first: there was nothing that it could repeat
    return splits


def _draw_category(
    split: str, category: str, count: int, data: dict, seed: int, taken: set[str], splits: Splits
) -> list[dict]:
    """Draw one category of one split."""
    shares = language_shares(data["chinese_share"])
    languages = shuffled_labels(count, shares, seed, split, category, "languages")
    tally, used = splits.tallies[split], set()
    records: list[dict] = []

    def use(problem: Problem) -> dict | None:
        language = languages[len(records)]
        question = problem.question[language]
        if problem.key in taken:
            tally.same_key[category] += 1
            return None
        if question in used or (split in EVALUATION and problem.key in used):
            return None
        if not tally.count(category, question, splits.filter.find(question)):
            return None
        record_id = f"{category}-{split}-{len(records):06d}"
        splits.problems[record_id] = problem
        return prompt_record(problem, language, record_id)

    for index in range(count):
        record = draw_record(use, category, index, seed, split)
        used |= {record["question"], record["key"]}
        records.append(record)
    return records


def _keep_clean(user_records: list[dict], splits: Splits) -> list[dict]:
    """Return the own prompts that repeat no evaluation question drawn so far."""
    kept = []
    for record in user_records:
        match = splits.filter.find(record["question"])
        if match is None:
            kept.append(record)
            continue
        splits.user_removed.append(
            {
                "id": record["id"],
                "line": int(record["id"].rpartition("-")[2]),
                "rule": match.rule,
                "evaluation_id": match.evaluation_id,
                "words_in_common": match.words,
            }
        )
    return kept
