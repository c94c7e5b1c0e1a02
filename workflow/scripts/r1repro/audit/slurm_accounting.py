# SPDX-License-Identifier: Apache-2.0
"""Reconcile the attempts' own records with the cluster's accounting, GPU-second by GPU-second.

For each run of a job that Slurm accounted (`slurm_jobs.py`), with the attempts that name its id
and began while it ran:

    accounted  = GPUs x (End - Start)                                      Slurm
    recorded   = sum of nodes x gpus_per_node x elapsed_ms                 attempts
    accounted  = recorded + start_up + between + wind_down + gpu_count
    start_up   from Start to the first attempt's begin: the batch script, Snakemake, imports
    between    from the end of an attempt to the begin of the next in the same run
    wind_down  from the last line of the last attempt to End: Snakemake's end; of a killed attempt
               also what it did after its last heartbeat
    gpu_count  GPUs that Slurm says were held and no attempt says, while attempts ran
    without    all of `accounted` where no attempt began: cancelled or failed while starting, or a
               record that was lost
Each part is an exact sum, so nothing is left over. What must not happen is a finding: an attempt
whose job Slurm does not know, or that lies outside its job's time, more GPUs recorded than held,
and a job that completed without a record.
Choices    Slurm's times are whole seconds and the wall clock's, so parts may be below 0 by a second
           or two (SLACK_SECONDS) and still add up; the clocks of nodes may differ as much.
           Times before Start belong to no one: waiting in the queue holds nothing.
           Attempts without a job id ran outside Slurm; they are counted and not compared.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from r1repro.audit.attempt_records import AttemptRecord
from r1repro.audit.slurm_jobs import SlurmJob

SLACK_SECONDS = 2
PARTS = ("recorded", "start_up", "between", "wind_down", "gpu_count", "without_record")
MS_PER_HOUR = 3_600_000
DECIMALS = Decimal("0.000001")
JOB_COLUMNS = (
    "job_id", "rule", "wildcards", "partition", "state", "nodes", "gpus", "attempts",
    "start_utc", "end_utc", "accounted_gpu_ms", *(f"{part}_gpu_ms" for part in PARTS),
)  # fmt: skip
RULE_COLUMNS = (
    "rule", "partition", "state", "jobs", "attempts", "accounted_gpu_hours",
    *(f"{part}_gpu_hours" for part in PARTS), "difference_gpu_hours",
)  # fmt: skip


@dataclass
class ReconciledJob:
    """One run of a job beside its attempts; parts in GPU-milliseconds."""

    job: SlurmJob
    attempts: list[AttemptRecord]
    parts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))

    @property
    def rule(self) -> str:
        """The rule by the job's comment, else the stage by its attempts."""
        return self.job.rule or (self.attempts[0].stage if self.attempts else "unknown")


@dataclass
class Reconciliation:
    """All jobs, and what must not be."""

    jobs: list[ReconciledJob]
    findings: list[str]
    outside: int  # attempts that ran without Slurm


def _began(record: AttemptRecord) -> datetime:
    return datetime.fromisoformat(record.started_utc)


def _ended(record: AttemptRecord) -> datetime:
    return _began(record) + timedelta(milliseconds=record.elapsed_ms)


def _ms(duration: timedelta) -> int:
    return round(duration / timedelta(milliseconds=1))


def _belongs(record: AttemptRecord, job: SlurmJob) -> bool:
    """Say whether an attempt began while this run of its job held the nodes."""
    slack = timedelta(seconds=SLACK_SECONDS)
    return job.start - slack <= _began(record) <= job.end + slack


def _explain(job: SlurmJob, attempts: list[AttemptRecord]) -> ReconciledJob:
    """Divide what a job held into its parts."""
    found = ReconciledJob(job, attempts)
    parts = found.parts
    if not attempts:
        parts["without_record"] = 1000 * job.gpu_seconds
        return found
    parts["start_up"] = job.gpus * _ms(_began(attempts[0]) - job.start)
    parts["wind_down"] = job.gpus * _ms(job.end - _ended(attempts[-1]))
    for earlier, later in zip(attempts, attempts[1:], strict=False):
        parts["between"] += job.gpus * _ms(_began(later) - _ended(earlier))
    for record in attempts:
        held = record.nodes * record.gpus_per_node
        parts["recorded"] += held * record.elapsed_ms
        parts["gpu_count"] += (job.gpus - held) * record.elapsed_ms
    return found


def _faults(found: ReconciledJob) -> list[str]:
    """Say what must not be about one job."""
    job, name = found.job, f"job {found.job.job_id} ({found.rule}, {found.job.state})"
    slack = 1000 * SLACK_SECONDS * job.gpus
    faults = []
    if not found.attempts and job.state == "COMPLETED" and job.gpus:
        faults.append(f"{name} completed and left no attempt record")
    if found.parts["gpu_count"] < 0:
        faults.append(f"{name}: its attempts record more GPUs than Slurm says it held")
    if found.parts["gpu_count"] > 0:
        faults.append(f"{name}: its attempts record fewer GPUs than Slurm says it held")
    for part in ("start_up", "between", "wind_down"):
        if found.parts[part] < -slack:
            faults.append(f"{name}: {part} is below zero: its attempts lie outside its time")
    for record in found.attempts:
        if job.rule and record.stage != stage_of(job):
            faults.append(f"{name}: an attempt of it calls itself {record.stage}")
    return faults


def stage_of(job: SlurmJob) -> str:
    """Return the stage that a job's rule runs; an arm of the controls is a stage of its name."""
    return job.wildcards if job.rule in ("control", "control_sft") else job.rule


def reconcile(jobs: Sequence[SlurmJob], records: Iterable[AttemptRecord]) -> Reconciliation:
    """Put every attempt beside the run of the job that it names."""
    by_id: dict[str, list[SlurmJob]] = defaultdict(list)
    for job in jobs:
        by_id[job.job_id].append(job)
    attempts: dict[tuple[str, datetime], list[AttemptRecord]] = defaultdict(list)
    findings, outside = [], 0
    for record in sorted(records, key=lambda one: (one.started_utc, one.attempt_id)):
        if record.slurm_job_id is None:
            outside += 1
            continue
        runs = [job for job in by_id[record.slurm_job_id] if _belongs(record, job)]
        if not runs:
            findings.append(
                f"attempt {record.attempt_id} ({record.stage}) names Slurm job "
                f"{record.slurm_job_id}, which the accounting does not have at that time"
            )
            continue
        attempts[runs[-1].job_id, runs[-1].start].append(record)
    done = [_explain(job, attempts[job.job_id, job.start]) for job in jobs]
    findings += [fault for found in done for fault in _faults(found)]
    return Reconciliation(done, findings, outside)


def job_cells(found: ReconciledJob) -> dict[str, str]:
    """Return one line of the table of jobs."""
    job = found.job
    cells = {
        "job_id": job.job_id,
        "rule": found.rule,
        "wildcards": job.wildcards,
        "partition": job.partition,
        "state": job.state,
        "nodes": job.nodes,
        "gpus": job.gpus,
        "attempts": len(found.attempts),
        "start_utc": job.start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "end_utc": job.end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "accounted_gpu_ms": 1000 * job.gpu_seconds,
        **{f"{part}_gpu_ms": amount for part, amount in found.parts.items()},
    }
    return {name: str(cells[name]) for name in JOB_COLUMNS}


def _hours(gpu_ms: int) -> str:
    return f"{(Decimal(gpu_ms) / MS_PER_HOUR).quantize(DECIMALS):f}"


def _line(key: tuple[str, str, str], group: Sequence[ReconciledJob]) -> dict[str, str]:
    accounted = 1000 * sum(found.job.gpu_seconds for found in group)
    parts = {part: sum(found.parts[part] for found in group) for part in PARTS}
    cells = dict(zip(("rule", "partition", "state"), key, strict=True))
    cells |= {
        "jobs": str(len(group)),
        "attempts": str(sum(len(found.attempts) for found in group)),
        "accounted_gpu_hours": _hours(accounted),
        **{f"{part}_gpu_hours": _hours(amount) for part, amount in parts.items()},
        "difference_gpu_hours": _hours(accounted - sum(parts.values())),
    }
    return {name: cells[name] for name in RULE_COLUMNS}


def rule_table(result: Reconciliation) -> list[dict[str, str]]:
    """Return a line for each rule, partition and state, in the order they began, and their sum."""
    groups: dict[tuple[str, str, str], list[ReconciledJob]] = defaultdict(list)
    for found in result.jobs:
        groups[found.rule, found.job.partition, found.job.state].append(found)
    rules = list(dict.fromkeys(key[0] for key in groups))
    ordered = sorted(groups, key=lambda key: (rules.index(key[0]), key[1:]))
    return [*(_line(key, groups[key]) for key in ordered), _line(("all", "", ""), result.jobs)]
