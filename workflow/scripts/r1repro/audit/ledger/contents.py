# SPDX-License-Identifier: Apache-2.0
"""Read attempts and prices back from a ledger, for whoever makes a bill from it."""

from datetime import datetime
from pathlib import Path

from r1repro.audit.attempt_records import AttemptRecord
from r1repro.audit.ledger.scan import each_line
from r1repro.audit.ledger.strict_json import NotStrict, parse
from r1repro.audit.prices import PriceRow, price_row
from r1repro.errors import InputError

FIELDS = (
    "attempt_id", "stage", "part", "scale", "purpose", "device", "nodes", "gpus_per_node",
    "cpu_cores", "started_utc", "elapsed_ms", "exit_code", "energy_microjoules", "energy_source",
    "torn", "tokens_generated", "tokens_trained", "flop", "wandb_run_id",
)  # fmt: skip


def read_entries(path: Path) -> list[dict]:
    """Return the lines of a ledger as they stand; raises InputError for one that is not sound.

    The chain is not followed here: `scan` does.
    """
    entries: list[dict] = []
    try:
        for line in each_line(path):
            entries.append(parse(line))
    except NotStrict as error:
        number = len(entries) + 1
        raise InputError(f"{path}, line {number}: {error}; restore the ledger") from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); make it with `snakemake cost`"
        ) from error
    return entries


def latest(entries: list[dict]) -> list[dict]:
    """Return the last word on each attempt, amendments in place of what they amend."""
    found = {}
    for entry in entries:
        if entry["kind"] in ("attempt", "amendment"):
            found[entry["attempt_id"]] = entry
    return list(found.values())


def record_of_entry(entry: dict) -> AttemptRecord:
    """Return the record that a bill is made from."""
    began, ended = (datetime.fromisoformat(entry[name]) for name in ("started_utc", "ended_utc"))
    moved = round((ended - began).total_seconds() * 1000)
    fields = {name: entry[name] for name in FIELDS}
    return AttemptRecord(**fields, clock_jump_ms=moved - entry["elapsed_ms"])


def records(entries: list[dict]) -> list[AttemptRecord]:
    """Return the records of all attempts, oldest first."""
    found = [record_of_entry(entry) for entry in latest(entries)]
    return sorted(found, key=lambda record: (record.started_utc, record.attempt_id))


def preferred_prices(entries: list[dict]) -> list[PriceRow]:
    """Return the price rows that the ledger names last; raises PricesInvalid, InputError."""
    rows = None
    for entry in entries:
        if entry["kind"] == "prices":
            rows = entry["rows"]
    if rows is None:
        raise InputError("the ledger has no line with prices; restore it or seal anew")
    return [price_row(row, f"price row {number} of the ledger") for number, row in enumerate(rows)]
