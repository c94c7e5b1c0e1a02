# SPDX-License-Identifier: Apache-2.0
"""Which code and which packages an attempt ran: git commit, dirty flag, installed versions.

`unknown` stands wherever git is absent, the code lies outside a repository (an unpacked archive),
or the repository around it is not ours. Versions come from the installed metadata and not from
`__version__`, which some packages forget to raise; nothing is imported for it.
"""

import importlib.metadata
import os
import platform
import shutil
import subprocess
from pathlib import Path

UNKNOWN = "unknown"
GIT_SECONDS = 10
PACKAGES = (
    "torch", "transformers", "tokenizers", "safetensors", "numpy", "reasoning-gym",
    "pandas", "wandb", "snakemake",
)  # fmt: skip


def _git(folder: Path, *arguments: str) -> str | None:
    """Return git's answer, or None where it has none."""
    program = shutil.which("git")
    if program is None:
        return None
    command = [program, "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=GIT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return answer.stdout


def git_state(source: Path) -> tuple[str, bool | str]:
    """Return the commit that holds `source`, and whether `git status` lists any change."""
    if _git(source.parent, "ls-files", "--error-unmatch", "--", source.name) is None:
        return UNKNOWN, UNKNOWN
    commit = _git(source.parent, "rev-parse", "HEAD")
    changes = _git(source.parent, "status", "--porcelain")
    if commit is None or changes is None:
        return UNKNOWN, UNKNOWN
    return commit.strip(), changes != ""


def package_versions() -> dict[str, str]:
    """Return the installed version of each package that can change a result."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def process_age_seconds(proc: Path = Path("/proc")) -> float | None:
    """Return how long this process has lived, None where the system does not tell."""
    try:
        # the command name may hold spaces and brackets: count fields after the last bracket
        fields = (proc / "self/stat").read_text(encoding="ascii", errors="replace")
        ticks = int(fields.rpartition(")")[2].split()[19])
        uptime = float((proc / "uptime").read_text(encoding="ascii").split()[0])
        return round(uptime - ticks / os.sysconf("SC_CLK_TCK"), 2)
    except (OSError, ValueError, IndexError):
        return None
