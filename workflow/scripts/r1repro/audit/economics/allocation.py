# SPDX-License-Identifier: Apache-2.0
"""Allocated time = busy + start-up + idle, by stage and by machine, in lines that add up exactly.

busy       from `begin` to the last line of an attempt: what the bill counts
start-up   from the start of the process to `begin` (imports), as the record says; for the attempt
           that Snakemake timed last also what its benchmark has beyond both (shell, exit)
idle       wall time of a machine in which no attempt was busy or starting
Stage      the sum over its attempts; a job holds nothing while none runs, so idle is 0
Machine    the attempts of one host and device laid on one time line: a moment with a busy attempt
           is busy, however many there are; else start-up; else idle. It begins with the first
           process and ends with the last attempt; a pause longer than `longest_pause` is left out,
           as the machine then counts as given back.
Units      whole milliseconds inside, seconds with three decimals outside; devices are GPUs, or
           cores where an attempt holds none; USD = device-hours x price, as in the bill
Choices    Writing the report (stage_cost.REPORTING) is not billed and counts as idle. Times come
           from `time_utc` of `begin` and the monotonic `elapsed_ms`: a clock that is set in between
           moves later attempts, which `notes` tells.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from r1repro.audit.attempt_records import AttemptRecord
from r1repro.audit.prices import PriceRow
from r1repro.audit.stage_cost import EXACT, MS_PER_HOUR, REPORTING, UNKNOWN, divided, price_for
from r1repro.errors import InputError

STAGE, MACHINE = "stage", "machine"
SHORTER_MS = 500  # Snakemake rounds its seconds; by more it timed another attempt


@dataclass(frozen=True)
class Row:
    """One row of allocation.csv; seconds are wall seconds."""

    level: str
    name: str
    device: str
    nodes: str
    gpus_per_node: str
    cpu_cores: str
    attempts: str
    allocated_seconds: str
    busy_seconds: str
    startup_seconds: str
    idle_seconds: str
    busy_share: str
    device_hours: str
    unit_price_usd: str
    allocated_usd: str
    note: str


COLUMNS = tuple(field.name for field in fields(Row))


def read_benchmarks(folder: Path) -> dict[str, int]:
    """Return Snakemake's wall milliseconds of the last run of each job, by file name.

    Raises InputError for a file that is not a benchmark.
    """
    found = {}
    for path in sorted(folder.glob("*.tsv")):
        try:
            with open(path, encoding="utf-8", newline="") as handle:
                rows = list(csv.DictReader(handle, delimiter="\t"))
            found[path.stem] = round(float(rows[-1]["s"]) * 1000)
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            raise InputError(
                f"{path} is not a benchmark file of Snakemake; remove it or run its rule again"
            ) from error
    return found


def begin_ms(record: AttemptRecord) -> int:
    """Return the moment of `begin` in milliseconds since 1970."""
    moment = datetime.fromisoformat(record.started_utc)
    return round(moment.timestamp() * 1000)


def devices_of(record: AttemptRecord) -> int:
    """Return GPUs, or cores where the attempt holds none."""
    return record.nodes * (record.gpus_per_node or record.cpu_cores)


def _row(
    level: str,
    name: str,
    first: AttemptRecord,
    attempts: int,
    spent: tuple[int, int, int],
    preferred: Sequence[PriceRow],
    notes: Iterable[str],
) -> Row:
    busy, startup, idle = spent
    allocated = busy + startup + idle
    hours = divided(allocated * devices_of(first), MS_PER_HOUR)
    price = price_for(first, [row for row in preferred if row.currency == "USD"])
    usd = UNKNOWN if price is None else f"{EXACT.multiply(hours, price.price):f}"
    shown = [f"{Decimal(ms) / 1000:.3f}" for ms in (allocated, busy, startup, idle)]
    share = f"{busy / allocated:.4f}" if allocated else UNKNOWN
    return Row(
        level, name, first.device, str(first.nodes), str(first.gpus_per_node),
        str(first.cpu_cores), str(attempts), *shown, share, f"{hours:f}",
        UNKNOWN if price is None else f"{price.price:f}", usd, "; ".join(notes),
    )  # fmt: skip


def _job(record: AttemptRecord) -> str:
    """Return the name of the job, which is that of its benchmark file."""
    return f"{record.stage}_{record.part}" if record.part else record.stage


def _beyond(record: AttemptRecord, timed: int | None) -> tuple[int, str]:
    """Return what Snakemake's time has beyond the record of the attempt it timed."""
    if timed is None:
        return 0, "no benchmark of Snakemake"
    beyond = timed - record.elapsed_ms - (record.process_ms_before or 0)
    if beyond < -SHORTER_MS:
        return 0, f"Snakemake timed {-beyond / 1000:.1f} s less than the attempt says"
    return max(beyond, 0), ""


def _hardware(record: AttemptRecord) -> tuple:
    return record.device, record.nodes, record.gpus_per_node, record.cpu_cores


def by_stage(
    records: Sequence[AttemptRecord], timed: Mapping[str, int], preferred: Sequence[PriceRow]
) -> list[Row]:
    """Return one row for each stage and hardware, stages in the order in which they began."""
    last = {_job(record): record.attempt_id for record in records if record.completed}
    groups: dict[tuple, list[AttemptRecord]] = {}
    for record in records:
        groups.setdefault((record.stage, *_hardware(record)), []).append(record)
    rows = []
    for group in groups.values():
        busy = startup = unknown = 0
        notes: dict[str, None] = {}
        for record in group:
            busy += record.elapsed_ms
            startup += record.process_ms_before or 0
            unknown += record.process_ms_before is None
            if last.get(_job(record)) == record.attempt_id:
                more, note = _beyond(record, timed.get(_job(record)))
                startup += more
                notes |= {note: None} if note else {}
        if unknown:
            notes[f"start-up unknown for {unknown} attempts"] = None
        name, spent = group[0].stage, (busy, startup, 0)
        rows.append(_row(STAGE, name, group[0], len(group), spent, preferred, notes))
    return rows


def _partition(group: Sequence[AttemptRecord], pause_ms: int) -> tuple[int, int, int, int]:
    """Return busy, start-up and idle milliseconds of a machine, and those left out in pauses."""
    points = []  # moment, change of busy attempts, change of starting ones
    for record in group:
        begin, before = begin_ms(record), record.process_ms_before or 0
        points += [(begin - before, 0, 1), (begin, 0, -1)]
        points += [(begin, 1, 0), (begin + record.elapsed_ms, -1, 0)]
    points.sort()
    spent = {"busy": 0, "startup": 0, "idle": 0, "pause": 0}
    running = starting = 0
    for (moment, busy, start), (following, _, _) in zip(points, points[1:], strict=False):
        running, starting = running + busy, starting + start
        length = following - moment
        if running:
            spent["busy"] += length
        elif starting:
            spent["startup"] += length
        else:
            spent["idle" if length <= pause_ms else "pause"] += length
    return spent["busy"], spent["startup"], spent["idle"], spent["pause"]


def by_machine(
    records: Sequence[AttemptRecord], preferred: Sequence[PriceRow], pause_ms: int
) -> list[Row]:
    """Return one row for each host and hardware."""
    groups: dict[tuple, list[AttemptRecord]] = {}
    for record in records:
        groups.setdefault((record.host, *_hardware(record)), []).append(record)
    rows = []
    for group in groups.values():
        busy, startup, idle, pause = _partition(group, pause_ms)
        notes = []
        if pause:
            notes.append(f"{pause / 1000:.0f} s in longer pauses left out")
        jumps = sum(abs(record.clock_jump_ms) >= 1000 for record in group)
        if jumps:
            notes.append(f"the clock was set during {jumps} attempts")
        spent = (busy, startup, idle)
        rows.append(_row(MACHINE, group[0].host, group[0], len(group), spent, preferred, notes))
    return rows


def allocation(
    records: Iterable[AttemptRecord],
    timed: Mapping[str, int],
    preferred: Sequence[PriceRow],
    pause_ms: int,
) -> list[Row]:
    """Return the rows of all stages, then of all machines."""
    billed = [record for record in records if record.stage not in REPORTING]
    billed.sort(key=lambda record: (record.started_utc, record.attempt_id))
    return by_stage(billed, timed, preferred) + by_machine(billed, preferred, pause_ms)
