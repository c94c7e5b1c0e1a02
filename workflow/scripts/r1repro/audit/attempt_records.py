# SPDX-License-Identifier: Apache-2.0
"""Read attempt records back, strictly: what cannot be understood stops the bill, with its place.

Billed time is `elapsed_ms` (monotonic, whole milliseconds) of the last line: `end`, else the last
heartbeat, else `begin` (0). A last line that is not JSON is the mark of a kill and is left out;
anywhere else it is damage. `clock_jump_ms` says how far the wall clock moved against the monotonic
one between begin and the last line; it is shown, never billed.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from r1repro.audit.attempts import COUNTERS, PURPOSES
from r1repro.errors import StageError

# far above anything real; they keep a forged number from overflowing the exact arithmetic
MOST = 10**12
MOST_COUNTED = 10**30
STOPPED = 143  # 128 + SIGTERM


class AttemptDamaged(StageError):
    """An attempt record is not what `attempts` writes."""

    def __init__(self, path: Path, number: int, what: str):
        self.path = path
        super().__init__(
            f"attempt record {path}, line {number}: {what}; restore the file or move it away "
            "(and say so beside the bill: its hours are then missing)"
        )


@dataclass(frozen=True)
class AttemptRecord:
    """One attempt; `cpu_cores` and `gpus_per_node` are per node, `outputs` is path -> SHA-256."""

    attempt_id: str
    stage: str
    part: str
    scale: str
    purpose: str
    device: str
    nodes: int
    gpus_per_node: int
    cpu_cores: int
    started_utc: str
    elapsed_ms: int
    exit_code: int | None
    energy_microjoules: int | None = None
    energy_source: str = "unknown"
    clock_jump_ms: int = 0
    torn: bool = False
    tokens_generated: int = 0
    tokens_trained: int = 0
    flop: int = 0
    wandb_run_id: str | None = None
    host: str = "unknown"
    process_ms_before: int | None = None
    slurm_job_id: str | None = None
    seed: int | None = None
    commit: str = "unknown"
    outputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def completed(self) -> bool:
        """Say whether the attempt ended by itself and well."""
        return self.exit_code == 0

    @property
    def stopped(self) -> bool:
        """Say whether it was asked to stop (SIGTERM) and closed its record."""
        return self.exit_code == STOPPED


def parsed_lines(path: Path, data: bytes) -> tuple[list[dict], bool]:
    """Return the lines of a record's bytes as objects, and whether the last one was torn."""
    pieces = data.split(b"\n")
    if pieces[-1] == b"":
        pieces.pop()
    lines, torn = [], False
    for number, piece in enumerate(pieces, start=1):
        try:
            line = json.loads(piece)
        except (ValueError, RecursionError):
            if number < len(pieces) or number == 1:
                raise AttemptDamaged(path, number, "not JSON") from None
            torn = True
            break
        if not isinstance(line, dict):
            raise AttemptDamaged(path, number, "not a JSON object")
        lines.append(line)
    if not lines:
        raise AttemptDamaged(path, 1, "the file is empty")
    return lines, torn


class _Line:
    """One line with its place, so that each wrong field can be named."""

    def __init__(self, path: Path, number: int, fields: dict):
        self.path, self.number, self.fields = path, number, fields

    def fault(self, what: str) -> AttemptDamaged:
        return AttemptDamaged(self.path, self.number, what)

    def text(self, name: str) -> str:
        value = self.fields.get(name)
        if not isinstance(value, str):
            raise self.fault(f"{name} must be a text, found {value!r}")
        return value

    def whole(self, name: str, least: int = 0, most: int = MOST) -> int:
        value = self.fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.fault(f"{name} must be a whole number from {least} to {most}")
        return value

    def time(self, name: str) -> datetime:
        try:
            moment = datetime.fromisoformat(self.text(name))
        except ValueError:
            raise self.fault(f"{name} is not an ISO 8601 time") from None
        if moment.utcoffset() != timedelta(0):
            raise self.fault(f"{name} is not in UTC")
        return moment

    def milliseconds(self, name: str) -> int | None:
        """Return seconds in whole milliseconds; None where the system did not tell."""
        value = self.fields.get(name)
        if value is None:
            return None
        right = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not right or not 0 <= value <= MOST:
            raise self.fault(f"{name} must be a number from 0 to {MOST}, found {value!r}")
        return round(value * 1000)

    def outputs(self) -> dict[str, str]:
        found = self.fields.get("outputs", {})
        if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
            raise self.fault("outputs must be paths with checksums")
        return found

    def energy(self) -> tuple[int | None, str]:
        if "energy" not in self.fields:
            return None, "unknown"
        part = self.fields["energy"]
        if not isinstance(part, dict):
            raise self.fault("energy must be an object")
        inner = _Line(self.path, self.number, part)
        source = inner.text("source")
        if source == "unknown":
            return None, source
        if source not in ("measured", "estimated"):
            raise self.fault(f"energy source {source!r} is not measured, estimated or unknown")
        return inner.whole("microjoules", most=MOST_COUNTED), source


def _check_order(lines: list[_Line]) -> None:
    """Raise AttemptDamaged unless it is one begin, then heartbeats, then at most one end."""
    elapsed = 0
    for line in lines:
        kind = line.text("kind")
        last = line is lines[-1]
        fits = kind in (("begin",) if line is lines[0] else ("heartbeat", "end"))
        if not fits or (kind == "end" and not last):
            raise line.fault(f"a line of kind {kind!r} does not belong here")
        now = line.whole("elapsed_ms")
        if now < elapsed:
            raise line.fault(f"elapsed_ms runs backwards from {elapsed} to {now}")
        elapsed = now


def read_attempt(path: Path) -> AttemptRecord:
    """Read one record; raises AttemptDamaged."""
    return record_of(path, *parsed_lines(path, path.read_bytes()))


def record_of(path: Path, objects: list[dict], torn: bool) -> AttemptRecord:
    """Return the record of parsed lines; raises AttemptDamaged."""
    lines = [_Line(path, number, fields) for number, fields in enumerate(objects, start=1)]
    _check_order(lines)
    begin, last = lines[0], lines[-1]
    purpose = begin.text("purpose")
    if purpose not in PURPOSES:
        raise begin.fault(f"purpose {purpose!r} is not one of {', '.join(PURPOSES)}")
    if begin.text("attempt_id") != path.stem:
        raise begin.fault(f"it belongs to attempt {begin.text('attempt_id')}: a copy bills twice")
    ended = last.text("kind") == "end"
    energy, source = last.energy()
    moved = last.time("time_utc") - begin.time("time_utc")
    run = last.fields.get("wandb_run_id")
    job = begin.fields.get("slurm_job_id")
    if not (job is None or isinstance(job, str)):
        raise begin.fault("slurm_job_id must be a text or null")
    return AttemptRecord(
        attempt_id=path.stem,
        stage=begin.text("stage"),
        part=begin.text("part"),
        scale=begin.text("scale"),
        purpose=purpose,
        device=begin.text("device"),
        nodes=begin.whole("nodes", 1),
        gpus_per_node=begin.whole("gpus_per_node"),
        cpu_cores=begin.whole("cpu_cores", 1),
        started_utc=begin.text("time_utc"),
        elapsed_ms=last.whole("elapsed_ms"),
        exit_code=last.whole("exit_code") if ended else None,
        energy_microjoules=energy,
        energy_source=source,
        clock_jump_ms=round(moved.total_seconds() * 1000) - last.whole("elapsed_ms"),
        torn=torn,
        wandb_run_id=run,
        host=begin.text("host") if "host" in begin.fields else "unknown",
        process_ms_before=begin.milliseconds("process_seconds_before"),
        slurm_job_id=job,
        seed=begin.whole("seed") if "seed" in begin.fields else None,
        commit=begin.text("git_commit") if "git_commit" in begin.fields else "unknown",
        outputs=last.outputs() if ended else {},
        **{
            name: last.whole(name, most=MOST_COUNTED) if last is not begin else 0
            for name in COUNTERS
        },
    )


def read_attempts(folder: Path) -> list[AttemptRecord]:
    """Read every record below a folder, oldest first; an absent folder has none.

    Raises AttemptDamaged for a file that cannot be read as a record, and for an id that occurs
    twice: the same hours would be billed twice.
    """
    seen: dict[str, Path] = {}
    records = []
    for path in sorted(folder.rglob("*.jsonl")):
        if path.name.startswith("."):
            continue
        record = read_attempt(path)
        if record.attempt_id in seen:
            raise AttemptDamaged(path, 1, f"the same attempt as {seen[record.attempt_id]}")
        seen[record.attempt_id] = path
        records.append(record)
    return sorted(records, key=lambda record: (record.started_utc, record.attempt_id))


def counted(records: Iterable[AttemptRecord]) -> dict[str, int]:
    """Return how many records ended well, failed, were torn, and saw their clock jump (1 s)."""
    records = list(records)
    return {
        "attempts": len(records),
        "completed": sum(record.completed for record in records),
        "torn": sum(record.torn for record in records),
        "clock_jumps": sum(abs(record.clock_jump_ms) >= 1000 for record in records),
    }
