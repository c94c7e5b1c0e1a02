# SPDX-License-Identifier: Apache-2.0
"""All exact checks of one folder of exports.

Records  are read from the folder of the run, not from the crate, so that an attempt that was taken
         out of every export is missed. Attempts that began with or after the one that made the
         exports are not expected: that one, of stage `exports`, is the first that the crate
         does not hold.
Prices   are chosen by the settings in that attempt's record.
"""

import csv
import hashlib
from pathlib import Path

from r1repro.audit.attempt_records import AttemptRecord, read_attempts
from r1repro.audit.exports.checks.attempts import attempts_findings
from r1repro.audit.exports.checks.focus import focus_against_records, focus_findings
from r1repro.audit.exports.checks.in_toto import in_toto_findings
from r1repro.audit.exports.checks.mlperf import mlperf_against_records, mlperf_findings
from r1repro.audit.exports.checks.ro_crate import ro_crate_findings
from r1repro.audit.exports.record_files import RecordFile, record_files
from r1repro.audit.exports.ro_crate import RECORDS
from r1repro.audit.prices import load_prices, preferred_rows
from r1repro.errors import InputError

FORMATS = ("sums", "focus", "attempts", "mlperf", "in-toto", "ro-crate")


def sums_findings(folder: Path) -> list[str]:
    """Return which files are not what SHA256SUMS says, or not in it."""
    path = folder / "SHA256SUMS"
    if not path.is_file():
        return ["SHA256SUMS is missing"]
    listed = dict(
        reversed(line.split("  ", 1)) for line in path.read_text(encoding="utf-8").splitlines()
    )
    there = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    ignored = {"SHA256SUMS", ".snakemake_timestamp"}
    found = [f"{name} is missing" for name in sorted(listed.keys() - there)]
    found += [f"{name} is not listed" for name in sorted(there.keys() - listed - ignored)]
    for name in sorted(listed.keys() & there):
        if hashlib.sha256(there[name].read_bytes()).hexdigest() != listed[name]:
            found.append(f"{name} has another SHA-256 than listed")
    return found


def expected_records(
    folder: Path, attempts: Path
) -> tuple[list[AttemptRecord], AttemptRecord | None]:
    """Return the records the exports must hold, and the attempt that made them."""
    records = read_attempts(attempts)
    held = {path.stem for path in (folder / "ro-crate" / RECORDS).rglob("*.jsonl")}
    makers = [r for r in records if r.stage == "exports" and r.attempt_id not in held]
    if not makers:
        return records, None
    maker = makers[0]
    return [record for record in records if record.started_utc < maker.started_utc], maker


def _verdicts(crate: Path) -> dict[str, str]:
    path = crate / "run" / "claims" / "claims.csv"
    if not path.is_file():
        return {}
    with open(path, encoding="utf-8", newline="") as handle:
        rows = csv.DictReader(handle)
        return {f"{row['claim']}/{row['check']}": row["verdict"] for row in rows}


def folder_findings(folder: Path, attempts: Path, prices: Path) -> dict[str, list[str]]:
    """Return format -> findings; raises InputError without the record of the attempt that made it.

    Raises AttemptDamaged and PricesInvalid for records and prices that cannot be read.
    """
    records, maker = expected_records(folder, attempts)
    if maker is None:
        raise InputError(
            f"no record below {attempts} says which attempt made {folder}; give the folder of "
            "attempts that belongs to these exports"
        )
    files: dict[str, RecordFile] = record_files(attempts, [*records, maker])
    settings = files.pop(maker.attempt_id).begin["settings"]
    preferred = preferred_rows(load_prices(prices), settings["cost"]["price_basis"])
    focus, found = folder / "focus.csv", {name: [] for name in FORMATS}
    found["sums"] = sums_findings(folder)
    found["focus"] = focus_findings(focus) + focus_against_records(
        focus, attempts, records, preferred
    )
    table, parquet = folder / "attempts.csv", folder / "attempts.parquet"
    found["attempts"] = attempts_findings(table, parquet, files.values())
    for log in sorted((folder / "mlperf").glob("*.log")):
        found["mlperf"] += mlperf_findings(log) + mlperf_against_records(log, files.values())
    crate = folder / "ro-crate"
    found["in-toto"] = in_toto_findings(folder / "in-toto", files.values(), _verdicts(crate))
    found["ro-crate"] = ro_crate_findings(crate)
    return found
