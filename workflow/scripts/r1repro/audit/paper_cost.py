# SPDX-License-Identifier: Apache-2.0
"""Recompute the paper's cost table from nodes x GPUs per node x hours, beside what is printed.

Source    Nature 645, 633-638 (2025), Supplementary Table 4 and section 2.4.4, as transcribed in
          results/published/nature/cost.csv; the base model's table in v3_cost.csv.
Units     GPU-hours and USD, whole where whole; `difference` is recomputed minus printed.
Parts     printed_cell     each printed cell from the finest values the text gives
          rounded_cells    the same cells from the printed (rounded) GPU-hours: how they were made
          r1_four_days     the text's other duration of R1 ("4 days") and what it would mean
          lost_asterisk    "64*8" read as 648 GPUs, as the press did
          epochs_of_...    prompts against epochs, in paper_epochs.py
          r1_hours_alone   80 hours of 512 GPUs taken for the whole bill, as the press did
          v3_printed_cell  the base model's table, which is not part of the 294K
          with_v3          both tables together
Rounding  `prints_as` is the recomputed value rounded half up to the printed unit (thousands);
          `fits_rounding` says whether that is the printed cell. `unknown`: the text gives no hours.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, fields
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from r1repro.errors import InputError

UNKNOWN = "unknown"
NOT_REPORTED = "not reported"
TOTAL = "total"
PAPER_PRICE = "h800_nature_2025"
V3_PRICE = "h800_v3_report_2024"
V3_ROUNDING = Decimal(1000)


@dataclass(frozen=True)
class Stage:
    """One row of the paper's table; None where the paper is silent."""

    name: str
    nodes: int | None
    gpus_per_node: int | None
    hours_low: Decimal | None
    hours_high: Decimal | None
    gpu_hours: Decimal | None
    usd: Decimal | None
    rounding: Decimal | None
    hours_text: str


@dataclass(frozen=True)
class Line:
    """One line of paper_cost.csv as texts."""

    part: str
    stage: str
    item: str
    nodes: str
    gpus_per_node: str
    hours: str
    formula: str
    recomputed: str
    printed: str
    difference: str
    prints_as: str
    fits_rounding: str
    note: str


COLUMNS = tuple(field.name for field in fields(Line))


def number(value: Decimal | int) -> str:
    """Return plain digits without needless zeros."""
    text = f"{Decimal(value):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _decimal(row: dict[str, str], name: str, path: Path) -> Decimal | None:
    text = row[name]
    if text == "":
        return None
    if not text.replace(".", "", 1).isdecimal():
        raise InputError(f"{path}, stage {row['stage']}: {name} is not a number: {text!r}")
    return Decimal(text)


def published_rows(path: Path, needed: set[str]) -> list[dict[str, str]]:
    """Read a published table; raises InputError when a column is missing."""
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            reader = csv.DictReader(handle)
            missing = needed - set(reader.fieldnames or ())
            rows = list(reader)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no readable CSV file ({error}); restore it") from error
    if missing or not rows:
        raise InputError(f"{path} lacks the columns {', '.join(sorted(missing)) or '(no rows)'}")
    return rows


def read_paper_stages(path: Path) -> list[Stage]:
    """Read cost.csv; raises InputError."""
    names = ("nodes", "gpus_per_node", "hours_low", "hours_high", "gpu_hours", "usd")
    stages = []
    for row in published_rows(path, {"stage", "hours_text", "rounding_gpu_hours", *names}):
        value = {name: _decimal(row, name, path) for name in (*names, "rounding_gpu_hours")}
        whole = [None if value[n] is None else int(value[n]) for n in names[:2]]
        rest = [value[n] for n in (*names[2:], "rounding_gpu_hours")]
        stages.append(Stage(row["stage"], *whole, *rest, row["hours_text"]))
    if [stage.name for stage in stages].count(TOTAL) != 1:
        raise InputError(f"{path} must have exactly one row named {TOTAL}")
    return stages


def read_v3_stages(path: Path) -> list[Stage]:
    """Read v3_cost.csv; raises InputError."""
    return [
        Stage(
            row["stage"], None, None, None, None,
            _decimal(row, "gpu_hours", path), _decimal(row, "usd", path), V3_ROUNDING, "",
        )
        for row in published_rows(path, {"stage", "gpu_hours", "usd"})
    ]  # fmt: skip


def prints_as(value: Decimal, rounding: Decimal) -> Decimal:
    """Round half up to the printed unit."""
    return (value / rounding).quantize(Decimal(1), ROUND_HALF_UP) * rounding


def compared(
    part: str,
    stage: Stage,
    item: str,
    formula: str,
    recomputed: Decimal | None,
    *,
    gpus: tuple[str, str] = ("", ""),
    hours: Decimal | None = None,
    note: str = "",
) -> Line:
    """Set a recomputed value beside the printed cell `item` (gpu_hours or usd) of a stage."""
    printed = getattr(stage, item)
    rounded = difference = fits = ""
    if recomputed is not None and printed is not None:
        rounded = number(prints_as(recomputed, stage.rounding))
        difference = number(recomputed - printed)
        fits = "yes" if rounded == number(printed) else "no"
    return Line(
        part=part,
        stage=stage.name,
        item=item,
        nodes=gpus[0],
        gpus_per_node=gpus[1],
        hours="" if hours is None else number(hours),
        formula=formula,
        recomputed=UNKNOWN if recomputed is None else number(recomputed),
        printed=NOT_REPORTED if printed is None else number(printed),
        difference=difference,
        prints_as=rounded,
        fits_rounding=fits or UNKNOWN,
        note=note,
    )


def _parts_of_total(stages: Sequence[Stage]) -> list[Stage]:
    """Return the stages that the printed total adds up."""
    return [stage for stage in stages if stage.name != TOTAL and stage.gpu_hours is not None]


def _total(stages: Sequence[Stage]) -> Stage:
    return next(stage for stage in stages if stage.name == TOTAL)


def _money(hours: Decimal, price: Decimal) -> str:
    return f"{number(hours)} h x {price} USD"


def _rounding_note(stage: Stage, usd: Decimal, price: Decimal) -> str:
    """Explain a printed USD cell that rounding the unrounded product does not give."""
    if number(prints_as(usd, stage.rounding)) == number(stage.usd):
        return ""
    unrounded = number(prints_as(usd, stage.rounding) / 1000)
    from_cell = "is" if stage.gpu_hours * price == stage.usd else "is not"
    return (
        f"would print as {unrounded}K; the printed {number(stage.usd / 1000)}K {from_cell} the "
        f"rounded {number(stage.gpu_hours / 1000)}K h x {price} USD"
    )


def printed_cells(stages: Sequence[Stage], price: Decimal) -> list[Line]:
    """Recompute every printed cell from the finest values in the text."""
    lines, finest = [], {}
    for stage in stages:
        if stage.name == TOTAL:
            continue
        hours_line, hours = _stage_hours(stage)
        lines.append(hours_line)
        known = hours if hours is not None else stage.gpu_hours
        if known is None:
            lines.append(compared("printed_cell", stage, "usd", "hours not reported", None))
            continue
        finest[stage.name] = known
        usd = known * price
        note = _rounding_note(stage, usd, price)
        lines.append(compared("printed_cell", stage, "usd", _money(known, price), usd, note=note))
    total, hours = _total(stages), sum(finest.values())
    formula = " + ".join(number(value) for value in finest.values())
    lines.append(compared("printed_cell", total, "gpu_hours", formula, hours))
    usd, note = hours * price, _rounding_note(total, hours * price, price)
    lines.append(compared("printed_cell", total, "usd", _money(hours, price), usd, note=note))
    return lines


def _stage_hours(stage: Stage) -> tuple[Line, Decimal | None]:
    """Return the line of a stage's GPU-hours, and the hours where the text gives enough."""
    if stage.nodes is None or stage.gpus_per_node is None or stage.hours_low is None:
        silent = "not in the printed total" if stage.gpu_hours is None else "printed as it stands"
        note = f"nodes and hours are not reported; {silent}"
        return compared(
            "printed_cell", stage, "gpu_hours", "hours not reported", None, note=note
        ), None
    gpus = stage.nodes * stage.gpus_per_node
    hours = stage.hours_low
    formula = f"{stage.nodes} x {stage.gpus_per_node} = {gpus}; {gpus} x {number(hours)} h"
    line = compared(
        "printed_cell", stage, "gpu_hours", formula, gpus * hours,
        gpus=(str(stage.nodes), str(stage.gpus_per_node)), hours=hours,
        note=f"the text says: {stage.hours_text}",
    )  # fmt: skip
    return line, gpus * hours


def rounded_cells(stages: Sequence[Stage], price: Decimal, part: str) -> list[Line]:
    """Recompute the USD cells from the printed GPU-hours, and the totals from the printed cells."""
    parts, total = _parts_of_total(stages), _total(stages)
    lines = [
        compared(part, s, "usd", _money(s.gpu_hours, price), s.gpu_hours * price)
        for s in [*parts, total]
    ]
    for item in ("gpu_hours", "usd"):
        cells = [getattr(stage, item) for stage in parts]
        formula = " + ".join(number(cell) for cell in cells)
        lines.append(compared(part, total, item, formula, sum(cells), note="row sum of the cells"))
    return lines


@dataclass(frozen=True)
class Reading:
    """Another reading of one stage's size or duration."""

    formula: str
    nodes: str
    gpus_per_node: str
    hours: Decimal
    gpu_hours: Decimal


def scenario(
    part: str, stages: Sequence[Stage], price: Decimal, changed: dict[str, Reading], note: str
) -> list[Line]:
    """Recompute a table in which the named stages are read differently."""
    lines, all_hours = [], []
    for stage in _parts_of_total(stages):
        hours = _stage_hours(stage)[1]
        if stage.name in changed:
            other = changed[stage.name]
            hours, gpus = other.gpu_hours, (other.nodes, other.gpus_per_node)
            line = compared(
                part, stage, "gpu_hours", other.formula, hours,
                gpus=gpus, hours=other.hours, note=note,
            )  # fmt: skip
            money = compared(part, stage, "usd", _money(hours, price), hours * price)
            lines += [line, money]
        all_hours.append(stage.gpu_hours if hours is None else hours)
    total, hours = _total(stages), sum(all_hours)
    formula = " + ".join(number(value) for value in all_hours)
    text = f"{(hours / total.gpu_hours - 1) * 100:+.1f} % against the printed total"
    lines.append(compared(part, total, "gpu_hours", formula, hours, note=text))
    lines.append(compared(part, total, "usd", _money(hours, price), hours * price))
    return lines


def timed(stages: Sequence[Stage]) -> list[Stage]:
    """Return the stages whose nodes and hours the text gives."""
    return [stage for stage in stages if stage.nodes is not None and stage.hours_low is not None]


def four_days(stages: Sequence[Stage], price: Decimal) -> list[Line]:
    """Take the longer duration where the text prints two."""
    changed = {}
    for stage in timed(stages):
        hours, gpus = stage.hours_high, stage.nodes * stage.gpus_per_node
        if hours != stage.hours_low:
            formula = f"{number(hours / 24)} days = {number(hours)} h; {gpus} x {number(hours)} h"
            size = (str(stage.nodes), str(stage.gpus_per_node))
            changed[stage.name] = Reading(formula, *size, hours, gpus * hours)
    note = "the text prints two durations; this one contradicts the printed cell"
    return scenario("r1_four_days", stages, price, changed, note)


def lost_asterisk(stages: Sequence[Stage], price: Decimal) -> list[Line]:
    """Read "64*8" as 648 GPUs."""
    changed = {}
    for stage in timed(stages):
        gpus, hours = int(f"{stage.nodes}{stage.gpus_per_node}"), stage.hours_low
        formula = f"{gpus} x {number(hours)} h"
        changed[stage.name] = Reading(formula, "", "", hours, gpus * hours)
    note = "64*8 without its asterisk; contradicts the printed cell"
    return scenario("lost_asterisk", stages, price, changed, note)


def r1_hours_alone(stages: Sequence[Stage], price: Decimal) -> list[Line]:
    """Take the hours of the last timed stage for the whole bill."""
    stage = timed(stages)[-1]
    gpus, hours = stage.nodes * stage.gpus_per_node, stage.hours_low
    formula = f"{gpus} x {number(hours)} h x {price} USD"
    note = f"the hours of {stage.name} alone do not carry the printed total"
    usd = gpus * hours * price
    return [compared("r1_hours_alone", _total(stages), "usd", formula, usd, note=note)]


def with_v3(stages: Sequence[Stage], v3: Sequence[Stage], v3_price: Decimal) -> list[Line]:
    """Recompute the base model's table and add both printed totals."""
    lines = rounded_cells(v3, v3_price, "v3_printed_cell")
    both = Stage("r1_and_v3", None, None, None, None, None, None, None, "")
    for item, unit in (("gpu_hours", "h"), ("usd", "USD")):
        r1, base = getattr(_total(stages), item), getattr(_total(v3), item)
        share = f"R1 is {r1 / base * 100:.1f} % of V3, {r1 / (r1 + base) * 100:.1f} % of the sum"
        formula = f"{number(r1)} {unit} + {number(base)} {unit}"
        lines.append(compared("with_v3", both, item, formula, r1 + base, note=share))
    return lines


def paper_cost(
    stages: Sequence[Stage], v3: Sequence[Stage], price: Decimal, v3_price: Decimal
) -> list[Line]:
    """Return all lines of paper_cost.csv; a pure function of the published tables and prices."""
    return [
        *printed_cells(stages, price),
        *rounded_cells(stages, price, "rounded_cells"),
        *four_days(stages, price),
        *lost_asterisk(stages, price),
        *r1_hours_alone(stages, price),
        *with_v3(stages, v3, v3_price),
    ]
