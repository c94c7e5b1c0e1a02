# SPDX-License-Identifier: Apache-2.0
"""Both bills: what this run cost by stage, and the paper's own table recomputed.

Units   hours: wall-clock of the stage's attempts; gpu_hours, core_hours; energy in kWh; USD.
Unknown stays unknown: it is shown and counted, never added as zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from r1repro.audit.page.tables import UNKNOWN, Row, read_rows
from r1repro.audit.page.wording import significant

STAGE_COLUMNS = ("stage", "scale", "purpose", "device", "nodes", "gpus_per_node", "attempts")
STAGE_COLUMNS += ("hours", "gpu_hours", "core_hours", "unit_price_usd", "cost_usd")
STAGE_COLUMNS += ("energy_kwh", "energy_source")


@dataclass(frozen=True)
class StageLine:
    """One line of this run's bill; None means unknown."""

    stage: str
    scale: str
    purpose: str
    device: str
    nodes: int
    gpus_per_node: int
    attempts: int
    hours: Decimal
    gpu_hours: Decimal
    core_hours: Decimal
    unit_price: Decimal | None
    cost: Decimal | None
    energy: Decimal | None
    energy_source: str


@dataclass(frozen=True)
class Total:
    """The sums of this run's bill over the lines whose value is known, and how many are not."""

    attempts: int
    hours: Decimal
    gpu_hours: Decimal
    core_hours: Decimal
    cost: Decimal
    lines: int
    lines_without_price: int
    energy: Decimal
    lines_without_energy: int
    energy_sources: list[str]
    unsuccessful: int


def _needed(row: Row, column: str) -> Decimal:
    value = row.decimal_or_none(column)
    if value is None or value < 0:
        raise row.fault(column, "a number of at least 0")
    return value


def read_stage_bill(path: Path) -> list[StageLine]:
    """Read cost_by_stage.csv; raises InputError for a missing quantity or a negative one."""
    lines = []
    for row in read_rows(path, STAGE_COLUMNS):
        source = row.text("energy_source")
        energy = row.decimal_or_none("energy_kwh")
        if energy is not None and source not in ("measured", "estimated"):
            raise row.fault("energy_source", "measured or estimated (a value has a source)")
        lines.append(
            StageLine(
                *(row.text(c) for c in ("stage", "scale", "purpose", "device")),
                *(row.whole(c) for c in ("nodes", "gpus_per_node", "attempts")),
                *(_needed(row, c) for c in ("hours", "gpu_hours", "core_hours")),
                row.decimal_or_none("unit_price_usd"),
                row.decimal_or_none("cost_usd"),
                energy,
                source if energy is not None else UNKNOWN,
            )
        )
    return lines


def total(lines: Sequence[StageLine]) -> Total:
    """Add up a bill, unknown values counted beside the sum."""
    priced = [line.cost for line in lines if line.cost is not None]
    powered = [line for line in lines if line.energy is not None]
    return Total(
        attempts=sum(line.attempts for line in lines),
        hours=sum((line.hours for line in lines), Decimal(0)),
        gpu_hours=sum((line.gpu_hours for line in lines), Decimal(0)),
        core_hours=sum((line.core_hours for line in lines), Decimal(0)),
        cost=sum(priced, Decimal(0)),
        lines=len(lines),
        lines_without_price=len(lines) - len(priced),
        energy=sum((line.energy for line in powered), Decimal(0)),
        lines_without_energy=len(lines) - len(powered),
        energy_sources=sorted({line.energy_source for line in powered}),
        unsuccessful=sum(line.attempts for line in lines if line.purpose == "failed"),
    )


def cost_sentence(sums: Total) -> str:
    """Say what the run cost, and for how much of it nobody knows."""
    if sums.lines_without_price == sums.lines:
        return "unknown, the price table has no price for this device"
    text = f"{significant(sums.cost)} USD"
    if sums.lines_without_price:
        text += f" for the lines with a price, unknown for {sums.lines_without_price} more"
    return text


def energy_sentence(sums: Total) -> str:
    """Say how much energy was used, with its label, and for how much of the run nobody knows."""
    if sums.lines_without_energy == sums.lines:
        return "unknown, no energy counter could be read"
    text = f"{significant(sums.energy)} kWh ({', '.join(sums.energy_sources)})"
    if sums.lines_without_energy:
        text += f", unknown for {sums.lines_without_energy} lines more"
    return text
