# SPDX-License-Identifier: Apache-2.0
"""Verify committed evidence against its checksum list before anything is computed from it.

The list is what `sha256sum` writes: 64 hexadecimal digits, two spaces, the file's name. Every CSV
of the folder must be listed and every listed file must be there unchanged.
"""

import re
from pathlib import Path

from r1repro.errors import StageError
from r1repro.files import sha256_file

LIST = "SHA256SUMS"


class PublishedChanged(StageError):
    """Published evidence is missing, changed or not listed."""


def read_checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each listed file by name; raises PublishedChanged."""
    path = folder / LIST
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PublishedChanged(f"{path} cannot be read; restore it with git checkout") from error
    sums = {}
    for number, line in enumerate(text.splitlines(), start=1):
        found = re.fullmatch(r"([0-9a-f]{64})  ([A-Za-z0-9_.-]+)", line)
        if found is None or found[2] in sums:
            raise PublishedChanged(f"{path}, line {number}: not one checksum of one new file")
        sums[found[2]] = found[1]
    return sums


def verify_checksums(folder: Path) -> list[str]:
    """Return the names of the verified files; raises PublishedChanged at the first fault."""
    sums = read_checksums(folder)
    for name, expected in sums.items():
        path = folder / name
        if not path.is_file():
            raise PublishedChanged(f"{path} is missing; restore it with git checkout")
        if sha256_file(path) != expected:
            raise PublishedChanged(
                f"{path} is not the published evidence any more (its SHA-256 differs from "
                f"{folder / LIST}); restore it with git checkout"
            )
    for path in sorted(folder.glob("*.csv")):
        if path.name not in sums:
            raise PublishedChanged(
                f"{path} is not listed in {folder / LIST}; add it there or take it away"
            )
    return list(sums)
