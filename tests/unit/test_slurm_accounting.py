# SPDX-License-Identifier: Apache-2.0
"""Claims about reconciling attempts with sacct: hand-worked differences, and hostile dumps."""

from dataclasses import replace
from decimal import Decimal

import pytest

from r1repro.audit.attempt_records import AttemptRecord
from r1repro.audit.slurm_accounting import PARTS, reconcile, rule_table
from r1repro.audit.slurm_jobs import AccountingDamaged, gpus_of, read_jobs

HEADER = "JobIDRaw|Partition|NNodes|AllocTRES|ElapsedRaw|State|Start|End|Comment"
EIGHT = "billing=8,cpu=2,gres/gpu:h800=8,gres/gpu=8,mem=4000M,node=1"


def line(job="7", seconds=100, state="COMPLETED", start="10:00:00", end="10:01:40", **cells):
    """Return one line of a dump: a job with 8 GPUs that ran for 100 s."""
    shown = {"tres": EIGHT, "comment": "rule_r1_zero", "day": "2026-03-01", "nodes": "1"} | cells
    day = shown["day"]
    return (
        f"{job}|h800|{shown['nodes']}|{shown['tres']}|{seconds}|{state}|{day}T{start}|{day}T{end}"
        f"|{shown['comment']}"
    )


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a dump of these lines."""

    def read_lines(*lines, header=HEADER):
        path = tmp_path / "sacct.txt"
        path.write_text("".join(f"{text}\n" for text in (header, *lines)), encoding="utf-8")
        return read_jobs(path)

    return read_lines


ATTEMPT = AttemptRecord(
    attempt_id="a1",
    stage="r1_zero",
    part="",
    scale="smoke",
    purpose="final",
    device="NVIDIA H800",
    nodes=1,
    gpus_per_node=8,
    cpu_cores=2,
    started_utc="2026-03-01T10:00:12.500Z",
    elapsed_ms=80_000,
    exit_code=0,
    slurm_job_id="7",
)


def parts_of(result):
    """Return the parts of all jobs together, in GPU-seconds."""
    return {name: sum(job.parts[name] for job in result.jobs) / 1000 for name in PARTS}


def test_start_up_and_wind_down_are_the_whole_difference(read):
    """100 s held; the attempt begins after 12.5 s and lasts 80 s, so 7.5 s follow; 8 GPUs."""
    result = reconcile(read(line()), [ATTEMPT])
    assert result.findings == []
    expected = {"recorded": 640.0, "start_up": 100.0, "wind_down": 60.0}
    assert parts_of(result) == dict.fromkeys(PARTS, 0) | expected
    row, total = rule_table(result)
    assert row["accounted_gpu_hours"] == "0.222222"  # 800 / 3600
    assert row["recorded_gpu_hours"] == "0.177778"
    assert row["difference_gpu_hours"] == total["difference_gpu_hours"] == "0.000000"
    assert total["rule"] == "all"


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED by 1000", "TIMEOUT", "NODE_FAIL"])
def test_a_job_that_ended_badly_is_accounted_in_full(read, state):
    """What it held costs money however it ended; no record began, and that is its own column."""
    result = reconcile(read(line(state=state)), [])
    assert result.findings == []
    assert parts_of(result)["without_record"] == 800
    assert rule_table(result)[0]["state"] == state.split()[0]


def test_each_run_of_a_requeued_job_has_its_own_attempt(read):
    """One job id, two runs: the attempts go to the run in which they began."""
    first = line(state="PREEMPTED", seconds=30, end="10:00:30")
    second = line(start="10:05:00", end="10:06:40")
    later = replace(ATTEMPT, attempt_id="a2", started_utc="2026-03-01T10:05:10.000Z")
    killed = replace(ATTEMPT, elapsed_ms=10_000, exit_code=None)
    result = reconcile(read(second, first), [later, killed])
    assert result.findings == []
    assert [job.job.state for job in result.jobs] == ["PREEMPTED", "COMPLETED"]
    assert [[a.attempt_id for a in job.attempts] for job in result.jobs] == [["a1"], ["a2"]]
    assert result.jobs[0].parts["wind_down"] == 8 * 7_500


def test_two_attempts_in_one_job_leave_a_gap_with_a_name(read):
    """80 s of work in two parts with 5 s between them."""
    first = replace(ATTEMPT, elapsed_ms=40_000, exit_code=1)
    second = replace(first, attempt_id="a2", started_utc="2026-03-01T10:00:57.500Z", exit_code=0)
    parts = parts_of(reconcile(read(line()), [first, second]))
    assert parts["between"] == 40
    assert sum(parts.values()) == 800


def test_an_attempt_that_records_fewer_gpus_than_held_is_found(read):
    """Four of eight GPUs in the record: the bill is short by 4 x 80 s, and that is a finding."""
    result = reconcile(read(line()), [replace(ATTEMPT, gpus_per_node=4)])
    assert parts_of(result)["gpu_count"] == 320
    assert "record fewer GPUs" in result.findings[0]
    more = reconcile(read(line()), [replace(ATTEMPT, nodes=2)])
    assert "record more GPUs" in more.findings[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"slurm_job_id": "8"}, "names Slurm job 8, which the accounting does not have"),
        ({"started_utc": "2026-03-01T09:00:00.000Z"}, "does not have at that time"),
        ({"elapsed_ms": 95_000}, "wind_down is below zero"),
        ({"stage": "dev2"}, "calls itself dev2"),
    ],
)
def test_a_record_that_contradicts_the_accounting_is_found(read, change, said):
    assert said in "; ".join(reconcile(read(line()), [replace(ATTEMPT, **change)]).findings)


def test_a_completed_job_without_a_record_is_found(read):
    """Deleting the record of an attempt shows: its job is still in the accounting."""
    result = reconcile(read(line()), [])
    assert result.findings == ["job 7 (r1_zero, COMPLETED) completed and left no attempt record"]


def test_clocks_may_differ_by_the_second_that_slurm_rounds(read):
    """An attempt that ends 0.7 s after its job's printed end is no finding and still adds up."""
    result = reconcile(read(line()), [replace(ATTEMPT, elapsed_ms=88_200)])
    assert result.findings == []
    assert parts_of(result)["wind_down"] == pytest.approx(-5.6)
    assert sum(parts_of(result).values()) == pytest.approx(800)


def test_attempts_outside_slurm_are_counted_and_not_compared(read):
    result = reconcile(read(), [replace(ATTEMPT, slurm_job_id=None)])
    assert (result.jobs, result.findings, result.outside) == ([], [], 1)


def test_arms_and_scores_are_named_by_rule_and_wildcards(read):
    arm, score = read(
        line(comment="rule_control_wildcards_wide_clip"),
        line(job="9", comment="rule_score_wildcards_dev1"),
    )
    assert (arm.rule, arm.wildcards) == ("control", "wide_clip")
    assert (score.rule, score.wildcards) == ("score", "dev1")
    result = reconcile([arm], [replace(ATTEMPT, stage="wide_clip")])
    assert result.findings == []


def test_where_a_site_keeps_no_comment_the_attempt_names_the_rule(read):
    result = reconcile(read(line(comment="")), [ATTEMPT])
    assert result.findings == []
    assert rule_table(result)[0]["rule"] == "r1_zero"


@pytest.mark.parametrize(
    ("tres", "gpus"),
    [
        (EIGHT, 8),
        ("cpu=1,gres/gpu=512,node=64", 512),
        ("gres/gpu:a100=4,gres/gpu:h800=2", 6),
        ("billing=1,cpu=1,mem=2000M,node=1", 0),
        ("", 0),
    ],
)
def test_gpus_are_counted_once(tres, gpus):
    """The typed entries repeat the untyped one."""
    assert gpus_of(tres) == gpus


def test_jobs_that_never_started_hold_nothing(read):
    waiting = "7|h800|1||0|CANCELLED by 0|Unknown|2026-03-01T10:00:00|rule_r1_zero"
    assert read(waiting) == []


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([line().replace("|8", "", 1).rsplit("|", 1)[0]], "fields, 9 expected"),
        ([line(state="DONE")], "not one that Slurm has"),
        ([line(state="RUNNING")], "wait until it has ended"),
        ([line(seconds=101)], "ElapsedRaw is 101, but Start and End are 100 s apart"),
        ([line(seconds=-5)], "must be a whole number"),
        ([line(seconds="1e9")], "must be a whole number"),
        ([line(job="7.batch")], "use sacct -X"),
        ([line(tres="gres/gpu=-8")], "no whole number of GPUs"),
        ([line(tres="gres/gpu=8,gres/gpu=0")], "cannot be read"),
        ([line(start="soon")], "must be a time"),
        ([line(), line()], "job 7 is there twice"),
        ([line(comment="a|b")], "10 fields"),
    ],
)
def test_a_damaged_dump_stops_with_its_line(read, lines, said):
    with pytest.raises(AccountingDamaged, match="line ") as caught:
        read(*lines)
    assert said in str(caught.value)


def test_a_dump_without_a_needed_column_is_refused(read):
    with pytest.raises(AccountingDamaged, match="header lacks ElapsedRaw, Comment"):
        read(header=HEADER.replace("ElapsedRaw|", "").replace("|Comment", ""))


def test_hours_are_exact(read):
    """10,000 jobs of 1 s on 8 GPUs are 80,000 GPU-seconds, without a trace of rounding."""
    lines = [line(job=str(n), seconds=1, end="10:00:01") for n in range(1, 10_001)]
    total = rule_table(reconcile(read(*lines), []))[-1]
    assert Decimal(total["accounted_gpu_hours"]) == Decimal("22.222222")
