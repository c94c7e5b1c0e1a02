# SPDX-License-Identifier: Apache-2.0
"""The printed GPU-hours at prices that are not the authors' own, rented and owned.

rental     every row of config/prices.yaml per GPU-hour but those of the base price's device, which
           all come from the authors; then low, median and high of H100, the nearest device
ownership  low, middle and high of owning the servers, all inputs at that end at once:
           USD per GPU-hour = server x (1 + network share) / GPUs x (1 + operation share x years)
                              / (years x 8,760 h x busy share) + kW x PUE x USD per kWh
Choices    Straight-line depreciation, nothing left at the end; power as the three assumptions of
           `power`, drawn in busy hours. An A100 or H200 would need other hours; none are scaled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal, localcontext
from statistics import median

from r1repro.audit.economics.case import EXACT
from r1repro.audit.economics.inputs import Economics, exact
from r1repro.audit.economics.scopes import Printed, rounded
from r1repro.audit.prices import PriceRow

HOURS_PER_YEAR = 8760
ENDS = ("low", "middle", "high")
NEAREST = "H100-80GB"


@dataclass(frozen=True)
class Row:
    """One row of hourly.csv."""

    kind: str
    name: str
    device: str
    basis: str
    region: str
    as_of: str
    usd_per_gpu_hour: str
    gpu_hours: str
    usd: str
    ratio: str
    status: str
    source: str


COLUMNS = tuple(field.name for field in fields(Row))


def owned(known: Mapping[str, Decimal], kilowatts: Decimal, usd_per_kwh: Decimal) -> Decimal:
    """Return the USD per busy GPU-hour of owning; `kilowatts` are those at the meter."""
    with localcontext(EXACT):
        bought = known["server_usd"] * (1 + known["network_share"]) / known["gpus_per_server"]
        spent = bought * (1 + known["operation_share_per_year"] * known["years"])
        busy = known["years"] * HOURS_PER_YEAR * known["busy_share"]
        return spent / busy + kilowatts * usd_per_kwh


def hourly(prices: Sequence[PriceRow], base: str, printed: Printed, known: Economics) -> list[Row]:
    """Return every rental price, their low, median and high, and the three ends of ownership."""

    def row(kind: str, name: str, price: Decimal, *texts: str) -> Row:
        with localcontext(EXACT):
            usd = price * printed.gpu_hours
            ratio = rounded(usd / printed.usd, 2)
        money = rounded(price, 3), rounded(printed.gpu_hours, 0), rounded(usd, 0), ratio
        return Row(kind, name, *texts[:4], *money, *texts[4:])

    own = next(price.sku for price in prices if price.id == base)
    rented = [price for price in prices if price.unit == "gpu_hour" and price.sku != own]
    rented.sort(key=lambda price: price.price)
    found = [
        row("rental", p.id, p.price, p.sku, p.basis, p.region, p.as_of or str(p.valid_from),
            p.confidence, p.source)
        for p in rented
    ]  # fmt: skip
    nearest = [price.price for price in rented if price.sku == NEAREST]
    for name, price in (("low", nearest[0]), ("median", median(nearest)), ("high", nearest[-1])):
        texts = (NEAREST, f"of {len(nearest)} rows", "", "", "derived", "the rows of this table")
        found.append(row("rental", name, price, *texts))
    powers = sorted(exact(float(power.kw_per_gpu * power.pue)) for power in known.power)
    for end, kilowatts in zip(ENDS, powers, strict=True):
        values = {name: ends[ENDS.index(end)] for name, ends in known.ownership.items()}
        price = owned(values, kilowatts, exact(known.electricity.usd_per_kwh))
        basis = ", ".join(f"{name} {value:f}" for name, value in values.items())
        basis += f", {kilowatts:f} kW at the meter"
        texts = ("8-GPU server", basis, "", "", "assumed", "config/economics.yaml")
        found.append(row("ownership", end, price, *texts))
    return found
