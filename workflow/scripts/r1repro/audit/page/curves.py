# SPDX-License-Identifier: Apache-2.0
"""The learning curve of this run, and the paper's, each in charts of its own.

Units   pass1, cons16: shares; mean_length: tokens of a response; step: policy updates.
Source  ours: results/rl/r1_zero/curve.csv. Theirs: results/published/nature/r1_zero_curve.csv,
        digitised from Figures 1-3 by hand; its points are `digitised` or `reported`.
The two never share axes: another model, other questions, other lengths.
"""

from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.page.drawing import Chart, Line, draw
from r1repro.audit.page.tables import read_rows
from r1repro.audit.page.wording import percent
from r1repro.errors import InputError


@dataclass(frozen=True)
class Point:
    """One point of a learning curve; None where the paper shows no value."""

    step: int
    pass1: float | None
    cons16: float | None
    mean_length: float | None
    status: str


def read_curve(path: Path) -> list[Point]:
    """Read this run's curve; raises InputError unless its steps rise and its shares are shares."""
    points = [
        Point(
            row.whole("step"),
            row.share("pass1"),
            row.share("cons16"),
            row.number("mean_length"),
            "measured",
        )
        for row in read_rows(path, ("step", "pass1", "cons16", "mean_length"))
    ]
    _check_steps(path, points)
    return points


def read_published_curve(path: Path) -> list[Point]:
    """Read the paper's curve, where any value but the step may be absent."""
    points = []
    for row in read_rows(path, ("step", "pass1", "cons16", "mean_length", "status")):
        shares = [row.share(c) if row.text(c) else None for c in ("pass1", "cons16")]
        length = row.number_or_none("mean_length")
        points.append(Point(row.whole("step"), *shares, length, row.text("status")))
    _check_steps(path, points)
    return points


def _check_steps(path: Path, points: list[Point]) -> None:
    steps = [p.step for p in points]
    if steps != sorted(set(steps)):
        raise InputError(f"{path}: the steps must rise from line to line; found {steps[:8]} ...")


def _ends(points: list[Point], name: str) -> tuple[Point, Point]:
    known = [p for p in points if getattr(p, name) is not None]
    if not known:
        raise InputError(f"the learning curve has no value of {name}; remake it")
    return known[0], known[-1]


def accuracy_sentence(points: list[Point]) -> str:
    """Say where pass@1 and cons@16 begin and end."""
    parts, verb = [], "goes from"
    for name, label in (("pass1", "pass@1"), ("cons16", "cons@16")):
        first, last = _ends(points, name)
        begin, end = percent(getattr(first, name)), percent(getattr(last, name))
        parts.append(
            f"{label} {verb} {begin} at update {first.step:,} to {end} at update {last.step:,}"
        )
        verb = "from"
    return "; ".join(parts) + "."


def length_sentence(points: list[Point]) -> str:
    """Say where the mean length begins and ends."""
    first, last = _ends(points, "mean_length")
    return (
        f"mean response length goes from {_tokens(first)} tokens at update {first.step:,} "
        f"to {_tokens(last)} at update {last.step:,}."
    )


def _tokens(point: Point) -> str:
    return f"{point.mean_length:.1f}" if point.mean_length < 1000 else f"{point.mean_length:,.0f}"


def own_charts(points: list[Point]) -> list[str]:
    """Return accuracy and length of this run against the policy update."""
    steps = [p.step for p in points]
    accuracy = Chart(
        name="curve-accuracy",
        title="Accuracy on the test questions",
        x_label="Policy update",
        y_label="Correct (%)",
        lines=[
            Line("pass@1", steps, [p.pass1 for p in points], "blue", "-", "o"),
            Line("cons@16", steps, [p.cons16 for p in points], "vermilion", "--", "s"),
        ],
        summary=f"Line chart of this run: {accuracy_sentence(points)}",
        y_range=(0, 1),
        percent=True,
    )
    length = Chart(
        name="curve-length",
        title="Mean length of a response",
        x_label="Policy update",
        y_label="Tokens",
        lines=[Line("mean length", steps, [p.mean_length for p in points], "green", "-", "o")],
        summary=f"Line chart of this run: {length_sentence(points)}",
        legend=True,
    )
    return [draw(accuracy), draw(length)]


def published_charts(points: list[Point]) -> list[str]:
    """Return the paper's curve, drawn smaller, hollow and grey: it cannot be taken for ours."""
    drawn = [p for p in points if p.status == "digitised"]
    text = [p for p in points if p.status == "reported"]
    size = (5.0, 3.0)

    def lines(name: str, label: str, colour: str, dash: str, marker: str) -> list[Line]:
        curve = Line(label, [p.step for p in drawn], [getattr(p, name) for p in drawn])
        printed = Line(
            f"_{label} in the text", [p.step for p in text], [getattr(p, name) for p in text]
        )
        return [
            Line(curve.label, curve.x, curve.y, colour, dash, width=1.3),
            Line(printed.label, printed.x, printed.y, colour, "none", marker, hollow=True),
        ]

    accuracy = Chart(
        name="paper-accuracy",
        title="Paper: AIME 2024",
        x_label="Policy update of the paper's run",
        y_label="Correct (%)",
        lines=lines("pass1", "pass@1", "grey", "-", "o")
        + lines("cons16", "cons@16", "ink", "--", "s"),
        summary=f"Line chart of the paper's run, not of this one: {accuracy_sentence(points)}",
        y_range=(0, 1),
        percent=True,
        inches=size,
    )
    steps = [p.step for p in points]
    length = Chart(
        name="paper-length",
        title="Paper: mean length of a response",
        x_label="Policy update of the paper's run",
        y_label="Tokens",
        lines=[Line("mean length", steps, [p.mean_length for p in points], "grey", "-", width=1.3)],
        summary=f"Line chart of the paper's run, not of this one: {length_sentence(points)}",
        legend=True,
        inches=size,
    )
    return [draw(accuracy), draw(length)]
