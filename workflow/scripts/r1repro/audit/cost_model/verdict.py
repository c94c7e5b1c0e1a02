# SPDX-License-Identifier: Apache-2.0
"""The rule that says whether reported GPU-hours are plausible; one place for claims and page.

Rule   plausible if every bound is at or below the reported hours and these lie within the central
       share of the distribution; implausible otherwise (config/cost_model.yaml)
"""

from collections.abc import Mapping

BOUNDS = ("A0", "B")  # A1 holds only if nothing ran in FP8


def objections(
    reported: float, bounds: Mapping[str, float], central: tuple[float, float] | None = None
) -> list[str]:
    """Return a sentence for each reason to call the hours implausible; none is plausible."""
    found = [
        f"the bound {name}, {hours:,.0f} GPU-hours, lies above the reported {reported:,.0f}"
        for name, hours in bounds.items()
        if hours > reported
    ]
    low, high = central or (reported, reported)
    if not low <= reported <= high:
        side = "below" if reported < low else "above"
        found.append(
            f"the reported {reported:,.0f} GPU-hours lie {side} the central part of the "
            f"distribution, {low:,.0f} to {high:,.0f}"
        )
    return found
