# SPDX-License-Identifier: Apache-2.0
"""Exact checks of a FOCUS file: its own arithmetic, and every attempt of the records in it once.

Row       ListCost, ContractedCost, EffectiveCost and BilledCost = unit price x PricingQuantity,
          exactly in decimals; no amount below 0; PricingQuantity = ConsumedQuantity, and within
          1e-9 hours of milliseconds x nodes x GPUs (or cores) / 3,600,000; the charge period is as
          long as the milliseconds and lies inside the billing period; without a price all costs
          are place holders of 0 and no unit price is there
File      the columns in their order; no attempt twice
Records   each attempt of the bill has its row and no other attempt has one; SHA-256 and
          milliseconds as in the record; by stage and purpose the sums of cost, quantity and rows
          are those of `cost_by_stage`
"""

import csv
import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Context, Decimal, localcontext
from pathlib import Path

from r1repro.audit.attempt_records import AttemptRecord
from r1repro.audit.exports.focus import COLUMNS, COPIES_OF_COST, COSTS, UNIT_PRICES
from r1repro.audit.prices import PriceRow
from r1repro.audit.stage_cost import REPORTING, CostRow, cost_by_stage

NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")  # of no other script
WHOLE = re.compile(r"[0-9]{1,18}")
EXACT = Context(prec=120)  # products of such numbers need no rounding
LARGEST_ROUNDING = Decimal("0.000000001")
MS_PER_HOUR = 3_600_000
HOLDER_COSTS = (*COSTS, *COPIES_OF_COST)


def _number(row: dict[str, str], name: str) -> Decimal:
    if not NUMBER.fullmatch(row[name]):
        raise ValueError(f"{name} is {row[name]!r}, not a plain number")
    return Decimal(row[name])


def _whole(row: dict[str, str], name: str) -> int:
    if not WHOLE.fullmatch(row[name]):
        raise ValueError(f"{name} is {row[name]!r}, not a whole number")
    return int(row[name])


def _moment(row: dict[str, str], name: str) -> datetime:
    moment = datetime.fromisoformat(row[name])
    if moment.utcoffset() != timedelta(0):
        raise ValueError(f"{name} is {row[name]!r}, not in UTC")
    return moment


def _money(row: dict[str, str]) -> list[str]:
    """Return what is wrong with quantity, unit price and costs of a row."""
    quantity, found = _number(row, "PricingQuantity"), []
    if row["x_PriceStatus"] == "unknown":
        found += [f"{name} of an unknown price" for name in UNIT_PRICES if row[name]]
        found += [f"{name} is not 0" for name in HOLDER_COSTS if _number(row, name) != 0]
        unknown = not row["SkuPriceId"].startswith("unknown:")
        return found + ["SkuPriceId names a price, x_PriceStatus none"] * unknown
    price = _number(row, "ListUnitPrice")
    found += [
        f"{name} differs from ListUnitPrice" for name in UNIT_PRICES if row[name] != f"{price:f}"
    ]
    for name in HOLDER_COSTS:
        cost = _number(row, name)
        if cost < 0:
            found.append(f"{name} is negative")
        if cost != price * quantity:
            found.append(f"{name} is {cost}, but unit price x quantity is {price * quantity}")
    return found


def _quantity(row: dict[str, str]) -> list[str]:
    """Return what is wrong with the hours of a row."""
    quantity, found = _number(row, "PricingQuantity"), []
    if quantity < 0:
        found.append("PricingQuantity is negative")
    if quantity != _number(row, "ConsumedQuantity"):
        found.append("PricingQuantity differs from ConsumedQuantity")
    gpus = _whole(row, "x_GpusPerNode")
    unit = "GPU-Hours" if gpus else "Core-Hours"
    if (row["PricingUnit"], row["ConsumedUnit"]) != (unit, unit):
        found.append(f"the unit is not {unit}")
    each = gpus or _whole(row, "x_CpuCoresPerNode")
    amount = _whole(row, "x_ElapsedMilliseconds") * _whole(row, "x_Nodes") * each
    if abs(quantity * MS_PER_HOUR - amount) > LARGEST_ROUNDING * MS_PER_HOUR:
        found.append(f"PricingQuantity is {quantity}, but the attempt held {amount} ms of them")
    return found


def _period(row: dict[str, str]) -> list[str]:
    """Return what is wrong with the times of a row."""
    begin, end = _moment(row, "ChargePeriodStart"), _moment(row, "ChargePeriodEnd")
    found = []
    if end < begin:
        found.append("the charge period ends before it starts")
    if end - begin != timedelta(milliseconds=_whole(row, "x_ElapsedMilliseconds")):
        found.append("the charge period is not as long as x_ElapsedMilliseconds")
    if not _moment(row, "BillingPeriodStart") <= begin <= end < _moment(row, "BillingPeriodEnd"):
        found.append("the charge period is not inside the billing period")
    return found


def _row_findings(row: dict[str, str]) -> list[str]:
    found = []
    for check in (_money, _quantity, _period):
        try:
            with localcontext(EXACT):
                found += check(row)
        except ValueError as error:
            found.append(str(error))
    return found


def read_focus(path: Path) -> tuple[list[dict[str, str]], list[str]]:
    """Return the rows, and a finding if the file has other columns or ragged rows."""
    with open(path, encoding="utf-8", newline="") as handle:
        table = csv.reader(handle, strict=True)
        try:
            header, *lines = list(table)
        except (ValueError, csv.Error) as error:
            return [], [f"{path.name} is not a table ({error})"]
    if tuple(header) != COLUMNS or any(len(line) != len(header) for line in lines):
        return [], [f"{path.name} does not have the {len(COLUMNS)} columns of this export"]
    return [dict(zip(header, line, strict=True)) for line in lines], []


def focus_findings(path: Path) -> list[str]:
    """Return what is wrong with a file by itself."""
    rows, found = read_focus(path)
    ids = Counter(row["x_AttemptId"] for row in rows)
    found += [f"attempt {name} has {count} rows" for name, count in ids.items() if count > 1]
    for number, row in enumerate(rows, start=2):
        where = f"{path.name}, line {number}, {row['x_AttemptId']}"
        found += [f"{where}: {what}" for what in _row_findings(row)]
    return found


def _sums(rows: Sequence[dict[str, str]]) -> dict[tuple, tuple]:
    """Return (stage, purpose, priced) -> rows, hours and cost."""
    sums: dict[tuple, list] = defaultdict(lambda: [0, Decimal(0), Decimal(0)])
    for row in rows:
        tags = json.loads(row["Tags"])
        total = sums[tags["stage"], tags["purpose"], row["x_PriceStatus"] == "listed"]
        total[0] += 1
        total[1] += _number(row, "PricingQuantity")
        total[2] += _number(row, "BilledCost")
    return {key: tuple(total) for key, total in sums.items()}


def _sums_of_bill(bill: Sequence[CostRow]) -> dict[tuple, tuple]:
    sums: dict[tuple, list] = defaultdict(lambda: [0, Decimal(0), Decimal(0)])
    for row in bill:
        total = sums[row.stage, row.purpose, row.cost_usd is not None]
        total[0] += row.attempts
        total[1] += row.gpu_hours if row.gpus_per_node else row.core_hours
        total[2] += row.cost_usd or 0
    return {key: tuple(total) for key, total in sums.items()}


def focus_against_records(
    path: Path, folder: Path, records: Sequence[AttemptRecord], preferred: Sequence[PriceRow]
) -> list[str]:
    """Return where a file and the attempt records disagree; `records` were read from `folder`."""
    rows, found = read_focus(path)
    if found:
        return found
    billed = {record.attempt_id: record for record in records if record.stage not in REPORTING}
    there = {row["x_AttemptId"]: row for row in rows}
    found += [f"attempt {name} of the records is missing" for name in sorted(billed.keys() - there)]
    found += [f"attempt {name} is in no record" for name in sorted(there.keys() - billed)]
    for name in sorted(billed.keys() & there):
        record = folder / there[name]["x_RecordPath"]
        digest = hashlib.sha256(record.read_bytes()).hexdigest() if record.is_file() else None
        if digest != there[name]["x_RecordSha256"]:
            found.append(f"the record of attempt {name} has another SHA-256 than x_RecordSha256")
        if str(billed[name].elapsed_ms) != there[name]["x_ElapsedMilliseconds"]:
            found.append(f"attempt {name} lasted {billed[name].elapsed_ms} ms by its record")
    try:
        with localcontext(EXACT):
            exported = _sums(rows)
    except (ValueError, KeyError, TypeError) as error:
        return [*found, f"{path.name} cannot be summed ({error})"]
    expected = _sums_of_bill(cost_by_stage(records, preferred))
    for key in sorted(exported.keys() | expected):
        if exported.get(key) != expected.get(key):
            found.append(
                f"{key[0]}, {key[1]}: rows, hours and cost are {_shown(exported.get(key))}, "
                f"the bill has {_shown(expected.get(key))}"
            )
    return found


def _shown(total: tuple | None) -> str:
    return "none" if total is None else ", ".join(str(part) for part in total)
