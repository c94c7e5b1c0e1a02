# SPDX-License-Identifier: Apache-2.0
"""The whole chain at smoke scale, killed on the way, and a part of it that is left alone.

The whole chain is killed hard three times, twice with everything it started and once only Snakemake
itself. Beside it stages of every kind that trains or samples run undisturbed in another clone, so
that bytes can be compared.
"""

import csv
import hashlib
import os
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from clones import copy_repository, forked_python, start_snakemake

SMOKE = ("--configfile", "config/smoke.yaml")
SECONDS = 800
UNTRACKED = ("--config", 'tracking={mode: "off"}')  # which changes no result
# One target for each program that trains or samples, with what they need.
ALONE = (
    "r1_zero",
    "rm_helpful",
    "sft_data",
    "results/rl/r1_zero/curve.csv",
    "results/evaluate/r1_zero/scores.csv",
)
# Secrets as a shell may hold them; none may reach a file.
PLANTED = {
    "WANDB_API_KEY": "5ec2e7" * 6 + "abcd",
    "HF_TOKEN": "hf_plantedPlantedPlantedPlanted0123456",
    "AWS_SECRET_ACCESS_KEY": "planted/SECRET/key/0123456789abcdefghijkl",
    "MY_PASSWORD": "correct-horse-battery-planted",
}
# Folders whose files may not differ between two runs; cost and report tell of times and hosts, and
# so does memory.csv.
SAME = ("results/data", "results/prepare", "results/rl", "results/evaluate")


@dataclass
class Kill:
    """Kill a run hard at a moment; `whole` kills what it started as well."""

    stage: str
    sign: str  # a glob below results/ whose first match is the moment
    whole: bool
    landed: bool = field(default=False)


def kills() -> list[Kill]:
    """Return the three moments: first checkpoint of base and of r1_zero, then an evaluation."""
    return [
        Kill("base", "state/base/step_*", whole=True),
        Kill("r1_zero", "state/r1_zero/step_*", whole=True),
        Kill("score", "attempts/score*/*.jsonl", whole=False),
    ]


def run_until(clone: Path, kill: Kill | None, *targets: str) -> int:
    """Run the chain; kill it at the moment, or wait until it ends. Return its exit status."""
    with (clone / "output.txt").open("w") as output:
        run = start_snakemake(
            clone, *targets, *SMOKE, output=output.fileno(), **PLANTED, **forked_python()
        )
    deadline = time.monotonic() + SECONDS
    while run.poll() is None and time.monotonic() < deadline:
        if kill is not None and any((clone / "results").glob(kill.sign)):
            kill.landed = True
            (os.killpg if kill.whole else os.kill)(run.pid, signal.SIGKILL)
            break
        time.sleep(0.05)
    else:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
    return run.wait()


@dataclass
class Runs:
    """The two finished clones and what happened; output.txt holds what the last run said."""

    whole: Path
    alone: Path
    moments: list[Kill]
    ends: dict[Path, int]


def run_both(whole: Path, alone: Path) -> Runs:
    """Run the chain through all kills to its end, and beside it the part that is left alone."""
    runs = Runs(copy_repository(whole), copy_repository(alone), kills(), {})

    def undisturbed() -> None:
        runs.ends[runs.alone] = run_until(runs.alone, None, *ALONE, *UNTRACKED)

    beside = threading.Thread(target=undisturbed)
    beside.start()
    for kill in runs.moments:
        run_until(runs.whole, kill)
    runs.ends[runs.whole] = run_until(runs.whole, None)
    beside.join()
    return runs


def fingerprints(clone: Path) -> dict[str, str]:
    """Return file -> sha256 of what may not differ; columns of seconds are left out."""
    found = {}
    for folder in SAME:
        for path in sorted((clone / folder).rglob("*")):
            if not path.is_file() or path.name in (".snakemake_timestamp", "memory.csv"):
                continue
            content = path.read_bytes()
            if path.name.endswith("metrics.csv"):
                rows = csv.DictReader(content.decode().splitlines())
                content = repr(
                    [{k: v for k, v in row.items() if not k.startswith("seconds")} for row in rows]
                ).encode()
            found[path.relative_to(clone).as_posix()] = hashlib.sha256(content).hexdigest()
    return found
