# SPDX-License-Identifier: Apache-2.0
"""The Debian packages that tests need beside Python, and their installation where that may be.

    python tests/debian_packages.py

installs what is missing, as root with apt-get, and ends with one sentence and exit status 1 where
that cannot be. Nothing is started by the installation: a policy-rc.d that refuses is in place while
it runs.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

# package -> a program of it, or None where there is none of its own
TESTS = {"chromium": "chromium", "bubblewrap": "bwrap", "openssh-client": "ssh-keygen"}
SLURM = {
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "slurmdbd": "slurmdbd",
    "slurm-client": "srun",
    "slurm-wlm-basic-plugins": None,
    "slurm-wlm-mysql-plugin": None,
    "munge": "munged",
    "mariadb-server": "mariadbd",
}
# a machine without a way to a mirror shall say so soon
PATIENCE = ("-o", "Acquire::http::Timeout=20", "-o", "Acquire::Retries=1")
MOST_SECONDS = 400
POLICY = Path("/usr/sbin/policy-rc.d")
OURS = "#!/bin/sh\n# left by an interrupted test run of r1repro; remove it\nexit 101\n"


def find(program: str) -> str | None:
    """Return where a program is; daemons lie in folders that a user's PATH may lack."""
    return shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")


def missing_programs(packages: dict[str, str | None]) -> list[str]:
    """Return the programs of packages that are not installed."""
    return [program for program in packages.values() if program and find(program) is None]


def _apt_get(packages: dict[str, str | None]) -> str | None:
    """Install packages; return what stopped it."""
    if find("apt-get") is None:
        return "apt-get is not there (the packages are named as Debian names them)"
    if os.geteuid() != 0:
        return "only root can install packages"
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text(OURS)
        POLICY.chmod(0o755)
    try:
        for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
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


def why_missing(packages: dict[str, str | None]) -> str | None:
    """Install what is missing; return which programs are still not there and why, or None."""
    if not missing_programs(packages):
        return None
    trouble = _apt_get(packages)
    missing = missing_programs(packages)
    if missing:
        return f"not installed: {', '.join(missing)}; {trouble or 'the packages lack them'}"
    return None


if __name__ == "__main__":
    reason = why_missing(TESTS | SLURM)
    sys.exit(f"error: {reason}" if reason else 0)
