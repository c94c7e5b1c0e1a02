# SPDX-License-Identifier: Apache-2.0
"""What this run cost: the lines of cost_by_stage.csv, and sums in which unknown stays unknown.

Units   hours: wall-clock of the stage's attempts; gpu_hours, core_hours; energy in kWh; USD.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from r1repro.audit.page.tables import UNKNOWN, Row, read_rows
from r1repro.audit.stage_cost import COLUMNS, PURPOSE_ORDER, CostRow


@dataclass(frozen=True)
class Bill:
    """Lines of the bill; a sum is over those whose value is known."""

    lines: Sequence[CostRow]

    def sum(self, column: str) -> Decimal | int | None:
        """Return the sum of what is known, None where no line knows it."""
        known = [v for line in self.lines if (v := getattr(line, column)) is not None]
        return sum(known[1:], known[0]) if known else None

    def unknown(self, column: str) -> int:
        """Return how many lines do not know it."""
        return sum(getattr(line, column) is None for line in self.lines)

    def partly(self, column: str) -> bool:
        """Say whether some lines know it and some do not."""
        return 0 < self.unknown(column) < len(self.lines)

    def having(self, column: str, *values: str) -> "Bill":
        """Return the lines with one of these values."""
        return Bill([line for line in self.lines if getattr(line, column) in values])

    def energy_sources(self) -> list[str]:
        """Return how the known energy is known."""
        return sorted({line.energy_source for line in self.lines if line.energy_kwh is not None})

    def last_line(self) -> dict:
        """Return the line of sums."""
        sums = ("attempts", "hours", "gpu_hours", "core_hours", "cost_usd", "energy_kwh")
        sources = self.energy_sources()
        mixed = self.unknown("energy_kwh") or len(sources) > 1
        source = "partly known" if mixed else "".join(sources)
        return (
            dict.fromkeys(COLUMNS, "")
            | {name: self.sum(name) for name in sums}
            | {"stage": "Sum", "energy_source": source if sources else UNKNOWN}
        )

    def groups(self) -> list[dict]:
        """Return the lines by purpose and device, as they occur."""
        purposes = sorted({line.purpose for line in self.lines} - set(PURPOSE_ORDER))
        found = []
        for purpose in (*PURPOSE_ORDER, *purposes):
            group = self.having("purpose", purpose)
            for device in dict.fromkeys(line.device for line in group.lines):
                bill = group.having("device", device)
                found.append({"purpose": purpose, "device": device, "bill": bill})
        return found


def _needed(row: Row, column: str) -> Decimal:
    value = row.decimal_or_none(column)
    if value is None or value < 0:
        raise row.fault(column, "a number of at least 0")
    return value


def read_bill(path: Path) -> Bill:
    """Read cost_by_stage.csv; raises InputError for a missing quantity or a negative one."""
    lines = []
    for row in read_rows(path, COLUMNS):
        energy = row.decimal_or_none("energy_kwh")
        if energy is not None and row["energy_source"] not in ("measured", "estimated"):
            raise row.fault("energy_source", "measured or estimated (a value has a source)")
        lines.append(
            CostRow(
                *(row[c] for c in COLUMNS[:4]),
                *(row.whole(c) for c in COLUMNS[4:7]),
                *(_needed(row, c) for c in COLUMNS[7:10]),
                *(row.decimal_or_none(c) for c in COLUMNS[10:13]),
                row["energy_source"] if energy is not None else UNKNOWN,
            )
        )
    return Bill(lines)
