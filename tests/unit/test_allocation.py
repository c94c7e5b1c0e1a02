# SPDX-License-Identifier: Apache-2.0
"""Claims about busy, start-up and idle time and about carbon; time lines are drawn by hand here."""

import random
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from r1repro.audit.attempt_records import AttemptRecord
from r1repro.audit.economics import carbon
from r1repro.audit.economics.allocation import allocation, read_benchmarks
from r1repro.audit.economics.case import Grid
from r1repro.audit.prices import PriceRow
from r1repro.errors import InputError

PAUSE_MS = 30 * 60_000
PRICE = PriceRow(
    "own", "x", ("GPU",), "gpu_hour", Decimal("3.60"), "USD", "own", "EU", "own", "own", "", "2026"
)
PARTS = ("busy_seconds", "startup_seconds", "idle_seconds")


def record(second: float, lasts: float, before: float | None = 2.0, **changes) -> AttemptRecord:
    """Return an attempt that begins so many seconds after noon."""
    start = datetime.fromtimestamp(1_772_366_400 + second, UTC).isoformat(timespec="milliseconds")
    fields = {
        "attempt_id": f"a{second}", "stage": "base", "part": "", "scale": "mini",
        "purpose": "final", "device": "cpu", "nodes": 1, "gpus_per_node": 0, "cpu_cores": 2,
        "started_utc": start, "elapsed_ms": round(lasts * 1000), "exit_code": 0, "host": "h",
        "process_ms_before": None if before is None else round(before * 1000),
    }  # fmt: skip
    return AttemptRecord(**(fields | changes))


def spent(row) -> tuple[float, ...]:
    """Return busy, start-up and idle seconds."""
    return tuple(float(getattr(row, part)) for part in PARTS)


def machine(records, prices=()):
    """Return the one row of a machine."""
    (row,) = (r for r in allocation(records, {}, prices, PAUSE_MS) if r.level == "machine")
    return row


def test_one_attempt_after_another_by_hand():
    """Start 8-10, busy 10-20, idle 20-23, start 23-25, busy 25-30: 15, 4 and 3 of 22 seconds."""
    row = machine([record(10, 10), record(25, 5)])
    assert spent(row) == (15.0, 4.0, 3.0)
    assert row.allocated_seconds == "22.000"
    assert row.busy_share == "0.6818"  # 15 / 22
    assert row.device_hours == "0.012222222"  # 22 s x 2 cores


def test_side_by_side_counts_once_and_busy_comes_before_start_up():
    """Busy 10-20 and 12-30, whose starts lie in 8-12: the machine was busy for 20 s from 10 on."""
    row = machine([record(10, 10), record(12, 18)])
    assert spent(row) == (20.0, 2.0, 0.0)
    stage = allocation([record(10, 10), record(12, 18)], {}, (), PAUSE_MS)[0]
    assert spent(stage) == (28.0, 4.0, 0.0)


def test_a_long_pause_is_left_out_and_said():
    """31 minutes without an attempt: the machine counts as given back."""
    row = machine([record(10, 10), record(20 + 31 * 60, 5)])
    assert spent(row) == (15.0, 4.0, 0.0)
    assert row.note == "1858 s in longer pauses left out"


@pytest.mark.parametrize("seed", range(20))
def test_the_lines_add_up_whatever_happened(seed):
    """A second implementation, tick by tick of a tenth of a second, agrees; the sum is exact."""
    draw = random.Random(seed)
    records = [
        record(draw.randrange(100, 900) / 10, draw.randrange(0, 200) / 10,
               draw.randrange(0, 50) / 10, attempt_id=f"a{n}")
        for n in range(8)
    ]  # fmt: skip
    row = machine(records)
    ends = [(float(r.started_utc[17:23]) + 60 * int(r.started_utc[14:16]), r) for r in records]
    ticks = {"busy": 0, "start": 0, "idle": 0}
    first = min(begin - r.process_ms_before / 1000 for begin, r in ends)
    last = max(begin + r.elapsed_ms / 1000 for begin, r in ends)
    for tick in range(round((last - first) * 10)):
        now = first + tick / 10 + 0.05
        busy = any(begin < now < begin + r.elapsed_ms / 1000 for begin, r in ends)
        start = any(begin - r.process_ms_before / 1000 < now < begin for begin, r in ends)
        ticks["busy" if busy else "start" if start else "idle"] += 1
    assert spent(row) == pytest.approx([n / 10 for n in ticks.values()], abs=1e-6)
    assert sum(Decimal(getattr(row, part)) for part in PARTS) == Decimal(row.allocated_seconds)


def test_snakemakes_time_beyond_the_attempt_is_start_up():
    """Snakemake timed 13 s, the attempt 10 s after 2 s of imports: 3 s of start-up."""
    row = allocation([record(10, 10)], {"base": 13_000}, (), PAUSE_MS)[0]
    assert spent(row) == (10.0, 3.0, 0.0)
    assert (row.allocated_seconds, row.note) == ("13.000", "")


def test_only_the_last_completed_attempt_is_compared_with_snakemakes_time():
    """The killed attempt before it keeps its own start-up."""
    records = [record(10, 5, exit_code=None), record(30, 10)]
    assert spent(allocation(records, {"base": 13_000}, (), PAUSE_MS)[0]) == (15.0, 5.0, 0.0)


def test_a_benchmark_shorter_than_the_attempt_is_told():
    """An attempt that claims more than Snakemake saw is an auditor's finding."""
    row = allocation([record(10, 100)], {"base": 20_000}, (), PAUSE_MS)[0]
    assert row.note == "Snakemake timed 82.0 s less than the attempt says"


def test_parts_of_a_stage_have_benchmarks_of_their_own():
    records = [record(10, 5, stage="score", part="r1"), record(30, 5, stage="score", part="dev1")]
    row = allocation(records, {"score_r1": 8_000, "score_dev1": 9_000}, (), PAUSE_MS)[0]
    assert spent(row) == (10.0, 7.0, 0.0)


def test_unknown_start_up_is_counted_and_not_made_up():
    row = allocation([record(10, 10, None)], {}, (), PAUSE_MS)[0]
    assert spent(row) == (10.0, 0.0, 0.0)
    assert row.note == "no benchmark of Snakemake; start-up unknown for 1 attempts"


def test_money_is_device_hours_times_price():
    """10 s busy and 2 s of start-up on 4 x 8 GPUs: 384 GPU-seconds at 3.60 an hour."""
    held = {"device": "GPU", "nodes": 4, "gpus_per_node": 8}
    row = machine([record(10, 10, **held)], [PRICE])
    assert row.device_hours == "0.106666667"
    assert Decimal(row.allocated_usd) == Decimal("0.106666667") * Decimal("3.60")
    assert machine([record(10, 10)], [PRICE]).allocated_usd == "unknown"


def test_writing_the_report_is_not_billed():
    assert allocation([record(10, 10, stage="page")], {}, (), PAUSE_MS) == []


def test_two_machines_have_a_line_each():
    rows = allocation([record(10, 10), record(10, 10, host="other")], {}, (), PAUSE_MS)
    assert [(r.level, r.name) for r in rows] == [
        ("stage", "base"), ("machine", "h"), ("machine", "other"),
    ]  # fmt: skip


@pytest.mark.parametrize("content", ["", "s\n", "s\tx\nsoon\t1\n", "seconds\n1\n", "s\nNaN\n"])
def test_a_damaged_benchmark_is_named(tmp_path, content):
    (tmp_path / "base.tsv").write_text(content)
    with pytest.raises(InputError, match=r"base\.tsv is not a benchmark file"):
        read_benchmarks(tmp_path)


def test_benchmarks_are_milliseconds_of_the_last_line(tmp_path):
    (tmp_path / "base.tsv").write_text("s\th:m:s\n1.5\t0:00:01\n31.66\t0:00:31\n")
    assert read_benchmarks(tmp_path) == {"base": 31_660}
    assert read_benchmarks(tmp_path / "absent") == {}


def test_measured_estimated_and_unknown_energy_are_never_added():
    """1 kWh measured, 2 estimated, one attempt unknown: three lines, carbon of each by itself."""
    kwh = 3_600_000_000_000
    records = [
        record(0, 3600, energy_microjoules=kwh, energy_source="measured"),
        record(1, 3600, energy_microjoules=2 * kwh, energy_source="estimated", stage="r1"),
        record(2, 3600, stage="r1_zero"),
    ]
    grid = Grid("here", Decimal("0.5"), "assumed", "by hand")
    rows = {row.energy_source: row for row in carbon.carbon(records, [grid])}
    assert len(rows) == 3
    assert (rows["measured"].energy_kwh, rows["measured"].kg_co2) == ("1.000000000", "0.500000000")
    assert rows["estimated"].kg_co2 == "1.000000000"
    assert (rows["unknown"].energy_kwh, rows["unknown"].kg_co2) == ("unknown", "unknown")
    assert sum(int(row.attempts) for row in rows.values()) == 3
