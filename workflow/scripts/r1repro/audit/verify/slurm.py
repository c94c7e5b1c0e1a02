# SPDX-License-Identifier: Apache-2.0
"""Attempts against Slurm's accounting: every job is billed, and no attempt holds more than its job.

Dump      as `slurm_jobs` reads it
Join      by job id (a requeued job has several rows, which belong together). A job of the
          workflow's rules (comment `rule_...`) without an attempt is not billed: it may have failed
          before its program began.
Overhead  job minus attempts: start, imports, end. It is told, and no finding. `slurm_accounting`
          divides it into parts.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from r1repro.audit.slurm_jobs import SlurmJob, read_jobs
from r1repro.audit.verify.findings import Report
from r1repro.audit.verify.folder import Run

SLACK_SECONDS = 2


def check(runs: list[Run], report: Report, path: Path) -> None:
    """Compare the accounting with all attempts; raises StageError for an unreadable dump."""
    jobs = defaultdict(list)
    for job in read_jobs(path):
        jobs[job.job_id].append(job)
    attempts = defaultdict(list)
    for run in runs:
        for entry in run.attempts:
            if entry["slurm_job_id"]:
                attempts[entry["slurm_job_id"]].append((run, entry))
    held = billed = 0
    for ident, entries in attempts.items():
        if ident not in jobs:
            for run, entry in entries:
                what = f"its job {ident} is not in {path.name}"
                how = f"sacct -X -D -j {ident}"
                report.error("slurm", run.name(entry["record"]), "", what, how)
    for ident, rows in jobs.items():
        how = f"grep '^{ident}|' {path.name}"
        report.looked("jobs")
        seconds = sum(job.elapsed_seconds for job in rows)
        gpu_seconds = sum(job.gpu_seconds for job in rows)
        held += gpu_seconds
        if ident not in attempts:
            if seconds and rows[0].rule:
                what = (
                    f"it ran {seconds} s with {gpu_seconds / 3600:.3f} GPU-hours "
                    f"({rows[0].state}, rule {rows[0].rule}), but no attempt bills it"
                )
                report.error("slurm", path.name, f"job {ident}", what, how)
            continue
        billed += _one_job(report, path, rows, attempts[ident], how)
    over = (held - billed) / 3600
    report.note(
        f"{path.name}: {held / 3600:.3f} GPU-hours allocated, {billed / 3600:.3f} in attempts; "
        f"{over:.3f} between them (start, imports, end, jobs without an attempt)"
    )


def _one_job(
    report: Report, path: Path, rows: Sequence[SlurmJob], entries: list, how: str
) -> float:
    """Compare one job with its attempts and return their GPU-seconds."""
    ident, gpus = rows[0].job_id, max(job.gpus for job in rows)
    seconds = sum(job.elapsed_seconds for job in rows)
    took = total = 0.0
    for _, entry in entries:
        took += entry["elapsed_ms"] / 1000
        count = entry["nodes"] * entry["gpus_per_node"]
        total += entry["elapsed_ms"] / 1000 * count
        if count != gpus:
            what = f"attempt {entry['attempt_id']} bills {count} GPUs, the job held {gpus}"
            report.error("slurm", path.name, f"job {ident}", what, how)
    if took > seconds + SLACK_SECONDS * len(entries):
        what = f"its attempts count {took:.1f} s, the job lasted {seconds} s"
        report.error("slurm", path.name, f"job {ident}", what, how)
    elif seconds - took > max(60.0, 0.1 * seconds):
        what = f"the job lasted {seconds} s, its attempts count {took:.1f} s of it"
        report.error("slurm", path.name, f"job {ident}", what, how)
    return total
