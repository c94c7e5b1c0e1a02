# SPDX-License-Identifier: Apache-2.0
"""How long responses are: the curve over the run and the spread inside one rollout.

Curve    Piecewise linear in the step; update k stands at step k - 1/2. The integral over a piece
         is taken at its two Gauss points (exact for what is cubic in the step).
Spread   Assumed: lognormal, truncated at the cap, its mean matched to the curve, plus runaways that
         end at the cap. Measured: ln(length) runs through p50, p90, p99 and the longest (at
         1 - 0.5/outputs), in between as (part of the normal quantile)^bend, and below p50 with bend
         times the slope above it; the bend (1 is lognormal) gives the measured mean.
Grid     `quantiles` points at the middles of equal shares stand for all outputs of a rollout.
Units    tokens; shares from 0 to 1
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from statistics import NormalDist

import numpy as np

from r1repro.audit.cost_model.parameters import Curve, Run, Spread
from r1repro.errors import InputError

NORMAL = NormalDist()
GAUSS = (0.5 - math.sqrt(3) / 6, 0.5 + math.sqrt(3) / 6)
LAST_PIECES = 64
MATCHED = 1e-6
LARGEST_BEND = 14.0  # its logarithm


class LengthsImpossible(InputError):
    """A mean length contradicts the spread around it."""


@dataclass(frozen=True)
class Node:
    """A part of the run that one point of the curve stands for."""

    updates: float
    mean: float
    cap: int
    quantiles: tuple[float, ...] = ()  # p50, p90, p99, max where measured


@dataclass(frozen=True, eq=False)
class Lengths:
    """The lengths of one rollout: a rising grid, and a share of outputs that reach `longest`."""

    grid: np.ndarray
    runaway: float
    longest: float
    tail_from: float

    @cached_property
    def mean(self) -> float:
        """Return the mean length."""
        return (1 - self.runaway) * self.grid.mean() + self.runaway * self.longest

    @cached_property
    def square(self) -> float:
        """Return the mean of the squared length."""
        return (1 - self.runaway) * np.square(self.grid).mean() + self.runaway * self.longest**2

    def square_with(self, prompt: float) -> float:
        """Return the mean of (length + prompt) squared."""
        return self.square + 2 * prompt * self.mean + prompt * prompt

    @cached_property
    def segments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """Return width, share still running and middle of each piece, and where the tail begins."""
        count, last = len(self.grid), self.grid[-1]
        ends = np.append(self.grid, np.linspace(last, self.longest, LAST_PIECES + 1)[1:])
        still = np.append(np.arange(count, 0, -1) / count, np.zeros(LAST_PIECES))
        running = (1 - self.runaway) * still + self.runaway
        widths = np.diff(ends, prepend=0.0)
        tail = int(np.argmax(running <= 1 - self.tail_from + 1e-12))
        return widths, running, ends - widths / 2, tail


def nodes(curve: Curve, run: Run, factor: float) -> list[Node]:
    """Return the parts of the run, lengths multiplied by `factor`."""
    found = []
    marks = sorted({row[0] for row in curve.rows} | {run.jump_step, run.steps, 0})
    marks = [mark for mark in marks if mark <= run.steps]
    for start, end in zip(marks, marks[1:], strict=False):
        cap = run.cap_after if start >= run.jump_step else run.cap_before
        for point in GAUSS:
            mean, *quantiles = (factor * v for v in curve_at(curve, start + point * (end - start)))
            held = tuple(min(value, cap) for value in quantiles)
            found.append(Node((end - start) / 2, mean, cap, held))
    return found


def curve_at(curve: Curve, step: float) -> tuple[float, ...]:
    """Return the columns after `step` at a step, by linear interpolation."""
    for low, high in zip(curve.rows, curve.rows[1:], strict=False):
        if low[0] <= step <= high[0]:
            part = (step - low[0]) / (high[0] - low[0])
            return tuple(a + part * (b - a) for a, b in zip(low[1:], high[1:], strict=True))
    raise LengthsImpossible(f"the length curve says nothing of step {step:g}")


def lengths_of(
    node: Node, spread: Spread, sigma: float, runaway_share: float, outputs: int
) -> Lengths:
    """Return the lengths of a rollout at this point of the run."""
    if node.quantiles:
        return measured_lengths(node.mean, node.quantiles, spread, outputs)
    return assumed_lengths(node.mean, node.cap, spread, sigma, runaway_share, outputs)


@lru_cache(maxsize=4096)
def assumed_lengths(
    mean: float, cap: int, spread: Spread, sigma: float, runaway_share: float, outputs: int
) -> Lengths:
    """Return a truncated lognormal with runaways whose mean is `mean`, held below the cap."""
    mean = min(mean, spread.mean_most * cap)
    if runaway_share == 0:
        shape = _truncated(mean, cap, sigma, spread.quantiles)
        longest = max(shape.quantile(1 - 0.5 / outputs), shape.grid[-1])
        return Lengths(shape.grid, 0.0, longest, spread.tail_from)
    share = min(runaway_share, spread.runaway_most * mean / cap)
    rest = (mean - share * cap) / (1 - share)
    grid = _truncated(rest, cap, sigma, spread.quantiles).grid
    return Lengths(grid, share, float(cap), spread.tail_from)


@dataclass(frozen=True)
class _Shape:
    grid: np.ndarray
    quantile: Callable[[float], float]


@lru_cache(maxsize=4096)
def _truncated(mean: float, cap: float, sigma: float, points: int) -> _Shape:
    """Return the lognormal below `cap` whose grid has this mean.

    The location comes from the closed form and is then corrected for the grid (Newton).
    """
    log_cap, middle = math.log(cap), _location(mean, cap, sigma)
    shares = [(i + 0.5) / points for i in range(points)]
    slope = math.log(_mean(middle + 1e-4, log_cap, sigma) / _mean(middle, log_cap, sigma)) / 1e-4
    for _ in range(50):
        below = _below((log_cap - middle) / sigma)

        def quantile(share: float, middle=middle, below=below) -> float:
            return math.exp(middle + sigma * NORMAL.inv_cdf(share * below))

        grid = np.array(list(map(quantile, shares)))
        off = math.log(mean / grid.mean())
        if abs(off) < MATCHED:
            return _Shape(grid, quantile)
        middle += off / slope
    raise LengthsImpossible(f"no lognormal of sigma {sigma:g} below {cap:g} has the mean {mean:g}")


def _below(place: float) -> float:
    """Return the normal distribution function, precise far below 0 too."""
    return 0.5 * math.erfc(-place / math.sqrt(2))


def _mean(middle: float, log_cap: float, sigma: float) -> float:
    """Return the mean of the lognormal below the cap."""
    reached = (log_cap - middle) / sigma
    share = _below(reached - sigma) / _below(reached)
    return math.exp(middle + sigma * sigma / 2) * share


def _location(mean: float, cap: float, sigma: float) -> float:
    """Return the location of the lognormal below `cap` with this mean, by bisection."""
    log_cap = math.log(cap)
    low, high = math.log(mean) - 4 * sigma * sigma - 1, log_cap + 25 * sigma
    if not _mean(low, log_cap, sigma) < mean < _mean(high, log_cap, sigma):
        raise LengthsImpossible(
            f"no lognormal of sigma {sigma:g} below {cap:g} has the mean {mean:g}"
        )
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _mean(middle, log_cap, sigma) < mean else (low, middle)
    return (low + high) / 2


@lru_cache(maxsize=4096)
def measured_lengths(
    mean: float, quantiles: tuple[float, ...], spread: Spread, outputs: int
) -> Lengths:
    """Return lengths that have the measured mean, p50, p90, p99 and longest."""
    last = NORMAL.inv_cdf(1 - 0.5 / outputs)
    marks = [0.0, NORMAL.inv_cdf(0.9), NORMAL.inv_cdf(0.99)]
    marks.append(max(last, marks[2] + 1e-9))  # few outputs have none between p99 and the longest
    logs = [math.log(value) for value in quantiles]
    below = (logs[1] - logs[0]) / marks[1] or 1.0
    pieces = [_place(i / spread.quantiles + 0.5 / spread.quantiles, marks) for i in
              range(spread.quantiles)]  # fmt: skip

    def grid(bend: float) -> list[float]:
        bent = []
        for piece, part in pieces:
            low = logs[piece] if piece >= 0 else logs[0] + bend * below * part
            rise = (logs[piece + 1] - low) * part**bend if piece >= 0 else 0.0
            bent.append(math.exp(low + rise))
        return bent

    low, high = -LARGEST_BEND, LARGEST_BEND
    for _ in range(60):
        middle = (low + high) / 2
        found = grid(math.exp(middle))
        off = sum(found) / (mean * spread.quantiles) - 1
        if abs(off) < MATCHED:
            return Lengths(np.array(found), 0.0, quantiles[3], spread.tail_from)
        low, high = (middle, high) if off > 0 else (low, middle)
    raise LengthsImpossible(
        f"the mean {mean:g} contradicts its quantiles {', '.join(f'{q:g}' for q in quantiles)}"
    )


def _place(share: float, marks: list[float]) -> tuple[int, float]:
    """Return the piece between two marks that a share lies in, and where; -1 is below the median.

    Below the median the place is the (negative) normal quantile itself.
    """
    place = NORMAL.inv_cdf(share)
    if place < 0:
        return -1, place
    for piece in range(len(marks) - 1):
        if place <= marks[piece + 1]:
            return piece, (place - marks[piece]) / (marks[piece + 1] - marks[piece])
    return len(marks) - 2, 1.0
