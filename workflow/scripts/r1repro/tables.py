# SPDX-License-Identifier: Apache-2.0
"""Small CSV tables, written the same way everywhere."""

import csv
import io
from pathlib import Path

from r1repro.errors import InputError


def csv_text(rows: list[dict]) -> str:
    """Return rows as CSV text with the columns of the first row, in order.

    Raises ValueError when a row has other columns than the first.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        if row.keys() != rows[0].keys():
            raise ValueError(f"columns {list(row)} differ from {list(rows[0])}")
        writer.writerow(row)
    return out.getvalue()


def join_tables(paths: list[Path]) -> str:
    """Return the rows of several CSV files with the same header as one text.

    Raises InputError when the headers differ.
    """
    header, body = None, []
    for path in paths:
        first, *rest = path.read_text(encoding="utf-8").splitlines()
        if header is not None and first != header:
            raise InputError(f"{path} has the columns {first}, expected {header}")
        header = first
        body += rest
    return "\n".join([header, *body]) + "\n"
