# SPDX-License-Identifier: Apache-2.0
"""The learning curve of this run, and the paper's, each in charts of its own.

Units   pass1, consK: shares (majority vote over K answers, 16 in the paper); mean_length: tokens of
        a response; step: policy updates.
Source  ours: results/rl/STAGE/curve.csv. Theirs: results/published/nature/r1_zero_curve.csv,
        digitised from Figures 1-3 by hand; its points are `digitised` or `reported`.
The two never share axes: another model, other questions, other lengths.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.page.drawing import Chart, Line, draw
from r1repro.audit.page.scores import CHECKPOINTS
from r1repro.audit.page.tables import Row, read_rows
from r1repro.audit.page.wording import percent
from r1repro.errors import InputError

PAPER_VOTES = 16


@dataclass(frozen=True)
class Point:
    """One point of a learning curve; None where the paper shows no value."""

    step: int
    pass1: float | None
    consensus: float | None
    mean_length: float | None
    status: str


@dataclass(frozen=True)
class Curve:
    """A learning curve and how many answers vote in its consensus."""

    votes: int
    points: list[Point]

    @property
    def consensus(self) -> str:
        """Return the name of the majority vote."""
        return f"cons@{self.votes}"


def _votes(row: Row) -> str:
    found = [name for name in row.cells if re.fullmatch(r"cons[1-9][0-9]*", name)]
    if len(found) != 1:
        raise InputError(
            f"{row.path} needs one column consK (K answers vote); it has {', '.join(row.cells)}"
        )
    return found[0]


def read_curve(path: Path) -> Curve:
    """Read this run's curve; raises InputError unless its steps rise and its shares are shares."""
    rows = read_rows(path, ("step", "pass1", "mean_length"))
    vote = _votes(rows[0])
    points = [
        Point(
            row.whole("step"),
            row.share("pass1"),
            row.share(vote),
            row.number("mean_length"),
            "measured",
        )
        for row in rows
    ]
    _check_steps(path, points)
    return Curve(int(vote.removeprefix("cons")), points)


def read_stage_curves(paths: Sequence[Path]) -> dict[str, Curve]:
    """Read the curves of other stages by stage, which is the name of the folder."""
    found = {path.parent.name: read_curve(path) for path in paths}
    known = [stage for stage in CHECKPOINTS if stage in found]
    return {stage: found[stage] for stage in known + sorted(set(found) - set(known))}


def read_published_curve(path: Path) -> Curve:
    """Read the paper's curve, where any value but the step may be absent."""
    points = []
    for row in read_rows(path, ("step", "pass1", "cons16", "mean_length", "status")):
        shares = [row.share(c) if row.text(c) else None for c in ("pass1", "cons16")]
        length = row.number_or_none("mean_length")
        points.append(Point(row.whole("step"), *shares, length, row.text("status")))
    _check_steps(path, points)
    return Curve(PAPER_VOTES, points)


def _check_steps(path: Path, points: list[Point]) -> None:
    steps = [p.step for p in points]
    if steps != sorted(set(steps)):
        raise InputError(f"{path}: the steps must rise from line to line; found {steps[:8]} ...")


def _ends(points: list[Point], name: str) -> tuple[Point, Point]:
    known = [p for p in points if getattr(p, name) is not None]
    if not known:
        raise InputError(f"the learning curve has no value of {name}; remake it")
    return known[0], known[-1]


def accuracy_sentence(curve: Curve) -> str:
    """Say where pass@1 and the majority vote begin and end."""
    parts, verb = [], "goes from"
    for name, label in (("pass1", "pass@1"), ("consensus", curve.consensus)):
        first, last = _ends(curve.points, name)
        begin, end = percent(getattr(first, name)), percent(getattr(last, name))
        parts.append(
            f"{label} {verb} {begin} at update {first.step:,} to {end} at update {last.step:,}"
        )
        verb = "from"
    return "; ".join(parts) + "."


def length_sentence(curve: Curve) -> str:
    """Say where the mean length begins and ends."""
    first, last = _ends(curve.points, "mean_length")
    return (
        f"mean response length goes from {_tokens(first)} tokens at update {first.step:,} "
        f"to {_tokens(last)} at update {last.step:,}."
    )


def _tokens(point: Point) -> str:
    return f"{point.mean_length:.1f}" if point.mean_length < 1000 else f"{point.mean_length:,.0f}"


def own_charts(
    curve: Curve, stage: str = "", inches: tuple[float, float] = (5.0, 3.3)
) -> list[str]:
    """Return accuracy and length of this run against the policy update.

    `stage` names another stage than R1-Zero: it goes into the titles and makes the names unique.
    """
    points = curve.points
    name, title = (f"{stage.replace('_', '-')}-curve", f"{stage}: ") if stage else ("curve", "")
    steps = [p.step for p in points]
    where = f", {stage}" if stage else ""
    accuracy = Chart(
        name=f"{name}-accuracy",
        title=f"{title}Accuracy on the test questions",
        x_label="Policy update",
        y_label="Correct (%)",
        lines=[
            Line("pass@1", steps, [p.pass1 for p in points], "blue", "-", "o"),
            Line(curve.consensus, steps, [p.consensus for p in points], "vermilion", "--", "s"),
        ],
        summary=f"Line chart of this run{where}: {accuracy_sentence(curve)}",
        y_range=(0, 1),
        percent=True,
        inches=inches,
    )
    length = Chart(
        name=f"{name}-length",
        title=f"{title}Mean length of a response",
        x_label="Policy update",
        y_label="Tokens",
        lines=[Line("mean length", steps, [p.mean_length for p in points], "green", "-", "o")],
        summary=f"Line chart of this run{where}: {length_sentence(curve)}",
        legend=True,
        inches=inches,
    )
    return [draw(accuracy), draw(length)]


def published_charts(curve: Curve) -> list[str]:
    """Return the paper's curve, drawn smaller, hollow and grey: it cannot be taken for ours."""
    points = curve.points
    drawn = [p for p in points if p.status == "digitised"]
    text = [p for p in points if p.status == "reported"]
    size = (5.0, 3.0)

    def lines(name: str, label: str, colour: str, dash: str, marker: str) -> list[Line]:
        line = Line(label, [p.step for p in drawn], [getattr(p, name) for p in drawn])
        printed = Line(
            f"_{label} in the text", [p.step for p in text], [getattr(p, name) for p in text]
        )
        return [
            Line(line.label, line.x, line.y, colour, dash, width=1.3),
            Line(printed.label, printed.x, printed.y, colour, "none", marker, hollow=True),
        ]

    accuracy = Chart(
        name="paper-accuracy",
        title="Paper: AIME 2024",
        x_label="Policy update of the paper's run",
        y_label="Correct (%)",
        lines=lines("pass1", "pass@1", "grey", "-", "o")
        + lines("consensus", curve.consensus, "ink", "--", "s"),
        summary=f"Line chart of the paper's run, not of this one: {accuracy_sentence(curve)}",
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
        summary=f"Line chart of the paper's run, not of this one: {length_sentence(curve)}",
        legend=True,
        inches=size,
    )
    return [draw(accuracy), draw(length)]
