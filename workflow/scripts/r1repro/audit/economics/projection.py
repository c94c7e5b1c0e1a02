# SPDX-License-Identifier: Apache-2.0
"""From the speed of measured attempts to the GPU-hours and dollars of the published R1-Zero run.

Measured    tokens generated, FLOP and seconds of completed attempts, by stage and device
            rate = FLOP / (seconds x devices)            share of the peak = rate / peak of a device
Target      F = model FLOP of the published run (cost_model.flop), T its generated tokens
Formulas    FLOP per token  measured FLOP / measured tokens; of the target F / T
            scaled speed    tokens/s per device x (FLOP per token measured / of the target)
            same_device        device-hours = T / scaled speed / 3600 = F / rate / 3600
            same_utilisation   H800-hours = F / (share of the peak x H800 peak) / 3600
Interval    The share of the peak is not a property of a device: it changes with the model. It may
            be off by spread_per_decade ^ |log10(FLOP per token, target over measured)| each way,
            but same_utilisation never leaves [least_utilisation, most_utilisation] unless measured
            there. The low end also takes the shorter length curve, the high end the longer one.
Assumption  Memory, network and the tail of long responses are not modelled; the target's rollout
            of 8,192 outputs is taken to keep a device as busy as the attempt's own. Attempts on a
            CPU or with a small model are many decades away, and the interval says so.
Left out    A stage that did not both sample and train is listed with its speed, not projected.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal

from r1repro.audit.attempt_records import AttemptRecord
from r1repro.audit.cost_model.flop import run_flop
from r1repro.audit.cost_model.parameters import Inputs
from r1repro.audit.economics.allocation import devices_of
from r1repro.audit.economics.inputs import Carrying, Economics, Peak
from r1repro.audit.prices import PriceRow
from r1repro.audit.stage_cost import UNKNOWN, price_for

SAME_DEVICE, SAME_UTILISATION = "same_device", "same_utilisation"
SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Row:
    """One row of projection.csv; hours are of one device."""

    stage: str
    device: str
    devices: str
    attempts: str
    seconds: str
    tokens_generated: str
    tokens_per_second_per_device: str
    flop_per_token: str
    flop_per_second_per_device: str
    utilisation: str
    method: str
    target_device: str
    decades: str
    device_hours_low: str
    device_hours: str
    device_hours_high: str
    unit_price_usd: str
    usd_low: str
    usd: str
    usd_high: str
    ratio_to_reported: str
    note: str


COLUMNS = tuple(field.name for field in fields(Row))


@dataclass(frozen=True)
class Target:
    """The published run: FLOP at the shortest, the middle and the longest length curve."""

    flop: tuple[float, float, float]
    tokens: float
    peak: float
    reported_gpu_hours: float
    price: Decimal

    @property
    def flop_per_token(self) -> float:
        """Return the FLOP of all phases for one generated token."""
        return self.flop[1] / self.tokens


def target_of(inputs: Inputs, price: Decimal) -> Target:
    """Return what has to be done, from the inputs of the cost model."""
    middle = run_flop(inputs, 1.0)
    ends = [run_flop(inputs, factor).total for factor in (min(inputs.factors), max(inputs.factors))]
    hardware, run = inputs.hardware, inputs.run
    flop = (ends[0], middle.total, ends[1])
    return Target(flop, middle.tokens, hardware.bf16_peak, run.reported_gpu_hours, price)


@dataclass(frozen=True)
class Measured:
    """What the attempts of one stage on one device did."""

    first: AttemptRecord
    attempts: int
    seconds: float
    generated: int
    trained: int
    flop: int

    @property
    def rate(self) -> float:
        """Return FLOP per second of one device."""
        return self.flop / (self.seconds * devices_of(self.first))


def measured(records: Iterable[AttemptRecord]) -> list[Measured]:
    """Return the completed attempts that counted FLOP, by stage and hardware."""
    groups: dict[tuple, list[AttemptRecord]] = {}
    for record in sorted(records, key=lambda record: (record.started_utc, record.attempt_id)):
        if record.completed and record.flop and record.elapsed_ms:
            held = (record.device, record.nodes, record.gpus_per_node, record.cpu_cores)
            groups.setdefault((record.stage, *held), []).append(record)
    return [
        Measured(
            group[0],
            len(group),
            sum(record.elapsed_ms for record in group) / 1000,
            sum(record.tokens_generated for record in group),
            sum(record.tokens_trained for record in group),
            sum(record.flop for record in group),
        )
        for group in groups.values()
    ]


def decades(found: Measured, target: Target) -> float:
    """Return how many factors of ten in FLOP per token lie between attempt and target."""
    return abs(math.log10(target.flop_per_token / (found.flop / found.generated)))


def carried(share: float, factor: float, carrying: Carrying) -> tuple[float, float]:
    """Return the least and the most utilisation that a measured one may become."""
    least = min(share, max(share / factor, carrying.least_utilisation))
    most = max(share, min(share * factor, carrying.most_utilisation))
    return least, most


def _hours(target: Target, rates: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return low, middle and high device-hours at the most, middle and least FLOP per second."""
    low, middle, high = (
        flop / rate / SECONDS_PER_HOUR for flop, rate in zip(target.flop, rates, strict=True)
    )
    return low, middle, high


def _projected(
    found: Measured, target: Target, carrying: Carrying, peak: Peak | None, method: str
) -> tuple[float, float, float] | None:
    """Return low, middle and high device-hours; None where the device's peak is unknown."""
    factor = carrying.spread_per_decade ** decades(found, target)
    if method == SAME_DEVICE:
        return _hours(target, (found.rate * factor, found.rate, found.rate / factor))
    if peak is None:
        return None
    share = found.rate / peak.flop_per_second
    least, most = carried(share, factor, carrying)
    return _hours(target, (most * target.peak, share * target.peak, least * target.peak))


def _row(
    found: Measured,
    target: Target,
    economics: Economics,
    preferred: Sequence[PriceRow],
    method: str,
) -> Row:
    first, peak = found.first, economics.peaks.get(found.first.device)
    hours, note, apart = None, "did not both sample and train", UNKNOWN
    if found.generated and found.trained:
        apart = f"{decades(found, target):.2f}"
        hours = _projected(found, target, economics.projection, peak, method)
        note = "" if hours else "peak of the device unknown; add it to config/economics.yaml"
    price: Decimal | None = target.price
    if method == SAME_DEVICE:
        row = price_for(first, [row for row in preferred if row.currency == "USD"])
        price = None if row is None else row.price
    shown = [UNKNOWN] * 3 if hours is None else [f"{value:.6g}" for value in hours]
    money = [UNKNOWN] * 3
    if hours is not None and price is not None:
        money = [f"{value * float(price):.6g}" for value in hours]
    ratio = UNKNOWN
    if hours is not None and method == SAME_UTILISATION:
        ratio = f"{hours[1] / target.reported_gpu_hours:.4g}"
    tokens = found.generated or found.trained
    return Row(
        stage=first.stage,
        device=first.device,
        devices=str(devices_of(first)),
        attempts=str(found.attempts),
        seconds=f"{found.seconds:.3f}",
        tokens_generated=str(found.generated),
        tokens_per_second_per_device=f"{tokens / found.seconds / devices_of(first):.6g}",
        flop_per_token=f"{found.flop / tokens:.6g}",
        flop_per_second_per_device=f"{found.rate:.6g}",
        utilisation=UNKNOWN if peak is None else f"{found.rate / peak.flop_per_second:.4f}",
        method=method,
        target_device=first.device if method == SAME_DEVICE else "H800",
        decades=apart,
        device_hours_low=shown[0],
        device_hours=shown[1],
        device_hours_high=shown[2],
        unit_price_usd=UNKNOWN if price is None else f"{price:f}",
        usd_low=money[0],
        usd=money[1],
        usd_high=money[2],
        ratio_to_reported=ratio,
        note=note,
    )


def projection(
    records: Iterable[AttemptRecord],
    target: Target,
    economics: Economics,
    preferred: Sequence[PriceRow],
) -> list[Row]:
    """Return two rows for each stage that sampled and trained, and one for each other."""
    rows = []
    for found in measured(records):
        both = found.generated and found.trained
        for method in (SAME_UTILISATION, SAME_DEVICE) if both else (SAME_UTILISATION,):
            rows.append(_row(found, target, economics, preferred, method))
    return rows
