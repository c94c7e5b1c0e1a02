# SPDX-License-Identifier: Apache-2.0
"""Each attempt as it is billed: purpose, price, quantity and cost of one attempt.

Quantity  GPU-Hours where the attempt holds GPUs, else Core-Hours (CPU cores), to 9 decimals. The
          bill rounds once a row, an export shows each attempt, and both must give the same total;
          so inside one row of the bill, in the order of start, with S_i the exact hours of the
          first i attempts,
              quantity_i = round(S_i) - round(S_{i-1})
          They add up to the row exactly, and each lies within 1e-9 hours of its own exact value.
Cost      quantity x unit price in exact decimals, None where the price is unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from r1repro.audit.attempt_records import AttemptRecord
from r1repro.audit.prices import PriceRow
from r1repro.audit.stage_cost import DECIMALS, EXACT, MS_PER_HOUR, billed_groups

UNITS = {True: "GPU-Hours", False: "Core-Hours"}


@dataclass(frozen=True)
class Billed:
    """One attempt with its place in the bill."""

    record: AttemptRecord
    purpose: str
    price: PriceRow | None
    unit: str
    quantity: Decimal
    cost_usd: Decimal | None

    @property
    def outcome(self) -> str:
        """Say how the attempt ended: completed, failed, or killed (there is no end line)."""
        if self.record.exit_code is None:
            return "killed"
        return "completed" if self.record.completed else "failed"


def unit_milliseconds(record: AttemptRecord) -> int:
    """Return elapsed milliseconds times GPUs held, or times cores where it holds no GPU."""
    each = record.gpus_per_node or record.cpu_cores
    return record.elapsed_ms * record.nodes * each


def _of_row(purpose: str, price: PriceRow | None, row: Sequence[AttemptRecord]) -> list[Billed]:
    found, milliseconds, rounded = [], 0, Decimal(0)
    for record in row:
        milliseconds += unit_milliseconds(record)
        total = EXACT.quantize(EXACT.divide(Decimal(milliseconds), MS_PER_HOUR), DECIMALS)
        quantity, rounded = total - rounded, total
        cost = None if price is None else quantity * price.price
        unit = UNITS[record.gpus_per_node > 0]
        found.append(Billed(record, purpose, price, unit, quantity, cost))
    return found


def billed_attempts(
    records: Sequence[AttemptRecord], preferred: Sequence[PriceRow]
) -> list[Billed]:
    """Return every attempt of the bill exactly once, oldest first."""
    with localcontext(EXACT):
        found = [
            billed
            for key, price, row in billed_groups(records, preferred)
            for billed in _of_row(key[2], price, row)
        ]
    return sorted(found, key=lambda billed: (billed.record.started_utc, billed.record.attempt_id))
