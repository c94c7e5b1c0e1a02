# SPDX-License-Identifier: Apache-2.0
"""Read single cells and columns of the published tables, by references written in claims.

Reference   FILE:CONDITIONS:COLUMN, for instance cost.csv:stage=r1:gpu_hours
CONDITIONS  KEY=VALUE, KEY!=VALUE, KEY<=NUMBER or KEY>=NUMBER, several joined by &; * is every row.
            = and != compare the text of the cell; an empty VALUE means an empty cell.
Cell        exactly one row must fit, and the cell must not be empty.
Column      the cells of every row that fits, in the order of the file, none of them empty.
Values      a cell that reads as a number is one (whole numbers stay whole); other text stays text.
"""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from r1repro.errors import StageError

REFERENCE = re.compile(r"(?P<file>[A-Za-z0-9_]+\.csv):(?P<where>[^:]+):(?P<column>[a-z0-9_]+)")
CONDITION = re.compile(r"(?P<key>[a-z0-9_]+)(?P<sign>!=|<=|>=|=)(?P<value>.*)")
NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")


class CellError(StageError):
    """A reference does not lead to the cells that it names."""


@dataclass(frozen=True)
class Reference:
    """One reference, taken apart; `text` is as it was written."""

    text: str
    file: str
    conditions: tuple[tuple[str, str, str], ...]
    column: str


@dataclass(frozen=True)
class Table:
    """One CSV file: its header and its rows as texts."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[dict[str, str], ...]


def parse_reference(text: str) -> Reference:
    """Take a reference apart; raises CellError when it is not one."""
    found = REFERENCE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise CellError(f"{text!r} is not a reference FILE.csv:KEY=VALUE:COLUMN")
    conditions = []
    for part in [] if found["where"] == "*" else found["where"].split("&"):
        piece = CONDITION.fullmatch(part)
        if piece is None:
            raise CellError(f"{part!r} in {text!r} is not a condition KEY=VALUE")
        conditions.append((piece["key"], piece["sign"], piece["value"]))
    return Reference(text, found["file"], tuple(conditions), found["column"])


def value_of(text: str) -> int | float | str:
    """Return a cell as a number where it reads as one."""
    if NUMBER.fullmatch(text) is None:
        return text
    return int(text) if re.fullmatch(r"-?\d+", text) else float(text)


def read_csv(path: Path) -> Table:
    """Read one table strictly; raises CellError for a damaged one."""
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            lines = list(csv.reader(handle, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CellError(f"{path} cannot be read as a table ({error})") from error
    if not lines or len(set(lines[0])) != len(lines[0]):
        raise CellError(f"{path} has no header, or a column twice")
    header = lines[0]
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            raise CellError(f"{path}, row {number}: {len(line)} cells where {len(header)} belong")
    rows = tuple(dict(zip(header, line, strict=True)) for line in lines[1:])
    return Table(path.name, tuple(header), rows)


class Tables:
    """The published tables of a folder; remembers which cells were read."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._tables: dict[str, Table] = {}
        self.read: set[tuple[str, int, str]] = set()  # file, row from 0, column

    def has(self, name: str) -> bool:
        """Say whether there is such a table."""
        return (self.folder / name).is_file()

    def table(self, name: str) -> Table:
        """Return a whole table; raises CellError."""
        if name not in self._tables:
            if not self.has(name):
                raise CellError(f"there is no table {self.folder / name}")
            self._tables[name] = read_csv(self.folder / name)
        return self._tables[name]

    def _fitting(self, reference: Reference) -> list[tuple[int, str]]:
        table = self.table(reference.file)
        conditions = reference.conditions
        for column in (*(key for key, _, _ in conditions), reference.column):
            if column not in table.columns:
                raise CellError(f"{self.folder / table.name} has no column {column}")
        found = [
            (number, row[reference.column])
            for number, row in enumerate(table.rows)
            if all(self._fits(row[condition[0]], condition, reference) for condition in conditions)
        ]
        for number, text in found:
            if text == "":
                raise CellError(
                    f"{self.folder / table.name}: row {number + 2} of {reference.text} is empty"
                )
            self.read.add((table.name, number, reference.column))
        return found

    def _fits(self, cell: str, condition: tuple[str, str, str], reference: Reference) -> bool:
        _, sign, value = condition
        if sign in ("=", "!="):
            return (cell == value) == (sign == "=")
        left, right = value_of(cell), value_of(value)
        if isinstance(right, str):
            raise CellError(f"{value!r} after {sign} in {reference.text} is not a number")
        if isinstance(left, str):
            return False
        return left <= right if sign == "<=" else left >= right

    def cell(self, reference: Reference) -> int | float | str:
        """Return the one cell; raises CellError that names file and key."""
        found = self._fitting(reference)
        if len(found) != 1:
            where = "&".join("".join(part) for part in reference.conditions) or "*"
            raise CellError(
                f"{self.folder / reference.file}: {len(found)} rows have {where}, expected one"
            )
        return value_of(found[0][1])

    def column(self, reference: Reference) -> list[int | float | str]:
        """Return the cells of all rows that fit; raises CellError, also when there is none."""
        found = self._fitting(reference)
        if not found:
            raise CellError(f"{self.folder / reference.file}: no row fits {reference.text}")
        return [value_of(text) for _, text in found]
