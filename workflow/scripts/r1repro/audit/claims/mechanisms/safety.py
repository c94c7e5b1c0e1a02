# SPDX-License-Identifier: Apache-2.0
"""Filters: an external risk control in front of a checkpoint, and the filter of the test items.

Tables   evaluate/filter.csv     checkpoint,set,filter,unsafe_share,refusal_share,over_refusal
         data/decontamination_test.csv   kind,items,found,recall; kinds literal and paraphrase
         are judged, others passed over
"""

from collections.abc import Mapping

from r1repro.audit.claims.intervals import above, both, mean, t_interval
from r1repro.audit.claims.mechanisms.measures import number
from r1repro.audit.claims.mechanisms.registry import Finding, by_seed, check, unanimous
from r1repro.audit.claims.mechanisms.stages import shown
from r1repro.audit.claims.runs import MissingEvidence, Run

FILTER = "evaluate/filter.csv"
DECONTAMINATION = "data/decontamination_test.csv"


def _row(run: Run, parameters: Mapping, which: str) -> dict[str, float]:
    """Return the three shares of one checkpoint, set and filter."""
    wanted = (parameters["checkpoint"], parameters["set"], which)
    columns = ("unsafe_share", "refusal_share", "over_refusal")
    rows = [
        row
        for row in run.rows(FILTER, "checkpoint", "set", "filter", *columns)
        if (row["checkpoint"], row["set"], row["filter"]) == wanted
    ]
    if len(rows) != 1:
        raise MissingEvidence(f"{run.place(FILTER)} has {len(rows)} rows of {', '.join(wanted)}")
    return {column: number(rows[0][column], run.place(FILTER)) for column in columns}


@check("external-filter-helps", "checkpoint", "set", "without", "with")
def external_filter_helps(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: the unsafe share falls, refusals of unsafe requests rise; over-refusal is reported."""

    def change(run: Run) -> dict[str, float]:
        before, after = (_row(run, parameters, parameters[key]) for key in ("without", "with"))
        return {name: after[name] - before[name] for name in before}

    found = by_seed(runs, change)
    unsafe, refusal = found.column("unsafe_share"), found.column("refusal_share")
    falls = above(t_interval([-value for value in unsafe]))
    note = (
        "unsafe share, with the filter minus without; refusal of unsafe requests "
        f"{shown(refusal)}; over-refusal {shown(found.column('over_refusal'))}"
    )
    return found.finding(t_interval(unsafe), both(falls, above(t_interval(refusal))), note)


@check("decontamination", "literal_least", "paraphrase_most")
def decontamination(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: literal recall is at least 0.99 and paraphrase recall below 0.5."""

    def recalls(run: Run) -> dict[str, float]:
        place, found = run.place(DECONTAMINATION), {}
        for row in run.rows(DECONTAMINATION, "kind", "items", "found", "recall"):
            if row["kind"] not in ("literal", "paraphrase"):
                continue
            items, hits = number(row["items"], place), number(row["found"], place)
            if items <= 0 or abs(hits / items - number(row["recall"], place)) > 1e-4:
                raise MissingEvidence(f"{place}: the recall of {row['kind']} is not found / items")
            found[row["kind"]] = hits / items
        if set(found) != {"literal", "paraphrase"}:
            raise MissingEvidence(f"{place} needs the kinds literal and paraphrase")
        return found

    found = by_seed(runs, recalls)
    holds = unanimous(
        value["literal"] >= parameters["literal_least"]
        and value["paraphrase"] < parameters["paraphrase_most"]
        for value in found.values
    )
    note = (
        "recall of paraphrased test items by the ten-gram filter; of literal ones "
        f"{mean(found.column('literal')):.3f}"
    )
    return found.finding(t_interval(found.column("paraphrase")), holds, note)
