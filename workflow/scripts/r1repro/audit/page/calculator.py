# SPDX-License-Identifier: Apache-2.0
"""The calculator of the page: fields, readings to start from, and what the script must show.

Formulas are those of economics.case; workflow/report/calculator.js repeats them in the browser, and
a test changes the fields there and compares. Shares are entered in percent, as people say them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from r1repro.audit.economics.case import Case, Grid, Power, energy_mwh, tonnes_co2
from r1repro.audit.economics.inputs import Economics
from r1repro.audit.economics.scopes import cases, rounded

HUNDRED = Decimal(100)


@dataclass(frozen=True)
class Field:
    """One input: `least` and `step` guide the browser; the script refuses what lies below."""

    name: str
    label: str
    value: str
    least: str
    step: str


@dataclass(frozen=True)
class Preset:
    """A reading that fills the fields."""

    name: str
    words: str
    values: str  # JSON


LABELS = (
    ("gpus", "GPUs (64 nodes \u00d7 8)", "1", "1"),
    ("zero", "Hours of R1-Zero", "0", "any"),
    ("r1", "Hours of R1", "0", "any"),
    ("sft", "GPU-hours of SFT data", "0", "any"),
    ("price", "USD per GPU-hour", "0", "any"),
    ("failed", "Failed runs, % of the hours that succeeded", "0", "any"),
    ("preparatory", "All runs over the final ones (factor)", "0", "any"),
    ("utilisation", "Utilisation, % of the reported run\u2019s", "1", "any"),
    ("base", "Base model, % of its 2,788,000 GPU-hours", "0", "any"),
    ("kw", "kW per GPU", "0", "any"),
    ("pue", "PUE of the site", "1", "any"),
    ("grid", "kg CO2 per kWh", "0", "any"),
)
OUTPUTS = (
    ("own", "GPU-hours of the paper\u2019s three columns"),
    ("hours", "GPU-hours in all"),
    ("usd", "USD"),
    ("ratio", "times the printed total"),
    ("energy", "MWh (assumed power)"),
    ("carbon", "tonnes CO2 (assumed power and grid)"),
)
DIGITS = {"own": 0, "hours": 0, "usd": 0, "ratio": 2, "energy": 1, "carbon": 1}


def _values(case: Case, power: Power, grid: Grid) -> dict[str, Decimal]:
    return {
        "gpus": case.gpus,
        "zero": case.r1_zero_hours,
        "r1": case.r1_hours,
        "sft": case.sft_data_gpu_hours,
        "price": case.price,
        "failed": case.failed_share * HUNDRED,
        "preparatory": case.preparatory_factor,
        "utilisation": case.utilisation_ratio * HUNDRED,
        "base": case.base_share * HUNDRED,
        "kw": power.kw_per_gpu,
        "pue": power.pue,
        "grid": grid.kg_per_kwh,
    }


def _text(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def assumptions(economics: Economics) -> tuple[Power, Grid]:
    """Return the power in the middle of the list, and the first grid."""
    return economics.power[len(economics.power) // 2], economics.grids[0]


def form(case: Case, economics: Economics) -> list[Field]:
    """Return the fields with the paper's own case."""
    values = _values(case, *assumptions(economics))
    base = f"Base model, % of its {case.base_gpu_hours:,f} GPU-hours"
    return [
        Field(name, base if name == "base" else label, _text(values[name]), least, step)
        for name, label, least, step in LABELS
    ]


def presets(case: Case, economics: Economics) -> list[dict]:
    """Return the readings that the fields can express, upper ends, as name, words and values."""
    power, grid = assumptions(economics)
    found = []
    for scope in economics.scopes:
        ends = cases(scope, case, economics)
        if ends is None or ends[1].further_gpu_hours:
            continue
        values = {name: _text(value) for name, value in _values(ends[1], power, grid).items()}
        ranged = " (upper end)" if scope.low != scope.high else ""
        found.append(
            {
                "name": scope.name,
                "words": scope.what.replace(" x ", " \u00d7 ") + ranged,
                "values": values,
            }
        )
    return found


def totals(fields: Mapping[str, Decimal], base_gpu_hours: Decimal, printed_usd: Decimal) -> dict:
    """Return the texts that the page must show for these fields; the script's second opinion."""
    case = Case(
        gpus=fields["gpus"],
        r1_zero_hours=fields["zero"],
        r1_hours=fields["r1"],
        sft_data_gpu_hours=fields["sft"],
        base_gpu_hours=base_gpu_hours,
        price=fields["price"],
        failed_share=fields["failed"] / HUNDRED,
        preparatory_factor=fields["preparatory"],
        utilisation_ratio=fields["utilisation"] / HUNDRED,
        base_share=fields["base"] / HUNDRED,
    )
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
    fields: Sequence[Field] = form(case, economics)
    shown = totals({f.name: Decimal(f.value) for f in fields}, case.base_gpu_hours, printed_usd)
    power, grid = (part.name.replace("_", " ") for part in assumptions(economics))
    return {
        "fields": fields,
        "presets": presets(case, economics),
        "outputs": [
            {"name": name, "label": label, "value": shown[name], "digits": DIGITS[name]}
            for name, label in OUTPUTS
        ],
        "base_gpu_hours": f"{case.base_gpu_hours:f}",
        "printed_usd": f"{printed_usd:f}",
        "note": f"At first: power {power}, grid {grid}.",
    }
