# SPDX-License-Identifier: Apache-2.0
"""Tables as the template prints them: a name, a caption, columns and rows of text."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from r1repro.audit.page import environments
from r1repro.audit.page.answers import harmless
from r1repro.audit.page.bill import StageLine, Total
from r1repro.audit.page.curves import Curve
from r1repro.audit.page.history import SHORT_COMMIT, Attempt, moment
from r1repro.audit.page.scores import (
    CATEGORY_NAMES,
    CHECKPOINTS,
    GENERAL,
    LENGTH,
    Score,
    Scores,
)
from r1repro.audit.page.tables import UNKNOWN
from r1repro.audit.page.wording import (
    count,
    duration,
    interval,
    percent_interval,
    rounded,
    significant,
)

GENERAL_MEASURES = {
    "form_rate": "Form kept (%)",
    "refusal_unsafe": "Unsafe refused (%)",
    "over_refusal": "Over-refusal (%)",
    "preference": "Preferred to base (%)",
}


@dataclass(frozen=True)
class Column:
    """A heading; numbers stand at the right, wide text may break into lines."""

    name: str
    numeric: bool = False
    wide: bool = False


@dataclass(frozen=True)
class Line:
    """One row; `emphasis` is a class of the style sheet."""

    cells: list[str]
    emphasis: str = ""


@dataclass(frozen=True)
class Grid:
    """One table; `name` is what a screen reader calls it."""

    name: str
    caption: str
    columns: list[Column]
    rows: list[Line] = field(default_factory=list)


def columns(*names: str) -> list[Column]:
    """Return headings; a name after # is a column of numbers, one after ~ is wide text."""
    return [Column(name.lstrip("#~"), name.startswith("#"), name.startswith("~")) for name in names]


def without_constants(grid: Grid, names: Sequence[str]) -> Grid:
    """Return a table whose named columns, where all lines agree, moved into the caption."""
    values = {}
    for index, column in enumerate(grid.columns):
        found = {row.cells[index] for row in grid.rows if row.cells[index]}
        if column.name in names and len(found) == 1:
            values[index] = f"{column.name.lower()} {found.pop()}"
    if not values:
        return grid
    return Grid(
        grid.name,
        f"{grid.caption} All lines: {'; '.join(values.values())}.",
        [column for index, column in enumerate(grid.columns) if index not in values],
        [
            Line([c for index, c in enumerate(row.cells) if index not in values], row.emphasis)
            for row in grid.rows
        ],
    )


def without_empty(grid: Grid) -> Grid:
    """Return a table without the columns that no line fills."""
    kept = [i for i in range(len(grid.columns)) if any(row.cells[i] for row in grid.rows)]
    return Grid(
        grid.name,
        grid.caption,
        [grid.columns[i] for i in kept],
        [Line([row.cells[i] for i in kept], row.emphasis) for row in grid.rows],
    )


def curve_grid(curve: Curve) -> Grid:
    """Return the learning curve as numbers."""
    rows = [
        Line(
            [
                count(p.step),
                f"{100 * p.pass1:.1f}",
                f"{100 * p.consensus:.1f}",
                f"{p.mean_length:.1f}",
            ]
        )
        for p in curve.points
    ]
    names = columns(
        "Policy update", "#pass@1 (%)", f"#{curve.consensus} (%)", "#Mean length (tokens)"
    )
    return Grid("Learning curve of this run", "This run, from curve.csv.", names, rows)


def score_groups(scores: Scores) -> list[dict]:
    """Return the lines of the score table, grouped by checkpoint."""
    groups: dict[str, list[dict]] = {}
    for checkpoint, category, cells in scores.lines():
        line = {
            "category": CATEGORY_NAMES.get(category, category),
            "prompts": count(cells["pass"].prompts),
            "scores": [_shown(name, score) for name, score in cells.items()],
        }
        groups.setdefault(checkpoint, []).append(line)
    return [{"checkpoint": name, "lines": lines} for name, lines in groups.items()]


def overview_grid(scores: Scores) -> Grid:
    """Return one line for each checkpoint: all reasoning questions together."""
    rows = []
    for name in scores.checkpoints():
        measured = [scores.find(name, "all", m) for m in ("pass@1", scores.consensus, LENGTH)]
        if measured[0] is None:
            continue
        measured += [scores.find(name, "all", m) for m in ("format_rate", "language_consistency")]
        cells = [_brief(score, digits=1, share=i != 2) for i, score in enumerate(measured)]
        rows.append(Line([harmless(name), CHECKPOINTS.get(name, "a control"), *cells]))
    heads = columns("Checkpoint", "~What it is", "#pass@1 (%)", f"#{scores.consensus} (%)")
    heads += columns("#Length (tokens)", "#Format kept (%)", "#One language (%)")
    caption = (
        "This run, all reasoning questions together, with 95\u202f% intervals; a dash marks what "
        "was not measured. One language: share of words in the language of the question."
    )
    return Grid("All checkpoints", caption, heads, rows)


def general_grid(scores: Scores) -> Grid | None:
    """Return the measures of general prompts by checkpoint; None where there are none."""
    heads = columns("Checkpoint", *(f"#{title}" for title in GENERAL_MEASURES.values()))
    rows = []
    for name in scores.checkpoints():
        found = [scores.find(name, GENERAL, metric) for metric in GENERAL_MEASURES]
        if any(found):
            rows.append(Line([harmless(name), *(_brief(s, 1, share=True) for s in found)]))
    caption = (
        "This run, general prompts, with 95\u202f% intervals. Form: the asked form was kept. "
        "Over-refusal: harmless look-alikes that were refused. Preferred: share of the helpful "
        "answers that a held-out rule prefers to those of the base."
    )
    return Grid("General prompts", caption, heads, rows) if rows else None


def _brief(score: Score | None, digits: int, share: bool) -> str:
    """Return a value with its interval as one text, or a dash."""
    if score is None:
        return "\u2013"
    factor = 100 if share else 1
    ends = interval(factor * score.low, factor * score.high, digits)
    return f"{factor * score.value:.{digits}f} {ends}"


def _shown(name: str, score: Score) -> dict[str, str]:
    if name == LENGTH.removeprefix("mean_"):
        return {"value": f"{score.value:.1f}", "interval": interval(score.low, score.high)}
    return {
        "value": f"{100 * score.value:.1f}",
        "interval": percent_interval(score.low, score.high),
    }


def hardware(nodes: int, gpus_per_node: int) -> str:
    """Write nodes and GPUs as a product that cannot be misread."""
    if gpus_per_node == 0:
        return f"{nodes} node{'s' if nodes > 1 else ''}, CPU"
    return f"{nodes} \u00d7 {gpus_per_node} GPUs"


def cost_grid(lines: list[StageLine], sums: Total) -> Grid:
    """Return this run's bill, with a last line of sums."""
    rows = []
    for line in lines:
        unit = UNKNOWN if line.unit_price is None else f"{line.unit_price:f}"
        rows.append(
            Line(
                [
                    line.stage,
                    line.scale,
                    line.purpose,
                    line.device,
                    hardware(line.nodes, line.gpus_per_node),
                    count(line.attempts),
                    rounded(line.hours, 4),
                    rounded(line.gpu_hours, 4),
                    rounded(line.core_hours, 4),
                    unit,
                    UNKNOWN if line.cost is None else significant(line.cost),
                    UNKNOWN if line.energy is None else significant(line.energy),
                    line.energy_source,
                ]
            )
        )
    rows.append(_cost_total(sums))
    names = columns(
        "Stage",
        "Scale",
        "Purpose",
        "Device",
        "Hardware",
        "#Attempts",
        "#Hours",
        "#GPU-hours",
        "#Core-hours",
        "#USD per core- or GPU-hour",
        "#USD",
        "#kWh",
        "Energy is",
    )
    caption = (
        "Every attempt is billed, failed, killed and superseded ones included. Hours are "
        "wall-clock hours of the attempts; nothing is rounded before it is added."
    )
    grid = Grid("Cost of this run by stage", caption, names, rows)
    return without_constants(grid, ("Scale", "Device", "Hardware", "Energy is"))


def _cost_total(sums: Total) -> Line:
    cost = UNKNOWN if sums.lines_without_price == sums.lines else significant(sums.cost)
    energy = UNKNOWN if sums.lines_without_energy == sums.lines else significant(sums.energy)
    partly = sums.lines_without_energy or len(sums.energy_sources) > 1
    label = "partly known" if partly else "".join(sums.energy_sources)
    if sums.lines_without_price not in (0, sums.lines):
        cost += " + unknown"
    cells = ["Sum", "", "", "", "", count(sums.attempts)]
    cells += [rounded(h, 4) for h in (sums.hours, sums.gpu_hours, sums.core_hours)]
    cells += ["", cost, energy, UNKNOWN if energy == UNKNOWN else label]
    return Line(cells, "total")


def attempts_grid(attempts: list[Attempt]) -> Grid:
    """Return the list of attempts."""
    rows = [
        Line(
            [
                a.name,
                a.record.scale,
                moment(a.record.started_utc),
                duration(a.seconds),
                harmless(a.outcome),
                a.purpose,
                str(a.seed),
                a.record.device,
                a.host,
                environments.label(a.environment),
                a.commit[:SHORT_COMMIT] + (" *" if a.dirty is True else ""),
            ]
        )
        for a in attempts
    ]
    names = columns(
        "Stage",
        "Scale",
        "Began (UTC)",
        "#Took",
        "~Outcome",
        "Billed as",
        "#Seed",
        "Device",
        "Host",
        "Environment",
        "Commit",
    )
    caption = "All attempts in the order in which they began. * marks uncommitted changes."
    grid = Grid("Attempts", caption, names, rows)
    moved = ("Scale", "Seed", "Device", "Host", "Environment", "Commit")
    return without_constants(grid, moved)
