# SPDX-License-Identifier: Apache-2.0
"""What price, scope, utilisation and failed runs do to the paper's bill, alone and together.

one_at_a_time   each input at its ends while the others stay at the paper's own case; the largest
                effect first. Effect is the larger of the two factors away from 1, down or up.
grid            every combination of three prices, the compared scopes, three utilisations and three
                failed shares
Columns         price in USD per GPU-hour; utilisation over that of the reported run; failed share
                of the hours that succeeded; USD rounded once
Choices         A scope that is itself about failed runs takes the larger of the two shares, so that
                nothing is counted twice.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal, localcontext
from itertools import product

from r1repro.audit.economics.case import EXACT, Case, changed
from r1repro.audit.economics.inputs import Economics
from r1repro.audit.economics.scopes import cases, rounded

ONE, ALL = "one_at_a_time", "grid"
PRICE, SCOPE, UTILISATION, FAILED = "price", "scope", "utilisation_ratio", "failed_share"


@dataclass(frozen=True)
class Row:
    """One row of sensitivity.csv."""

    kind: str
    input: str
    setting: str
    price_usd: str
    scope: str
    utilisation_ratio: str
    failed_share: str
    gpu_hours: str
    usd: str
    ratio_to_base: str


COLUMNS = tuple(field.name for field in fields(Row))


def _of_scope(case: Case, name: str, economics: Economics) -> Case:
    """Return the upper end of a scope."""
    scope = next(scope for scope in economics.scopes if scope.name == name)
    ends = cases(scope, case, economics)
    assert ends is not None  # the reader admits no other scope here
    return ends[1]


def _row(kind: str, name: str, setting: str, scope: str, case: Case, base: Case) -> Row:
    with localcontext(EXACT):
        ratio = case.usd / base.usd
    return Row(
        kind=kind,
        input=name,
        setting=setting,
        price_usd=f"{case.price:f}",
        scope=scope,
        utilisation_ratio=f"{case.utilisation_ratio:f}",
        failed_share=f"{case.failed_share:f}",
        gpu_hours=rounded(case.gpu_hours, 0),
        usd=rounded(case.usd, 0),
        ratio_to_base=rounded(ratio, 4),
    )


def _varied(case: Case, price: Decimal, utilisation: Decimal, failed: Decimal) -> Case:
    failed = max(failed, case.failed_share)
    change = {PRICE: price, UTILISATION: utilisation, FAILED: failed}
    return changed(case, change)


def one_at_a_time(case: Case, prices: Mapping[str, Decimal], economics: Economics) -> list[Row]:
    """Return the ends of each input, the input with the largest effect first."""
    home = economics.compared_scopes[0]
    found: dict[str, list[Row]] = {}
    for setting in ("low", "high"):
        other = changed(case, {PRICE: prices[setting]})
        found.setdefault(PRICE, []).append(_row(ONE, PRICE, setting, home, other, case))
    for name, (low, high) in economics.ranges.items():
        for setting, value in (("low", low), ("high", high)):
            other = changed(case, {name: value})
            found.setdefault(name, []).append(_row(ONE, name, setting, home, other, case))
    for name in economics.compared_scopes[1:]:
        other = _of_scope(case, name, economics)
        found.setdefault(SCOPE, []).append(_row(ONE, SCOPE, name, name, other, case))

    def effect(rows: list[Row]) -> float:
        return max(abs(math.log(float(row.ratio_to_base))) for row in rows)

    ordered = sorted(found.values(), key=lambda rows: (-effect(rows), rows[0].input))
    return [row for rows in ordered for row in rows]


def grid(case: Case, prices: Mapping[str, Decimal], economics: Economics) -> list[Row]:
    """Return every combination."""
    utilisations = sorted({*economics.ranges[UTILISATION], case.utilisation_ratio})
    shares = sorted({*economics.ranges[FAILED], case.failed_share})
    rows = []
    for name, price, utilisation, failed in product(
        economics.compared_scopes, sorted(set(prices.values())), utilisations, shares
    ):
        other = _varied(_of_scope(case, name, economics), price, utilisation, failed)
        rows.append(_row(ALL, "", "", name, other, case))
    return rows
