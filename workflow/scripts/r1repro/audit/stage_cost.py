# SPDX-License-Identifier: Apache-2.0
"""Cost of a run by stage: a pure function of attempt records and the price table.

Per attempt   hours      = elapsed_ms / 3,600,000        (last line of its record)
              gpu_hours  = hours x nodes x gpus_per_node
              core_hours = hours x nodes x cpu_cores
Per row       sums over the attempts of one (stage, scale, purpose, device, nodes, gpus_per_node,
              price, energy source), each rounded once to 9 decimals (half even), which still tells
              milliseconds apart
              cost_usd   = gpu_hours x unit_price_usd    where the attempts hold GPUs
                         = core_hours x unit_price_usd   where they hold none
              exactly, in decimal arithmetic: the printed quantity times the printed price.
Purpose       superseded   it ended with exit 0, but a later one of the same stage, part and scale
                           did too; or it was asked to stop (SIGTERM: preempted, cancelled, out of
                           time) and a later one did end with exit 0
              failed       any other that did not end with exit 0 (also: killed, without end)
              final, preparatory   what the program said, for the last that completed
Unknown       no preferred row for the device, or a price that is not in USD: `unknown` in both
              money columns. Energy that is measured, estimated and unknown stands in rows of its
              own, so that no sum mixes them.
Left out      writing the report itself (REPORTING): it is running while the bill is made.
Choices       CPU cores held beside GPUs are not billed on top: rental prices of GPUs include
              their host. The monotonic clock counts; setting the wall clock changes no bill.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

from r1repro.audit.attempt_records import AttemptRecord
from r1repro.audit.prices import PriceRow, price_of

UNKNOWN = "unknown"
COLUMNS = (
    "stage", "scale", "purpose", "device", "nodes", "gpus_per_node", "attempts", "hours",
    "gpu_hours", "core_hours", "unit_price_usd", "cost_usd", "energy_kwh", "energy_source",
)  # fmt: skip
MS_PER_HOUR = 3_600_000
MICROJOULES_PER_KWH = 3_600_000_000_000
DECIMALS = Decimal("0.000000001")
REPORTING = (
    "seal", "stage_cost", "paper_cost", "cost_model", "cost_model_measured", "economics",
    "allocation", "projection", "slurm_accounting", "claims", "page", "exports",
)  # fmt: skip
PURPOSE_ORDER = ("final", "preparatory", "superseded", "failed")
EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True)
class CostRow:
    """One row of cost_by_stage.csv; None is unknown."""

    stage: str
    scale: str
    purpose: str
    device: str
    nodes: int
    gpus_per_node: int
    attempts: int
    hours: Decimal
    gpu_hours: Decimal
    core_hours: Decimal
    unit_price_usd: Decimal | None
    cost_usd: Decimal | None
    energy_kwh: Decimal | None
    energy_source: str


@dataclass(frozen=True)
class Sums:
    """What the attempts of one row add up to; `microjoules` is 0 where energy is unknown."""

    attempts: int
    wall_ms: int
    core_ms: int
    microjoules: int


def purposes(records: Iterable[AttemptRecord]) -> dict[str, str]:
    """Return each attempt's purpose at cost time, by attempt id."""
    ordered = sorted(records, key=lambda record: (record.started_utc, record.attempt_id))
    last = {
        (record.stage, record.part, record.scale): place
        for place, record in enumerate(ordered)
        if record.completed
    }
    named = {}
    for place, record in enumerate(ordered):
        ended_well = last.get((record.stage, record.part, record.scale), -1)
        if (record.completed or record.stopped) and ended_well > place:
            named[record.attempt_id] = "superseded"
        elif record.completed:
            named[record.attempt_id] = record.purpose
        else:
            named[record.attempt_id] = "failed"
    return named


def divided(amount: int, by: int) -> Decimal:
    """Divide whole numbers and round once."""
    return EXACT.quantize(EXACT.divide(Decimal(amount), Decimal(by)), DECIMALS)


def energy_source_of(record: AttemptRecord) -> str:
    """Return how an attempt's energy is known; without an amount it is unknown."""
    return UNKNOWN if record.energy_microjoules is None else record.energy_source


def price_for(record: AttemptRecord, preferred: Sequence[PriceRow]) -> PriceRow | None:
    """Return the preferred price of what an attempt held on the day it began."""
    unit = "gpu_hour" if record.gpus_per_node else "core_hour"
    return price_of(record.device, unit, date.fromisoformat(record.started_utc[:10]), preferred)


def _sums(group: Sequence[AttemptRecord]) -> Sums:
    return Sums(
        len(group),
        sum(record.elapsed_ms for record in group),
        sum(record.elapsed_ms * record.nodes * record.cpu_cores for record in group),
        sum(record.energy_microjoules or 0 for record in group),
    )


def row_of(key: tuple, price: PriceRow | None, sums: Sums) -> CostRow:
    """Return the row of one group; `key` are the first six columns and the energy source."""
    stage, scale, purpose, device, nodes, gpus_per_node, energy_source = key
    gpus = nodes * gpus_per_node
    gpu_hours = divided(sums.wall_ms * gpus, MS_PER_HOUR)
    core_hours = divided(sums.core_ms, MS_PER_HOUR)
    cost = energy = None
    if price is not None:
        cost = EXACT.multiply(gpu_hours if gpus else core_hours, price.price)
    if energy_source != UNKNOWN:
        energy = divided(sums.microjoules, MICROJOULES_PER_KWH)
    return CostRow(
        stage=stage,
        scale=scale,
        purpose=purpose,
        device=device,
        nodes=nodes,
        gpus_per_node=gpus_per_node,
        attempts=sums.attempts,
        hours=divided(sums.wall_ms, MS_PER_HOUR),
        gpu_hours=gpu_hours,
        core_hours=core_hours,
        unit_price_usd=None if price is None else price.price,
        cost_usd=cost,
        energy_kwh=energy,
        energy_source=energy_source,
    )


def billed_groups(
    records: Sequence[AttemptRecord], preferred: Sequence[PriceRow]
) -> list[tuple[tuple, PriceRow | None, list[AttemptRecord]]]:
    """Return key, price and attempts of each row of the bill, in its order.

    The key holds the first six columns and the energy source. Every attempt is in exactly one
    group; stages come in the order they first began.
    """
    billed = [record for record in records if record.stage not in REPORTING]
    billed.sort(key=lambda record: (record.started_utc, record.attempt_id))
    purpose_of = purposes(billed)
    in_dollars = [row for row in preferred if row.currency == "USD"]
    stage_order = list(dict.fromkeys(record.stage for record in billed))
    groups: dict[tuple, list[AttemptRecord]] = defaultdict(list)
    price_by_id: dict[str | None, PriceRow | None] = {}
    for record in billed:
        price = price_for(record, in_dollars)
        price_id = None if price is None else price.id
        price_by_id[price_id] = price
        hardware = (record.device, record.nodes, record.gpus_per_node)
        source = energy_source_of(record)
        purpose = purpose_of[record.attempt_id]
        key = (record.stage, record.scale, purpose, *hardware, source, price_id)
        groups[key].append(record)
    ordered = sorted(
        groups,
        key=lambda key: (stage_order.index(key[0]), key[1], PURPOSE_ORDER.index(key[2])),
    )
    return [(key[:-1], price_by_id[key[-1]], groups[key]) for key in ordered]


def cost_by_stage(records: Sequence[AttemptRecord], preferred: Sequence[PriceRow]) -> list[CostRow]:
    """Return the bill: one row for each of `billed_groups`."""
    with localcontext(EXACT):
        return [
            row_of(key, price, _sums(group))
            for key, price, group in billed_groups(records, preferred)
        ]


def cells(row: CostRow) -> dict[str, str]:
    """Return a row as texts for the table: plain digits, `unknown` where nothing is known."""
    texts = {}
    for name in COLUMNS:
        value = getattr(row, name)
        if value is None:
            texts[name] = UNKNOWN
        else:
            texts[name] = f"{value:f}" if isinstance(value, Decimal) else str(value)
    return texts


def summary(rows: Iterable[dict[str, str]]) -> dict[str, str]:
    """Return the bill as one flat mapping of texts, for a tracker: stage.purpose.device.column."""
    columns = ("attempts", "hours", "gpu_hours", "core_hours", "cost_usd", "energy_kwh")
    found: dict[str, str] = {}
    for row in rows:
        name = f"{row['stage']}.{row['purpose']}.{row['device']}"
        number, first = 1, name
        while f"{name}.attempts" in found:  # another price or way of knowing energy
            number += 1
            name = f"{first}.{number}"
        found |= {f"{name}.{column}": row[column] for column in columns}
    return found
