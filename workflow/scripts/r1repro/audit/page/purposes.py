# SPDX-License-Identifier: Apache-2.0
"""The bill of this run by purpose and device: what failed and preparatory attempts cost.

Energy stands in a column for each way in which it is known, so that a sum never mixes them.
"""

from collections.abc import Sequence
from decimal import Decimal

from r1repro.audit.page.bill import StageLine
from r1repro.audit.page.grids import Grid, Line, columns
from r1repro.audit.page.tables import UNKNOWN
from r1repro.audit.page.wording import count, percent, rounded, significant

ORDER = ("final", "preparatory", "superseded", "failed")


def _groups(lines: Sequence[StageLine]) -> dict[tuple[str, str], list[StageLine]]:
    groups: dict[tuple[str, str], list[StageLine]] = {}
    for line in lines:
        groups.setdefault((line.purpose, line.device), []).append(line)
    known = [purpose for purpose in ORDER if purpose in {key[0] for key in groups}]
    known += sorted({key[0] for key in groups} - set(known))
    return {key: groups[key] for purpose in known for key in groups if key[0] == purpose}


def _energy(group: Sequence[StageLine], source: str) -> str:
    amounts = [line.energy for line in group if line.energy_source == source]
    return significant(sum(amounts, Decimal(0))) if amounts else "\u2013"


def purposes_grid(lines: Sequence[StageLine]) -> Grid:
    """Return one line for each purpose and device."""
    total = sum((line.hours for line in lines), Decimal(0))
    rows = []
    for (purpose, device), group in _groups(lines).items():
        sums = [
            sum((getattr(line, name) for line in group), Decimal(0))
            for name in ("hours", "gpu_hours", "core_hours")
        ]
        priced = [line.cost for line in group if line.cost is not None]
        cost = significant(sum(priced, Decimal(0))) if priced else UNKNOWN
        if priced and len(priced) < len(group):
            cost += " + unknown"
        share = f"{100 * sums[0] / total:.1f}" if total else UNKNOWN
        unknown = sum(line.energy is None for line in group)
        cells = [purpose, device, count(sum(line.attempts for line in group))]
        cells += [*(rounded(value, 4) for value in sums), share, cost]
        cells += [_energy(group, "measured"), _energy(group, "estimated"), count(unknown)]
        rows.append(Line(cells))
    heads = columns("Purpose", "Device", "#Attempts", "#Hours", "#GPU-hours", "#Core-hours")
    heads += columns("#% of the hours", "#USD", "#kWh measured", "#kWh estimated")
    heads += columns("#Lines of unknown energy")
    caption = (
        "Failed: did not end with status 0, killed ones included; superseded: a later attempt of "
        "the same stage replaced it. Each is billed in full. Formula: hours \u00d7 devices \u00d7 "
        "price."
    )
    return Grid("Cost of this run by purpose and device", caption, heads, rows)


def failed_sentence(lines: Sequence[StageLine]) -> str:
    """Say what share of the hours went into attempts that failed or were replaced."""
    total = sum((line.hours for line in lines), Decimal(0))
    lost = sum((li.hours for li in lines if li.purpose in ("failed", "superseded")), Decimal(0))
    if not total:
        return ""
    return f"Failed and superseded attempts took {percent(float(lost / total))} of the hours."
