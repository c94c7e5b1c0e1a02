# SPDX-License-Identifier: Apache-2.0
"""Read a dump of Slurm's accounting, strictly: what cannot be understood stops, with its line.

    TZ=UTC sacct -a -X -D --parsable2 -S 2026-01-01 --format=FIELDS > sacct.txt

Fields     JobIDRaw, Partition, NNodes, AllocTRES, ElapsedRaw, State, Start, End, Comment; others
           may be there too, in any order. `-X` leaves out the steps, whose time is the job's;
           `-D` shows every run of a job that was put back into the queue, and without it their
           time is missing; TZ=UTC, because sacct prints local time without saying so.
GPUs       the untyped `gres/gpu` of AllocTRES; the typed entries say the same again and are used
           where there is no other. GPU-seconds = GPUs x ElapsedRaw: a job holds them from start
           to end, whatever it does.
Rule       from the comment that Snakemake's executor gives a job (rule_NAME or
           rule_NAME_wildcards_VALUES), which a site may not keep: then it is empty.
Left out   jobs that never started (no Start, or 0 s without a node) hold nothing.
"""

import csv
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from r1repro.errors import StageError

NEEDED = (
    "JobIDRaw", "Partition", "NNodes", "AllocTRES", "ElapsedRaw", "State", "Start", "End",
    "Comment",
)  # fmt: skip
STATES = (
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY",
    "PENDING", "PREEMPTED", "REQUEUED", "RUNNING", "SUSPENDED", "TIMEOUT", "REVOKED", "RESIZING",
)  # fmt: skip
UNFINISHED = ("PENDING", "RUNNING", "SUSPENDED", "RESIZING")
COMMENT = re.compile(r"rule_(?P<rule>\w+?)(?:_wildcards_(?P<wildcards>.*))?")
# far above anything real; they keep a forged number from being believed
MOST = 10**10


class AccountingDamaged(StageError):
    """A dump of sacct is not what it should be."""

    def __init__(self, path: Path, number: int, what: str):
        super().__init__(f"sacct dump {path}, line {number}: {what}; make it again as documented")


@dataclass(frozen=True)
class SlurmJob:
    """One run of a job: a job that was put back into the queue has several, with one id."""

    job_id: str
    rule: str
    wildcards: str
    partition: str
    state: str
    nodes: int
    gpus: int
    elapsed_seconds: int
    start: datetime
    end: datetime

    @property
    def gpu_seconds(self) -> int:
        """GPU-seconds that it held."""
        return self.gpus * self.elapsed_seconds


def gpus_of(tres: str) -> int:
    """Return the GPUs of an AllocTRES text such as `billing=8,gres/gpu:h800=8,gres/gpu=8`.

    Raises ValueError for anything that is not such a text.
    """
    amounts = {}
    for part in filter(None, tres.split(",")):
        name, sign, amount = part.partition("=")
        if not sign or name in amounts:
            raise ValueError(f"AllocTRES {tres!r} cannot be read")
        amounts[name] = amount
    texts = [amounts["gres/gpu"]] if "gres/gpu" in amounts else []
    if not texts:
        texts = [amount for name, amount in amounts.items() if name.startswith("gres/gpu:")]
    if not all(re.fullmatch(r"[0-9]{1,7}", text) for text in texts):
        raise ValueError(f"AllocTRES {tres!r} has no whole number of GPUs")
    return sum(map(int, texts))


def _whole(text: str, name: str) -> int:
    if not re.fullmatch(r"[0-9]{1,11}", text) or int(text) > MOST:
        raise ValueError(f"{name} must be a whole number, found {text!r}")
    return int(text)


def _time(text: str, name: str) -> datetime:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", text):
        raise ValueError(f"{name} must be a time such as 2026-01-31T12:00:00, found {text!r}")
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _job(cells: dict[str, str]) -> SlurmJob | None:
    """Return the job of one line, None for one that held nothing; raises ValueError."""
    state = cells["State"].split(" ")[0]  # "CANCELLED by 1000"
    if state not in STATES:
        raise ValueError(f"State {cells['State']!r} is not one that Slurm has")
    if not re.fullmatch(r"[0-9]{1,12}", cells["JobIDRaw"]):
        raise ValueError(f"JobIDRaw must be a number, found {cells['JobIDRaw']!r}: use sacct -X")
    elapsed = _whole(cells["ElapsedRaw"], "ElapsedRaw")
    if cells["Start"] in ("Unknown", "None", "") or (elapsed == 0 and not cells["AllocTRES"]):
        return None
    if state in UNFINISHED:
        raise ValueError(f"job {cells['JobIDRaw']} is {state}: wait until it has ended")
    start, end = _time(cells["Start"], "Start"), _time(cells["End"], "End")
    held = (end - start).total_seconds()
    if held != elapsed:
        raise ValueError(f"ElapsedRaw is {elapsed}, but Start and End are {held:.0f} s apart")
    found = COMMENT.fullmatch(cells["Comment"])
    return SlurmJob(
        job_id=cells["JobIDRaw"],
        rule=found["rule"] if found else "",
        wildcards=(found["wildcards"] or "") if found else "",
        partition=cells["Partition"],
        state=state,
        nodes=_whole(cells["NNodes"], "NNodes"),
        gpus=gpus_of(cells["AllocTRES"]),
        elapsed_seconds=elapsed,
        start=start,
        end=end,
    )


def read_jobs(path: Path) -> list[SlurmJob]:
    """Return the jobs of a dump that held anything, oldest first; raises AccountingDamaged."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise StageError(f"{path} does not exist; write it with sacct as documented") from None
    except UnicodeDecodeError:
        raise AccountingDamaged(path, 1, "not UTF-8 text") from None
    lines = list(csv.reader(text.rstrip("\n").split("\n"), delimiter="|", quoting=csv.QUOTE_NONE))
    if not lines:
        raise AccountingDamaged(path, 1, "the file is empty")
    header = lines[0]
    missing = [name for name in NEEDED if header.count(name) != 1]
    if missing:
        raise AccountingDamaged(path, 1, f"the header lacks {', '.join(missing)}, or has it twice")
    jobs: list[SlurmJob] = []
    seen = set()
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            raise AccountingDamaged(path, number, f"{len(line)} fields, {len(header)} expected")
        try:
            job = _job(dict(zip(header, line, strict=True)))
        except ValueError as error:
            raise AccountingDamaged(path, number, str(error)) from None
        if job is None:
            continue
        if (job.job_id, job.start) in seen:
            raise AccountingDamaged(path, number, f"job {job.job_id} is there twice")
        seen.add((job.job_id, job.start))
        jobs.append(job)
    return sorted(jobs, key=lambda job: (job.start, int(job.job_id)))
