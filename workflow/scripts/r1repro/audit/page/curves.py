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

from r1repro.audit.page.scores import CHECKPOINTS, in_order
from r1repro.audit.page.tables import Row, read_rows
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

    def steps(self, status: str = "") -> list[int]:
        """Return the policy updates of all points, or of those of a status."""
        return [p.step for p in self.points if status in ("", p.status)]

    def values(self, name: str, status: str = "") -> list[float | None]:
        """Return what one of the curves has at these points."""
        return [getattr(p, name) for p in self.points if status in ("", p.status)]

    def ends(self, name: str) -> list[tuple[int, float]]:
        """Return update and value of the first and the last point that has this value."""
        known = [(p.step, v) for p in self.points if (v := getattr(p, name)) is not None]
        if not known:
            raise InputError(f"the learning curve has no value of {name}; remake it")
        return [known[0], known[-1]]


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
    points = []
    for row in rows:
        shares = row.share("pass1"), row.share(vote)
        points.append(Point(row.whole("step"), *shares, row.number("mean_length"), "measured"))
    _check_steps(path, points)
    return Curve(int(vote.removeprefix("cons")), points)


def read_stage_curves(paths: Sequence[Path]) -> dict[str, Curve]:
    """Read the curves of other stages by stage, which is the name of the folder."""
    found = {path.parent.name: read_curve(path) for path in paths}
    return {stage: found[stage] for stage in in_order(found, CHECKPOINTS)}


def read_published_curve(path: Path) -> Curve:
    """Read the paper's curve, where any value but the step may be absent."""
    points = []
    for row in read_rows(path, ("step", "pass1", "cons16", "mean_length", "status")):
        shares = [row.share(c) if row[c] else None for c in ("pass1", "cons16")]
        length = row.number_or_none("mean_length")
        points.append(Point(row.whole("step"), *shares, length, row["status"]))
    _check_steps(path, points)
    return Curve(PAPER_VOTES, points)


def _check_steps(path: Path, points: list[Point]) -> None:
    steps = [p.step for p in points]
    if steps != sorted(set(steps)):
        raise InputError(f"{path}: the steps must rise from line to line; found {steps[:8]} ...")
