# SPDX-License-Identifier: Apache-2.0
"""Checked reading of the tables behind the page.

A cell is text until somebody asks for a number; a cell that is not what was asked for stops the
page with one sentence that names the file, the line and the column.
"""

import csv
import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple

from r1repro.errors import InputError

UNKNOWN = "unknown"


class Measured(NamedTuple):
    """A value with its 95 % interval and the number of examples behind it."""

    value: float
    low: float
    high: float
    number: int


@dataclass(frozen=True)
class Row:
    """One line of a CSV file that knows where it came from."""

    path: Path
    line: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def fault(self, column: str, wanted: str) -> InputError:
        """Return the error that this cell is not what was wanted."""
        found = self[column] or "nothing"
        return InputError(
            f"{self.path}, line {self.line}: column '{column}' has {found[:40]!r} where {wanted} "
            f"is needed; remake the file with `snakemake --forcerun` and its rule"
        )

    def number(self, column: str) -> float:
        """Return a cell as a finite number."""
        try:
            value = float(self[column])
        except ValueError as error:
            raise self.fault(column, "a number") from error
        if not math.isfinite(value):
            raise self.fault(column, "a finite number")
        return value

    def whole(self, column: str) -> int:
        """Return a cell as a whole number."""
        value = self.number(column)
        if value != int(value):
            raise self.fault(column, "a whole number")
        return int(value)

    def share(self, column: str) -> float:
        """Return a cell as a share between 0 and 1."""
        value = self.number(column)
        if not 0 <= value <= 1:
            raise self.fault(column, "a share between 0 and 1")
        return value

    def number_or_none(self, column: str) -> float | None:
        """Return a cell as a number, or None where it is empty."""
        return self.number(column) if self[column] else None

    def measured(self, share: bool, number: str = "n", value: str = "value") -> Measured:
        """Return a value between ci_low and ci_high; raises InputError when they are turned."""
        read = self.share if share else self.number
        found, low, high = (read(column) for column in (value, "ci_low", "ci_high"))
        if low > high:
            raise self.fault("ci_high", f"an end not below ci_low ({low})")
        return Measured(found, low, high, self.whole(number))

    def decimal_or_none(self, column: str) -> Decimal | None:
        """Return a cell as an exact decimal, or None where it is empty or says unknown."""
        text = self[column]
        if text in ("", UNKNOWN):
            return None
        try:
            value = Decimal(text)
        except InvalidOperation as error:
            raise self.fault(column, "a number or the word unknown") from error
        if not value.is_finite():
            raise self.fault(column, "a finite number")
        return value


def absent(path: Path) -> InputError:
    """Return the error that a file is missing."""
    return InputError(f"{path} does not exist; make it with `snakemake {path}`")


def needed(path: Path, header: Collection[str], columns: Sequence[str]) -> None:
    """Raise InputError unless a file's header has all of these columns."""
    missing = [column for column in columns if column not in header]
    if missing:
        raise InputError(
            f"{path} lacks the column {', '.join(missing)}; it has {', '.join(header) or 'nothing'}"
        )


def read_rows(path: Path, columns: Sequence[str], *, may_be_empty: bool = False) -> list[Row]:
    """Read a CSV file that must have these columns (more are allowed, in any order).

    Raises InputError when the file is missing, is not UTF-8 text, lacks a column, has a line of
    another length, or has no line at all although it must.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as handle:
            reader = csv.reader(handle, strict=True)
            header = next(reader, [])
            lines = [(reader.line_num, cells) for cells in reader if cells]
    except FileNotFoundError as error:
        raise absent(path) from error
    except (IsADirectoryError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a readable CSV file ({error}); remake it") from error
    needed(path, header, columns)
    for line, cells in lines:
        if len(cells) != len(header):
            raise InputError(
                f"{path}, line {line}: {len(cells)} cells where the header has {len(header)}"
            )
    if not lines and not may_be_empty:
        raise InputError(f"{path} has a header and no line below it; remake it")
    return [
        Row(path, line, dict(zip(header, map(str.strip, cells), strict=True)))
        for line, cells in lines
    ]


def read_object(path: Path) -> dict:
    """Read a JSON file that holds one object; raises InputError when it is anything else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise absent(path) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not JSON ({error}); remake it") from error
    if not isinstance(value, dict):
        raise InputError(f"{path} holds a JSON {type(value).__name__} where an object is needed")
    return value


KINDS = {
    "count": lambda found: type(found) is int and found >= 0,
    "number": lambda found: type(found) in (int, float),
    "object": lambda found: isinstance(found, dict),
    "list": lambda found: isinstance(found, list),
}


def field(value: dict, path: Path, *names: str, kind: str = ""):
    """Return a nested field of a JSON object.

    Raises InputError that names file and field when it is missing or not of its kind (KINDS).
    """
    for depth, name in enumerate(names):
        if not isinstance(value, dict) or name not in value:
            raise InputError(f"{path} lacks the field {'.'.join(names[: depth + 1])}; remake it")
        value = value[name]
    if kind and not KINDS[kind](value):
        found = repr(value)[:40]
        raise InputError(f"{path}: {'.'.join(names)} is {found} where a {kind} is needed")
    return value
