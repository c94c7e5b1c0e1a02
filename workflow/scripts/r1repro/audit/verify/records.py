# SPDX-License-Identifier: Apache-2.0
"""Attempt records in themselves, and against the ledger: none removed, added or changed.

form      as `attempts` writes them: no key twice, no NaN, names in printable ASCII, the id of the
          second in which it began, the digest of its own settings, counters that never shrink,
          a wall clock that goes along with the monotonic one
ledger    each sealed attempt has its record, with the bytes that were sealed (a record may have
          grown since); each record is sealed, unless it began after the last seal
"""

import json
import re
from datetime import datetime
from hashlib import sha256
from itertools import pairwise

from r1repro.audit.attempts import COUNTERS
from r1repro.audit.ledger.contents import latest
from r1repro.audit.ledger.entries import RecordFile
from r1repro.audit.ledger.reader import JUMP_MS, SETUP_MS
from r1repro.audit.ledger.seen import milliseconds
from r1repro.audit.stage_cost import REPORTING
from r1repro.audit.verify.findings import Report
from r1repro.audit.verify.folder import Run
from r1repro.files import canonical_json, sha256_text

STAMP_MS = 30_000  # an id may be so much older than the first line (inputs are hashed in between)
MOST_DIGITS = 30


def check(run: Run, report: Report) -> None:
    """Check all records of a run."""
    for error in run.damaged:
        text = str(error).replace(f"{run.folder}/", "")
        report.error("record", run.name("attempts"), "", text, "less on that file")
    for file in run.records:
        report.looked("records")
        for number, what in _faults(file):
            how = f"sed -n '{number}p' {run.name(file.path)}"
            report.error("record", run.name(file.path), f"line {number}", what, how)
        for number, what in _jumps(file.lines):
            how = f"sed -n '{number - 1},{number}p' {run.name(file.path)}"
            report.warning("clock", run.name(file.path), f"line {number}", what, how)
    if run.entries is not None and (run.records or run.damaged):
        _against_ledger(run, report)
    unfinished = sum(entry["outcome"] == "unfinished" for entry in run.attempts)
    if unfinished:
        report.note(
            f"{run.name('attempts')}: {unfinished} attempts have no end; they are billed to their "
            "last line"
        )


def _faults(file: RecordFile):
    """Yield (line, what is wrong) of one record by itself."""
    for number, line in enumerate(file.data.split(b"\n")[: len(file.lines)], start=1):
        told = _loose(line)
        if told is not None:
            yield number, told
    begin = file.lines[0]
    start = milliseconds(begin["time_utc"])
    stamp = re.match(r"(\d{8}T\d{6}Z)-", file.record.attempt_id, re.ASCII)
    if stamp:
        named = round(datetime.fromisoformat(stamp[1]).timestamp() * 1000)
        if not -1000 <= start - named <= STAMP_MS:
            yield 1, f"its id is of {stamp[1]} but it began at {begin['time_utc']}"
    if "settings" in begin:
        digest = sha256_text(canonical_json(begin["settings"]))
        if digest != begin.get("config_digest"):
            yield 1, "config_digest is not the SHA-256 of its settings"
    yield from _along(file.lines)


def _along(lines: list[dict]):
    """Yield what goes backwards from line to line."""
    for number, (before, after) in enumerate(pairwise(lines), start=2):
        if milliseconds(after["time_utc"]) < milliseconds(before["time_utc"]) - JUMP_MS:
            yield number, "the wall clock was set back since the line before it"
        for name in COUNTERS:
            if name in before and after[name] < before[name]:
                yield number, f"{name} shrinks from {before[name]} to {after[name]}"


def _jumps(lines: list[dict]):
    """Yield where the wall clock moved otherwise than the monotonic one (a laptop that slept)."""
    for number, (before, after) in enumerate(pairwise(lines), start=2):
        passed = milliseconds(after["time_utc"]) - milliseconds(before["time_utc"])
        counted = after["elapsed_ms"] - before["elapsed_ms"]
        before_first = SETUP_MS if number == 2 else JUMP_MS
        if not -before_first <= passed - counted <= JUMP_MS:
            yield (
                number,
                f"{counted} ms were counted since the line before it, {passed} ms passed on the "
                "wall clock",
            )


def _pairs(pairs: list[tuple[str, object]]) -> dict:
    if len({key for key, _ in pairs}) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(k for k in keys if keys.count(k) > 1)!r} occurs twice")
    return dict(pairs)


def _constant(text: str):
    raise ValueError(f"{text} is not a number")


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS + 1:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _loose(line: bytes) -> str | None:
    """Say what Python's parser lets through and the records must not hold."""
    try:
        json.loads(line, object_pairs_hook=_pairs, parse_constant=_constant, parse_int=_whole)
    except ValueError as error:
        return str(error)
    return None


def _against_ledger(run: Run, report: Report) -> None:
    sealed = {entry["attempt_id"]: entry for entry in latest(run.entries)}
    files = {file.record.attempt_id: file for file in run.records}
    damaged = {error.path.stem for error in run.damaged}
    for ident, entry in sealed.items():
        file = files.get(ident)
        how = f"grep {ident} {run.name(run.ledger_path)}"
        if file is None:
            if ident not in damaged:
                what = f"it is gone, but line {entry['index'] + 1} of the ledger holds it"
                report.error("records", run.name(entry["record"]), "", what, how)
            continue
        for what in _differences(entry, file, run.attempts[run.records.index(file)]):
            report.error("records", run.name(file.path), "", what, how)
    last = milliseconds(run.heads[-1].time_utc) if run.heads else None
    waiting = 0
    for entry in run.attempts:
        if entry["attempt_id"] in sealed:
            continue
        if entry["stage"] in REPORTING:
            waiting += 1
            continue
        later = last is not None and milliseconds(entry["started_utc"]) >= last
        what = "it began after the last seal and is not billed yet"
        how = "snakemake cost --forcerun seal"
        if not later:
            what = "it is not in the ledger, which was sealed after it began"
            how = f"grep {entry['attempt_id']} {run.name(run.ledger_path)}"
        tell = report.warning if later else report.error
        tell("records", run.name(entry["record"]), "", what, how)
    if waiting:
        what = "attempts of programs that write the report wait for the next seal"
        report.note(f"{run.name('attempts')}: {waiting} {what}")


def _differences(entry: dict, file: RecordFile, now: dict):
    """Yield what tells a record from the one that was sealed."""
    size = entry["record_bytes"]
    where = f"line {entry['index'] + 1} of the ledger"
    if len(file.data) < size:
        yield f"it has {len(file.data)} bytes of the {size} that {where} was made from"
        return
    if sha256(file.data[:size]).hexdigest() != entry["record_sha256"]:
        changed = [
            name
            for name in sorted(now)
            if now[name] != entry[name] and not name.startswith("record") and name != "kind"
        ]
        yield f"it was changed since {where} was made ({', '.join(changed) or 'no billed field'})"
        return
    if len(file.data) > size:
        yield f"it went on after {where} was made, so more is due than is billed"
        return
    for name in sorted(now):
        if name != "kind" and now[name] != entry[name]:
            yield f"{where} has {name} {entry[name]!r}, the record {now[name]!r}"
