# SPDX-License-Identifier: Apache-2.0
"""Small hand-made tables about cost for the tests of the page; not a test itself."""

import csv
from pathlib import Path

from r1repro.audit.page.economics import TABLES
from r1repro.audit.page.plausibility import COLUMNS, MEASURED_COLUMNS, SHARES

ROOT = Path(__file__).parents[2]
FACTORS = ("0.8", "1", "1.25")
BOUNDS = {"A0": 2300, "A1": 4600, "B": 2400}
SCENARIOS = {"C0": 15000, "C1": 97000, "C2": 162000, "C3": 340000}
QUANTILES = (83000, 110000, 131000, 154000, 191000)
HOSTILE = "<script>alert('cost')</script>"


def write(path: Path, header, rows) -> Path:
    """Write a CSV file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows([header, *rows])
    return path


def _model() -> list[list]:
    rows = [["reported", "gpu_hours", "", 101000], ["measured", "fixed_seconds", "", 80]]
    for kind, cases in (("bound_gpu_hours", BOUNDS), ("gpu_hours", SCENARIOS)):
        for case, hours in cases.items():
            rows += [[case, kind, factor, float(factor) * hours] for factor in FACTORS]
    for share, hours in zip(SHARES, QUANTILES, strict=True):
        rows.append(["distribution", f"gpu_hours_{share}_percent", "", hours])
    for name, value in (
        ("central_low", 77000), ("central_high", 202000), ("quantile_of_reported", 0.17),
        ("draws", 4000),
    ):  # fmt: skip
        rows.append(["distribution", name, "", value])
    for name, measured, predicted in (("v3_256", 134, 134), ("v3_512", 111, 126)):
        case = f"measured {name}"
        rows.append([case, "measured_seconds", "", measured])
        rows.append([case, "predicted_seconds", "", predicted])
        rows.append([case, "predicted_over_measured", "", predicted / measured])
        rows.append([case, "calibrated_on", "", int(measured == predicted)])
    rows.append(["measured v3_512", "gpu_hours_of_the_run_at_this_pace", "", 164181])
    return [[*row, "unit"] for row in rows]


def _scopes() -> list[list]:
    words = ["as printed", "reported", "Supplementary Table 4"]
    one = ["147000"] * 2 + ["294000"] * 2 + ["1.0000"] * 2
    many = ["163543", "184170", "327086", "368340", "1.1125", "1.2529"]
    return [
        ["as_printed", "the total as printed", *one, *words],
        ["failed_runs", "failed runs added", *many, "147336 x (1 + 0.25)", "estimate", HOSTILE],
        ["staff", "staff", *["unknown"] * 6, "no hours published", "reported", "none"],
    ]


def _sensitivity() -> list[list]:
    one, own = "one_at_a_time", "as_recomputed"
    rows = [
        [one, "scope", "base_in_full", "2.00", "base_in_full", 1, 0, 2935336, 5870672, 19.9227],
        [one, "utilisation_ratio", "low", "2.00", own, 0.3, 0, 491120, 982240, 3.3333],
        [one, "price", "low", "1.67", own, 1, 0, 147336, 246051, 0.835],
        [one, "failed_share", "high", "2.00", own, 1, 0.25, 184170, 368340, 1.25],
    ]
    for price, usd in (("1.67", 246051), ("2.00", 294672)):
        rows.append(["grid", "", "", price, own, 1, 0, 147336, usd, 1])
    return rows


def _rivals() -> list[list]:
    url = "https://example.org/paper"
    return [
        ["Other model", "estimate", "unknown", *[78400000] * 3, "training", "as printed", url, ""],
        ["Hours only", "hours_priced", 2380000, 4760000, 3974600, 11700080, "pre-training",
         "2380000 h x 2.00 USD", url, HOSTILE],
        ["DeepSeek-R1", "disclosed", 147000, *[294000] * 3, "RL", "as printed", url, ""],
        ["Nobody knows", "unknown", *["unknown"] * 4, "training", "no figure", url, ""],
    ]  # fmt: skip


def _rows() -> dict[str, list[list]]:
    cpu = ["AMD EPYC 7763", 1, 0, 2]
    power = ["as_printed", "board_limit", 0.7, 1.2, "china_2021", 0.5568, 123.48, 123.48]
    power += [68.754, 68.754, 9878, 0.0336, "assumed", "data sheet"]
    known = ["same_utilisation", "H800", 5.07, 21806, 43868, 456693, 43612, 87735, 913386, 0.43]
    return {
        "scopes": _scopes(),
        "power": [power],
        "sensitivity": _sensitivity(),
        "hourly": [
            ["rental", "h100_x", "H100-80GB", "lease", "China", "2025-03", "1.780", 147000, 261660,
             "0.89", "derived", "https://example.org/price"],
            ["ownership", "middle", "8-GPU server", HOSTILE, "", "", "2.379", 147000, 349713,
             "1.19", "assumed", "config/economics.yaml"],
        ],
        "rivals": _rivals(),
        "allocation": [
            ["stage", "r1_zero", *cpu, 3, 230.5, 220, 10.5, 0, 0.9544, 0.128, "unknown", HOSTILE],
            ["machine", "testhost", *cpu, 7, 300, 250, 20, 30, 0.8333, 0.1667, 0.0067, ""],
        ],
        "carbon": [
            ["AMD EPYC 7763", "final", "measured", 1, 0.025, 0.0012, "china_2021", 0.5568, 0.00067],
            ["AMD EPYC 7763", "failed", "unknown", 2, 0.036, "unknown", "china_2021", 0.5568,
             "unknown"],
        ],  # fmt: skip
        "projection": [
            ["r1_zero", "AMD EPYC 7763", 2, 4080.83, 6.73e6, 0.165, *known, ""],
            ["base", "AMD EPYC 7763", 2, 14706, 3.4e6, "unknown", "same_utilisation", "H800",
             *["unknown"] * 8, "did not both sample and train"],
        ],
    }  # fmt: skip


def write_costs(results: Path) -> dict[str, Path]:
    """Write the tables below results/cost and return the program's options."""
    folder = results / "cost"
    options = {
        name: write(folder / f"{name}.csv", TABLES[name], rows) for name, rows in _rows().items()
    }
    options["cost_model"] = write(folder / "cost_model.csv", COLUMNS, _model())
    measured = [
        ["base", "", 99.9, 98.9, 1.01, 1, "supervised", "model", 1.0005, ""],
        ["score", "pilot", 4.9, 12.1, 0.405, 1, "score", "small_base", 1.09, ""],
        ["custom", "", "unknown", 3, "unknown", 1, "unknown", "unknown", "unknown", HOSTILE],
    ]
    options["cost_model_measured"] = write(
        folder / "cost_model_measured.csv", MEASURED_COLUMNS, measured
    )
    nature = ROOT / "results/published/nature"
    for option, name in (("published_cost", "cost.csv"), ("published_v3_cost", "v3_cost.csv")):
        options[option] = results / "published/nature" / name
        options[option].parent.mkdir(parents=True, exist_ok=True)
        options[option].write_bytes((nature / name).read_bytes())
    for option, name in (
        ("economics_config", "economics"), ("cost_model_config", "cost_model"),
        ("own_model_config", "cost_model_mini"), ("prices", "prices"),
    ):  # fmt: skip
        options[option] = results.parent / f"config/{name}.yaml"
        options[option].parent.mkdir(parents=True, exist_ok=True)
        options[option].write_bytes((ROOT / f"config/{name}.yaml").read_bytes())
    return options
