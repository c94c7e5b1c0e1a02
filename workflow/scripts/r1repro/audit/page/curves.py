# SPDX-License-Identifier: Apache-2.0
"""The learning curve of this run, and the paper's.

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
    """A learning curve and the name of its majority vote."""

    consensus: str
    points: list[Point]

    def values(self, name: str, status: str = "") -> list:
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


def read_curve(path: Path, published: bool = False) -> Curve:
    """Read a curve; in the published one any value but the step may be absent.

    Raises InputError unless its steps rise and its shares are shares.
    """
    rows = read_rows(path, ("step", "pass1", "mean_length", *(["status"] if published else [])))
    vote, points = _votes(rows[0]), []
    for row in rows:
        status = row["status"] if published else "measured"
        pass1, cons = (row.share(c) if row[c] or not published else None for c in ("pass1", vote))
        length = row.number_or_none("mean_length") if published else row.number("mean_length")
        points.append(Point(row.whole("step"), pass1, cons, length, status))
    steps = [p.step for p in points]
    if steps != sorted(set(steps)):
        raise InputError(f"{path}: the steps must rise from line to line; found {steps[:8]} ...")
    return Curve(vote.replace("cons", "cons@"), points)


def read_stage_curves(paths: Sequence[Path]) -> dict[str, Curve]:
    """Read the curves of other stages by stage, which is the name of the folder."""
    found = {path.parent.name: read_curve(path) for path in paths}
    return {stage: found[stage] for stage in in_order(found, CHECKPOINTS)}
