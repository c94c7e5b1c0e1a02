# SPDX-License-Identifier: Apache-2.0
"""A copy of the repository in a folder whose name has a space, and Snakemake in it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dry_runs import forked_snakemake

ROOT = Path(__file__).resolve().parents[2]


def repository_files() -> list[str]:
    """Return every file git tracks or would track, relative to the root."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in answer.stdout.split("\0") if name and (ROOT / name).is_file()]


def copy_repository(folder: Path) -> Path:
    """Copy the repository, without results of runs, to a folder named with a space."""
    target = folder / "a clone"
    for name in repository_files():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)
    return target


def snakemake_command(*arguments: str) -> list[str]:
    """Return the command line that runs Snakemake with this environment's Python."""
    return [sys.executable, "-m", "snakemake", *arguments]


def snakemake(folder: Path, *arguments: str, seconds: int = 400) -> subprocess.CompletedProcess:
    """Run Snakemake in a folder and return what it said; stdout and stderr together.

    A dry run (-n) runs in a fork of a process that has imported Snakemake.
    """
    environment = os.environ | {"WANDB_MODE": "offline"}
    if "-n" in arguments:
        return forked_snakemake(folder, arguments, environment, seconds)
    return subprocess.run(
        snakemake_command(*arguments),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=seconds,
        env=environment,
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh copy of the repository."""
    return copy_repository(tmp_path)


@pytest.fixture(scope="module")
def shared_clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository for tests that change nothing in it."""
    return copy_repository(tmp_path_factory.mktemp("shared"))
