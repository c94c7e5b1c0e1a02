# SPDX-License-Identifier: Apache-2.0
"""Physical claims that the cost model evaluates, read from its table.

Table         cost/cost_model.csv: case,quantity,factor,value,unit; factor: of the length curve
Bounds        none may lie above the reported hours
Distribution  the whole verdict on the reported hours: bounds, and the central share of the draws
Measured      each prediction of a measured iteration lies within a factor of what was measured
Anchors       each published speed lies between the forms without overlap and with ideal overlap
"""

from collections.abc import Mapping

from r1repro.audit.claims.mechanisms.measures import number
from r1repro.audit.claims.mechanisms.registry import Finding, check
from r1repro.audit.claims.runs import MissingEvidence, Run
from r1repro.audit.cost_model.verdict import BOUNDS, objections

TABLE = "cost/cost_model.csv"
FORMS = ("published", "no_overlap", "ideal_overlap")


class _Table:
    """The first table that is there; it is the same for every seed."""

    def __init__(self, runs: list[Run]):
        lacking = []
        for run in runs:
            try:
                rows = run.rows(TABLE, "case", "quantity", "factor", "value")
            except MissingEvidence as error:
                lacking.append(str(error))
                continue
            self.place, self.values = run.place(TABLE), {}
            for row in rows:
                key = row["case"], row["quantity"], row["factor"]
                if key in self.values:
                    raise MissingEvidence(f"{self.place} has {' '.join(key)} twice")
                self.values[key] = row["value"]
            return
        raise MissingEvidence("; ".join(lacking) or "no run was given")

    def value(self, case: str, quantity: str, factor: float | None = None) -> float:
        """Return one value; raises MissingEvidence, also for a table of an earlier version."""
        key = (case, quantity, "" if factor is None else f"{factor:g}")
        if key not in self.values:
            at = "" if factor is None else f" at factor {factor:g}"
            raise MissingEvidence(
                f"{self.place} has no {quantity} of {case}{at}; a table of an earlier version is "
                "made anew by `snakemake --forcerun cost_model`"
            )
        return number(self.values[key], self.place)

    def bounds(self, factor: float) -> dict[str, float]:
        """Return the GPU-hours of the bounds that decide."""
        return {name: self.value(name, "bound_gpu_hours", factor) for name in BOUNDS}


@check("cost-model-bounds", "reported", "length_factor", seeds=0)
def bounds(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: every bound is at or below the reported hours."""
    found, reported = _Table(runs).bounds(parameters["length_factor"]), parameters["reported"]
    against = objections(reported, found)
    listed = ", ".join(f"{name} {hours:,.0f}" for name, hours in found.items())
    note = f"GPU-hours of the highest bound; {listed}"
    return Finding(max(found.values()), None, None, not against, "; ".join([note, *against]))


@check("cost-model-distribution", "reported", "length_factor", seeds=0)
def distribution(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: no bound is above the reported hours, and they lie in the central part of the draws."""
    table, reported = _Table(runs), parameters["reported"]
    low, high = (table.value("distribution", f"central_{end}") for end in ("low", "high"))
    against = objections(reported, table.bounds(parameters["length_factor"]), (low, high))
    note = "GPU-hours: median of the draws and the ends of their central part"
    if reported == table.value("reported", "gpu_hours"):
        share = 100 * table.value("distribution", "quantile_of_reported")
        note += f"; {share:.0f} % of the draws are at or below the reported hours"
    median = table.value("distribution", "gpu_hours_50_percent")
    return Finding(median, low, high, not against, "; ".join([note, *against]))


@check("cost-model-measured", "iterations", "within", seeds=0)
def measured(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: predicted over measured seconds is within the factor for every iteration."""
    table, within = _Table(runs), parameters["within"]
    ratios = {}
    for name in parameters["iterations"]:
        if table.value(f"measured {name}", "calibrated_on"):
            raise MissingEvidence(f"{table.place} calibrates on {name}, so it predicts nothing")
        ratios[name] = table.value(f"measured {name}", "predicted_over_measured")
    listed = ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())
    farthest = max(ratios.values(), key=lambda ratio: max(ratio, 1 / ratio))
    holds = all(1 / within <= ratio <= within for ratio in ratios.values())
    note = f"predicted over measured seconds, the one farthest from 1; {listed}"
    return Finding(farthest, None, None, holds, note)


@check("cost-model-anchors", "anchors", seeds=0)
def anchors(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: each published speed lies between the two forms of the model."""
    table, outside, listed, shares = _Table(runs), [], [], []
    for name in parameters["anchors"]:
        published, low, high = (table.value(f"anchor {name}", form) for form in FORMS)
        listed.append(f"{name} {published:.0f} in [{low:.0f}, {high:.0f}]")
        shares.append(published / high)
        if not low <= published <= high:
            outside.append(name)
    note = (
        "published decoding speed as a share of the model with ideal overlap, the largest of the "
        f"anchors; tokens per second per GPU: {'; '.join(listed)}"
    )
    return Finding(max(shares), None, None, not outside, note)
