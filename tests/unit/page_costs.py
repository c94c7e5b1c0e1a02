# SPDX-License-Identifier: Apache-2.0
"""Small hand-made tables about cost for the tests of the page; not a test itself."""

import csv
from pathlib import Path

from r1repro.audit.page.economics import TABLES
from r1repro.audit.page.plausibility import COLUMNS, MEASURED_COLUMNS, PHASES

ROOT = Path(__file__).parents[2]
FACTORS = ("0.8", "1", "1.25")
BOUNDS = {"A0": 4000, "A1": 8000, "A2": 15000, "B": 28000, "C1": 97000, "C2": 162000, "C3": 340000}
HOSTILE = "<script>alert('cost')</script>"


def write(path: Path, header, rows) -> Path:
    """Write a CSV file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows([header, *rows])
    return path


def _model() -> list[list]:
    rows = [["reported", "gpu_hours", "", 101000], ["reported", "seconds_per_update", "", 68.5]]
    for factor in FACTORS:
        for case, hours in BOUNDS.items():
            rows.append([case, "gpu_hours", factor, float(factor) * hours])
            rows.append([case, "ratio_to_reported", factor, float(factor) * hours / 101000])
        for name, value in (
            ("tokens_per_second_per_gpu", 90.6), ("share_of_production_decoding", 0.049),
            ("utilisation_bf16", 0.0717),
        ):  # fmt: skip
            rows.append(["reported", name, factor, float(factor) * value])
    for case in ("B", "C1", "C2", "C3"):
        rows += [[case, f"{phase}_hours", "1", 10.5] for phase in PHASES]
        for name in ("seconds_per_update", "tokens_per_second_per_gpu", "utilisation_bf16"):
            rows.append([case, name, "1", 0.5])
        rows.append([case, "tail_stream_rate", "1", 41])
    rows += [["tail", "tokens_in_a_row", "", 25804800], ["tail", "least_stream_rate", "", 36.2]]
    for rate, hours, holds in ((21, 341.3, 0), (50, 143.4, 1)):
        rows.append([f"tail stream_rate={rate}", "rollout_hours", "", hours])
        rows.append([f"tail stream_rate={rate}", "within_reported_hours", "", holds])
    for name, value, ratio in (("outputs_per_rollout", 512, 10.6), ("sigma", 0.5, 0.95)):
        rows.append([f"C2 {name}={value}", "gpu_hours", "", 162000 * ratio])
        rows.append([f"C2 {name}={value}", "ratio_to_base", "", ratio])
    for name, value in (("published", 1850), ("no_overlap", 1308), ("ideal_overlap", 2925)):
        rows.append(["anchor deepseek_decode_mtp", name, "", value])
    rows.append(["anchor deepseek_decode_mtp", "bracketed", "", 1])
    rows.append(["sft_data", "kept_tokens", "", 4.31e9])
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
