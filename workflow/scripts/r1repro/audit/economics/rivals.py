# SPDX-License-Identifier: Apache-2.0
"""Training costs of other models in one table: what was disclosed, estimated, or priced here.

basis    disclosed      the developer printed dollars
         estimate       a third party's dollars
         hours_priced   the developer printed GPU-hours only; dollars are hours x the price of the
                        paper's table, with the low and high price as range
         unknown        words without a figure; listed, never drawn
Source   results/published/nature/rivals.csv, where each row has its address and its scope. Scopes
         differ (one phase of RL, a pre-training, a company's machines), so no row is divided by
         another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from pathlib import Path

from r1repro.audit.economics.scopes import UNKNOWN, rounded
from r1repro.audit.paper_cost import published_rows
from r1repro.errors import InputError

NEEDED = ("model", "gpu_hours", "usd", "kind", "source_url", "scope", "note")
KINDS = ("disclosed", "estimate")
HOURS_PRICED = "hours_priced"


@dataclass(frozen=True)
class Rival:
    """One row of rivals.csv in results/cost."""

    model: str
    basis: str
    gpu_hours: str
    usd: str
    usd_low: str
    usd_high: str
    scope: str
    formula: str
    source_url: str
    note: str


COLUMNS = tuple(field.name for field in fields(Rival))


def _number(row: Mapping[str, str], name: str, place: str) -> Decimal | None:
    if row[name] == "":
        return None
    try:
        value = Decimal(row[name])
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value <= 0:
        raise InputError(f"{place}: {name} must be a number above 0, found {row[name]!r}")
    return value


def rivals(path: Path, prices: Mapping[str, Decimal]) -> list[Rival]:
    """Return every row, the dearest first, those without a figure last; raises InputError."""
    found = []
    for number, row in enumerate(published_rows(path, set(NEEDED)), start=2):
        place = f"{path}, line {number}"
        if row["kind"] not in KINDS:
            raise InputError(f"{place}: kind must be one of {', '.join(KINDS)}")
        hours, usd = (_number(row, name, place) for name in ("gpu_hours", "usd"))
        basis, formula, low, high = row["kind"], "as printed", usd, usd
        if usd is None and hours is not None:
            basis = HOURS_PRICED
            usd, low, high = (hours * prices[end] for end in ("base", "low", "high"))
            formula = f"{hours:f} h x {prices['base']:f} USD"
        elif usd is None:
            basis, formula = UNKNOWN, "no figure"
        texts = [UNKNOWN if value is None else rounded(value, 0) for value in (usd, low, high)]
        shown = UNKNOWN if hours is None else rounded(hours, 0)
        words = (row["scope"], formula, row["source_url"], row["note"])
        found.append((usd, Rival(row["model"], basis, shown, *texts, *words)))
    found.sort(key=lambda pair: (pair[0] is None, -(pair[0] or 0)))
    return [rival for _, rival in found]
