# SPDX-License-Identifier: Apache-2.0
"""Why this machine may not have a Slurm of the tests.

The packages stay after their installation; what `slurm_cluster` starts and writes does not.
"""

import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from debian_packages import SLURM, find, why_missing

__all__ = ["ETC", "MUNGE_SOCKET", "find", "why_no_cluster"]
MUNGE_SOCKET = Path("/run/munge/munge.socket.2")
ETC = Path("/etc/slurm")


def why_no_cluster() -> str | None:
    """Install what is missing; return the reason why no cluster can be built here, or None."""
    if os.name != "posix" or os.geteuid() != 0:
        return "a Slurm with accounting is built by root; run `make test-slurm` as root"
    if MUNGE_SOCKET.exists() or (ETC / "slurm.conf").exists():
        return (
            f"this machine has a Slurm or munge of its own ({MUNGE_SOCKET} or {ETC}/slurm.conf "
            "exists); the tests leave it alone"
        )
    return why_missing(SLURM)
