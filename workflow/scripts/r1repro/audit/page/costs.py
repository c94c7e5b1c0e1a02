# SPDX-License-Identifier: Apache-2.0
"""Everything the page says of money and time: read here, and turned into the template's context."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup

from r1repro.audit.economics.case import Case, paper_case
from r1repro.audit.economics.inputs import Economics, read_economics
from r1repro.audit.page import (
    bill,
    calculator,
    economics,
    grids,
    paper_bill,
    plausibility,
    prose,
    purposes,
)
from r1repro.audit.page.bill import StageLine
from r1repro.audit.page.paper_bill import PaperBill
from r1repro.audit.page.tables import Row
from r1repro.audit.page.wording import count, rounded
from r1repro.audit.paper_cost import TOTAL, read_paper_stages, read_v3_stages
from r1repro.audit.prices import load_prices, preferred_rows
from r1repro.errors import InputError


@dataclass(frozen=True)
class Costs:
    """All tables about cost, as read."""

    bill: list[StageLine]
    paper_bill: PaperBill
    tables: dict[str, list[Row]]
    model: plausibility.Model
    measured: list[Row]
    economics: Economics
    case: Case
    printed_usd: Decimal


def read_costs(paths) -> Costs:
    """Read the tables that `paths` (inputs.Paths) names; raises InputError."""
    known = read_economics(paths.economics_config)
    price = preferred_rows(load_prices(paths.prices), known.prices["base"])[0].price
    stages = read_paper_stages(paths.published_cost)
    printed = next(stage.usd for stage in stages if stage.name == TOTAL)
    if not printed:
        raise InputError(f"{paths.published_cost} has no printed total in USD; restore it with git")
    return Costs(
        bill=bill.read_stage_bill(paths.cost_by_stage),
        paper_bill=paper_bill.read_paper_bill(paths.paper_cost),
        tables={
            name: economics.read_table(name, getattr(paths, name)) for name in economics.TABLES
        },
        model=plausibility.read_model(paths.cost_model),
        measured=plausibility.read_measured(paths.cost_model_measured),
        economics=known,
        case=paper_case(stages, read_v3_stages(paths.published_v3_cost), price),
        printed_usd=printed,
    )


def context(costs: Costs) -> dict:
    """Return what the sections about cost need."""
    return _own(costs) | _paper(costs) | _plausibility(costs)


def _own(costs: Costs) -> dict:
    sums = bill.total(costs.bill)
    core_hours = rounded(sums.core_hours, 3)
    tables = costs.tables
    return {
        "cost_sentence": f"{count(sums.attempts)} attempts, {count(sums.unsuccessful)} of them "
        f"failed, took {rounded(sums.hours, 3)} hours: {core_hours} core-hours and "
        f"{rounded(sums.gpu_hours, 3)} GPU-hours. {purposes.failed_sentence(costs.bill)} "
        f"Money: {bill.cost_sentence(sums)}. Energy: {bill.energy_sentence(sums)}.",
        "cost_table": grids.cost_grid(costs.bill, sums),
        "purposes_table": purposes.purposes_grid(costs.bill),
        "allocation_table": economics.allocation_grid(tables["allocation"]),
        "carbon_table": economics.carbon_grid(tables["carbon"]),
        "cost_note": "Prices come from config/prices.yaml, where each has a date, a region and a "
        "source; a device without a price stays unknown. Energy is measured (processor counters, "
        "which see the whole machine), estimated (board power over time) or unknown.",
        "projection_sentence": economics.projection_sentence(tables["projection"]),
        "projection_table": economics.projection_grid(tables["projection"]),
        "excluded_from_paper": prose.EXCLUDED_FROM_PAPER,
        "excluded_from_run": prose.EXCLUDED_FROM_RUN,
    }


def _paper(costs: Costs) -> dict:
    tables = costs.tables
    return {
        "paper_cost_sentence": paper_bill.sentence(costs.paper_bill),
        "ways_table": paper_bill.ways_grid(costs.paper_bill),
        "paper_cost_tables": paper_bill.grids(costs.paper_bill),
        "calculator": calculator.context(costs.case, costs.economics, costs.printed_usd),
        "scopes_table": economics.scopes_grid(tables["scopes"]),
        "power_table": economics.power_grid(tables["power"]),
        "tornado": Markup(economics.tornado(tables["sensitivity"], float(costs.case.usd))),
        "sensitivity_table": economics.sensitivity_grid(tables["sensitivity"]),
        "matrix_table": economics.matrix_grid(tables["sensitivity"]),
        "hourly_table": economics.hourly_grid(tables["hourly"]),
        "rivals_chart": Markup(economics.rivals_chart(tables["rivals"])),
        "rivals_table": economics.rivals_grid(tables["rivals"]),
    }


def _plausibility(costs: Costs) -> dict:
    model: plausibility.Model = costs.model
    return {
        "model_sentence": plausibility.sentence(model),
        "bounds_chart": Markup(plausibility.hours_chart(model)),
        "bounds_table": plausibility.bounds_grid(model),
        "quantiles_table": plausibility.quantiles_grid(model),
        "engines_table": plausibility.engines_grid(model),
        "measured_sentence": plausibility.measured_sentence(costs.measured),
        "measured_table": plausibility.measured_grid(costs.measured),
    }


def evidence(links: Sequence[dict[str, str]], *options: str) -> list[dict[str, str]]:
    """Return the links of the files that these options name."""
    return [link for link in links if link["option"] in options]
