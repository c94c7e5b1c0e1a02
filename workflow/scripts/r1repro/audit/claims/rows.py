# SPDX-License-Identifier: Apache-2.0
"""claims.csv: one row a check, in the order of config/claims.yaml; and the counts of claims.

claim,check    id of the claim and number of the check in it
tier,area,speaker   as defined
agrees_with,verdict see `verdicts`
what           what was compared or measured
reported,obtained,unit   what the source prints, what was computed or measured
gap_percent,gap_is       size of the difference and, where it is too large, what it is
ci_low,ci_high,p_value,seeds   of an experiment: 95 % interval, one-sided p (adjusted in the
               headline), seeds with evidence
power,seeds_needed   chance to see the smallest effect of interest, seeds that reach 0.8
this_run,this_run_is the present run's effect: the same as the published seed, inside or outside
               the 95 % prediction interval of the published seeds
turned_by      a change that turns the verdict: of one input, or of every seed's effect; an empty
               cell means that none was found
evidence,note  files behind it; caveats
"""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from r1repro.audit.claims.verdicts import PAPER, WORST_FIRST, together

TIERS = ("headline", "finding", "number")
AREAS = ("cost", "training", "data", "results", "safety")
SPEAKERS = ("paper", "press")


@dataclass(frozen=True)
class Row:
    """One row of claims.csv, as texts; what a kind of check has not is empty."""

    claim: str
    check: str
    tier: str
    area: str
    speaker: str
    agrees_with: str
    verdict: str
    what: str
    reported: str = ""
    obtained: str = ""
    unit: str = ""
    gap_percent: str = ""
    gap_is: str = ""
    ci_low: str = ""
    ci_high: str = ""
    p_value: str = ""
    seeds: str = ""
    power: str = ""
    seeds_needed: str = ""
    this_run: str = ""
    this_run_is: str = ""
    turned_by: str = ""
    evidence: str = ""
    note: str = ""


COLUMNS = tuple(column.name for column in fields(Row))


def csv_of(rows: Sequence[Row]) -> str:
    """Return the table as text."""
    handle = io.StringIO(newline="")
    table = csv.DictWriter(handle, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(asdict(row) for row in rows)
    return handle.getvalue()


def by_claim(rows: Sequence[Row]) -> dict[str, dict[str, str]]:
    """Return claim -> kind of agreement -> verdict of its checks of that kind."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        found[row.claim][row.agrees_with].append(row.verdict)
    return {
        claim: {kind: together(kind, verdicts) for kind, verdicts in kinds.items()}
        for claim, kinds in found.items()
    }


def counts(rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    """Return tier -> "kind of agreement: verdict" -> number of claims.

    A claim with two kinds of agreement counts in both. Arithmetic that no change of an input turns
    is not counted.
    """
    tiers = {row.claim: row.tier for row in rows}
    live = [row for row in rows if row.turned_by or row.agrees_with != PAPER]
    found: dict[str, Counter] = {tier: Counter() for tier in TIERS}
    for claim, kinds in by_claim(live).items():
        for kind, verdict in kinds.items():
            found[tiers[claim]][f"{kind}: {verdict}"] += 1
    order = [f"{kind}: {verdict}" for kind, names in WORST_FIRST.items() for verdict in names]
    return {tier: {key: n[key] for key in order if n[key]} for tier, n in found.items()}
