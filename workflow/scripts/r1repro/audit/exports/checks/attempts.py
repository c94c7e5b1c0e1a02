# SPDX-License-Identifier: Apache-2.0
"""Exact checks of the table of attempts: CSV and Parquet say the same, and what the records say.

Records   one row a record, in order of start; milliseconds, exit code, hardware and SHA-256 as
          there; billed attempts cost quantity x unit price exactly
Formats   each cell of the Parquet file is the cell of the CSV file, numbers as exact decimals
"""

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pyarrow
import pyarrow.parquet

from r1repro.audit.exports.attempts import COLUMNS, UNKNOWN
from r1repro.audit.exports.record_files import RecordFile

AS_RECORDED = (
    "stage",
    "part",
    "scale",
    "device",
    "nodes",
    "gpus_per_node",
    "cpu_cores",
    "elapsed_ms",
)


def _same(text: str, value: object) -> bool:
    """Say whether a cell of the CSV file and a value of the Parquet file are the same."""
    if value is None:
        return text in ("", UNKNOWN)
    if isinstance(value, bool):
        return text == str(value).lower()
    if isinstance(value, datetime):
        return datetime.fromisoformat(text) == value
    return Decimal(text) == value if isinstance(value, int | Decimal) else text == value


def _cost(row: dict[str, str]) -> bool:
    """Say whether cost = quantity x unit price, where the price is known."""
    if row["billed"] != "true" or row["unit_price_usd"] == UNKNOWN:
        return row["cost_usd"] == UNKNOWN
    return Decimal(row["quantity"]) * Decimal(row["unit_price_usd"]) == Decimal(row["cost_usd"])


def _row(row: dict[str, str], file: RecordFile) -> Iterator[str]:
    record = file.record
    for name in AS_RECORDED:
        if row[name] != str(getattr(record, name)):
            yield f"{name} is {row[name]!r}, recorded {getattr(record, name)!r}"
    if row["exit_code"] != ("" if record.exit_code is None else str(record.exit_code)):
        yield f"exit_code is {row['exit_code']!r}, recorded {record.exit_code!r}"
    if row["record_sha256"] != file.sha256:
        yield "the record has another SHA-256"
    if not _cost(row):
        yield "cost is not quantity x unit price"


def attempts_findings(table: Path, parquet: Path, files: Iterable[RecordFile]) -> list[str]:
    """Return what is wrong with the two files."""
    with open(table, encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        rows = list(reader)
    if tuple(reader.fieldnames or ()) != COLUMNS:
        return [f"{table.name} has other columns"]
    try:
        values = pyarrow.parquet.read_table(parquet).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        return [f"{parquet.name} cannot be read ({error})"]
    ordered = sorted(files, key=lambda f: (f.record.started_utc, f.record.attempt_id))
    expected = [file.record.attempt_id for file in ordered]
    if [row["attempt_id"] for row in rows] != expected:
        return [f"{table.name} does not have one row for each record, in order of start"]
    if [row.get("attempt_id") for row in values] != expected:
        return [f"{parquet.name} does not have one row for each record, in order of start"]
    found = []
    for row, value, file in zip(rows, values, ordered, strict=True):
        try:
            found += [f"{table.name}, {row['attempt_id']}: {what}" for what in _row(row, file)]
            other = [name for name in COLUMNS if not _same(row[name], value[name])]
        except (KeyError, ValueError, InvalidOperation) as error:
            found.append(f"{table.name}, {row['attempt_id']}: a cell cannot be read ({error!r})")
            continue
        found += [f"{parquet.name}, {row['attempt_id']}: another {name}" for name in other]
    return found
