# SPDX-License-Identifier: Apache-2.0
"""From what was computed to a verdict: one pure function per kind of claim.

arithmetic, cross-table   confirmed when the recomputed value is within the tolerance of the one
                          stated and the condition holds; conflict otherwise; press_error instead
                          where the figure stood in the press and not in the paper
physical                  plausible or implausible by the same two tests, or by a bound of the cost
                          model; inconclusive where its table is missing
mechanism                 supported or not_supported by the published pass rule; inconclusive where
                          the rule does not decide, evidence is missing or seeds are too few
full-scale-only           full_scale_only as long as no run of that scale is among the evidence
"""

from collections.abc import Collection
from dataclasses import dataclass

CONFIRMED, CONFLICT, PRESS_ERROR = "confirmed", "conflict", "press_error"
SUPPORTED, NOT_SUPPORTED, INCONCLUSIVE = "supported", "not_supported", "inconclusive"
PLAUSIBLE, IMPLAUSIBLE, FULL_SCALE_ONLY = "plausible", "implausible", "full_scale_only"
VERDICTS = (
    CONFIRMED, CONFLICT, SUPPORTED, NOT_SUPPORTED, INCONCLUSIVE, PLAUSIBLE, IMPLAUSIBLE,
    FULL_SCALE_ONLY, PRESS_ERROR,
)  # fmt: skip
FULL_SCALE = "paper"


@dataclass(frozen=True)
class Computed:
    """What the arithmetic of a claim gave; `condition` is None where there is none."""

    result: float
    expected: float
    tolerance: float
    condition: bool | None

    @property
    def matches(self) -> bool:
        """Say whether the recomputed value is the one stated, within the tolerance."""
        return abs(self.result - self.expected) <= self.tolerance

    @property
    def holds(self) -> bool:
        """Say whether value and condition both hold."""
        return self.matches and self.condition is not False


def of_arithmetic(computed: Computed, area: str) -> str:
    """Return the verdict of an arithmetic or cross-table claim."""
    if computed.holds:
        return CONFIRMED
    return PRESS_ERROR if area == "press" else CONFLICT


def of_bound(holds: bool | None) -> str:
    """Return the verdict of a physical claim; None is not decided."""
    if holds is None:
        return INCONCLUSIVE
    return PLAUSIBLE if holds else IMPLAUSIBLE


def of_mechanism(holds: bool | None, seeds: int, seeds_needed: int) -> str:
    """Return the verdict of a mechanism; fewer seeds than needed decide nothing."""
    if holds is None or seeds < seeds_needed:
        return INCONCLUSIVE
    return SUPPORTED if holds else NOT_SUPPORTED


def of_full_scale(scales: Collection[str]) -> str:
    """Return the verdict of a claim that only the published scale can test.

    With a run of that scale it is inconclusive: no check of ours reads such a run.
    """
    return INCONCLUSIVE if FULL_SCALE in scales else FULL_SCALE_ONLY
