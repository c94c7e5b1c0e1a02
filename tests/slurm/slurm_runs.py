# SPDX-License-Identifier: Apache-2.0
"""A clone of the repository and Snakemake in it, with the profile of a lab on the test cluster.

The profile is profiles/slurm with the account filled in. The GPUs are stand-ins, which torch
cannot use: each rule holds one through `gres` and is told to use the CPU (`gpu: 0`); the polling
is quicker. Nothing else is changed.
"""

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import yaml
from slurm_configuration import ACCOUNT

ROOT = Path(__file__).resolve().parents[2]
FIELDS = (
    "JobIDRaw,JobName,Partition,NNodes,NodeList,AllocTRES,ElapsedRaw,State,ExitCode,Submit,Start,"
    "End,Comment"
)
SMOKE = ("--configfile", "config/smoke.yaml", "smoke_on_cluster.yaml")
# What `allocation` makes of two nodes, which a stage without real GPUs cannot get from there.
TWO_NODES = {"nodes": 2, "mpi": "srun", "tasks": 2, "tasks_per_gpu": 0}
ON_TWO_NODES = ("r1_zero", "small_zero")


def python_of_jobs() -> str:
    """Return this Python under a path without a blank, which Snakemake's job scripts need."""
    if " " not in sys.executable:
        return sys.executable
    link = Path(tempfile.mkdtemp(prefix="r1repro-venv-")) / "venv"
    link.symlink_to(sys.prefix)
    atexit.register(shutil.rmtree, link.parent)
    return str(link / "bin/python")


PYTHON = python_of_jobs()


def standin_profile() -> dict:
    """Return profiles/slurm for stand-in GPUs."""
    profile = yaml.safe_load((ROOT / "profiles/slurm/profile.yaml").read_text(encoding="utf-8"))
    profile["default-resources"]["slurm_account"] = ACCOUNT
    profile["slurm-init-seconds-before-status-checks"] = 4
    profile["set-resources"] = {
        rule: {
            "slurm_partition": asked["slurm_partition"],
            "gpu": 0,
            "gres": f"gpu:{asked['gpu_model']}:1",
        }
        for rule, asked in profile["set-resources"].items()
    }
    for rule in ON_TWO_NODES:
        profile["set-resources"][rule] |= TWO_NODES
    return profile


def make_clone(folder: Path) -> Path:
    """Copy what git tracks (or would) into a folder named with a space, with that profile."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    target = folder / "a clone"
    for name in names.split("\0"):
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    place = target / "profiles/standin"
    place.mkdir()
    (place / "profile.yaml").write_text(yaml.safe_dump(standin_profile()), encoding="utf-8")
    return target


def change_profile(clone: Path, rule: str, **asked: object) -> None:
    """Change what the clone's profile asks for a rule."""
    path = clone / "profiles/standin/profile.yaml"
    profile = yaml.safe_load(path.read_text(encoding="utf-8"))
    profile["set-resources"][rule] |= asked
    path.write_text(yaml.safe_dump(profile), encoding="utf-8")


class Run:
    """Snakemake at work in a clone."""

    def __init__(self, clone: Path, *arguments: str):
        # not in the clone, whose disk may be full
        self.output = tempfile.NamedTemporaryFile(prefix="r1repro-run-")  # noqa: SIM115
        command = [PYTHON, "-m", "snakemake", *arguments]
        self.process = subprocess.Popen(
            [*command, "--workflow-profile", "profiles/standin"],
            cwd=clone,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"WANDB_MODE": "offline", "GLOO_SOCKET_IFNAME": "lo"},
            start_new_session=True,
        )

    def text(self) -> str:
        """Return what Snakemake said."""
        return Path(self.output.name).read_text(encoding="utf-8", errors="replace")

    def wait(self, seconds: float) -> int:
        """Wait for the end; kill what is still there after so many seconds."""
        try:
            return self.process.wait(seconds)
        finally:
            self.kill()

    def kill(self) -> None:
        """End Snakemake as a power cut on the login node does; its jobs live on."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def finish(self, seconds: float = 300) -> str:
        """Wait for a good end and return what was said."""
        assert self.wait(seconds) == 0, self.text()[-6000:]
        return self.text()


def sacct(since: str, *limits: str) -> str:
    """Return the accounting of all jobs from a time on, in UTC, as the auditor's dump."""
    command = ["sacct", "-a", "-X", "-D", "--parsable2", "-S", since, f"--format={FIELDS}", *limits]
    return subprocess.run(
        command,
        env=os.environ | {"TZ": "UTC"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


def attempts_of(clone: Path, stage: str) -> list[list[dict]]:
    """Return the lines of each attempt of a stage, oldest first."""
    files = sorted((clone / "results/attempts" / stage).glob("*.jsonl"))
    return [[json.loads(line) for line in file.read_text().splitlines()] for file in files]


def accounted_independently(dump: Path) -> dict[str, int]:
    """Add up GPU-seconds by rule from the text of a dump, without the code that is tested."""
    header, *lines = [line.split("|") for line in dump.read_text().splitlines()]
    seconds: dict[str, int] = defaultdict(int)
    for line in lines:
        cells = dict(zip(header, line, strict=True))
        gpus = [part[9:] for part in cells["AllocTRES"].split(",") if part.startswith("gres/gpu=")]
        rule = cells["Comment"].removeprefix("rule_")
        seconds[rule] += int(gpus[0] if gpus else 0) * int(cells["ElapsedRaw"])
    return seconds
