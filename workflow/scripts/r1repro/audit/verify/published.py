# SPDX-License-Identifier: Apache-2.0
"""Committed evidence: every file of a SHA256SUMS is there and is the file that was listed."""

import re
from pathlib import Path

from r1repro.audit.published import LIST
from r1repro.audit.verify.findings import Report
from r1repro.files import sha256_file

LINE = re.compile(r"([0-9a-f]{64}) [ *]([^\x00-\x1f]+)")


def check(folder: Path, top: Path, report: Report) -> None:
    """Check one list; its names may lie in folders below it."""
    path = folder / LIST
    name = path.relative_to(top).as_posix()
    how = f"cd {folder.relative_to(top).as_posix()} && sha256sum -c {LIST}"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        report.error("published", name, "", "not UTF-8", how)
        return
    listed = set()
    for number, line in enumerate(lines, start=1):
        found = LINE.fullmatch(line)
        if found is None or found[2] in listed or _leaves(found[2]):
            what = "not one checksum of one new file in this folder"
            report.error("published", name, f"line {number}", what, how)
            continue
        listed.add(found[2])
        file = folder / found[2]
        if not file.is_file():
            report.error("published", name, found[2], "the listed file is missing", how)
        elif sha256_file(file) != found[1]:
            report.error("published", name, found[2], "the file is not the listed one", how)
        else:
            report.looked("published files")
    for file in sorted(folder.rglob("*")):
        inner = file.relative_to(folder).as_posix()
        if not file.is_file() or inner in listed or file.suffix not in (".csv", ".json", ".jsonl"):
            continue
        if not any((parent / LIST).is_file() for parent in _between(file, folder)):
            report.error("published", name, inner, "the file is not listed", how)


def _leaves(inner: str) -> bool:
    return Path(inner).is_absolute() or ".." in Path(inner).parts


def _between(file: Path, folder: Path) -> list[Path]:
    """Return the folders from a file up to, but without, the folder of the list."""
    parents = []
    for parent in file.parents:
        if parent == folder:
            break
        parents.append(parent)
    return parents
