# SPDX-License-Identifier: Apache-2.0
"""Charts as inline SVG: the same numbers give the same bytes, and a screen reader gets a sentence.

matplotlib computes the layout with the font it ships; the text stays text, so the reader's system
font is used, which is narrower. Colours become CSS variables of the page (light, dark, print);
lines also differ by dash and marker, so the chart needs no colour to be read.
"""

import io
import re
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
STEPS = [1, 2, 2.5, 5, 10]  # tick distances that people read easily
MANTISSA = 1e-5
UNWANTED = (f"{{{SVG}}}metadata", f"{{{SVG}}}style")
# Okabe and Ito's palette (2008), made for all common kinds of colour vision; the page's style
# sheet repeats the names and chooses lighter shades on a dark ground.
COLOURS = {
    "ink": "#1b1b1f", "faint": "#d5d5da", "blue": "#0072b2", "vermilion": "#d55e00",
    "green": "#009e73", "purple": "#9c4f86", "grey": "#6b6b75",
}  # fmt: skip
LOOK = {
    "axes": {
        "axisbelow": True, "edgecolor": COLOURS["grey"], "grid": True, "grid.axis": "y",
        "labelcolor": COLOURS["ink"], "labelsize": 10.5, "linewidth": 0.8,
        "spines.right": False, "spines.top": False, "titlecolor": COLOURS["ink"],
        "titlelocation": "left", "titlepad": 10.0, "titlesize": 11.5, "titleweight": "bold",
    },
    "font": {"family": ["DejaVu Sans"], "size": 10.5},
    "grid": {"color": COLOURS["faint"], "linewidth": 0.7},
    "legend": {"fontsize": 10.0, "frameon": False, "labelcolor": COLOURS["ink"]},
    "lines": {"linewidth": 1.8, "markersize": 4.5},
    "svg": {"fonttype": "none", "hashsalt": "r1repro"},
    "xtick": {"color": COLOURS["grey"], "labelcolor": COLOURS["ink"], "labelsize": 10.0},
    "ytick": {"color": COLOURS["grey"], "labelcolor": COLOURS["ink"], "labelsize": 10.0},
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One series of a chart: the points where y is None are gaps that the line bridges.

    A label that begins with _ stays out of the legend.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float | None]
    colour: str = "blue"
    dash: str = "-"
    marker: str = ""
    width: float = 1.8
    hollow: bool = False
    steps: bool = False


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What every chart has: `name` is unique on the page, `summary` is its text alternative."""

    name: str
    title: str
    x_label: str
    summary: str


@dataclass(frozen=True, kw_only=True)
class Chart(Picture):
    """Lines on one panel."""

    y_label: str
    lines: Sequence[Line]
    y_range: tuple[float | None, float | None] = (0, None)
    percent: bool = False
    inches: tuple[float, float] = (5.0, 3.3)
    whole_y: bool = False
    legend: bool = False  # also of one line


@contextmanager
def panel(chart: Picture, inches: tuple[float, float]):
    """Yield figure and axes under our settings alone: a user's matplotlibrc changes nothing."""
    ours = {f"{group}.{name}": v for group, options in LOOK.items() for name, v in options.items()}
    defaults = {k: v for k, v in matplotlib.rcParamsDefault.items() if "backend" not in k}
    with matplotlib.rc_context(), matplotlib.rc_context(defaults | ours):
        figure = Figure(figsize=inches, layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(chart.title)
        axes.set_xlabel(chart.x_label)
        yield figure, axes


def _draw_line(axes, line: Line) -> None:
    points = [(x, y) for x, y in zip(line.x, line.y, strict=True) if y is not None]
    colour = COLOURS[line.colour]
    axes.plot(
        [x for x, _ in points], [y for _, y in points],
        color=colour, label=line.label, linestyle=line.dash, linewidth=line.width,
        marker=line.marker or None, markerfacecolor="white" if line.hollow else colour,
        markeredgecolor=colour, clip_on=False,
        drawstyle="steps-post" if line.steps else "default",
    )  # fmt: skip


def _limits(axes, chart: Chart) -> None:
    low, high = chart.y_range
    values = [y for line in chart.lines for y in line.y if y is not None]
    if high is None and low is not None and (not values or max(values) <= low):
        high = low + (0.01 if chart.percent else 1)  # a flat line at the floor still has a scale
    axes.set_ylim(bottom=low, top=high)
    last = max((x for line in chart.lines for x in line.x), default=1)
    axes.set_xlim(left=0, right=(last or 1) * 1.02)


def draw(chart: Chart) -> str:
    """Return one chart as an SVG element for the page."""
    with panel(chart, chart.inches) as (figure, axes):
        for line in chart.lines:
            _draw_line(axes, line)
        _limits(axes, chart)
        axes.set_ylabel(chart.y_label)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=STEPS))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=chart.whole_y, steps=STEPS))
        factor = 100 if chart.percent else 1
        axes.yaxis.set_major_formatter(lambda value, _: tick(factor * value))
        axes.xaxis.set_major_formatter(lambda value, _: tick(value))
        if len(chart.lines) > 1 or chart.legend:  # below the axes, where it can hide no point
            figure.legend(loc="outside lower center", ncols=2, handlelength=2.6, columnspacing=1.4)
        return inline(figure, chart)


def tick(value: float) -> str:
    """Return a tick's label; whole thousands with separators, fractions without noise."""
    text = f"{value:,.6f}".rstrip("0").rstrip(".")
    return text.replace("-", "\u2212") if abs(value) >= MANTISSA else f"{value:.3g}"


def _page_style(style: str) -> str:
    """Return a text's style with its size and weight, and without the font: the page has one."""
    kept = []
    for declaration in filter(None, (part.strip() for part in style.split(";"))):
        name, _, value = declaration.partition(": ")
        if name == "font":  # for instance: bold 11.5px 'DejaVu Sans'
            kept += [f"font-size: {word}" for word in value.split() if word.endswith("px")]
            kept += ["font-weight: 600"] if "bold" in value else []
        elif name == "font-weight":
            kept.append("font-weight: 600")
        elif name != "font-family":
            kept.append(declaration)
    return "; ".join(kept)


def inline(figure: Figure, chart: Picture) -> str:
    """Return a figure as an element: no metadata, unique names, the page's font and colours."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    ElementTree.register_namespace("", SVG)
    root = ElementTree.fromstring(buffer.getvalue())
    for parent in list(root.iter()):
        for child in [c for c in parent if c.tag in UNWANTED]:
            parent.remove(child)
    for element in root.iter():
        target = element.attrib.pop(f"{{{XLINK}}}href", None)
        if target is not None:
            element.set("href", target)
        if element.tag == f"{{{SVG}}}text":
            element.set("style", _page_style(element.get("style") or ""))
    size = root.get("viewBox")
    text = ElementTree.tostring(root, encoding="unicode").split(">", 1)[1]
    text = re.sub(r"\n\s*", "\n", text).strip()
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))

    def rename(match: re.Match) -> str:
        return f' id="{chart.name}-{match[1]}"' if match[1] in used else ""

    text = re.sub(r' id="([^"]+)"', rename, text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{chart.name}-", text)
    for name, value in COLOURS.items():
        text = text.replace(value, f"var(--{name})")
    text = re.sub(r"fill: (?:#ffffff|white)", "fill: var(--paper)", text)
    title, summary = f"{chart.name}-title", f"{chart.name}-summary"
    return (
        f'<svg viewBox="{size}" class="chart" role="img" aria-labelledby="{title} {summary}">'
        f'<title id="{title}">{escape(chart.title)}</title>'
        f'<desc id="{summary}">{escape(chart.summary)}</desc>{text}'
    )
