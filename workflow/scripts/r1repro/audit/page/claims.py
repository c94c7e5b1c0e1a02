# SPDX-License-Identifier: Apache-2.0
"""The claims of the paper with their verdicts, as the stage `claims` wrote them.

Source   results/claims/claims.csv, one row a check; what a claim says, and where, comes from
         config/claims.yaml. No verdict of a check is computed or changed here; the verdict of a
         claim is that of its worst check of each kind (`audit.claims.verdicts`).
Choices  The column `evidence` lists items separated by semicolons. An item that begins with the
         path of an existing file becomes a link to it; where this page shows the same numbers, a
         second link leads to that section. Any other item stays text.
"""

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import groupby
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import yaml

from r1repro.audit.claims import verdicts
from r1repro.audit.claims.rows import AREAS, COLUMNS, SPEAKERS, TIERS, by_claim
from r1repro.audit.claims.rows import Row as ClaimRow
from r1repro.audit.claims.verdicts import CONTRADICTED, SUPPORTED, TOO_SMALL, UNDECIDED
from r1repro.audit.page.answers import shortened
from r1repro.audit.page.tables import Row, read_rows
from r1repro.audit.page.wording import MINUS, exact
from r1repro.errors import InputError
from r1repro.places import LOADER

# class of the style sheet of each verdict
STYLES = {
    verdicts.CONSISTENT: "pass", verdicts.INCONSISTENT: "fail",
    verdicts.PLAUSIBLE: "pass", verdicts.IMPLAUSIBLE: "fail",
    SUPPORTED: "pass", TOO_SMALL: "warn", CONTRADICTED: "fail", UNDECIDED: "warn",
    verdicts.NOT_TESTABLE: "none",
}  # fmt: skip
NATURE = Path("published/nature")
LONGEST = 400  # characters of a statement or a note
LONGEST_VALUE = 90  # of a reported or obtained value
VALUES = ("reported", "obtained", "ci_low", "ci_high", "gap_percent", "this_run")
SHORT = ("unit", "gap_is", "seeds", "this_run_is", "turned_by", "claim")
DIGITS = 4  # decimals of a value; the table behind the page has all of them
PLACE = re.compile(r"(?:\./)?([\w][\w./+@-]*\.(?:csv|jsonl|json|yaml|tsv|html))\b")
ANCHOR = re.compile(r"[a-z0-9][a-z0-9_-]*")
# which section shows the numbers of a file, by its path from the page; the first match counts
SHOWN = (
    (r"evaluate/ladder", "ladder"),
    (r"evaluate/", "scores"),
    (r"rl/\w+/curve\.csv", "curve"),
    (r"rl/r1_zero/metrics\.csv|prepare/(base|dev1)_metrics", "training"),
    (r"prepare/rm_|data/sft_", "recipe"),
    (r"cost/paper_cost|published/nature/(cost|v3_cost)", "paper-cost"),
    (r"cost/", "cost"),
    (r"attempts/", "attempts"),
    (r"data/", "data"),
    (r"published/nature/r1_zero_curve", "curve"),
    (r"published/nature/stages_benchmarks", "ladder"),
    (r"published/nature/sft_data", "recipe"),
)


class Item(NamedTuple):
    """One piece of evidence: its text, the file behind it and the section that shows it."""

    text: str
    link: str = ""
    section: str = ""


class Verdict(NamedTuple):
    """A verdict with the kind of agreement that it is about."""

    agrees_with: str
    word: str


class Check(NamedTuple):
    """One check of a claim; `texts` are the cells of its row, harmless and cut."""

    verdict: Verdict
    texts: dict[str, str]
    evidence: list[Item]
    drawing: dict | None  # of an experiment with an interval: where its marks lie, 0 to 100


@dataclass(frozen=True)
class Claim:
    """One claim with its checks; all texts are harmless."""

    anchor: str
    name: str
    tier: str
    area: str
    speaker: str
    says: str
    place: str
    verdicts: list[Verdict]
    checks: list[Check]

    def verdict(self, agrees_with: str) -> str | None:
        """Return the verdict of one kind of agreement, if the claim has one."""
        return next((v.word for v in self.verdicts if v.agrees_with == agrees_with), None)


def read_sayings(path: Path) -> dict[str, tuple[str, str]]:
    """Return id -> what is said and where, of config/claims.yaml; raises InputError."""
    try:
        value = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; restore it with git") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        what = " ".join(str(error).split())
        raise InputError(f"{path} is not YAML ({what}); restore it with git") from error
    claims = value.get("claims") if isinstance(value, dict) else None
    if not isinstance(claims, list) or not all(isinstance(c, dict) for c in claims):
        raise InputError(f"{path} holds no list of claims; restore it with git")
    return {str(c.get("id")): (str(c.get("says", "")), str(c.get("place", ""))) for c in claims}


def read_claims(path: Path, sayings: Path, results: Path) -> list[Claim]:
    """Read all claims in the order of the table; `results` is the folder of the page.

    Raises InputError for a missing file, a word that is none of those allowed in its column, or a
    claim whose rows are apart.
    """
    table, said = read_rows(path, COLUMNS), read_sayings(sayings)
    claims, seen = [], set()
    for name, group in groupby(table, lambda row: row["claim"]):
        rows = list(group)
        if not name or name in seen:
            raise rows[0].fault("claim", "a claim of its own")
        seen.add(name)
        for row in rows:
            _allowed(row)
        says, place = said.get(name, ("", ""))
        kinds = by_claim([ClaimRow(**{c: row[c] for c in COLUMNS}) for row in rows])[name]
        claims.append(
            Claim(
                anchor=f"claim-{name if ANCHOR.fullmatch(name) else f'number-{len(claims) + 1}'}",
                name=shortened(name, LONGEST_VALUE),
                **{column: rows[0][column] for column in ("tier", "area", "speaker")},
                says=shortened(says, LONGEST),
                place=shortened(place, LONGEST),
                verdicts=[Verdict(kind, word) for kind, word in kinds.items()],
                checks=[_check(row, results) for row in rows],
            )
        )
    return claims


def _allowed(row: Row) -> None:
    """Raise InputError for a word that no claim can have."""
    words = {"tier": TIERS, "area": AREAS, "speaker": SPEAKERS}
    words |= {"agrees_with": verdicts.WORST_FIRST}
    words |= {"verdict": verdicts.WORST_FIRST.get(row["agrees_with"], ())}
    for column, allowed in words.items():
        if row[column] not in allowed:
            raise row.fault(column, f"one of {', '.join(allowed)}")


def _check(row: Row, results: Path) -> Check:
    texts = {
        name: tidy(row[name])
        if name in VALUES
        else shortened(row[name], LONGEST_VALUE if name in SHORT else LONGEST)
        for name in COLUMNS
    }
    verdict = Verdict(row["agrees_with"], row["verdict"])
    return Check(verdict, texts, evidence_items(row["evidence"], results), _drawing(row))


def _drawing(row: Row) -> dict | None:
    """Return where zero, the interval, the mean and this run lie on a line from 0 to 100."""
    names = {"mean": "obtained", "low": "ci_low", "high": "ci_high", "this_run": "this_run"}
    if row["agrees_with"] != verdicts.EXPERIMENT or not row["ci_low"]:
        return None
    values = {key: row.number_or_none(column) for key, column in names.items()}
    values = {"zero": 0.0} | {key: value for key, value in values.items() if value is not None}
    low, high = min(values.values()), max(values.values())
    scale = 90 / (high - low) if high > low else 0
    return {key: round(5 + (value - low) * scale, 2) for key, value in values.items()}


def tidy(text: str) -> str:
    """Return a value for reading: a number without noise, other text harmless and cut."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return shortened(text, LONGEST_VALUE)
    if not number.is_finite() or not -9 <= number.adjusted() <= 15:
        return shortened(text, LONGEST_VALUE)
    places = DIGITS if abs(number) >= Decimal("0.01") else DIGITS - 1 - number.adjusted()
    if -number.as_tuple().exponent > places:
        number = round(number, places)
    return exact(number).replace("-", MINUS)


def evidence_items(text: str, results: Path) -> list[Item]:
    """Return the pieces of a cell `evidence`, with links for the files that are there."""
    return [_item(part, results) for part in map(str.strip, text.split(";")) if part]


def _item(part: str, results: Path) -> Item:
    shown = shortened(part, LONGEST_VALUE)
    match = PLACE.match(part)
    if match is None or ".." in match[1].split("/"):
        return Item(shown)
    place = match[1]
    if place.startswith("results/"):
        file = results / place.removeprefix("results/")
    else:
        file = (results / NATURE if "/" not in place else results.parent) / place
    relative = Path(os.path.relpath(file, results)).as_posix()
    section = next((name for pattern, name in SHOWN if re.match(pattern, relative)), "")
    return Item(shown, quote(relative) if file.is_file() else "", section)


def counts(claims: Sequence[Claim]) -> list[tuple[str, list[tuple[Verdict, int]]]]:
    """Return for each kind of agreement how many claims have which verdict, worst last."""
    found = Counter(verdict for claim in claims for verdict in claim.verdicts)
    table = []
    for kind, words in verdicts.WORST_FIRST.items():
        row = [(v, found[v]) for word in reversed(words) if found[v := Verdict(kind, word)]]
        if row:
            table.append((kind, row))
    return table


def choices(claims: Sequence[Claim]) -> dict[str, list[str]]:
    """Return what each filter offers: only what occurs."""
    tiers, words = {c.tier for c in claims}, {v.word for c in claims for v in c.verdicts}
    return {
        "tier": [tier for tier in TIERS if tier in tiers],
        "area": sorted({claim.area for claim in claims}),
        "verdict": [word for word in STYLES if word in words],
    }
