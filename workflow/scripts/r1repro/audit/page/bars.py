# SPDX-License-Identifier: Apache-2.0
"""Horizontal ranges on one logarithmic axis: bounds beside a reported value, costs of many models.

A row is a line from low to high with a mark at its middle; rows differ by mark and colour, so the
chart needs no colour to be read. Drawn as the charts of `drawing`, with its look and its rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.ticker import LogLocator, NullFormatter

from r1repro.audit.page.drawing import COLOURS, Picture, inline, panel, tick

ROW_INCHES, FRAME_INCHES = 0.24, 1.1
SUFFIXES = ((1e9, "B"), (1e6, "M"), (1e3, "K"))
THICK, THIN_LINE = 7.0, 2.0


@dataclass(frozen=True)
class Range:
    """One row."""

    label: str
    low: float
    middle: float | None
    high: float
    colour: str = "blue"
    marker: str = "o"
    hollow: bool = False


@dataclass(frozen=True, kw_only=True)
class RangeChart(Picture):
    """Rows, the first on top, beside a reference where there is one."""

    rows: Sequence[Range]
    reference: float | None = None
    reference_label: str = ""
    thick: bool = False
    width: float = 5.0
    legend: Sequence[tuple[str, str, str, bool]] = ()  # label, colour, marker, hollow


def short(value: float) -> str:
    """Return a tick's label with K, M or B."""
    named = (f"{tick(value / size)}{suffix}" for size, suffix in SUFFIXES if value >= size)
    return next(named, tick(value))


def _mark(axes, x: list, y: list, colour: str, marker: str, hollow: bool, label: str = "") -> None:
    axes.plot(
        x, y, marker=marker, color=COLOURS[colour], linestyle="none", label=label, markersize=6.5,
        markerfacecolor="white" if hollow else COLOURS[colour], markeredgewidth=1.4 if x else None,
    )  # fmt: skip


def _row(axes, place: int, row: Range, width: float) -> None:
    ends, colour = [row.low, row.high], COLOURS[row.colour]
    axes.plot(ends, [place, place], color=colour, linewidth=width, solid_capstyle="butt")
    if row.middle is not None:
        _mark(axes, [row.middle], [place], row.colour, row.marker, row.hollow)


def _axes(axes, chart: RangeChart) -> None:
    count = len(chart.rows)
    axes.set_ylim(count - 0.4, -0.6)
    axes.set_yticks(range(count), [row.label for row in chart.rows])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.spines["left"].set_visible(False)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(base=10, numticks=9))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()
    axes.xaxis.set_major_formatter(lambda value, _: short(value))
    if chart.reference is not None:
        axes.axvline(chart.reference, color=COLOURS["vermilion"], linestyle="--", linewidth=1.4)
        axes.annotate(
            chart.reference_label, (chart.reference, 1.0), xycoords=("data", "axes fraction"),
            xytext=(3, 2), textcoords="offset points", fontsize=9.5, color=COLOURS["vermilion"],
            annotation_clip=False,
        )  # fmt: skip


def draw_ranges(chart: RangeChart) -> str:
    """Return the chart as an SVG element for the page."""
    height = FRAME_INCHES + ROW_INCHES * len(chart.rows) + (0.3 if chart.legend else 0)
    with panel(chart, (chart.width, height)) as (figure, axes):
        for place, row in enumerate(chart.rows):
            _row(axes, place, row, THICK if chart.thick else THIN_LINE)
        _axes(axes, chart)
        axes.set_title(chart.title, pad=18.0 if chart.reference_label else 10.0)
        for label, colour, marker, hollow in chart.legend:
            _mark(axes, [], [], colour, marker, hollow, label)
        if chart.legend:
            figure.legend(loc="outside lower center", ncols=2, handletextpad=0.3)
        return inline(figure, chart)
