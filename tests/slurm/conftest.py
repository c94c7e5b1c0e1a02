# SPDX-License-Identifier: Apache-2.0
"""The cluster that all these tests share, and one finished run on it."""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from slurm_cluster import Cluster
from slurm_packages import ETC, MUNGE_SOCKET, why_no_cluster
from slurm_runs import SMOKE, Run, make_clone

HERE = Path(__file__).parent
MOST_SECONDS_TO_STOP = 90


def left_behind(root: Path) -> list[str]:
    """Return every trace of a cluster: processes that name its folder, links, sockets, files."""
    found = [str(path) for path in (root, MUNGE_SOCKET, ETC / "slurm.conf") if path.exists()]
    found += [str(path) for path in ETC.glob("*") if path.is_symlink()]
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            said = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue
        if str(root).encode() in said or b"SLURMD_NODENAME=" in said:
            found.append(f"process {folder.name}: {said[:200]!r}")
    return found


@pytest.fixture(scope="session")
def cluster():
    """A Slurm with accounting; afterwards nothing of it is left."""
    reason = why_no_cluster()
    if reason:
        pytest.skip(reason)
    root = Path(tempfile.mkdtemp(prefix="r1repro-slurm-"))
    guard = subprocess.Popen(
        [sys.executable, str(HERE / "slurm_cluster.py"), str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    said = guard.stdout.readline().strip()
    if said == "up":
        yield Cluster(root)
    guard.stdin.close()
    guard.wait(MOST_SECONDS_TO_STOP)
    guard.stdout.close()
    assert said == "up", said
    assert left_behind(root) == []


@dataclass(frozen=True)
class Finished:
    """A run that went to its end."""

    clone: Path
    since: str
    said: str


@pytest.fixture(scope="session")
def finished(cluster, tmp_path_factory) -> Finished:
    """`snakemake rl` at smoke scale through the real executor, on both partitions."""
    clone = make_clone(tmp_path_factory.mktemp("finished"))
    shutil.copy(HERE / "smoke_on_cluster.yaml", clone)
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return Finished(clone, since, Run(clone, "rl", *SMOKE).finish(1500))
