# SPDX-License-Identifier: Apache-2.0
"""The paper's cost table beside its recomputation, as `paper_cost` wrote it.

Units   GPU-hours and USD; the difference is recomputed minus printed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from r1repro.audit.page.tables import Row, read_rows
from r1repro.audit.page.wording import FILTERS
from r1repro.errors import InputError

COLUMNS = ("part", "stage", "item", "formula", "recomputed", "printed", "difference")
COLUMNS += ("prints_as", "fits_rounding", "note")
NUMBERS = ("recomputed", "printed", "difference", "prints_as")
WORDS = ("", "unknown", "not reported")
PRINTED, TOTAL = "printed_cell", "total"
ITEMS = ("gpu_hours", "usd")
STAGES = ("r1_zero", "sft_data", "r1")


@dataclass(frozen=True)
class PaperBill:
    """The lines of paper_cost.csv."""

    path: Path
    rows: Sequence[Row]

    def find(self, part: str, stage: str, item: str) -> Row | None:
        """Return the line of a cell, if there is one."""
        wanted = (part, stage, item)
        return next((r for r in self.rows if (r["part"], r["stage"], r["item"]) == wanted), None)

    def totals(self, part: str, column: str) -> list[Decimal]:
        """Return GPU-hours and USD of a part's total; raises InputError when there is none."""
        return [self._total(part, item, column) for item in ITEMS]

    def _total(self, part: str, item: str, column: str) -> Decimal:
        row = self.find(part, TOTAL, item)
        if row is None:
            raise InputError(
                f"{self.path} has no line {part}, {TOTAL}, {item}; "
                "run `snakemake --forcerun paper_cost`"
            )
        value = row.decimal_or_none(column)
        if value is None:
            raise row.fault(column, "a number")
        return value

    def of(self, parts: Sequence[str]) -> list[Row]:
        """Return the lines of these parts."""
        return [row for row in self.rows if row["part"] in parts]

    def others(self, parts: Sequence[str]) -> list[str]:
        """Return the parts that are none of these."""
        return sorted({row["part"] for row in self.rows} - set(parts))

    def printed(self) -> list[tuple[str, Decimal]]:
        """Return the printed GPU-hours of each stage; the base's are not in the table."""
        rows = [self.find(PRINTED, stage, "gpu_hours") for stage in STAGES]
        found = [(row["stage"], row.decimal_or_none("printed")) for row in rows if row is not None]
        base = self._total("v3_printed_cell", "gpu_hours", "printed")
        return [(stage, hours) for stage, hours in [*found, ("v3", base)] if hours]

    def readings(self, parts: Sequence[str]) -> list[dict]:
        """Return the bill as printed, then of each part that has a total, stage by stage."""
        printed = [self.find(PRINTED, stage, "gpu_hours") for stage in STAGES]
        hours, usd = self.totals(PRINTED, "printed")
        first = {"reading": "", "stages": [row and row["printed"] for row in printed]}
        found = [first | {"hours": hours, "usd": usd, "over": Decimal(0), "share": 0}]
        for part in parts:
            if self.find(part, TOTAL, "usd") is not None:
                total = [round(value) for value in self.totals(part, "recomputed")]
                line = {"reading": part, "stages": [self._stage(part, stage) for stage in STAGES]}
                line |= {"hours": total[0], "usd": total[1], "over": total[1] - usd}
                found.append(line | {"share": line["over"] / usd})
        return found

    def _stage(self, part: str, stage: str) -> str | None:
        """Return a stage's hours rounded to whole ones; what a reading leaves is as printed."""
        row = self.find(part, stage, "gpu_hours") or self.find(PRINTED, stage, "gpu_hours")
        cells = [] if row is None else [row["recomputed"], row["printed"]]
        value = next((Decimal(cell) for cell in cells if cell not in WORDS), None)
        return None if value is None else f"{value.quantize(Decimal(1), ROUND_HALF_UP):f}"


def read_paper_bill(path: Path) -> PaperBill:
    """Read paper_cost.csv; raises InputError when a cell is neither a number nor a known word."""
    rows = read_rows(path, COLUMNS)
    for row in rows:
        for column in NUMBERS:
            if row[column] not in WORDS:
                row.decimal_or_none(column)
    return PaperBill(path, rows)


def cell(text: str | None, difference: bool = False) -> str:
    """Return a number with separators, or the word that stands in its place."""
    if text is None or text in WORDS:
        return "unknown" if text is None else text
    return FILTERS["signed" if difference else "exact"](text)
