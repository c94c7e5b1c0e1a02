# SPDX-License-Identifier: Apache-2.0
"""The Debian packages of a whole Slurm, and why this machine may not have one.

Nothing is started by the installation: a policy-rc.d that refuses is in place while it runs. The
packages stay afterwards; what `slurm_cluster` starts and writes does not.
"""

import os
import shutil
import subprocess
from pathlib import Path

PACKAGES = [
    "slurmctld", "slurmd", "slurmdbd", "slurm-client", "slurm-wlm-basic-plugins",
    "slurm-wlm-mysql-plugin", "munge", "mariadb-server",
]  # fmt: skip
PROGRAMS = (
    "slurmctld", "slurmd", "slurmdbd", "sbatch", "srun", "sacct", "munged", "mariadbd",
    "mariadb-install-db",
)  # fmt: skip
# a machine without a way to a mirror shall say so soon
PATIENCE = ("-o", "Acquire::http::Timeout=20", "-o", "Acquire::Retries=1")
MOST_SECONDS = 400
POLICY = Path("/usr/sbin/policy-rc.d")
OURS = "#!/bin/sh\n# left by an interrupted test run of r1repro; remove it\nexit 101\n"
MUNGE_SOCKET = Path("/run/munge/munge.socket.2")
ETC = Path("/etc/slurm")


def find(program: str) -> str | None:
    """Return where a program is; daemons lie in folders that a user's PATH may lack."""
    return shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")


def missing_programs() -> list[str]:
    """Return the programs that are not installed."""
    return [program for program in PROGRAMS if find(program) is None]


def _install() -> str | None:
    """Install the packages; return what stopped it."""
    if find("apt-get") is None:
        return "apt-get is not there (the packages are named as Debian names them)"
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text(OURS)
        POLICY.chmod(0o755)
    try:
        for command in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
            try:
                done = subprocess.run(
                    ["apt-get", "-q", *PATIENCE, *command],
                    env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
                    capture_output=True,
                    text=True,
                    timeout=MOST_SECONDS,
                )
            except subprocess.TimeoutExpired:
                return f"apt-get {command[0]} did not end within {MOST_SECONDS} s"
            if done.returncode != 0:
                last = (done.stderr.strip().splitlines() or ["no message"])[-1]
                return f"apt-get {command[0]} failed: {last}"
    finally:
        if ours:
            POLICY.unlink()
    return None


def why_no_cluster() -> str | None:
    """Install what is missing; return the reason why no cluster can be built here, or None."""
    if os.name != "posix" or os.geteuid() != 0:
        return "a Slurm with accounting is built by root; run `make test-slurm` as root"
    if MUNGE_SOCKET.exists() or (ETC / "slurm.conf").exists():
        return (
            f"this machine has a Slurm or munge of its own ({MUNGE_SOCKET} or {ETC}/slurm.conf "
            "exists); the tests leave it alone"
        )
    missing = missing_programs()
    if not missing:
        return None
    trouble = _install()
    missing = missing_programs()
    if missing:
        return f"not installed: {', '.join(missing)}; {trouble or 'the packages lack them'}"
    return None
