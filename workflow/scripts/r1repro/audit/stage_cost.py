# SPDX-License-Identifier: Apache-2.0
"""Cost of a run by stage: a pure function of attempt records and the price table.

Per attempt   hours      = elapsed_ms / 3,600,000        (last line of its record)
              gpu_hours  = hours x nodes x gpus_per_node
              core_hours = hours x nodes x cpu_cores
Per row       sums over the attempts of one (stage, scale, purpose, device, nodes, gpus_per_node,
              price), each rounded once to 9 decimals (half even), which still tells milliseconds
              apart
              cost_usd   = gpu_hours x unit_price_usd    where the attempts hold GPUs
                         = core_hours x unit_price_usd   where they hold none
              exactly, in decimal arithmetic: the printed quantity times the printed price.
Purpose       superseded   it ended with exit 0, but a later one of the same stage, part and scale
                           did too; or it was asked to stop (SIGTERM: preempted, cancelled, out of
                           time) and a later one did end with exit 0
              failed       any other that did not end with exit 0 (also: killed, without end)
              final, preparatory   what the program said, for the last that completed
Unknown       no preferred row for the device, or a price that is not in USD: `unknown` in both
              money columns. Energy is unknown for a row as soon as it is for one of its attempts.
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
    "stage_cost", "paper_cost", "cost_model", "cost_model_measured", "slurm_accounting", "claims",
    "page",
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


def _divided(amount: int, by: int) -> Decimal:
    """Divide whole numbers and round once."""
    return EXACT.quantize(EXACT.divide(Decimal(amount), Decimal(by)), DECIMALS)


def _energy(group: Sequence[AttemptRecord]) -> tuple[Decimal | None, str]:
    sources = {record.energy_source for record in group}
    amounts = [record.energy_microjoules for record in group]
    if UNKNOWN in sources or None in amounts:
        return None, UNKNOWN
    kwh = _divided(sum(amounts), MICROJOULES_PER_KWH)
    return kwh, "estimated" if "estimated" in sources else "measured"


def _price(record: AttemptRecord, preferred: Sequence[PriceRow]) -> PriceRow | None:
    unit = "gpu_hour" if record.gpus_per_node else "core_hour"
    return price_of(record.device, unit, date.fromisoformat(record.started_utc[:10]), preferred)


def _row(purpose: str, price: PriceRow | None, group: Sequence[AttemptRecord]) -> CostRow:
    first = group[0]
    gpus = first.nodes * first.gpus_per_node
    wall_ms = sum(record.elapsed_ms for record in group)
    core_ms = sum(record.elapsed_ms * record.nodes * record.cpu_cores for record in group)
    gpu_hours, core_hours = _divided(wall_ms * gpus, MS_PER_HOUR), _divided(core_ms, MS_PER_HOUR)
    cost = None
    if price is not None:
        cost = EXACT.multiply(gpu_hours if gpus else core_hours, price.price)
    energy_kwh, energy_source = _energy(group)
    return CostRow(
        stage=first.stage,
        scale=first.scale,
        purpose=purpose,
        device=first.device,
        nodes=first.nodes,
        gpus_per_node=first.gpus_per_node,
        attempts=len(group),
        hours=_divided(wall_ms, MS_PER_HOUR),
        gpu_hours=gpu_hours,
        core_hours=core_hours,
        unit_price_usd=None if price is None else price.price,
        cost_usd=cost,
        energy_kwh=energy_kwh,
        energy_source=energy_source,
    )


def cost_by_stage(records: Sequence[AttemptRecord], preferred: Sequence[PriceRow]) -> list[CostRow]:
    """Return the bill: every attempt in exactly one row, stages in the order they first began."""
    billed = [record for record in records if record.stage not in REPORTING]
    billed.sort(key=lambda record: (record.started_utc, record.attempt_id))
    purpose_of = purposes(billed)
    in_dollars = [row for row in preferred if row.currency == "USD"]
    stage_order = list(dict.fromkeys(record.stage for record in billed))
    groups: dict[tuple, list[AttemptRecord]] = defaultdict(list)
    price_by_id: dict[str | None, PriceRow | None] = {}
    for record in billed:
        price = _price(record, in_dollars)
        price_id = None if price is None else price.id
        price_by_id[price_id] = price
        hardware = (record.device, record.nodes, record.gpus_per_node)
        key = (record.stage, record.scale, purpose_of[record.attempt_id], *hardware, price_id)
        groups[key].append(record)
    ordered = sorted(
        groups,
        key=lambda key: (stage_order.index(key[0]), key[1], PURPOSE_ORDER.index(key[2])),
    )
    with localcontext(EXACT):
        return [_row(key[2], price_by_id[key[-1]], groups[key]) for key in ordered]


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
    return {
        f"{row['stage']}.{row['purpose']}.{row['device']}.{name}": row[name]
        for row in rows
        for name in columns
    }
