# SPDX-License-Identifier: Apache-2.0
"""Energy and carbon of this run: one row for each way in which energy is known, never their sum.

energy_source   measured, estimated or unknown, as the attempts say; attempts of different sources
                stay in rows of their own, so that no estimate is added to a measurement
carbon          kWh x kg per kWh of each grid of config/economics.yaml: where the machine stands is
                not recorded, so no grid is chosen
Unknown         energy is `unknown`, and so is carbon; no data sheet fills it in
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from decimal import localcontext

from r1repro.audit.attempt_records import AttemptRecord
from r1repro.audit.economics.case import EXACT, Grid
from r1repro.audit.economics.scopes import rounded
from r1repro.audit.stage_cost import (
    MICROJOULES_PER_KWH,
    MS_PER_HOUR,
    PURPOSE_ORDER,
    REPORTING,
    UNKNOWN,
    divided,
    energy_source_of,
    purposes,
)


@dataclass(frozen=True)
class Row:
    """One row of carbon.csv."""

    device: str
    purpose: str
    energy_source: str
    attempts: str
    hours: str
    energy_kwh: str
    grid: str
    kg_per_kwh: str
    kg_co2: str
    grid_source: str


COLUMNS = tuple(field.name for field in fields(Row))


def carbon(records: Iterable[AttemptRecord], grids: Sequence[Grid]) -> list[Row]:
    """Return rows by device, purpose, source of energy and grid."""
    billed = [record for record in records if record.stage not in REPORTING]
    purpose_of = purposes(billed)
    groups: dict[tuple, list[AttemptRecord]] = {}
    for record in billed:
        key = (record.device, purpose_of[record.attempt_id], energy_source_of(record))
        groups.setdefault(key, []).append(record)
    rows = []
    for key in sorted(groups, key=lambda k: (k[0], PURPOSE_ORDER.index(k[1]), k[2])):
        group = groups[key]
        kwh = None
        if key[2] != UNKNOWN:
            amounts = [record.energy_microjoules or 0 for record in group]
            kwh = divided(sum(amounts), MICROJOULES_PER_KWH)
        hours = divided(sum(record.elapsed_ms for record in group), MS_PER_HOUR)
        for grid in grids:
            kilograms = UNKNOWN
            if kwh is not None:
                with localcontext(EXACT):
                    kilograms = rounded(kwh * grid.kg_per_kwh, 9)
            energy = UNKNOWN if kwh is None else f"{kwh:f}"
            rows.append(
                Row(*key, str(len(group)), f"{hours:f}", energy, grid.name,
                    f"{grid.kg_per_kwh:f}", kilograms, grid.source)
            )  # fmt: skip
    return rows
