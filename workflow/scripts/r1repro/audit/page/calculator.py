# SPDX-License-Identifier: Apache-2.0
"""The calculator of the page: fields, readings to start from, and what the script must show.

Formulas are those of economics.case; workflow/report/calculator.js repeats them in the browser, and
a test changes the fields there and compares.
"""

from collections import namedtuple
from collections.abc import Mapping
from decimal import Decimal

from r1repro.audit.economics.case import Case, Grid, Power, energy_mwh, tonnes_co2
from r1repro.audit.economics.inputs import Economics
from r1repro.audit.economics.scopes import cases, rounded
from r1repro.audit.page.wording import exact

# name of an input: field of the case, and its factor: shares are entered in percent
OF_CASE = {
    "gpus": ("gpus", 1), "zero": ("r1_zero_hours", 1), "r1": ("r1_hours", 1),
    "sft": ("sft_data_gpu_hours", 1), "price": ("price", 1), "failed": ("failed_share", 100),
    "preparatory": ("preparatory_factor", 1), "utilisation": ("utilisation_ratio", 100),
    "base": ("base_share", 100),
}  # fmt: skip
DIGITS = {"own": 0, "hours": 0, "usd": 0, "ratio": 2, "energy": 1, "carbon": 1}


Field = namedtuple("Field", ("name", "value"))  # one input of the form


def _texts(case: Case, power: Power, grid: Grid) -> dict[str, str]:
    values = {name: getattr(case, field) * factor for name, (field, factor) in OF_CASE.items()}
    values |= {"kw": power.kw_per_gpu, "pue": power.pue, "grid": grid.kg_per_kwh}
    return {name: exact(value).replace(",", "") for name, value in values.items()}


def assumptions(economics: Economics) -> tuple[Power, Grid]:
    """Return the power in the middle of the list, and the first grid."""
    return economics.power[len(economics.power) // 2], economics.grids[0]


def presets(case: Case, economics: Economics) -> list[dict]:
    """Return the readings that the fields can express, upper ends, as name, words and values."""
    found = []
    for scope in economics.scopes:
        ends = cases(scope, case, economics)
        if ends is None or ends[1].further_gpu_hours:
            continue
        values = _texts(ends[1], *assumptions(economics))
        upper = scope.low != scope.high
        found.append({"name": scope.name, "what": scope.what, "upper": upper, "values": values})
    return found


def totals(fields: Mapping[str, Decimal], base_gpu_hours: Decimal, printed_usd: Decimal) -> dict:
    """Return the texts that the page must show for these fields; the script's second opinion."""
    shares = {field: fields[name] / factor for name, (field, factor) in OF_CASE.items()}
    case = Case(base_gpu_hours=base_gpu_hours, **shares)
    energy = energy_mwh(case.gpu_hours, Power("", fields["kw"], fields["pue"], "", ""))
    numbers = {
        "own": case.own_gpu_hours,
        "hours": case.gpu_hours,
        "usd": case.usd,
        "ratio": case.usd / printed_usd,
        "energy": energy,
        "carbon": tonnes_co2(energy, Grid("", fields["grid"], "", "")),
    }
    return {name: f"{Decimal(rounded(n, DIGITS[name])):,f}" for name, n in numbers.items()}


def context(case: Case, economics: Economics, printed_usd: Decimal) -> dict:
    """Return what the template needs: with the script off, the outputs of the paper's own case."""
    power, grid = assumptions(economics)
    texts = _texts(case, power, grid)
    shown = totals({n: Decimal(v) for n, v in texts.items()}, case.base_gpu_hours, printed_usd)
    return {
        "fields": [Field(*field) for field in texts.items()],
        "presets": presets(case, economics),
        "outputs": [{"name": n, "value": v, "digits": DIGITS[n]} for n, v in shown.items()],
        "base_gpu_hours": f"{case.base_gpu_hours:f}",
        "printed_usd": f"{printed_usd:f}",
        "power": power.name,
        "grid": grid.name,
    }
