# SPDX-License-Identifier: Apache-2.0
"""Means with 95 % intervals: over seeds by Student's t, over questions by the bootstrap.

Source   quantiles of Student's t at 97.5 %: any table of it; beyond 30 degrees of freedom the
         last line of the table, 2.042, which is wider than it need be.
Choices  Spread is the sample standard deviation over seeds (divides by n - 1). The bootstrap
         resamples questions within each seed and averages the seeds, so a seed keeps its weight; it
         is drawn from one fixed seed, so the same tables give the same interval.
"""

import math
import random
from collections.abc import Callable, Sequence

T_975 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
DRAWS = 1000
BOOTSTRAP_SEED = 20250917
Interval = tuple[float, float | None, float | None]


def mean(values: Sequence[float]) -> float:
    """Return the mean of at least one value."""
    return math.fsum(values) / len(values)


def spread(values: Sequence[float]) -> float:
    """Return the sample standard deviation; of one value it is unknown and infinite."""
    if len(values) < 2:
        return math.inf
    centre = mean(values)
    return math.sqrt(math.fsum((v - centre) ** 2 for v in values) / (len(values) - 1))


def standard_error(values: Sequence[float]) -> float:
    """Return the standard error of the mean; of one value it is infinite."""
    return spread(values) / math.sqrt(len(values))


def t_interval(values: Sequence[float]) -> Interval:
    """Return mean, low and high end over seeds; without ends where there is one seed."""
    centre = mean(values)
    if len(values) < 2:
        return centre, None, None
    half = T_975[min(len(values) - 1, len(T_975)) - 1] * standard_error(values)
    return centre, centre - half, centre + half


def above(interval: Interval, least: float = 0.0) -> bool | None:
    """Say whether an interval lies above a value (True), not above it (False), or across it."""
    _, low, high = interval
    if low is None or high is None:
        return None
    if low > least:
        return True
    return False if high <= least else None


def both(*parts: bool | None) -> bool | None:
    """Join conditions that must all hold: one that fails decides, one unknown leaves it open."""
    if any(part is False for part in parts):
        return False
    return None if None in parts else True


def percentiles(draws: list[float]) -> tuple[float, float]:
    """Return the 2.5 % and the 97.5 % point, linear between neighbours."""
    ordered, found = sorted(draws), []
    for share in (0.025, 0.975):
        place = share * (len(ordered) - 1)
        low = math.floor(place)
        high = min(low + 1, len(ordered) - 1)
        found.append(ordered[low] + (place - low) * (ordered[high] - ordered[low]))
    return found[0], found[1]


def bootstrap(groups: Sequence[Sequence], statistic: Callable[[Sequence], float]) -> Interval:
    """Return the mean over groups of a statistic, with its interval over resampled items."""
    rng, draws = random.Random(BOOTSTRAP_SEED), []
    for _ in range(DRAWS):
        draws.append(mean([statistic(rng.choices(g, k=len(g))) for g in groups]))
    return mean([statistic(group) for group in groups]), *percentiles(draws)


def ranks(values: Sequence[float]) -> list[float]:
    """Return ranks from 1; equal values share the mean of their ranks."""
    order = sorted(range(len(values)), key=values.__getitem__)
    found, first = [0.0] * len(values), 0
    while first < len(order):
        last = first
        while last + 1 < len(order) and values[order[last + 1]] == values[order[first]]:
            last += 1
        for place in range(first, last + 1):
            found[order[place]] = (first + last) / 2 + 1
        first = last + 1
    return found


def correlation(pairs: Sequence[tuple[float, float]]) -> float:
    """Return Pearson's correlation of pairs; 0 where one side does not vary."""
    count = len(pairs)
    sx = math.fsum(x for x, _ in pairs) / count
    sy = math.fsum(y for _, y in pairs) / count
    xx = math.fsum((x - sx) ** 2 for x, _ in pairs)
    yy = math.fsum((y - sy) ** 2 for _, y in pairs)
    if xx <= 0 or yy <= 0:
        return 0.0
    return math.fsum((x - sx) * (y - sy) for x, y in pairs) / math.sqrt(xx * yy)
