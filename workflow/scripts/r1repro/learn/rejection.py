# SPDX-License-Identifier: Apache-2.0
"""Rejection sampling: training samples out of a checkpoint's own responses.

Every reasoning prompt is answered several times; responses that are right, readable, in one
language, free of repetition and distinct are kept, at most so many per prompt, and general samples
are added. A second set, for the control, has as many responses per prompt, drawn blindly.

Units    tokens of a sample are those of its prompt, its response and the end mark
Source   Supplementary Information 2.3 and Supplementary Table 2: rejection sampling from the
         checkpoint of the first RL stage; samples in mixed language, with repetition or unreadable
         are removed; columns domain, samples, mean rounds, mean tokens.
Choices  The paper gives neither the number of samples per prompt nor the share of words of the
         prompt's language (`least_language_share`): they are settings. What is readable and what
         is repetition is in `r1repro.tasks.readability`; reasoning without any word is in one
         language. A response that fails several checks counts for the first, in the order of
         REASONS; `surplus` are good ones beyond `keep_per_prompt`.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from r1repro.errors import InputError
from r1repro.files import read_jsonl
from r1repro.learn.rewards import GENERAL
from r1repro.learn.setup import derive_rng
from r1repro.learn.tokenizer import encode_all
from r1repro.tasks.language import language_share
from r1repro.tasks.readability import MOST_REPEATED, is_readable, repetition_rate
from r1repro.tasks.template import frame, reasoning_of

REASONS = (
    "wrong",
    "unreadable",
    "mixed_language",
    "repetition",
    "duplicate",
    "surplus",
    "kept",
    "sampled",
)
DOMAINS = ("math", "code", "stem", "logic", GENERAL)
FIELDS = ("prompt", "response", "category", "language", "key")
TURN = " User: "  # one in each round of a framed dialogue


def fault(sample, settings: dict) -> str | None:
    """Return the first reason against a judged response by itself, None for a good one."""
    if not sample.verdict.correct:
        return "wrong"
    if not is_readable(sample.response):
        return "unreadable"
    reasoning = reasoning_of(sample.response)
    share = language_share(reasoning, sample.prompt["language"])
    if share is not None and share < settings["least_language_share"]:
        return "mixed_language"
    if repetition_rate(reasoning) > MOST_REPEATED:
        return "repetition"
    return None


def choose(group: list, settings: dict) -> tuple[list, Counter]:
    """Return the samples of one prompt that are kept, in the order sampled, and the reasons."""
    kept, counts, seen = [], Counter(sampled=len(group)), set()
    for sample in group:
        text = " ".join(sample.response.split())
        reason = fault(sample, settings)
        if reason is None and text in seen:
            reason = "duplicate"
        if reason is None and len(kept) == settings["keep_per_prompt"]:
            reason = "surplus"
        if reason is None:
            kept.append(sample)
            seen.add(text)
        counts[reason or "kept"] += 1
    return kept, counts


def record_of(sample) -> dict:
    """Return a sample as a line of sft_data.jsonl."""
    prompt = sample.prompt
    return {
        "prompt": frame(prompt["question"]),
        "response": sample.response,
        "category": prompt["category"],
        "language": prompt["language"],
        "key": prompt["key"],
    }


@dataclass
class Selection:
    """What has been chosen so far; `add` takes the samples of one prompt after the other."""

    settings: dict
    filtered: list[dict] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)
    prompts: int = 0

    def add(self, group: list) -> None:
        """Keep the good samples of a prompt."""
        kept, counts = choose(group, self.settings)
        self.counts += counts
        self.filtered += map(record_of, kept)
        self.prompts += 1

    def rejections(self) -> list[dict]:
        """Return the rows of sft_rejections.csv."""
        return [{"reason": reason, "count": self.counts[reason]} for reason in REASONS]


def general_records(files: list[Path], wanted: int, seed: int, stage: str) -> list[dict]:
    """Draw general samples from files of framed prompts and responses; others are passed over.

    Raises InputError when a line lacks a field or there are fewer than wanted.
    """
    found = []
    for path in files:
        for number, row in enumerate(read_jsonl(path), start=1):
            lacking = [name for name in FIELDS if not isinstance(row.get(name), str)]
            if lacking:
                raise InputError(f"{path}, line {number}: the text {lacking[0]!r} is missing")
            if row["category"] == GENERAL:
                found.append({name: row[name] for name in FIELDS})
    if len(found) < wanted:
        raise InputError(
            f"{', '.join(map(str, files))} hold {len(found)} general samples, but "
            f"{stage}.general_samples asks for {wanted}; lower it or make more"
        )
    chosen = derive_rng(seed, stage, GENERAL).sample(range(len(found)), wanted)
    return [found[i] for i in sorted(chosen)]


def statistics_rows(records: list[dict], tokenizer) -> list[dict]:
    """Return the rows of sft_statistics.csv: each domain, then all; no sample, no mean."""
    prompts = encode_all(tokenizer, [record["prompt"] for record in records])
    responses = encode_all(tokenizer, [record["response"] for record in records])
    figures = [
        (record["category"], record["prompt"].count(TURN), len(prompt) + len(response) + 1)
        for record, prompt, response in zip(records, prompts, responses, strict=True)
    ]
    rows = []
    for domain in (*DOMAINS, "total"):
        chosen = [figure for figure in figures if domain in (figure[0], "total")]
        count = len(chosen)
        rows.append(
            {
                "domain": domain,
                "samples": count,
                "mean_rounds": round(sum(f[1] for f in chosen) / count, 4) if count else "",
                "mean_tokens": round(sum(f[2] for f in chosen) / count, 4) if count else "",
            }
        )
    return rows
