# SPDX-License-Identifier: Apache-2.0
"""The tables of results/cost about the paper's bill, rivals, held time, carbon and projection."""

from collections.abc import Sequence
from pathlib import Path

from r1repro.audit.page.tables import Row, read_rows
from r1repro.errors import InputError

TABLES = {
    "scopes": ("scope", "what", "gpu_hours_low", "gpu_hours_high", "usd_low", "usd_high",
               "ratio_low", "ratio_high", "formula", "status", "source"),
    "power": ("scope", "power", "kw_per_gpu", "pue", "grid", "kg_per_kwh", "energy_mwh_low",
              "energy_mwh_high", "tonnes_co2_low", "tonnes_co2_high", "electricity_usd_high",
              "electricity_share", "label", "source"),
    "sensitivity": ("kind", "input", "setting", "price_usd", "scope", "utilisation_ratio",
                    "failed_share", "gpu_hours", "usd", "ratio_to_base"),
    "hourly": ("kind", "name", "device", "basis", "region", "as_of", "usd_per_gpu_hour",
               "gpu_hours", "usd", "ratio", "status", "source"),
    "rivals": ("model", "basis", "gpu_hours", "usd", "usd_low", "usd_high", "scope", "formula",
               "source_url", "note"),
    "allocation": ("level", "name", "device", "nodes", "gpus_per_node", "cpu_cores", "attempts",
                   "allocated_seconds", "busy_seconds", "startup_seconds", "idle_seconds",
                   "busy_share", "device_hours", "allocated_usd", "note"),
    "carbon": ("device", "purpose", "energy_source", "attempts", "hours", "energy_kwh", "grid",
               "kg_per_kwh", "kg_co2"),
    "projection": ("stage", "device", "devices", "tokens_per_second_per_device",
                   "flop_per_token", "utilisation", "method", "target_device", "decades",
                   "device_hours_low", "device_hours", "device_hours_high", "usd_low", "usd",
                   "usd_high", "ratio_to_reported", "note"),
}  # fmt: skip
OF_THIS_RUN = ("allocation", "carbon", "projection")  # may be empty
TEXTS = ("scope", "what", "formula", "status", "source", "power", "grid", "label", "kind", "input",
         "setting", "model", "basis", "source_url", "note", "level", "name", "device", "purpose",
         "energy_source", "stage", "method", "target_device", "region", "as_of")  # fmt: skip


def read_table(name: str, path: Path) -> list[Row]:
    """Read one table; raises InputError for a column or a number that is wrong."""
    rows = read_rows(path, TABLES[name], may_be_empty=name in OF_THIS_RUN)
    for row in rows:
        for column in set(TABLES[name]) - set(TEXTS):
            row.decimal_or_none(column)
    return rows


def by_input(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Return the lines of sensitivity.csv in which one input alone changes, by that input."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row["kind"] == "one_at_a_time":
            found.setdefault(row["input"], []).append(row)
    if not found:
        path = rows[0].path
        raise InputError(f"{path} has no line one_at_a_time; run `snakemake --forcerun economics`")
    return found


def by_scope(rows: Sequence[Row]) -> dict[str, dict[str, str]]:
    """Return scope -> price -> USD at the reported utilisation and the least failed share."""
    found: dict[str, dict[str, str]] = {}
    for row in rows:  # the first of a pair has the least failed share
        if row["kind"] == "grid" and row.number("utilisation_ratio") == 1:
            found.setdefault(row["scope"], {}).setdefault(row["price_usd"], row["usd"])
    return found
