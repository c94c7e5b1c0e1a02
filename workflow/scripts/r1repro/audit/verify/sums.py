# SPDX-License-Identifier: Apache-2.0
"""The bill, cell by cell: recomputed from the attempts and the ledger's prices, exactly.

Without a ledger the prices are not known here: quantities are recomputed, and each cost must be
the printed quantity times the printed price.
"""

import csv
from collections import defaultdict
from decimal import Decimal, InvalidOperation

from r1repro.audit.stage_cost import COLUMNS, EXACT, cells
from r1repro.audit.verify.findings import Report
from r1repro.audit.verify.folder import Run

TABLE = "cost_by_stage.csv"
KEY = COLUMNS[:6]
MONEY = ("unit_price_usd", "cost_usd")


def check(run: Run, report: Report) -> None:
    """Compare every cell of the bill with what the attempts come to."""
    path = run.cost / TABLE
    name = run.name(path)
    if not path.is_file():
        report.note(f"{name}: no bill to compare with")
        return
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            table = list(csv.reader(handle, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        report.error("sums", name, "", f"not a table ({error})", f"less {name}")
        return
    if not table or tuple(table[0]) != COLUMNS:
        report.error("sums", name, "line 1", "not the columns of a bill", f"head -n 1 {name}")
        return
    found = defaultdict(list)
    for number, row in enumerate(table[1:], start=2):
        if len(row) != len(COLUMNS):
            how = f"sed -n '{number}p' {name}"
            report.error("sums", name, f"line {number}", f"{len(row)} cells", how)
            continue
        named = dict(zip(COLUMNS, row, strict=True))
        found[tuple(named[column] for column in KEY)].append((number, named))
    prices = run.prices()
    due = defaultdict(list)
    for row in run.sums.tally.rows(prices or []):
        texts = cells(row)
        due[tuple(texts[column] for column in KEY)].append(texts)
    for key in due.keys() | found.keys():
        _compare(run, report, key, due.get(key, []), found.get(key, []), prices is not None)
    report.looked("rows of the bill", len(table) - 1)


def _compare(run: Run, report: Report, key: tuple, due: list, found: list, priced: bool) -> None:
    name = run.name(run.cost / TABLE)
    shown = " ".join(key)
    for texts in due[len(found) :]:
        what = f"the row is missing; {texts['attempts']} attempts and {texts['hours']} h are due"
        report.error("sums", name, shown, what, f"grep {key[0]} {name}")
    for number, _ in found[len(due) :]:
        what = "no attempt stands behind this row"
        report.error("sums", name, f"line {number}", what, f"sed -n '{number}p' {name}")
    for texts, (number, row) in zip(due, found, strict=False):
        how = f"sed -n '{number}p' {name}"
        columns = [c for c in COLUMNS if priced or c not in MONEY]
        for column in columns:
            if row[column] == texts[column]:
                continue
            kind = "prices" if column == "unit_price_usd" else "sums"
            source = "the ledger gives" if priced else "the attempts give"
            what = f"{column} is {row[column]}, {source} {texts[column]}"
            report.error(kind, name, f"line {number}", what, how)
        if not priced and not _multiplies(row):
            what = f"cost_usd {row['cost_usd']} is not quantity x {row['unit_price_usd']}"
            report.error("sums", name, f"line {number}", what, how)


def _multiplies(row: dict[str, str]) -> bool:
    """Say whether a cost is quantity times price exactly, or both are unknown."""
    if "unknown" in (row["unit_price_usd"], row["cost_usd"]):
        return row["unit_price_usd"] == row["cost_usd"]
    quantity = row["core_hours"] if row["gpus_per_node"] == "0" else row["gpu_hours"]
    try:
        product = EXACT.multiply(Decimal(quantity), Decimal(row["unit_price_usd"]))
        return product == Decimal(row["cost_usd"])
    except InvalidOperation:
        return False
