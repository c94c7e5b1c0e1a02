# SPDX-License-Identifier: Apache-2.0
"""What lies between the stages: the reward models and the data of the second SFT, checked.

Units   accuracy: share of the held-out examples, with its 95 % interval; samples and n: counts;
        tokens and rounds: means per sample.
Source  ours: results/prepare/rm_accuracy.csv, results/data/sft_statistics.csv and
        sft_rejections.csv. Theirs: Nature Supplementary Table 2, committed as
        results/published/nature/sft_data.csv.
"""

from pathlib import Path

from r1repro.audit.page.tables import Row, read_rows
from r1repro.errors import InputError

REASONS = ("sampled", "wrong", "unreadable", "mixed_language", "repetition", "duplicate", "surplus")
REASONS += ("kept",)


def read_accuracy(path: Path) -> list[Row]:
    """Read the accuracy of the reward models; raises InputError."""
    rows = read_rows(path, ("model", "set", "n", "accuracy", "ci_low", "ci_high"))
    for row in rows:
        row.measured(True, value="accuracy")
    return rows


def read_domains(path: Path, rounds: str, tokens: str) -> list[dict]:
    """Read the statistics of the data by domain; no sample has no mean. Raises InputError."""
    found = {}
    for row in read_rows(path, ("domain", "samples", rounds, tokens)):
        means = {"rounds": row.number_or_none(rounds), "tokens": row.number_or_none(tokens)}
        line = {"domain": row["domain"], "samples": row.whole("samples")} | means
        if line["samples"] and None in means.values():
            raise row.fault(rounds if means["rounds"] is None else tokens, "a number")
        if found.setdefault(row["domain"], line) is not line:
            raise InputError(f"{path} names a domain twice; remake it")
    return list(found.values())


def read_rejections(path: Path) -> list[dict]:
    """Read what became of the samples of dev2, all of them first; raises InputError."""
    found: dict[str, int] = {}
    for row in read_rows(path, ("reason", "count")):
        if row["reason"] in found:
            raise row.fault("reason", "one line for each reason")
        found[row["reason"]] = row.whole("count")
    total = found.get("sampled")
    order = sorted(found, key=lambda r: REASONS.index(r) if r in REASONS else len(REASONS))
    return [
        {"reason": r, "samples": found[r], "share": found[r] / total if total else None}
        for r in order
    ]
