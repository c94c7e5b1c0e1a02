# SPDX-License-Identifier: Apache-2.0
"""Make the lines of the ledger: the genesis, the prices, and what one attempt's record says.

An attempt's entry repeats what the bill and its checks need, and names the record by path, length
and SHA-256. The record is read by `attempt_records`, so a record that cannot be billed cannot be
sealed either.
"""

from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.attempt_records import AttemptDamaged, AttemptRecord, parsed_lines, record_of
from r1repro.audit.ledger.fields import NO_LINE, VERSION, fault, outcome_of
from r1repro.audit.prices import PriceRow
from r1repro.files import canonical_json, sha256_bytes


@dataclass(frozen=True)
class RecordFile:
    """One record as it was read: the bytes are those that the entry's checksum is of."""

    path: str  # below the folder of results
    data: bytes
    lines: list[dict]
    record: AttemptRecord


def read_record(path: Path, results: Path) -> RecordFile:
    """Read one record once, so that what is checked is what is hashed; raises AttemptDamaged."""
    data = path.read_bytes()
    lines, torn = parsed_lines(path, data)
    record = record_of(path, lines, torn)
    return RecordFile(path.relative_to(results).as_posix(), data, lines, record)


def _gathered(lines: list[dict], name: str) -> object:
    """Return the checksums of all lines under a name (large inputs follow in a heartbeat).

    What is no object is returned as it is: the check of the whole line says so.
    """
    found = {}
    for line in lines:
        part = line.get(name) or {}
        if not isinstance(part, dict):
            return part
        found |= part
    return found


def attempt_entry(file: RecordFile) -> dict:
    """Return the entry of an attempt without its place in the chain; raises AttemptDamaged."""
    begin, last, record = file.lines[0], file.lines[-1], file.record
    entry = {
        "kind": "attempt",
        "attempt_id": record.attempt_id,
        "stage": record.stage,
        "part": record.part,
        "scale": record.scale,
        "seed": begin.get("seed", 0),
        "purpose": record.purpose,
        "planned_device": begin.get("planned_device"),
        "outcome": outcome_of(record.exit_code),
        "exit_code": record.exit_code,
        "signal": last.get("signal"),
        "torn": record.torn,
        "device": record.device,
        "device_uuids": begin.get("device_uuids") or [],
        "host": begin.get("host", "unknown"),
        "nodes": record.nodes,
        "gpus_per_node": record.gpus_per_node,
        "cpu_cores": record.cpu_cores,
        "slurm_job_id": begin.get("slurm_job_id"),
        "started_utc": record.started_utc,
        "ended_utc": last["time_utc"],
        "elapsed_ms": record.elapsed_ms,
        "tokens_generated": record.tokens_generated,
        "tokens_trained": record.tokens_trained,
        "flop": record.flop,
        "step": last.get("step"),
        "steps_total": last.get("total"),
        "energy_microjoules": record.energy_microjoules,
        "energy_source": record.energy_source,
        "precision": last.get("precision"),
        "wandb_run_id": record.wandb_run_id,
        "git_commit": begin.get("git_commit", "unknown"),
        "git_dirty": begin.get("git_dirty", "unknown"),
        "code_digest": begin.get("code_digest", "unknown"),
        "settings_sha256": begin.get("config_digest", NO_LINE),
        "inputs": _gathered(file.lines, "inputs"),
        "outputs": _gathered(file.lines, "outputs"),
        "record": file.path,
        "record_bytes": len(file.data),
        "record_sha256": sha256_bytes(file.data),
    }
    try:
        told = fault(line_of(entry, 1, NO_LINE))
    except (ValueError, RecursionError) as error:  # NaN, half of a surrogate pair, nesting
        told = f"it has no canonical JSON ({error})"
    if told is not None:
        raise AttemptDamaged(Path(file.path), 1, f"it cannot be sealed: {told}")
    return entry


def genesis(
    *, results: str, scale: str, seed: int, commit: tuple, configuration: str, now: str
) -> dict:
    """Return the first entry; `commit` is the hash and the dirty flag of git."""
    return {
        "kind": "genesis",
        "version": VERSION,
        "time_utc": now,
        "results": results,
        "scale": scale,
        "seed": seed,
        "git_commit": commit[0],
        "git_dirty": commit[1],
        "configuration_sha256": configuration,
    }


def _price(row: PriceRow) -> dict:
    """Return a price row as texts, without what is absent."""
    fields = vars(row) | {"devices": list(row.devices), "price": format(row.price, "f")}
    for name in ("valid_from", "valid_to"):
        fields[name] = None if fields[name] is None else fields[name].isoformat()
    return {name: value for name, value in fields.items() if value is not None}


def prices_entry(preferred: list[PriceRow], table_sha256: str) -> dict:
    """Return the entry of the price rows that may be used, most preferred first."""
    return {
        "kind": "prices",
        "table_sha256": table_sha256,
        "rows": [_price(row) for row in preferred],
    }


def line_of(entry: dict, index: int, previous: str) -> bytes:
    """Return the line of an entry at its place in the chain, without its line end."""
    return canonical_json(entry | {"index": index, "previous": previous}).encode()
