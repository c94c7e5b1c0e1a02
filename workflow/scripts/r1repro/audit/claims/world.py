# SPDX-License-Identifier: Apache-2.0
"""Whether the reported cost is possible, read from the table of the cost model.

Table         cost/cost_model.csv: case,quantity,factor,value,unit; factor is that of the length
              curve
Distribution  the whole verdict on the reported hours: no bound above them, and they lie in the
              central share of the draws
Measured      each prediction of a measured update lies within a factor of what was measured
Anchors       each published speed lies between the forms without overlap and with ideal overlap

The last two test our model and not the paper: where they fail, the model decides nothing.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from r1repro.audit.claims.measures import number
from r1repro.audit.claims.runs import MissingEvidence, Run
from r1repro.audit.cost_model.verdict import BOUNDS, objections

TABLE = "cost/cost_model.csv"
FORMS = ("published", "no_overlap", "ideal_overlap")


@dataclass(frozen=True)
class Finding:
    """What a check found: a value with the range around it, whether its rule holds, and a note.

    holds   None where the model fails its own test, so that it decides nothing
    """

    obtained: float
    low: float | None
    high: float | None
    holds: bool | None
    note: str


WORLD: dict[str, Callable[..., Finding]] = {}


def check(function: Callable[..., Finding]) -> Callable[..., Finding]:
    """Register a check under its name, with dashes."""
    WORLD[function.__name__.replace("_", "-")] = function
    return function


def parameters() -> dict[str, frozenset[str]]:
    """Return the name of each check with the names of its parameters."""
    return {n: frozenset(inspect.signature(f).parameters) - {"run"} for n, f in WORLD.items()}


class _Table:
    """The values of the table by case, quantity and factor."""

    def __init__(self, run: Run):
        self.place, self.values = run.place(TABLE), {}
        for row in run.rows(TABLE, "case", "quantity", "factor", "value"):
            key = row["case"], row["quantity"], row["factor"]
            if key in self.values:
                raise MissingEvidence(f"{self.place} has {' '.join(key)} twice")
            self.values[key] = row["value"]

    def value(self, case: str, quantity: str, factor: float | None = None) -> float:
        """Return one value; raises MissingEvidence, also for a table of an earlier version."""
        key = (case, quantity, "" if factor is None else f"{factor:g}")
        if key not in self.values:
            at = "" if factor is None else f" at factor {factor:g}"
            raise MissingEvidence(
                f"{self.place} has no {quantity} of {case}{at}; if an earlier version made it, run "
                "`snakemake --forcerun cost_model`"
            )
        return number(self.values[key], self.place)


@check
def reported_hours(run: Run, reported: float, length_factor: float) -> Finding:
    """Rule: no bound is above the reported hours, and they lie in the central part of the draws."""
    table = _Table(run)
    bounds = {name: table.value(name, "bound_gpu_hours", length_factor) for name in BOUNDS}
    low, high = (table.value("distribution", f"central_{end}") for end in ("low", "high"))
    against = objections(reported, bounds, (low, high))
    listed = ", ".join(f"{name} {hours:,.0f}" for name, hours in bounds.items())
    note = f"Median of the draws and the ends of their central part; bounds in GPU-hours: {listed}"
    if reported == table.value("reported", "gpu_hours"):
        share = 100 * table.value("distribution", "quantile_of_reported")
        note += f"; {share:.0f} % of the draws are at or below the reported hours"
    median = table.value("distribution", "gpu_hours_50_percent")
    return Finding(median, low, high, not against, "; ".join([note, *against]) + ".")


@check
def measured_updates(run: Run, updates: Sequence[str], within: float) -> Finding:
    """Rule: predicted over measured seconds is within the factor for every update, or undecided."""
    table = _Table(run)
    ratios = {}
    for name in updates:
        if table.value(f"measured {name}", "calibrated_on"):
            raise MissingEvidence(f"{table.place} calibrates on {name}, so it predicts nothing")
        ratios[name] = table.value(f"measured {name}", "predicted_over_measured")
    farthest = max(ratios.values(), key=lambda ratio: max(ratio, 1 / ratio))
    holds = all(1 / within <= ratio <= within for ratio in ratios.values())
    listed = ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())
    note = f"Predicted over measured seconds, the one farthest from 1; {listed}."
    return Finding(farthest, min(ratios.values()), max(ratios.values()), *_tested(holds, note))


@check
def published_speeds(run: Run, anchors: Sequence[str]) -> Finding:
    """Rule: each published speed lies between the two forms of the model, or undecided."""
    table, listed, shares, holds = _Table(run), [], [], True
    for name in anchors:
        published, low, high = (table.value(f"anchor {name}", form) for form in FORMS)
        listed.append(f"{name} {published:.0f} in [{low:.0f}, {high:.0f}]")
        shares.append(published / high)
        holds = holds and low <= published <= high
    note = (
        "Published decoding speed as a share of the model with ideal overlap, the largest of the "
        f"anchors; tokens per second per GPU: {'; '.join(listed)}."
    )
    return Finding(max(shares), min(shares), max(shares), *_tested(holds, note))


def _tested(holds: bool, note: str) -> tuple[bool | None, str]:
    """Return the verdict of a test of the model itself, with a note that says so."""
    return (True, note) if holds else (None, f"The model fails this test. {note}")
