# SPDX-License-Identifier: Apache-2.0
"""The one form of every table of the page: headings, and how each cell follows from its row.

A template names each column and an expression over the row's fields (`usd | fixed`), which its own
environment compiles: a table's wording, its choice of numbers and their form stand in one place.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from r1repro.audit.page.tables import UNKNOWN, Row


class Grid(NamedTuple):
    """One table of text.

    columns   heading and class: `n` sets numbers at the right, `wide` lets text break into lines
    rows      cells, and a class for emphasis
    same      what all lines agree on, in place of a column
    """

    columns: list[tuple[str, str]]
    rows: list[tuple[list[str], str]]
    same: list[str]


def _column(name: str) -> tuple[str, str]:
    return name.lstrip("#~"), {"#": "n", "~": "wide"}.get(name[:1], "")


def _fields(row) -> dict:
    fields = row if isinstance(row, Mapping) else getattr(row, "__dict__", {})
    return (row.cells if isinstance(row, Row) else fields) | {"row": row}


def grid(
    compiled: Callable[[str], Callable],
    rows: Sequence,
    columns: Mapping[str, str] | Sequence[tuple[str | Sequence[str], str]],
    emphasis: str = "''",
    constant: Sequence[str] = (),
    filled: bool = False,
    using: Mapping | None = None,
) -> Grid:
    """Return a table; `compiled` makes a function of an expression.

    columns    heading -> expression; # marks numbers, ~ wide text; a list of headings takes a
               list of cells. An expression sees the row's fields, `row`, `first` and `using`.
    constant   columns that move into `same` where all lines agree
    filled     leave out columns that no line fills
    """
    pairs = columns.items() if isinstance(columns, Mapping) else columns
    heads, cells_of, style_of = [], [], compiled(emphasis)
    for names, source in pairs:
        single, value = isinstance(names, str), compiled(source)
        heads += map(_column, [names] if single else names)
        cells_of.append((lambda known, value=value: [value(known)]) if single else value)
    lines = []
    for place, row in enumerate(rows):
        known = _fields(row) | {"first": place == 0} | (using or {})
        cells = [cell for value in cells_of for cell in value(known)]
        cells = [UNKNOWN if cell is None else str(cell) for cell in cells]
        lines.append((cells, style_of(known)))
    kept, same = [], []
    for place, (head, _) in enumerate(heads):
        found = {cells[place] for cells, _ in lines if cells[place]}
        if head in constant and len(found) == 1:
            same.append(f"{head.lower()} {found.pop()}")
        elif found or not filled:
            kept.append(place)
    rows_kept = [([cells[place] for place in kept], style) for cells, style in lines]
    return Grid([heads[place] for place in kept], rows_kept, same)
