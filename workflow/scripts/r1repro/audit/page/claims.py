# SPDX-License-Identifier: Apache-2.0
"""The claims of the paper with their verdicts, as the stage `claims` wrote them.

Source   results/claims/claims.csv; the statements come from config/claims.yaml. No verdict is
         computed or changed here.
Choices  The column `evidence` lists items separated by semicolons. An item that begins with the
         path of a file that is there becomes a link to it (a bare name is one of the published
         tables); where this page shows the same numbers, a second link leads to that section. Any
         other item stays text.
"""

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from urllib.parse import quote

import yaml

from r1repro.audit.page.answers import shortened
from r1repro.audit.page.tables import absent, read_rows
from r1repro.audit.page.wording import MINUS
from r1repro.errors import InputError

COLUMNS = ("id", "area", "kind", "scale", "verdict", "reported", "obtained", "ci_low", "ci_high")
COLUMNS += ("tolerance", "evidence", "note")
# verdict: its name, class of the style sheet, what it means
VERDICTS = {
    "confirmed": ("confirmed", "pass", "recomputed from the published numbers"),
    "conflict": ("conflict", "fail", "the paper's own numbers disagree"),
    "supported": ("supported", "pass", "a mechanism, seen at this scale"),
    "not_supported": ("not supported", "fail", "a mechanism, not seen at this scale"),
    "inconclusive": ("inconclusive", "warn", "the interval or the evidence does not decide"),
    "plausible": ("plausible", "pass", "within the physical bounds"),
    "implausible": ("implausible", "fail", "outside the physical bounds"),
    "full_scale_only": ("full scale only", "none", "nothing small can test it"),
    "press_error": ("press error", "warn", "said in the press, contradicted by the paper"),
}
NATURE = Path("published/nature")
LONGEST = 400  # characters of a statement or a note
LONGEST_VALUE = 90  # of a reported or obtained value
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


@dataclass(frozen=True)
class Item:
    """One piece of evidence: its text, the file behind it and the section that shows it."""

    text: str
    link: str = ""
    section: str = ""


@dataclass(frozen=True)
class Claim:
    """One claim as its row of the page; all texts are harmless."""

    anchor: str
    name: str
    statement: str
    area: str
    kind: str
    scale: str
    verdict: str
    reported: str
    obtained: str
    interval: str
    tolerance: str
    evidence: list[Item]
    note: str

    @property
    def label(self) -> str:
        """Return the verdict in words."""
        return VERDICTS[self.verdict][0]

    @property
    def style(self) -> str:
        """Return the verdict's class of the style sheet."""
        return VERDICTS[self.verdict][1]


def read_statements(path: Path) -> dict[str, str]:
    """Return id -> statement of config/claims.yaml; raises InputError when it is no such file."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        value = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; restore it with git") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        what = " ".join(str(error).split())
        raise InputError(f"{path} is not YAML ({what}); restore it with git") from error
    claims = value.get("claims") if isinstance(value, dict) else None
    if not isinstance(claims, list) or not all(isinstance(c, dict) for c in claims):
        raise InputError(f"{path} holds no list of claims; restore it with git")
    return {str(c["id"]): str(c["statement"]) for c in claims if {"id", "statement"} <= set(c)}


def read_claims(path: Path, statements: Path, results: Path) -> list[Claim]:
    """Read all claims in the order of the table; `results` is the folder of the page.

    Raises InputError for a missing file, a verdict that is none of the nine, an empty area or
    kind, or an id that stands twice.
    """
    if not path.is_file():
        raise absent(path)
    said = read_statements(statements)
    claims, seen = [], set()
    for row in read_rows(path, COLUMNS):
        name, verdict = row.text("id"), row.text("verdict")
        if verdict not in VERDICTS:
            raise row.fault("verdict", f"one of {', '.join(VERDICTS)}")
        for column in ("id", "area", "kind", "scale"):
            if not row.text(column):
                raise row.fault(column, "a word")
        if name in seen:
            raise InputError(f"{path}, line {row.line}: the claim {name[:60]!r} stands there twice")
        seen.add(name)
        number = len(claims) + 1
        claims.append(
            Claim(
                anchor=f"claim-{name if ANCHOR.fullmatch(name) else f'number-{number}'}",
                name=shortened(name, LONGEST_VALUE),
                statement=shortened(said[name], LONGEST) if name in said else "",
                **{c: shortened(row.text(c), LONGEST_VALUE) for c in ("area", "kind", "scale")},
                verdict=verdict,
                reported=tidy(row.text("reported")),
                obtained=tidy(row.text("obtained")),
                interval=_interval(row.text("ci_low"), row.text("ci_high")),
                tolerance=tidy(row.text("tolerance")),
                evidence=evidence_items(row.text("evidence"), results),
                note=shortened(row.text("note"), LONGEST),
            )
        )
    return claims


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
    shown = f"{number:,f}"
    shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
    return shown.replace("-", MINUS)


def _interval(low: str, high: str) -> str:
    return f"[{tidy(low)}, {tidy(high)}]" if low and high else ""


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


def cards(claims: Sequence[Claim]) -> list[dict]:
    """Return a card for each verdict with its count, also where it is 0."""
    counts = Counter(claim.verdict for claim in claims)
    return [
        {"verdict": key, "name": name, "style": style, "meaning": meaning, "count": counts[key]}
        for key, (name, style, meaning) in VERDICTS.items()
    ]


def choices(claims: Sequence[Claim]) -> dict[str, list[tuple[str, str]]]:
    """Return what can be chosen in each filter: value and words, only what occurs."""
    verdicts = [(key, value[0]) for key, value in VERDICTS.items()]
    found = {claim.verdict for claim in claims}
    return {
        "area": [(name, name) for name in sorted({claim.area for claim in claims})],
        "kind": [(name, name) for name in sorted({claim.kind for claim in claims})],
        "verdict": [choice for choice in verdicts if choice[0] in found],
    }


def counts_sentence(claims: Sequence[Claim]) -> str:
    """Say how many claims have which verdict, those without any left out."""
    found = [f"{card['count']} {card['name']}" for card in cards(claims) if card["count"]]
    return f"{len(claims)} claims: {', '.join(found)}"
