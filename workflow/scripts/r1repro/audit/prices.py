# SPDX-License-Identifier: Apache-2.0
"""The price table: dated rows with basis, region and source, and an explicit choice among them.

Units    price is a decimal text in `currency` per `unit` (gpu_hour or core_hour).
Source   config/prices.yaml; its schema is workflow/schemas/prices.schema.yaml.
Choice   `cost.price_basis` of the configuration: one row id, or a list of ids in order of
         preference. The first listed row that names the device exactly, has the right unit (GPU
         attempts gpu_hour, CPU attempts core_hour) and is valid on the day the attempt began, is
         the price. A row that is not listed is never used; a device without a row has an unknown
         price. There is no default and no matching by likeness: "NVIDIA A100-SXM4-40GB" is not
         "NVIDIA A100-SXM4-80GB".
Dates    `as_of` is when a source quoted the price; such a row applies to any day, because choosing
         it is the assumption. `valid_from` (inclusive) and `valid_to` (exclusive) bind a row to
         the days it was offered.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from r1repro.errors import StageError

UNITS = ("gpu_hour", "core_hour")
CONFIDENCES = ("reported", "derived", "estimate", "own")
REQUIRED = (
    "id", "sku", "devices", "unit", "price", "currency", "basis", "region", "source", "confidence",
    "note",
)  # fmt: skip
OPTIONAL = ("as_of", "valid_from", "valid_to")


class PricesInvalid(StageError):
    """The price table or the choice among its rows cannot be used."""


@dataclass(frozen=True)
class PriceRow:
    """One dated price."""

    id: str
    sku: str
    devices: tuple[str, ...]
    unit: str
    price: Decimal
    currency: str
    basis: str
    region: str
    source: str
    confidence: str
    note: str
    as_of: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None

    def holds_on(self, day: date) -> bool:
        """Say whether the row may price an attempt that began on this day."""
        after = self.valid_from is None or day >= self.valid_from
        return after and (self.valid_to is None or day < self.valid_to)


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"


def _day(value: object, where: str) -> date | None:
    if value is None:
        return None
    # of the forms that Python reads, 20250131 and 2025-W05-5 among them, one is allowed
    dashed = isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value)
    try:
        return date.fromisoformat(value if dashed else "")
    except ValueError:
        raise PricesInvalid(
            f'{where} must be a quoted day like "2025-01-31", found {value!r}'
        ) from None


def _texts(row: dict, where: str) -> dict[str, str]:
    """Return the text fields of a row, checked."""
    texts = {}
    for name in (*REQUIRED, "as_of"):
        if name in ("devices", "price") or name not in row:
            continue
        if not isinstance(row[name], str) or not (row[name] or name == "note"):
            raise PricesInvalid(f"{where}: {name} must be a quoted text, found {row[name]!r}")
        texts[name] = row[name]
    for name, pattern, example in (
        ("id", r"[a-z0-9_]+", "h800_nature_2025"),
        ("currency", r"[A-Z]{3}", "USD"),
        ("unit", "|".join(UNITS), " or ".join(UNITS)),
        ("confidence", "|".join(CONFIDENCES), " or ".join(CONFIDENCES)),
        ("as_of", r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?", "2025-09"),
        ("source", r"https?://\S+|own", "https://... or own"),
    ):
        if name in texts and not re.fullmatch(pattern, texts[name]):
            raise PricesInvalid(f"{where}: {name} is {texts[name]!r}; write for instance {example}")
    return texts


def price_row(row: object, where: str) -> PriceRow:
    """Return one checked row; raises PricesInvalid that names the row and the field."""
    if not isinstance(row, dict):
        raise PricesInvalid(f"{where} must be a mapping, found {row!r}")
    known = (*REQUIRED, *OPTIONAL)
    for name in row:
        if name not in known:
            raise PricesInvalid(f"{where}: unknown key {name!r}{_nearest(str(name), known)}")
    for name in REQUIRED:
        if name not in row:
            raise PricesInvalid(f"{where}: the key {name!r} is missing")
    devices = row["devices"]
    if not isinstance(devices, list) or not devices or not all(isinstance(d, str) for d in devices):
        raise PricesInvalid(f"{where}: devices must be a list of model strings, found {devices!r}")
    price = row["price"]
    if not isinstance(price, str) or not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", price):
        raise PricesInvalid(
            f'{where}: price must be a quoted decimal like "2.00", found {price!r}; '
            "without quotes it would become a binary fraction"
        )
    if "as_of" not in row and "valid_from" not in row:
        raise PricesInvalid(f"{where}: a price needs a date: as_of or valid_from")
    days = {
        name: _day(row[name], f"{where}: {name}") if name in row else None
        for name in ("valid_from", "valid_to")
    }
    if days["valid_from"] and days["valid_to"] and days["valid_from"] >= days["valid_to"]:
        raise PricesInvalid(f"{where}: valid_to must be later than valid_from")
    texts = _texts(row, where)
    return PriceRow(devices=tuple(devices), price=Decimal(price), **texts, **days)


def load_prices(path: Path) -> list[PriceRow]:
    """Read the price table; raises PricesInvalid that names file, row and field."""
    import yaml  # late: whoever reads the prices of a ledger needs no YAML

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise PricesInvalid(f"the price table {path} cannot be read: {reason}") from error
    if not isinstance(content, dict) or set(content) != {"prices"}:
        raise PricesInvalid(f"{path} must hold one key, `prices`, with a list of rows")
    if not isinstance(content["prices"], list):
        raise PricesInvalid(f"{path}: prices must be a list of rows")
    rows = []
    for number, item in enumerate(content["prices"], start=1):
        name = item["id"] if isinstance(item, dict) and "id" in item else f"number {number}"
        row = price_row(item, f"{path}, price row {name}")
        if row.id in {other.id for other in rows}:
            raise PricesInvalid(f"{path}: the id {row.id!r} occurs twice")
        rows.append(row)
    return rows


def preferred_rows(rows: Sequence[PriceRow], basis: object) -> list[PriceRow]:
    """Return the rows that `cost.price_basis` names, in its order.

    Raises PricesInvalid for an id without a row. An empty list leaves every price unknown.
    """
    ids = [basis] if isinstance(basis, str) else basis
    if not isinstance(ids, list) or not all(isinstance(name, str) for name in ids):
        raise PricesInvalid(f"cost.price_basis must be an id or a list of ids, found {basis!r}")
    by_id = {row.id: row for row in rows}
    for name in ids:
        if name not in by_id:
            raise PricesInvalid(
                f"cost.price_basis names the price {name!r}, which config/prices.yaml does not "
                f"have{_nearest(name, list(by_id))}"
            )
    return [by_id[name] for name in ids]


def price_of(device: str, unit: str, day: date, preferred: Sequence[PriceRow]) -> PriceRow | None:
    """Return the first preferred row for this device, unit and day; None is an unknown price."""
    for row in preferred:
        if device in row.devices and row.unit == unit and row.holds_on(day):
            return row
    return None
