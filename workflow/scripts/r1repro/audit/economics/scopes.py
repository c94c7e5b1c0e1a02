# SPDX-License-Identifier: Apache-2.0
"""What the paper's bill would be with what it leaves out, and its energy under stated assumptions.

scopes.csv   one row per scope of config/economics.yaml, and the printed total first; a range where
             its inputs are one; `unknown` where nobody published the hours
power.csv    the same rows with known hours, under each assumption about power and each grid; the
             column `label` says assumed throughout: the paper reports no energy
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from decimal import ROUND_HALF_UP, Decimal, localcontext

from r1repro.audit.economics.case import (
    EXACT,
    Case,
    changed,
    distilled_gpu_hours,
    energy_mwh,
    tonnes_co2,
)
from r1repro.audit.economics.inputs import Economics, Scope, exact

UNKNOWN = "unknown"
AS_PRINTED = "as_printed"
LABEL = "assumed"


@dataclass(frozen=True)
class ScopeRow:
    """One row of scopes.csv."""

    scope: str
    what: str
    gpu_hours_low: str
    gpu_hours_high: str
    usd_low: str
    usd_high: str
    ratio_low: str
    ratio_high: str
    formula: str
    status: str
    source: str


@dataclass(frozen=True)
class PowerRow:
    """One row of power.csv."""

    scope: str
    power: str
    kw_per_gpu: str
    pue: str
    grid: str
    kg_per_kwh: str
    energy_mwh_low: str
    energy_mwh_high: str
    tonnes_co2_low: str
    tonnes_co2_high: str
    electricity_usd_low: str
    electricity_usd_high: str
    electricity_share: str
    label: str
    source: str


SCOPE_COLUMNS = tuple(field.name for field in fields(ScopeRow))
POWER_COLUMNS = tuple(field.name for field in fields(PowerRow))


@dataclass(frozen=True)
class Printed:
    """The printed total."""

    gpu_hours: Decimal
    usd: Decimal


def rounded(value: Decimal, digits: int) -> str:
    """Return a number as plain digits, rounded half up once."""
    with localcontext(EXACT):
        return f"{value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP):f}"


def distilled_hours(economics: Economics) -> tuple[Decimal, Decimal]:
    """Return the GPU-hours of the distilled models, fewest and most epochs."""
    known = economics.distilled
    tokens = known.samples * known.sample_tokens
    low, high = (
        distilled_gpu_hours(known.parameters, tokens, epochs, known.peak, known.utilisation)
        for epochs in (known.epochs_low, known.epochs_high)
    )
    return low, high


def cases(scope: Scope, case: Case, economics: Economics) -> tuple[Case, Case] | None:
    """Return the paper's case with both ends of a scope; None where hours are not published."""
    if scope.low is None or scope.high is None:
        return None
    low, high = changed(case, scope.low), changed(case, scope.high)
    if scope.distilled:
        fewest, most = distilled_hours(economics)
        low = changed(low, {"further_gpu_hours": fewest})
        high = changed(high, {"further_gpu_hours": most})
    return low, high


def formula_of(case: Case, scope: Scope) -> str:
    """Write out the formula with the numbers of the upper end."""
    text = f"{case.gpus:f} x ({case.r1_zero_hours:f} + {case.r1_hours:f}) h"
    text += f" + {case.sft_data_gpu_hours:f}"
    factors = ""
    if case.failed_share:
        factors += f" x (1 + {case.failed_share:f})"
    if case.preparatory_factor != 1:
        factors += f" x {case.preparatory_factor:f}"
    if factors:
        text = f"({text}){factors}"
    if case.base_share:
        text += f" + {case.base_gpu_hours:f} x {case.base_share:f}"
    if case.further_gpu_hours:
        text += f" + {case.further_gpu_hours:f}"
    if scope.low != scope.high or scope.distilled:
        text += " (upper end)"
    return text


def scope_rows(case: Case, printed: Printed, economics: Economics) -> list[ScopeRow]:
    """Return the printed total and every scope."""
    hours, usd = (rounded(value, 0) for value in (printed.gpu_hours, printed.usd))
    first = ScopeRow(
        AS_PRINTED, "the total as printed", hours, hours, usd, usd, "1.0000", "1.0000",
        "printed cell", "reported", "Supplementary Table 4",
    )  # fmt: skip
    rows = [first]
    for scope in economics.scopes:
        ends = cases(scope, case, economics)
        numbers, formula = [UNKNOWN] * 6, "no hours published"
        if ends is not None:
            with localcontext(EXACT):
                shares = [rounded(end.usd / printed.usd, 4) for end in ends]
            numbers = [rounded(end.gpu_hours, 0) for end in ends]
            numbers += [rounded(end.usd, 0) for end in ends] + shares
            formula = formula_of(ends[1], scope)
        rows.append(ScopeRow(scope.name, scope.what, *numbers, formula, scope.status, scope.source))
    return rows


def power_rows(case: Case, printed: Printed, economics: Economics) -> Iterator[PowerRow]:
    """Yield energy, carbon and the bill for electricity of every scope with hours."""
    known = [(AS_PRINTED, (printed.gpu_hours, printed.gpu_hours))]
    for scope in economics.scopes:
        ends = cases(scope, case, economics)
        if ends is not None:
            known.append((scope.name, (ends[0].gpu_hours, ends[1].gpu_hours)))
    per_kwh = exact(economics.electricity.usd_per_kwh)
    for name, hours in known:
        for power in economics.power:
            for grid in economics.grids:
                with localcontext(EXACT):
                    energy = [energy_mwh(h, power) for h in hours]
                    carbon = [tonnes_co2(mwh, grid) for mwh in energy]
                    bills = [mwh * 1000 * per_kwh for mwh in energy]
                    share = power.kw_per_gpu * power.pue * per_kwh / case.price
                yield PowerRow(
                    name,
                    power.name,
                    f"{power.kw_per_gpu:f}",
                    f"{power.pue:f}",
                    grid.name,
                    f"{grid.kg_per_kwh:f}",
                    *(rounded(mwh, 3) for mwh in energy),
                    *(rounded(tonnes, 3) for tonnes in carbon),
                    *(rounded(usd, 0) for usd in bills),
                    rounded(share, 4),
                    LABEL,
                    f"{power.source}; {grid.source}",
                )
