# SPDX-License-Identifier: Apache-2.0
"""From one effect a seed to a verdict: Student's t, Holm over the headline, power.

Rule      supported     the mean effect is above `supported_above`, one-sided p at most ALPHA
          contradicted  the mean effect is below `contradicted_below`, one-sided p at most ALPHA
          too small     both: it exists, but is smaller than the smallest effect of interest
          undecided     neither, or fewer than SEEDS seeds
Level     ALPHA = 0.025 on each side, as the ends of a 95 % interval. The p values of support of all
          headline experiments are adjusted together (Holm 1979), so one of them can be undecided
          though its interval lies above the bound; the other verdicts are not adjusted.
Power     of the test against `supported_above`, if the true effect were `contradicted_below` (for a
          margin, where both are the same: 0), with the spread of the seeds seen.
Pairing   An effect is a difference within one seed; seeds are the units of the test.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import special  # scipy.stats takes two seconds to import

from r1repro.audit.claims.verdicts import CONTRADICTED, SUPPORTED, TOO_SMALL, UNDECIDED

ALPHA = 0.025
SEEDS = 3
POWER = 0.8
MOST_SEEDS = 1000


def mean(values: Sequence[float]) -> float:
    """Return the mean of at least one value."""
    return math.fsum(values) / len(values)


def spread(values: Sequence[float]) -> float:
    """Return the sample standard deviation (n - 1); of one value it is unknown and infinite."""
    if len(values) < 2:
        return math.inf
    centre = mean(values)
    return math.sqrt(math.fsum((v - centre) ** 2 for v in values) / (len(values) - 1))


def interval(values: Sequence[float]) -> tuple[float, float | None, float | None]:
    """Return the mean and the ends of its 95 % interval, which need two values."""
    centre = mean(values)
    if len(values) < 2:
        return centre, None, None
    half = special.stdtrit(len(values) - 1, 1 - ALPHA) * spread(values) / math.sqrt(len(values))
    return centre, centre - float(half), centre + float(half)


def p_above(values: Sequence[float], bound: float) -> float:
    """Return the one-sided p value of "the mean is not above the bound"; 1 for one value."""
    if len(values) < 2:
        return 1.0
    error = spread(values) / math.sqrt(len(values))
    distance = mean(values) - bound
    if error == 0:
        return 0.0 if distance > 0 else 1.0
    return float(special.stdtr(len(values) - 1, -distance / error))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p values adjusted for being tested together (Holm 1979)."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def power(sd: float, seeds: int, distance: float) -> float:
    """Return the chance that so many seeds support an effect that far above the bound."""
    if seeds < 2 or not math.isfinite(sd):
        return 0.0
    if sd == 0:
        return 1.0 if distance > 0 else 0.0
    critical = special.stdtrit(seeds - 1, 1 - ALPHA)
    return 1 - float(special.nctdtr(seeds - 1, distance * math.sqrt(seeds) / sd, critical))


def seeds_needed(sd: float, distance: float) -> int | None:
    """Return how many seeds reach POWER, None beyond MOST_SEEDS."""
    if not math.isfinite(sd) or distance <= 0:
        return None
    low, high = SEEDS, SEEDS
    while power(sd, high, distance) < POWER:
        low, high = high, high * 2
        if high > MOST_SEEDS:
            return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if power(sd, middle, distance) >= POWER else (middle + 1, high)
    return high


@dataclass(frozen=True)
class Decision:
    """A verdict with the numbers behind it."""

    verdict: str
    effect: float
    low: float | None
    high: float | None
    p_value: float
    power: float
    seeds_needed: int | None


def verdict_of(
    values: Sequence[float], supported_above: float, contradicted_below: float, p_value: float
) -> str:
    """Return the verdict by the rule; `p_value` is that of support, adjusted or not."""
    if len(values) < SEEDS:
        return UNDECIDED
    if p_above([-v for v in values], -contradicted_below) <= ALPHA:
        return TOO_SMALL if p_above(values, supported_above) <= ALPHA else CONTRADICTED
    return SUPPORTED if p_value <= ALPHA else UNDECIDED


def decide(
    values: Sequence[float],
    supported_above: float,
    contradicted_below: float,
    p_value: float | None = None,
) -> Decision:
    """Return the decision over seeds; `p_value` is the adjusted one where tests come together."""
    p = p_above(values, supported_above) if p_value is None else p_value
    at = contradicted_below if contradicted_below > supported_above else 0.0
    distance, sd = at - supported_above, spread(values)
    return Decision(
        verdict_of(values, supported_above, contradicted_below, p),
        *interval(values),
        p,
        power(sd, len(values), distance),
        seeds_needed(sd, distance),
    )


def turning_shift(
    values: Sequence[float], supported_above: float, contradicted_below: float, adjusted: float
) -> float | None:
    """Return the smallest common shift of all effects that turns the verdict, None without one.

    adjusted   how many times larger the adjusted p value is; it is held while the effects move
    """

    def verdict(shift: float) -> str:
        moved = [value + shift for value in values]
        p = min(1.0, adjusted * p_above(moved, supported_above))
        return verdict_of(moved, supported_above, contradicted_below, p)

    now, found = verdict(0.0), []
    farthest = 1 + max(map(abs, [*values, contradicted_below])) + 10 * spread(values)
    for side in (-1, 1):
        if verdict(side * farthest) == now:
            continue
        low, high = 0.0, farthest
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if verdict(side * middle) == now else (low, middle)
        found.append(side * high)
    return min(found, key=abs) if found and len(values) >= SEEDS else None


def place_of(value: float, values: Sequence[float]) -> str:
    """Say whether a further value is inside the 95 % prediction interval of the others."""
    if len(values) < 2:
        return ""
    half = special.stdtrit(len(values) - 1, 1 - ALPHA) * spread(values)
    half *= math.sqrt(1 + 1 / len(values))
    return "inside" if abs(value - mean(values)) <= half else "outside"
