# SPDX-License-Identifier: Apache-2.0
"""All attempts as one table, CSV and Parquet, one row an attempt, oldest first.

Rows      every attempt that has a record, also those the bill leaves out because they make the
          report itself (`billed` false).
Exact     CSV has plain digits. Parquet has money and hours as decimal128(38, 18), counters as
          decimal128(38, 0), times as timestamps in UTC with milliseconds; no binary fraction.
Unknown   `unknown` in CSV, null in Parquet: price, cost and energy. A killed attempt has no exit
          code: empty in CSV, null in Parquet.
Errors    InputError for a number that does not fit 38 digits.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import pyarrow
import pyarrow.parquet

from r1repro.audit.attempt_records import AttemptRecord
from r1repro.audit.exports.billed import Billed
from r1repro.audit.exports.record_files import RecordFile, ended, started, utc_text
from r1repro.errors import InputError

UNKNOWN = "unknown"
MONEY = pyarrow.decimal128(38, 18)
COUNT = pyarrow.decimal128(38, 0)
TIME = pyarrow.timestamp("ms", tz="UTC")
SCHEMA = pyarrow.schema(
    [
        ("attempt_id", pyarrow.string()),
        ("stage", pyarrow.string()),
        ("part", pyarrow.string()),
        ("scale", pyarrow.string()),
        ("seed", pyarrow.int64()),
        ("billed", pyarrow.bool_()),
        ("purpose", pyarrow.string()),
        ("outcome", pyarrow.string()),
        ("exit_code", pyarrow.int64()),
        ("started_utc", TIME),
        ("ended_utc", TIME),
        ("elapsed_ms", pyarrow.int64()),
        ("clock_jump_ms", pyarrow.int64()),
        ("device", pyarrow.string()),
        ("nodes", pyarrow.int64()),
        ("gpus_per_node", pyarrow.int64()),
        ("cpu_cores", pyarrow.int64()),
        ("host", pyarrow.string()),
        ("slurm_job_id", pyarrow.string()),
        ("unit", pyarrow.string()),
        ("quantity", MONEY),
        ("price_id", pyarrow.string()),
        ("unit_price_usd", MONEY),
        ("cost_usd", MONEY),
        ("energy_microjoules", COUNT),
        ("energy_source", pyarrow.string()),
        ("tokens_generated", COUNT),
        ("tokens_trained", COUNT),
        ("flop", COUNT),
        ("git_commit", pyarrow.string()),
        ("config_digest", pyarrow.string()),
        ("code_digest", pyarrow.string()),
        ("record_path", pyarrow.string()),
        ("record_sha256", pyarrow.string()),
    ]
)
COLUMNS = tuple(SCHEMA.names)
MAY_BE_UNKNOWN = ("price_id", "unit_price_usd", "cost_usd", "energy_microjoules")


@dataclass(frozen=True)
class Attempts:
    """The table: one mapping a row, with values as Parquet wants them."""

    rows: tuple[dict[str, object], ...]
    root: str

    def csv_text(self) -> str:
        """Return the table as CSV."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows([_cell(name, row[name]) for name in COLUMNS] for row in self.rows)
        return text.getvalue()

    def parquet_bytes(self) -> bytes:
        """Return the table as Parquet; the ledger's root stands in the metadata of the file."""
        schema = SCHEMA.with_metadata({"ledger_root": self.root})
        try:
            table = pyarrow.Table.from_pylist(list(self.rows), schema=schema)
        except (pyarrow.ArrowInvalid, OverflowError) as error:
            raise InputError(
                f"a number of the attempt records does not fit a Parquet column ({error}); "
                "find it in attempts.csv and check the record it comes from"
            ) from error
        sink = pyarrow.BufferOutputStream()
        pyarrow.parquet.write_table(table, sink)
        return sink.getvalue().to_pybytes()


def _cell(name: str, value: object) -> str:
    if value is None:
        return UNKNOWN if name in MAY_BE_UNKNOWN else ""
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _bill_of(billed: Billed | None, record: AttemptRecord) -> dict[str, object]:
    """Return the cells that come from the bill; an attempt outside it has none."""
    if billed is None:
        names = ("unit", "quantity", "price_id", "unit_price_usd", "cost_usd")
        return dict.fromkeys(names) | {"billed": False, "purpose": record.purpose}
    price = billed.price
    return {
        "billed": True,
        "purpose": billed.purpose,
        "unit": billed.unit,
        "quantity": billed.quantity,
        "price_id": None if price is None else price.id,
        "unit_price_usd": None if price is None else price.price,
        "cost_usd": billed.cost_usd,
    }


def _outcome(record: AttemptRecord) -> str:
    if record.exit_code is None:
        return "killed"
    return "completed" if record.completed else "failed"


def _row(file: RecordFile, billed: Billed | None) -> dict[str, object]:
    record, begin = file.record, file.begin
    copied = {name: getattr(record, name) for name in COLUMNS if hasattr(record, name)}
    named = ("seed", "host", "slurm_job_id", "git_commit", "config_digest", "code_digest")
    return (
        copied
        | {name: begin[name] for name in named}
        | _bill_of(billed, record)
        | {
            "outcome": _outcome(record),
            "started_utc": started(record),
            "ended_utc": ended(record),
            "record_path": file.path,
            "record_sha256": file.sha256,
        }
    )


def attempts_table(
    files: Sequence[RecordFile], billed: Sequence[Billed], root: str = ""
) -> Attempts:
    """Return the table of all attempts; `root` is the ledger's, if it was sealed."""
    of_bill = {item.record.attempt_id: item for item in billed}
    ordered = sorted(files, key=lambda file: (file.record.started_utc, file.record.attempt_id))
    return Attempts(
        tuple(_row(file, of_bill.get(file.record.attempt_id)) for file in ordered), root
    )
