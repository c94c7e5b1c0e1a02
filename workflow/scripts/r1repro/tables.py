# SPDX-License-Identifier: Apache-2.0
"""Small CSV tables, written the same way everywhere.

Cells keep the text they were given: nothing is parsed and printed again on the way through.
Stages write rows with Python's csv; only what reads tables pays for importing pandas (0.8 s).
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from r1repro.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas


def csv_text(rows: list[dict], columns: Sequence[str] | None = None) -> str:
    """Return rows as CSV text with these columns, or those of the first row, in order.

    A table that may have no row needs its columns. None becomes an empty cell.
    Raises ValueError when a row has other columns.
    """
    names = list(rows[0] if columns is None else columns)
    for row in rows:
        if row.keys() != set(names):
            raise ValueError(f"columns {list(row)} differ from {names}")
    text = io.StringIO()
    table = csv.DictWriter(text, names, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def read_table(path: Path) -> pandas.DataFrame:
    """Read a CSV file with every cell as text.

    Raises InputError when the file is missing, empty or not a table.
    """
    import pandas

    try:
        return pandas.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; make it with `snakemake {path}`") from error
    except (pandas.errors.EmptyDataError, pandas.errors.ParserError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a CSV table: {error}") from error


def join_tables(paths: list[Path], more: list[dict] | None = None) -> str:
    """Return the rows of several CSV files with the same header, and more rows, as one text.

    Raises InputError when the headers differ, ValueError when the columns of `more` do.
    """
    import pandas

    tables = [read_table(path) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        if list(table.columns) != list(tables[0].columns):
            raise InputError(
                f"{path} has the columns {list(table.columns)}, expected {list(tables[0].columns)}"
            )
    joined = pandas.concat(tables).to_csv(index=False, lineterminator="\n")
    if not more:
        return joined
    return joined + csv_text(more, tables[0].columns.to_list()).split("\n", 1)[1]
