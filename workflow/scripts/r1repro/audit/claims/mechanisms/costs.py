# SPDX-License-Identifier: Apache-2.0
"""Physical claims that the cost model evaluates, read from its table.

Table    cost/cost_model.csv: case,quantity,factor,value,unit; factor is that of the length curve
Bounds   cases A0, A1, A2, B: GPU-hours; none may lie above the reported hours
Scenarios  cases C1, C2, C3: GPU-hours; the smallest ratio to the reported hours must be below 1.1
         and the largest above 1
Anchors  cases `anchor NAME`: each published speed lies between the forms without overlap and with
         ideal overlap
"""

from collections.abc import Mapping

from r1repro.audit.claims.mechanisms.measures import number
from r1repro.audit.claims.mechanisms.registry import Finding, check
from r1repro.audit.claims.runs import MissingEvidence, Run

TABLE = "cost/cost_model.csv"
HOURS = "gpu_hours"
FORMS = ("published", "no_overlap", "ideal_overlap")


def _hours(run: Run, cases: list[str], factors: list[float]) -> dict[tuple[str, float], float]:
    """Return case and factor -> GPU-hours; raises MissingEvidence unless all are there once."""
    found: dict[tuple[str, float], float] = {}
    place = run.place(TABLE)
    for row in run.rows(TABLE, "case", "quantity", "factor", "value"):
        if row["case"] in cases and row["quantity"] == HOURS and row["factor"] != "":
            key = row["case"], number(row["factor"], place)
            if key in found:
                raise MissingEvidence(f"{place} has {key[0]} at factor {key[1]} twice")
            found[key] = number(row["value"], place)
    wanted = {(case, float(factor)) for case in cases for factor in factors}
    if wanted - found.keys():
        lacking = ", ".join(f"{case} at {factor}" for case, factor in sorted(wanted - found.keys()))
        raise MissingEvidence(f"{place} has no GPU-hours of {lacking}")
    return {key: found[key] for key in sorted(wanted)}


def _first(runs: list[Run]) -> Run:
    """Return the first run whose table is there; the table is the same for every seed."""
    lacking = []
    for run in runs:
        try:
            run.text(TABLE)
            return run
        except MissingEvidence as error:
            lacking.append(str(error))
    raise MissingEvidence("; ".join(lacking) or "no run was given")


@check("cost-model-bounds", "reported", "cases", "factors", seeds=0)
def bounds(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: every bound is at or below the reported hours."""
    hours = _hours(_first(runs), list(parameters["cases"]), list(parameters["factors"]))
    (case, factor), highest = max(hours.items(), key=lambda item: item[1])
    above = [f"{c} at {f:g}" for (c, f), value in hours.items() if value > parameters["reported"]]
    note = f"GPU-hours of the highest of {len(hours)} bounds, {case} at length factor {factor:g}"
    if above:
        note += f"; above the reported hours: {', '.join(above)}"
    return Finding(highest, None, None, not above, note)


@check("cost-model-scenarios", "reported", "cases", "factors", seeds=0)
def scenarios(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: the smallest ratio to the reported hours is below 1.1 and the largest above 1."""
    hours = _hours(_first(runs), list(parameters["cases"]), list(parameters["factors"]))
    ratios = {key: value / parameters["reported"] for key, value in hours.items()}
    low, high = min(ratios.values()), max(ratios.values())
    listed = ", ".join(f"{case} at {factor:g}: {r:.2f}" for (case, factor), r in ratios.items())
    middle = sorted(ratios.values())[len(ratios) // 2]
    note = f"ratio to the reported hours, median of the cases; {listed}"
    return Finding(middle, None, None, low < 1.1 and high > 1, note)


@check("cost-model-anchors", "anchors", seeds=0)
def anchors(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: each published speed lies between the two forms of the model."""
    run = _first(runs)
    rows = run.rows(TABLE, "case", "quantity", "value")
    outside, listed, shares = [], [], []
    for name in parameters["anchors"]:
        values = {r["quantity"]: r["value"] for r in rows if r["case"] == f"anchor {name}"}
        if not set(FORMS) <= values.keys():
            raise MissingEvidence(f"{run.place(TABLE)} has no anchor {name}")
        published, low, high = (number(values[form], run.place(TABLE)) for form in FORMS)
        listed.append(f"{name} {published:.0f} in [{low:.0f}, {high:.0f}]")
        shares.append(published / high)
        if not low <= published <= high:
            outside.append(name)
    note = (
        "published decoding speed as a share of the model with ideal overlap, the largest of the "
        f"anchors; tokens per second per GPU: {'; '.join(listed)}"
    )
    return Finding(max(shares), None, None, not outside, note)
