# SPDX-License-Identifier: Apache-2.0
"""The one form of every table of the page: headings, and how each cell follows from its row.

A template names each column and an expression over the row's fields (`usd | fixed`), which its own
environment compiles: a table's wording, its choice of numbers and their form stand in one place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Environment

from r1repro.audit.page.tables import UNKNOWN, Row


@dataclass(frozen=True)
class Column:
    """A heading; the class `n` sets numbers at the right, `wide` lets text break into lines."""

    name: str
    style: str


@dataclass(frozen=True)
class Line:
    """One row; `emphasis` is a class of the style sheet."""

    cells: list[str]
    emphasis: str


@dataclass(frozen=True)
class Grid:
    """One table; `same` names what all lines agree on, in place of a column."""

    columns: list[Column]
    rows: list[Line]
    same: list[str]


def _column(name: str) -> Column:
    style = "n" if name.startswith("#") else "wide" if name.startswith("~") else ""
    return Column(name.lstrip("#~"), style)


def _fields(row) -> dict:
    fields = row if isinstance(row, Mapping) else getattr(row, "__dict__", {})
    return (row.cells if isinstance(row, Row) else fields) | {"row": row}


def grid(
    environment: Environment,
    rows: Sequence,
    columns: Mapping[str, str] | Sequence[tuple[str | Sequence[str], str]],
    emphasis: str = "''",
    constant: Sequence[str] = (),
    filled: bool = False,
    using: Mapping | None = None,
) -> Grid:
    """Return a table of text.

    columns    heading -> expression; # marks numbers, ~ wide text; a list of headings takes a
               list of cells. An expression sees the row's fields, `row`, `first` and `using`.
    constant   columns that move into `same` where all lines agree
    filled     leave out columns that no line fills
    """
    pairs = columns.items() if isinstance(columns, Mapping) else columns
    heads = [
        _column(n) for names, _ in pairs for n in ([names] if isinstance(names, str) else names)
    ]
    cell_of = [
        (isinstance(names, str), environment.compile_expression(source, undefined_to_none=False))
        for names, source in pairs
    ]
    style_of = environment.compile_expression(emphasis, undefined_to_none=False)
    lines = []
    for place, row in enumerate(rows):
        known = _fields(row) | {"first": place == 0} | (using or {})
        cells = []
        for single, value in cell_of:
            cells += [value(known)] if single else value(known)
        texts = [UNKNOWN if cell is None else str(cell) for cell in cells]
        lines.append(Line(texts, str(style_of(known))))
    kept, same = [], []
    for place, head in enumerate(heads):
        found = {line.cells[place] for line in lines if line.cells[place]}
        if head.name in constant and len(found) == 1:
            same.append(f"{head.name.lower()} {found.pop()}")
        elif found or not filled:
            kept.append(place)
    return Grid(
        [heads[place] for place in kept],
        [Line([line.cells[place] for place in kept], line.emphasis) for line in lines],
        same,
    )
