# SPDX-License-Identifier: Apache-2.0
"""Attempts against Slurm's accounting: every job is billed, and no attempt holds more than its job.

Dump      TZ=UTC sacct -X -D -P -o JobIDRaw,JobName,Account,Comment,Start,End,ElapsedRaw,AllocTRES,\
State,ExitCode,NodeList,ConsumedEnergyRaw   (-D keeps requeued jobs; with -n the columns are in
          this order)
GPUs      `gres/gpu=N` of AllocTRES, the total of the job. The typed entry (`gres/gpu:h800=N`)
          counts the same GPUs again and is not added.
Join      by job id (a requeued job has several rows, which belong together). A job of the
          workflow's rules (comment `rule_...`) without an attempt is not billed: it may have failed
          before its program began.
Overhead  job minus attempts: start, imports, end. It is told, and no finding.
"""

import csv
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.verify.findings import Report
from r1repro.audit.verify.folder import Run
from r1repro.errors import InputError

COLUMNS = (
    "JobIDRaw", "JobName", "Account", "Comment", "Start", "End", "ElapsedRaw", "AllocTRES", "State",
    "ExitCode", "NodeList", "ConsumedEnergyRaw",
)  # fmt: skip
NEEDED = ("JobIDRaw", "ElapsedRaw", "AllocTRES", "State")
SLACK_SECONDS = 2
# rules whose attempts are not billed, and the workflow's own job
RULE = re.compile(r"(?:^|\s)rule_(\w+?)(?:_wildcards_|$)")


@dataclass(frozen=True)
class Job:
    """One row of the accounting."""

    job_id: str
    comment: str
    seconds: int
    gpus: int
    nodes: int
    state: str


def read_jobs(path: Path) -> dict[str, list[Job]]:
    """Return the jobs of a dump by id; raises InputError for what is no dump."""
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            rows = [row for row in csv.reader(handle, delimiter="|", quoting=csv.QUOTE_NONE) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a dump of sacct ({error})") from error
    names = COLUMNS
    if rows and "ElapsedRaw" in rows[0]:
        names, rows = tuple("JobIDRaw" if n == "JobID" else n for n in rows[0]), rows[1:]
    lacking = [name for name in NEEDED if name not in names]
    if lacking:
        raise InputError(f"{path} has no column {', '.join(lacking)}; see docs/auditor.md")
    jobs = defaultdict(list)
    for number, row in enumerate(rows, start=1):
        row = row[: len(names)] if len(row) == len(names) + 1 and row[-1] == "" else row
        if len(row) != len(names):
            raise InputError(f"{path}, job row {number}: {len(row)} cells of {len(names)}")
        named = dict(zip(names, row, strict=True))
        if "." in named["JobIDRaw"]:  # a step of a job, without -X
            continue
        jobs[named["JobIDRaw"]].append(_job(named, f"{path}, job row {number}"))
    return dict(jobs)


def _job(named: dict[str, str], where: str) -> Job:
    if not re.fullmatch(r"\d{1,12}", named["ElapsedRaw"], re.ASCII):
        raise InputError(f"{where}: ElapsedRaw {named['ElapsedRaw']!r} is no number of seconds")
    return Job(
        named["JobIDRaw"],
        named.get("Comment", ""),
        int(named["ElapsedRaw"]),
        _allocated(named["AllocTRES"], "gres/gpu"),
        _allocated(named["AllocTRES"], "node"),
        named["State"],
    )


def _allocated(resources: str, name: str) -> int:
    for part in resources.split(","):
        key, _, amount = part.partition("=")
        if key == name and re.fullmatch(r"\d{1,9}", amount, re.ASCII):
            return int(amount)
    return 0


def check(runs: list[Run], report: Report, path: Path) -> None:
    """Compare the accounting with all attempts; raises InputError for an unreadable dump."""
    jobs = read_jobs(path)
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
        seconds = sum(job.seconds for job in rows)
        gpu_seconds = sum(job.seconds * job.gpus for job in rows)
        held += gpu_seconds
        if ident not in attempts:
            if seconds and RULE.search(rows[0].comment):
                what = (
                    f"it ran {seconds} s with {gpu_seconds / 3600:.3f} GPU-hours "
                    f"({rows[0].state}, {rows[0].comment}), but no attempt bills it"
                )
                report.error("slurm", path.name, f"job {ident}", what, how)
            continue
        billed += _one_job(report, path, rows, attempts[ident], how)
    over = (held - billed) / 3600
    report.note(
        f"{path.name}: {held / 3600:.3f} GPU-hours allocated, {billed / 3600:.3f} in attempts; "
        f"{over:.3f} between them (start, imports, end, jobs without an attempt)"
    )


def _one_job(report: Report, path: Path, rows: list[Job], entries: list, how: str) -> float:
    """Compare one job with its attempts and return their GPU-seconds."""
    ident, gpus = rows[0].job_id, max(job.gpus for job in rows)
    seconds = sum(job.seconds for job in rows)
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
