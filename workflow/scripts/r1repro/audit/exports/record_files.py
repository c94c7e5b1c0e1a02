# SPDX-License-Identifier: Apache-2.0
"""The attempt records as files: every line, and the SHA-256 that `sha256sum` prints.

`attempt_records` reads what a bill needs; exports also name inputs, outputs, settings and the
times of heartbeats. A torn last line (the mark of a kill) is left out here as there.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from r1repro.audit.attempt_records import AttemptRecord


@dataclass(frozen=True)
class RecordFile:
    """One record: `path` is relative to the folder of all records."""

    record: AttemptRecord
    path: str
    sha256: str
    lines: tuple[dict, ...]

    @property
    def begin(self) -> dict:
        """Return the first line."""
        return self.lines[0]

    @property
    def last(self) -> dict:
        """Return the last whole line: the end, or the last sign of life of a killed attempt."""
        return self.lines[-1]

    @property
    def inputs(self) -> dict[str, str]:
        """Return path -> SHA-256 of all inputs, also those that were hashed after the begin."""
        found: dict[str, str] = {}
        for line in self.lines:
            found |= line.get("inputs", {})
        return found

    @property
    def outputs(self) -> dict[str, str]:
        """Return path -> SHA-256 of what a completed attempt made."""
        return self.last.get("outputs", {})


def started(record: AttemptRecord) -> datetime:
    """Return when an attempt began."""
    return datetime.fromisoformat(record.started_utc)


def ended(record: AttemptRecord) -> datetime:
    """Return when an attempt ended: its begin plus the billed milliseconds of the steady clock."""
    return started(record) + timedelta(milliseconds=record.elapsed_ms)


def utc_text(moment: datetime) -> str:
    """Return a moment in UTC as ISO 8601 with milliseconds and Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _lines(data: bytes) -> tuple[dict, ...]:
    pieces = [piece for piece in data.split(b"\n") if piece]
    lines = []
    for piece in pieces:
        try:
            lines.append(json.loads(piece))
        except ValueError:
            break  # `read_attempt` has already refused a bad line anywhere but at the end
    return tuple(lines)


def record_files(folder: Path, records: list[AttemptRecord]) -> dict[str, RecordFile]:
    """Return attempt id -> its file, for records that `read_attempts` found below `folder`."""
    paths = {path.stem: path for path in sorted(folder.rglob("*.jsonl"))}
    found = {}
    for record in records:
        path = paths[record.attempt_id]
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        name = path.relative_to(folder).as_posix()
        found[record.attempt_id] = RecordFile(record, name, digest, _lines(data))
    return found
