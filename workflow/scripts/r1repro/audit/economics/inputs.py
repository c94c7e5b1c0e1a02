# SPDX-License-Identifier: Apache-2.0
"""Read and check config/economics.yaml; every error names file and key, and there is no default.

Numbers  become exact decimals of what is written; a pair [low, high] is a range.
"""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from r1repro.audit.cost_model.inputs import Reader, load
from r1repro.audit.cost_model.parameters import number
from r1repro.audit.economics.case import CHANGEABLE, Grid, Power

SECTIONS = (
    "prices", "scopes", "distilled", "sensitivity", "power", "grids", "electricity", "ownership",
    "allocation", "projection", "devices",
)  # fmt: skip
KINDS = {
    "gpus": "whole", "r1_zero_hours": "positive", "r1_hours": "positive",
    "sft_data_gpu_hours": "nonnegative", "failed_share": "nonnegative",
    "preparatory_factor": "positive", "utilisation_ratio": "positive", "base_share": "share",
}  # fmt: skip
ENDS = ("base", "low", "high")
RANGES = ("utilisation_ratio", "failed_share")
OWNED = ("server_usd", "gpus_per_server", "network_share", "years", "busy_share",
         "operation_share_per_year")  # fmt: skip


@dataclass(frozen=True)
class Scope:
    """One thing the bill may hold; `low` and `high` are None where nobody published hours."""

    name: str
    what: str
    low: dict[str, Decimal] | None
    high: dict[str, Decimal] | None
    distilled: bool
    status: str
    source: str


@dataclass(frozen=True)
class Distilled:
    """What training the distilled models takes."""

    parameters: float = number("positive")
    samples: float = number("positive")
    sample_tokens: float = number("positive")
    epochs_low: float = number("positive")
    epochs_high: float = number("positive")
    peak: float = number("positive")
    utilisation: float = number("positive")


@dataclass(frozen=True)
class Electricity:
    """Price at the meter."""

    usd_per_kwh: float = number("positive")


@dataclass(frozen=True)
class Allocation:
    """When a machine counts as given back."""

    longest_pause_minutes: float = number("positive")


@dataclass(frozen=True)
class Carrying:
    """How far a measured utilisation may be carried."""

    spread_per_decade: float = number("positive")
    least_utilisation: float = number("share")
    most_utilisation: float = number("share")


@dataclass(frozen=True)
class Peak:
    """Peak of one device."""

    device: str
    flop_per_second: float
    source: str


@dataclass(frozen=True)
class Economics:
    """Everything of the file, checked."""

    prices: dict[str, str]
    scopes: tuple[Scope, ...]
    distilled: Distilled
    compared_scopes: tuple[str, ...]
    ranges: dict[str, tuple[Decimal, Decimal]]
    power: tuple[Power, ...]
    grids: tuple[Grid, ...]
    electricity: Electricity
    ownership: dict[str, tuple[Decimal, ...]]
    allocation: Allocation
    projection: Carrying
    peaks: dict[str, Peak]


def exact(value: float) -> Decimal:
    """Return the decimal that was written, not its binary neighbour."""
    return Decimal(repr(value))


def read_economics(path: Path) -> Economics:
    """Read the file; raises CostInputsInvalid."""
    reader = Reader(path)
    content = reader.mapping(load(path), "", SECTIONS)
    prices = reader.group(content["prices"], "prices", ENDS)
    scopes = _scopes(reader, content["scopes"])
    compared, ranges = _sensitivity(reader, content["sensitivity"], scopes)
    powers = [
        Power(name, exact(kw), exact(pue), status, source)
        for name, (kw, pue), status, source in _rows(
            reader, content["power"], "power", {"kw_per_gpu": "positive", "pue": "positive"}
        )
    ]
    grids = [
        Grid(name, exact(kg), status, source)
        for name, (kg,), status, source in _rows(
            reader, content["grids"], "grids", {"kg_per_kwh": "nonnegative"}
        )
    ]
    for index, power in enumerate(powers, start=1):
        if power.pue < 1:
            raise reader.fault(f"power[{index}].pue", f"must be at least 1, found {power.pue}")
    projection = reader.section(Carrying, content["projection"], "projection")
    if projection.spread_per_decade < 1:
        raise reader.fault("projection.spread_per_decade", "must be at least 1")
    if not 0 < projection.least_utilisation < projection.most_utilisation:
        raise reader.fault("projection.least_utilisation", "must lie between 0 and the most")
    return Economics(
        prices={end: reader.text(prices[end], f"prices.{end}") for end in ENDS},
        scopes=scopes,
        distilled=reader.section(Distilled, content["distilled"], "distilled"),
        compared_scopes=compared,
        ranges=ranges,
        power=tuple(powers),
        grids=tuple(grids),
        electricity=reader.section(Electricity, content["electricity"], "electricity"),
        ownership=_ownership(reader, content["ownership"]),
        allocation=reader.section(Allocation, content["allocation"], "allocation"),
        projection=projection,
        peaks=_peaks(reader, content["devices"]),
    )


def _rows(reader: Reader, value: object, key: str, kinds: dict[str, str]) -> list[tuple]:
    """Return name, numbers, status and source of each row of a list."""
    found, names = [], set()
    for index, row in enumerate(reader.sequence(value, key), start=1):
        place = f"{key}[{index}]"
        part = reader.mapping(row, place, ("name", *kinds, "status", "source"))
        name = reader.text(part["name"], f"{place}.name")
        if name in names:
            raise reader.fault(f"{place}.name", f"{name!r} occurs twice")
        names.add(name)
        numbers = tuple(reader.number(part[n], f"{place}.{n}", kinds[n]) for n in kinds)
        status = reader.status(part["status"], f"{place}.status")
        found.append((name, numbers, status, reader.text(part["source"], f"{place}.source")))
    return found


def _ownership(reader: Reader, value: object) -> dict[str, tuple[Decimal, ...]]:
    """Return low, middle and high cost of each input of owning."""
    kinds = dict.fromkeys(("low", "middle", "high"), "positive")
    found = {
        name: tuple(map(exact, numbers))
        for name, numbers, _, _ in _rows(reader, value, "ownership", kinds)
    }
    if set(found) != set(OWNED):
        raise reader.fault("ownership", f"must have the rows {', '.join(OWNED)} and no other")
    if max(found["busy_share"]) > 1:
        raise reader.fault("ownership", "has a busy_share above 1")
    return found


def _pair(reader: Reader, value: object, key: str, kind: str) -> tuple[Decimal, Decimal]:
    """Return both ends of a number or of a pair [low, high]."""
    ends = value if isinstance(value, list) else [value, value]
    if len(ends) != 2:
        raise reader.fault(key, f"must be a number or a pair [low, high], found {value!r}")
    low, high = (exact(reader.number(end, key, kind)) for end in ends)
    if low > high:
        raise reader.fault(key, f"goes down from {low} to {high}; write [low, high]")
    return low, high


def _scopes(reader: Reader, value: object) -> tuple[Scope, ...]:
    found: dict[str, Scope] = {}
    for index, row in enumerate(reader.sequence(value, "scopes"), start=1):
        place = f"scopes[{index}]"
        part = reader.mapping(row, place, ("name", "what", "change", "status", "source"))
        name = reader.text(part["name"], f"{place}.name")
        if name in found:
            raise reader.fault(f"{place}.name", f"{name!r} occurs twice")
        change, distilled = part["change"], False
        low = high = None
        if change is not None:
            if not isinstance(change, dict):
                raise reader.fault(f"{place}.change", f"must be a section or null, not {change!r}")
            own = {key: value for key, value in change.items() if key != "distilled"}
            distilled = change.get("distilled", False) is True
            for key in own:
                if key not in CHANGEABLE:
                    known = ", ".join((*CHANGEABLE, "distilled"))
                    raise reader.fault(f"{place}.change.{key}", f"is not known; known are {known}")
            ends = {k: _pair(reader, v, f"{place}.change.{k}", KINDS[k]) for k, v in own.items()}
            low, high = ({k: pair[end] for k, pair in ends.items()} for end in (0, 1))
        found[name] = Scope(
            name,
            reader.text(part["what"], f"{place}.what"),
            low,
            high,
            distilled,
            reader.status(part["status"], f"{place}.status"),
            reader.text(part["source"], f"{place}.source"),
        )
    return tuple(found.values())


def _sensitivity(reader: Reader, value: object, scopes: tuple[Scope, ...]):
    """Return the scopes that are compared and the range of each input."""
    part = reader.group(value, "sensitivity", ("scope", *RANGES))
    known = {scope.name for scope in scopes if scope.low is not None}
    names = tuple(reader.sequence(part["scope"], "sensitivity.scope"))
    for name in names:
        if name not in known:
            raise reader.fault("sensitivity.scope", f"names {name!r}, which is no scope with hours")
    ranges = {}
    for name in RANGES:
        if not isinstance(part[name], list):
            raise reader.fault(f"sensitivity.{name}", "must be a pair [low, high]")
        ranges[name] = _pair(reader, part[name], f"sensitivity.{name}", KINDS[name])
    return names, ranges


def _peaks(reader: Reader, value: object) -> dict[str, Peak]:
    found: dict[str, Peak] = {}
    for index, row in enumerate(reader.sequence(value, "devices"), start=1):
        place = f"devices[{index}]"
        part = reader.mapping(row, place, ("names", "peak", "status", "source"))
        peak = reader.number(part["peak"], f"{place}.peak", "positive")
        reader.status(part["status"], f"{place}.status")
        source = reader.text(part["source"], f"{place}.source")
        for name in reader.sequence(part["names"], f"{place}.names"):
            device = reader.text(name, f"{place}.names")
            if device in found:
                raise reader.fault(f"{place}.names", f"{device!r} occurs twice")
            found[device] = Peak(device, peak, source)
    return found
