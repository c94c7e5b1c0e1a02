# SPDX-License-Identifier: Apache-2.0
"""One run as evidence: the folder of one seed, its tables read on demand and checked when read.

Checked   A folder (or the one above it) with SHA256SUMS is committed evidence: a file must be
          listed and unchanged. Elsewhere the newest attempt that names a file among its outputs
          says what its SHA-256 was when it was made. A file that differs is no evidence: every
          experiment loses that seed and says so; the others stand.
Recorded  Every file that was read, with its SHA-256 and who vouches for it (an attempt,
          SHA256SUMS, or `unrecorded` where no attempt names the file).
Seed      of the newest attempt that completed; without records, of the folder's name (seed_N).
"""

import csv
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.attempt_records import AttemptRecord, read_attempts
from r1repro.audit.stage_cost import REPORTING
from r1repro.errors import InputError, StageError
from r1repro.files import sha256_file

LIST = "SHA256SUMS"
UNRECORDED = "unrecorded"
UNKNOWN = "unknown"


class MissingEvidence(StageError):
    """A file that a check rests on is not there, was changed, or lacks what is needed."""


@dataclass(frozen=True)
class ReadFile:
    """A file that was read: its SHA-256 and who vouches for it."""

    sha256: str
    vouched_by: str


def read_sums(path: Path) -> dict[str, str]:
    """Return the SHA-256 of each file that a list names; raises InputError."""
    sums: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        found = re.fullmatch(r"([0-9a-f]{64}) [ *](\S.*)", line)
        if found is None or found[2] in sums:
            raise InputError(f"{path}, line {number}: not one checksum of one new file")
        sums[found[2].removeprefix("./")] = found[1]
    return sums


class Run:
    """The evidence of one seed."""

    def __init__(self, folder: Path):
        if not folder.is_dir():
            raise InputError(f"{folder} is no folder of a run; give one with --runs")
        self.folder = folder
        self.records: list[AttemptRecord] = read_attempts(folder / "attempts")
        self.sums = self._committed()
        self._check_records()
        self.files: dict[str, ReadFile] = {}  # every file read, by path relative to the folder
        self.opened: list[str] = []  # those read since `start`
        self._text: dict[str, str] = {}
        made = [r for r in self.records if r.completed and r.stage not in REPORTING]
        last = made[-1] if made else None
        named = re.fullmatch(r"seed_(\d+)", folder.name)
        if (last is None or last.seed is None) and named is None:
            raise InputError(
                f"{folder} has neither an attempt that completed nor a name like seed_1, so its "
                "seed is unknown; run the stages first"
            )
        self.seed: int = last.seed if last and last.seed is not None else int(named[1])
        self.scale: str = last.scale if last else UNKNOWN

    def _committed(self) -> dict[str, str] | None:
        """Return the checksums of committed evidence by path relative to this folder."""
        for base in (self.folder, self.folder.parent):
            if (base / LIST).is_file():
                sums, inside = read_sums(base / LIST), self.folder.relative_to(base).as_posix()
                if inside == ".":
                    return sums
                start = f"{inside}/"
                return {k.removeprefix(start): v for k, v in sums.items() if k.startswith(start)}
        return None

    def _check_records(self) -> None:
        """Raise InputError when committed attempt records are not the listed ones."""
        if self.sums is None:
            return
        for record in self.records:
            name = f"attempts/{record.stage}/{record.attempt_id}.jsonl"
            path = self.folder / name
            if name not in self.sums or not path.is_file() or sha256_file(path) != self.sums[name]:
                raise InputError(f"{path} is not as {LIST} lists it; restore it with git checkout")

    def start(self) -> None:
        """Forget which files the check before this one opened."""
        self.opened = []

    def _voucher(self, name: str) -> tuple[str | None, str]:
        """Return the SHA-256 that a file must have and who says so."""
        if self.sums is not None:
            if name not in self.sums:
                raise MissingEvidence(f"{self.folder / name} is not listed in {LIST}")
            return self.sums[name], LIST
        for record in reversed(self.records):
            for path, sha256 in record.outputs.items():
                if record.completed and (path == name or path.endswith(f"/{name}")):
                    return sha256, record.attempt_id
        return None, UNRECORDED

    def text(self, name: str) -> str:
        """Return a file's text; raises MissingEvidence when it is absent, changed or no text."""
        if name not in self._text:
            path = self.folder / name
            if not path.is_file():
                raise MissingEvidence(f"{path} is missing")
            expected, voucher = self._voucher(name)
            found = sha256_file(path)
            if expected is not None and found != expected:
                by = LIST if voucher == LIST else f"attempt {voucher}"
                raise MissingEvidence(f"{path} was changed since it was made (SHA-256 of {by})")
            try:
                self._text[name] = path.read_text(encoding="utf-8")
            except UnicodeDecodeError as error:
                raise MissingEvidence(f"{path} is not UTF-8 text") from error
            self.files[name] = ReadFile(found, voucher)
        if name not in self.opened:
            self.opened.append(name)
        return self._text[name]

    def rows(self, name: str, *columns: str) -> list[dict[str, str]]:
        """Return the rows of a table; raises MissingEvidence, also without one of the columns."""
        try:
            rows = list(csv.DictReader(io.StringIO(self.text(name), newline=""), strict=True))
        except csv.Error as error:
            raise MissingEvidence(f"{self.folder / name} is not a table ({error})") from error
        if not rows:
            raise MissingEvidence(f"{self.folder / name} has no rows")
        for column in columns:
            if column not in rows[0]:
                raise MissingEvidence(f"{self.folder / name} has no column {column}")
        if any(None in row or None in row.values() for row in rows):
            raise MissingEvidence(f"{self.folder / name} has rows of unequal length")
        return rows

    def lines(self, name: str) -> list[dict]:
        """Return the objects of a JSON-lines file; raises MissingEvidence."""
        found = []
        for number, line in enumerate(self.text(name).splitlines(), start=1):
            try:
                found.append(json.loads(line))
            except ValueError as error:
                place = f"{self.folder / name}, line {number}"
                raise MissingEvidence(f"{place}: not JSON") from error
        return found

    def place(self, name: str) -> str:
        """Return the path of a file as evidence names it."""
        return (self.folder / name).as_posix()

    def flop(self, stage: str) -> int:
        """Return what the newest completed attempt of a stage computed; raises MissingEvidence."""
        for record in reversed(self.records):
            if record.stage == stage and record.completed:
                return record.flop
        raise MissingEvidence(f"{self.folder / 'attempts'} has no completed attempt of {stage}")


def open_runs(folders: list[Path]) -> list[Run]:
    """Open the runs in the order of their seeds.

    Raises InputError when two have the same seed (it would count twice) or another scale.
    """
    runs = sorted((Run(folder) for folder in folders), key=lambda run: run.seed)
    for first, second in zip(runs, runs[1:], strict=False):
        if first.seed == second.seed:
            raise InputError(
                f"{first.folder} and {second.folder} both hold seed {first.seed}: one seed counts "
                "once; leave one of them out"
            )
        if first.scale != second.scale:
            raise InputError(
                f"{first.folder} is of scale {first.scale}, {second.folder} of {second.scale}; "
                "judge one scale at a time"
            )
    return runs
