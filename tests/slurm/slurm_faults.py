# SPDX-License-Identifier: Apache-2.0
"""One stage (dev2) of a finished run again, to be broken in mid-training, and what came of it."""

import json
import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from slurm_cluster import ask, wait_for
from slurm_runs import SMOKE, Run, attempts_of, change_profile, sacct

from r1repro.audit.attempt_records import read_attempts
from r1repro.audit.slurm_accounting import PARTS, Reconciliation, reconcile
from r1repro.audit.slurm_jobs import read_jobs
from r1repro.audit.stage_cost import purposes

STAGE = "dev2"
INTERVAL = 10  # updates between checkpoints, as in smoke_on_cluster.yaml
TARGET = f"results/rl/{STAGE}/metrics.csv"
SECONDS = 900  # far above what an idle machine needs
GONE = ("seconds", "sampling_logprob_gap")  # columns that tell of time; the gap is 0 where measured


def branch(finished: Path, folder: Path, **asked: object) -> Path:
    """Copy a finished clone without what the stage left; its profile asks for the stage anew."""
    clone = folder / "a clone"
    shutil.copytree(finished, clone, symlinks=True)
    for place in ("results/rl", "results/state", "results/attempts"):
        shutil.rmtree(clone / place / STAGE, ignore_errors=True)
    (clone / f"results/benchmarks/{STAGE}.tsv").unlink()
    (clone / f"logs/{STAGE}.log").unlink()
    change_profile(clone, STAGE, **asked)
    return clone


@dataclass
class Broken:
    """The stage at work, to be broken."""

    clone: Path
    since: str
    run: Run
    before: set[str] = field(default_factory=set)  # jobs of an earlier call of the same command

    def again(self) -> "Broken":
        """Give the same command again after a run that ended badly; the bill is that of both."""
        second = Broken.start(self.clone)
        return Broken(self.clone, self.since, second.run, self.jobs())

    def jobs(self) -> set[str]:
        """Return the ids of the jobs that were submitted."""
        return self.before | set(re.findall(r"SLURM jobid (\d+)", self.run.text()))

    @classmethod
    def start(cls, clone: Path, *arguments: str) -> "Broken":
        """Ask for the stage's results and wait until it trains and has saved once."""
        since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        broken = cls(clone, since, Run(clone, TARGET, *SMOKE, *arguments))
        wait_for("a first checkpoint", broken.has_checkpoint, SECONDS)
        return broken

    def has_checkpoint(self) -> bool:
        """Say whether a checkpoint is there; a run that ended early is an error."""
        assert self.run.process.poll() in (None, 0), self.run.text()[-4000:]
        return any((self.clone / "results/state" / STAGE).glob("step_*"))

    @property
    def job(self) -> str:
        """The Slurm job of the newest attempt."""
        return attempts_of(self.clone, STAGE)[-1][0]["slurm_job_id"]

    @property
    def node(self) -> str:
        """The node where the job runs."""
        return ask("squeue", "-h", "-j", self.job, "-o", "%N").strip()

    def signal_stage(self, number: int) -> None:
        """Signal the stage's own process, and nothing else."""
        os.kill(attempts_of(self.clone, STAGE)[-1][0]["process_id"], number)

    # ---- what came of it -------------------------------------------------------------------------

    def attempts(self) -> list[list[dict]]:
        return attempts_of(self.clone, STAGE)

    def resumed_after(self) -> int:
        """Return the update after which the last attempt went on."""
        log = (self.clone / f"logs/{STAGE}.log").read_text()
        found = re.search(r"resumed after update (\d+)", log)
        return int(found[1]) if found else 0

    def purposes(self) -> list[str]:
        """Return the purpose of each attempt on the bill, oldest first."""
        records = read_attempts(self.clone / "results/attempts" / STAGE)
        named = purposes(records)
        return [named[record.attempt_id] for record in records]

    def accounting(self) -> Reconciliation:
        """Reconcile, once Slurm's database has every job of this run."""
        dump = self.clone / "sacct.txt"
        jobs = self.jobs()

        def complete() -> bool:
            with suppress(subprocess.SubprocessError):
                dump.write_text(self._own(sacct(self.since), jobs))
                rows = [row.split("|") for row in dump.read_text().splitlines()[1:]]
                states = {row[7] for row in rows}
                return {row[0] for row in rows} == jobs and not states & {"RUNNING", "PENDING"}
            return False

        wait_for("the accounting", complete, 120)
        records = read_attempts(self.clone / "results/attempts" / STAGE)
        return reconcile(read_jobs(dump), records)

    @staticmethod
    def _own(dump: str, jobs: set[str]) -> str:
        header, *rows = dump.splitlines(keepends=True)
        return "".join([header, *(row for row in rows if row.split("|")[0] in jobs)])


def results_of(clone: Path) -> dict[str, object]:
    """Return what a stage made: the bytes of its weights, and its metrics but for times."""
    folder = clone / f"results/rl/{STAGE}"
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".csv"
    }
    header, *rows = [line.split(",") for line in (folder / "metrics.csv").read_text().splitlines()]
    kept = [place for place, name in enumerate(header) if not name.startswith("seconds")]
    return files | {"metrics": [[row[place] for place in kept] for row in rows]}


def check_bill(result: Reconciliation) -> None:
    """Every GPU-second of every run of every job is in the attempts or has a name."""
    assert result.findings == [], json.dumps(result.findings, indent=1)
    for found in result.jobs:
        assert sum(found.parts[part] for part in PARTS) == 1000 * found.job.gpu_seconds
        assert found.job.gpu_seconds > 0


def stop_training(broken: Broken) -> None:
    """Freeze the stage: a hung file system, so that only a time limit ends the job."""
    broken.signal_stage(signal.SIGSTOP)
