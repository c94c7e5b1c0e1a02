# SPDX-License-Identifier: Apache-2.0
"""Which Python environment an attempt ran in: its kind, its interpreter, every package in it.

kind         conda      the prefix holds `conda-meta`, which every conda environment does
             venv       the prefix is not that of the interpreter it was made from
             system     neither
interpreter  path of the interpreter; relative where it lies below the working folder, with ~ for
             the home folder, so that records of two users compare
packages     name -> version of all that is installed in this environment, names as an index
             compares them

Choices  Names and versions are those of the `*.dist-info` folders on the path that belong to the
         environment: reading them takes a millisecond, where opening the metadata of each package
         takes a hundred. The packages of the user's own folder (`pip install --user`), if Python
         looks there, are counted as well: they can change a result.
Digest   SHA-256 over the sorted lines `name==version`, the interpreter's version first as
         `python==3.11.7`: equal digests mean equal environments, whatever their kind or place.
"""

import hashlib
import os
import platform
import re
import sys
from collections.abc import Mapping
from pathlib import Path

ENDING = ".dist-info"


def _normal(name: str) -> str:
    """Return a package name as an index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _shown(path: Path) -> str:
    """Return a path without what differs between two users of the same files."""
    home = os.path.expanduser("~")  # stays "~" for a user that the system does not know
    for base, mark in ((Path.cwd(), ""), (Path(home), "~/")):
        if path.is_relative_to(base):
            return mark + path.relative_to(base).as_posix()
    return path.as_posix()


def installed_packages(folders: list[str]) -> dict[str, str]:
    """Return package -> version of what lies in the folders; the first on the path counts."""
    found: dict[str, str] = {}
    for folder in folders:
        try:
            names = sorted(os.listdir(folder or "."))
        except OSError:  # on the path but not there, or an archive
            continue
        for name in names:
            if name.endswith(ENDING):
                package, _, version = name.removesuffix(ENDING).rpartition("-")
                found.setdefault(_normal(package), version)
    return dict(sorted(found.items()))


def kind_of(prefix: Path, base_prefix: Path) -> str:
    """Return conda, venv or system."""
    if (prefix / "conda-meta").is_dir():
        return "conda"
    return "venv" if prefix != base_prefix else "system"


def read_environment() -> dict[str, object]:
    """Return the environment of this process as it goes into the record."""
    return {
        "kind": kind_of(Path(sys.prefix), Path(sys.base_prefix)),
        "interpreter": _shown(Path(sys.executable)),
        "python": platform.python_version(),
        "packages": installed_packages(sys.path),
    }


def environment_digest(python: str, packages: Mapping[str, str]) -> str:
    """Return one SHA-256 over the interpreter's version and all packages."""
    lines = [f"python=={python}", *sorted(f"{name}=={packages[name]}" for name in packages)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
