# SPDX-License-Identifier: Apache-2.0
"""The paper's cost table beside its recomputation, as `paper_cost` wrote it.

Units   GPU-hours and USD; the difference is recomputed minus printed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from r1repro.audit.page.grids import Grid, Line, columns
from r1repro.audit.page.tables import Row, read_rows
from r1repro.audit.page.wording import count, exact, rounded, signed
from r1repro.errors import InputError

COLUMNS = ("part", "stage", "item", "formula", "recomputed", "printed", "difference")
COLUMNS += ("prints_as", "fits_rounding", "note")
NUMBERS = ("recomputed", "printed", "difference", "prints_as")
WORDS = ("", "unknown", "not reported")
TOTAL = "total"
PRINTED, FOUR_DAYS = "printed_cell", "r1_four_days"
EPOCHS = ("epochs_of_reasoning_prompts", "epochs_of_all_prompts")
OWN_STAGES = ("r1_zero", "sft_data", "r1")
WAYS = (
    (PRINTED, "Recomputed: nodes \u00d7 GPUs \u00d7 hours"),
    (FOUR_DAYS, "R1 in 4 days: 96 hours for 80"),
    ("lost_asterisk", "\u201c64*8\u201d read as 648 GPUs"),
    (EPOCHS[0], "1.6 epochs of the reasoning prompts"),
    (EPOCHS[1], "1.6 epochs of all prompts"),
)
STAGES = {
    "r1_zero": "R1-Zero",
    "sft_data": "SFT data",
    "r1": "R1",
    "total": "Total",
    "preparatory_30b": "30B on A100",
    "r1_and_v3": "Both",
    "pre_training": "Pre-training",
    "context_extension": "Context extension",
    "post_training": "Post-training",
}
ITEMS = {"gpu_hours": "GPU-hours", "usd": "USD"}
GROUPS = (
    ("The printed cells, recomputed", (PRINTED,), "from the finest values that the text gives"),
    (
        "Other readings",
        ("rounded_cells", FOUR_DAYS, *EPOCHS, "lost_asterisk", "r1_hours_alone"),
        (
            "from the printed, rounded GPU-hours; with the text's other duration of R1; with the "
            "printed 1.6 epochs in place of the printed updates; and as the press misread the table"
        ),
    ),
    (
        "The base model, which is not in the table",
        ("v3_printed_cell", "with_v3"),
        "from the V3 report",
    ),
)
PARTS = {
    PRINTED: "printed cells",
    "rounded_cells": "rounded cells",
    FOUR_DAYS: "R1 in 4 days",
    EPOCHS[0]: "1.6 epochs, reasoning",
    EPOCHS[1]: "1.6 epochs, all prompts",
    "lost_asterisk": "\u201c64*8\u201d read as 648",
    "r1_hours_alone": "R1 alone",
    "v3_printed_cell": "V3-Base",
    "with_v3": "R1 + V3",
}


@dataclass(frozen=True)
class PaperBill:
    """The lines of paper_cost.csv."""

    path: Path
    rows: Sequence[Row]

    def number(self, part: str, item: str, column: str) -> Decimal:
        """Return a number of a part's total; raises InputError when there is none."""
        for row in self.rows:
            found = (row.text("part"), row.text("stage"), row.text("item"))
            if found == (part, TOTAL, item):
                value = row.decimal_or_none(column)
                if value is None:
                    raise row.fault(column, "a number")
                return value
        raise InputError(
            f"{self.path} has no line {part}, {TOTAL}, {item}; "
            "run `snakemake --forcerun paper_cost`"
        )


def read_paper_bill(path: Path) -> PaperBill:
    """Read paper_cost.csv; raises InputError when a cell is neither a number nor a known word."""
    rows = read_rows(path, COLUMNS)
    for row in rows:
        for column in NUMBERS:
            if row.text(column) not in WORDS:
                row.decimal_or_none(column)
    return PaperBill(path, rows)


def parts(paper: PaperBill) -> list[dict[str, str]]:
    """Return the printed GPU-hours of each stage, and of the base that is not in the table.

    width   percent of the largest
    """
    found = [
        (STAGES[row.text("stage")], row.decimal_or_none("printed"), "printed")
        for row in paper.rows
        if row.text("part") == PRINTED
        and row.text("stage") in OWN_STAGES
        and row.text("item") == "gpu_hours"
    ]
    base = paper.number("v3_printed_cell", "gpu_hours", "printed")
    found.append(("V3-Base, not in the bill", base, "outside"))
    largest = max(hours or 0 for _, hours, _ in found)
    return [
        {"name": name, "hours": exact(hours), "width": f"{100 * hours / largest:.2f}", "kind": kind}
        for name, hours, kind in found
        if hours
    ]


def sentence(paper: PaperBill) -> str:
    """Say what the recomputation gives and how far it is from what is printed."""
    hours, usd = (paper.number(PRINTED, item, "recomputed") for item in ITEMS)
    printed_hours, printed_usd = (paper.number(PRINTED, item, "printed") for item in ITEMS)
    text = (
        f"Nodes \u00d7 GPUs \u00d7 hours give {exact(hours)} GPU-hours and {exact(usd)} USD in "
        f"all; the paper prints {exact(printed_hours)} and {exact(printed_usd)} "
        f"(differences {signed(hours - printed_hours)} and {signed(usd - printed_usd)})."
    )
    if any(row.text("part") == FOUR_DAYS for row in paper.rows):
        days_hours, days_usd = (paper.number(FOUR_DAYS, item, "recomputed") for item in ITEMS)
        text += (
            f" The text prints two durations of R1; with \u201c4 days\u201d the total would be "
            f"{exact(days_hours)} GPU-hours and {exact(days_usd)} USD, which contradicts the table."
        )
    return text


def short_sentence(paper: PaperBill) -> str:
    """Say the same in one line of the terminal."""
    hours, usd = (paper.number(PRINTED, item, "recomputed") for item in ITEMS)
    printed_hours, printed_usd = (paper.number(PRINTED, item, "printed") for item in ITEMS)
    return (
        f"its cost recomputed: {exact(hours)} H800 hours, {exact(usd)} USD; printed "
        f"{exact(printed_hours)}, {exact(printed_usd)}"
    )


def ways_grid(paper: PaperBill) -> Grid:
    """Return the bill as printed, recomputed, and under each inconsistency, one line each."""
    cells = {
        (row.text("part"), row.text("stage"), row.text("item")): row
        for row in paper.rows
        if row.text("stage") in (*OWN_STAGES, TOTAL)
    }

    def hours(part: str, stage: str) -> str:
        row = cells.get((part, stage, "gpu_hours")) or cells.get((PRINTED, stage, "gpu_hours"))
        value = None if row is None else _decimal(row, "recomputed") or _decimal(row, "printed")
        return "unknown" if value is None else rounded(value, 0)

    printed = [cells.get((PRINTED, stage, "gpu_hours")) for stage in OWN_STAGES]
    first = [paper.number(PRINTED, item, "printed") for item in ITEMS]
    shown = ["unknown" if row is None else row.text("printed") for row in printed]
    numbers = [exact(Decimal(text)) if text.isdecimal() else text for text in shown]
    rows = [Line(["As printed", *numbers, *map(exact, first), "0", "0.0\u202f%"], "all")]
    for part, words in WAYS:
        if (part, TOTAL, "usd") not in cells:
            continue
        gpu_hours, usd = (round(paper.number(part, item, "recomputed")) for item in ITEMS)
        apart = f"{100 * (usd / first[1] - 1):+.1f}\u202f%".replace("-", "\u2212")
        stages = [hours(part, stage) for stage in OWN_STAGES]
        rows.append(
            Line([words, *stages, count(gpu_hours), count(usd), signed(usd - first[1]), apart])
        )
    heads = columns("Reading", *(f"#{STAGES[stage]} (GPU-h)" for stage in OWN_STAGES))
    heads += columns("#Total (GPU-h)", "#Total (USD)", "#Over printed (USD)", "#Difference")
    caption = (
        "The same bill read three ways: as printed, recomputed from the finest values in the text, "
        "and with each inconsistency priced by itself, rounded to whole hours and dollars. The "
        "lines are computed below, cell by cell."
    )
    return Grid("The paper\u2019s bill, read several ways", caption, heads, rows)


def _decimal(row: Row, column: str) -> Decimal | None:
    return row.decimal_or_none(column) if row.text(column) not in WORDS else None


def grids(paper: PaperBill) -> list[Grid]:
    """Return one table for each group of parts that has lines; no line is left out."""
    known = [part for _, parts, _ in GROUPS for part in parts]
    others = sorted({row.text("part") for row in paper.rows} - set(known))
    groups = [*GROUPS, ("More", tuple(others), "")] if others else GROUPS
    tables = [_grid(paper, *group) for group in groups]
    return [table for table in tables if table.rows]


def _grid(paper: PaperBill, name: str, parts: Sequence[str], words: str) -> Grid:
    several = len(parts) > 1
    heads = columns("Reading") if several else []
    heads += columns("Stage", "Cell", "#Recomputed", "#Printed", "#Difference", "#Rounds to")
    heads += columns("Fits", "~Computation and note")
    rows = []
    for row in paper.rows:
        part, item = row.text("part"), row.text("item")
        if part not in parts:
            continue
        stage = row.text("stage")
        cells = [PARTS.get(part, part)] if several else []
        cells += [STAGES.get(stage, stage), ITEMS.get(item, item)]
        cells += [_shown(row, column) for column in NUMBERS]
        how = filter(None, (row.text("formula"), row.text("note")))
        cells += [row.text("fits_rounding"), _product("; ".join(how))]
        rows.append(Line(cells, "all" if stage == TOTAL else ""))
    return Grid(name, f"{name}: {words}." if words else name, heads, rows)


def _product(formula: str) -> str:
    return formula.replace(" x ", " \u00d7 ")


def _shown(row: Row, column: str) -> str:
    value = _decimal(row, column)
    if value is None:
        return row.text(column)
    return signed(value) if column == "difference" else exact(value)
