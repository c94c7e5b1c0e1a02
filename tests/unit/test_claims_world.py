# SPDX-License-Identifier: Apache-2.0
"""Claims about the verdicts of the cost model: each can say no, and says why."""

import shutil
from pathlib import Path

import pytest
from claims_runs import PUBLISHED, ROOT, make_run

from r1repro.audit.claims.cells import Tables
from r1repro.audit.claims.definitions import read_claims
from r1repro.audit.claims.judge import judge
from r1repro.audit.claims.rows import by_claim
from r1repro.audit.claims.runs import open_runs

HOURS, UPDATES, SPEEDS = range(3)  # the checks of the claim, in its order


def cost_model(tmp_path, **changes):
    """Write the table of the cost model; `changes` replace the values of the rows they name."""
    values = {
        ("A0", "bound_gpu_hours", "0.8"): 2000, ("B", "bound_gpu_hours", "0.8"): 2500,
        ("distribution", "central_low", ""): 76000, ("distribution", "central_high", ""): 202000,
        ("distribution", "gpu_hours_50_percent", ""): 130000,
        ("distribution", "quantile_of_reported", ""): 0.17, ("reported", "gpu_hours", ""): 101000,
    }  # fmt: skip
    for name, ratio in (("512", 1.13), ("512_lag", 1.3), ("512_lag_fp8", 1.4)):
        values[f"measured deepseek_v3_{name}", "predicted_over_measured", ""] = ratio
        values[f"measured deepseek_v3_{name}", "calibrated_on", ""] = 0
    anchors = {"deepseek_decode_mtp": 1850, "deepseek_decode_plain": 1850, "sglang_decode": 2788}
    for name, published in anchors.items():
        forms = {"published": published, "no_overlap": 1500, "ideal_overlap": 3000}
        values |= {(f"anchor {name}", form, ""): value for form, value in forms.items()}
    known = {"A0": "A0", "B": "B", "low": "central_low", "fp8": "measured deepseek_v3_512_lag_fp8"}
    for name, value in changes.items():
        (key,) = [k for k in values if known[name] in k[:2] and k[1] != "calibrated_on"]
        values[key] = value
    rows = [(*key, value, "unit") for key, value in values.items()]
    columns = ("case", "quantity", "factor", "value", "unit")
    table = {name: [row[i] for row in rows] for i, name in enumerate(columns)}
    return make_run(tmp_path, 1, ("cost/cost_model.csv", table))


def rows_of(run, folder=PUBLISHED):
    """Return the rows of the cost model's checks of the reported hours."""
    tables = Tables(folder)
    known = read_claims(ROOT / "config/claims.yaml", tables)
    (claim,) = (claim for claim in known if claim.id == "gpu-hours")
    return [r for r in judge([claim], tables, open_runs([run])) if r.agrees_with == "world"]


def edited(run, old, new):
    """Change the table of a run and return the rows."""
    path = run / "cost/cost_model.csv"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    return rows_of(run)


@pytest.mark.parametrize(
    ("check", "changes", "verdict"),
    [
        (HOURS, {}, "plausible"),
        (HOURS, {"A0": 101000}, "plausible"),
        (HOURS, {"A0": 101001}, "implausible"),
        (HOURS, {"B": 101001}, "implausible"),
        (HOURS, {"low": 101000}, "plausible"),
        (HOURS, {"low": 101001}, "implausible"),
        (UPDATES, {}, "plausible"),
        (UPDATES, {"fp8": 2.01}, "undecided"),
        (UPDATES, {"fp8": 0.49}, "undecided"),
        (SPEEDS, {}, "plausible"),
    ],
)
def test_the_cost_model_decides(tmp_path, check, changes, verdict):
    row = rows_of(cost_model(tmp_path, **changes))[check]
    assert row.verdict == verdict, row.note
    assert row.evidence.endswith("cost/cost_model.csv")


@pytest.mark.parametrize(
    ("reported", "reasons"),
    [
        (1000, ["the bound A0, 2,000 GPU-hours, lies above", "the bound B,", "lie below the cent"]),
        (5_000_000, ["the reported 5,000,000 GPU-hours lie above the central part"]),
    ],
)
def test_another_reported_value_is_implausible_and_the_note_says_why(tmp_path, reported, reasons):
    """The reported hours come from the published table, so another table gets another verdict."""
    folder = Path(shutil.copytree(PUBLISHED, tmp_path / "nature"))
    text = (folder / "cost.csv").read_text(encoding="utf-8")
    assert text.count(",101000,") == 1
    (folder / "cost.csv").write_text(text.replace(",101000,", f",{reported},"), encoding="utf-8")
    row = rows_of(cost_model(tmp_path), folder)[HOURS]
    assert (row.verdict, row.reported) == ("implausible", str(reported))
    assert all(reason in row.note for reason in reasons), row.note


def test_the_calibrated_row_is_no_prediction(tmp_path):
    row = "deepseek_v3_512,calibrated_on,,"
    row = edited(cost_model(tmp_path), f"{row}0", f"{row}1")[UPDATES]
    assert row.verdict == "undecided"
    assert "calibrates on deepseek_v3_512, so it predicts nothing" in row.note


def test_a_model_that_fails_its_own_test_says_nothing_for_or_against_the_paper(tmp_path):
    """The claim is undecided; but a bound above the report needs no such test."""
    tables = Tables(PUBLISHED)
    (claim,) = (c for c in read_claims(ROOT / "config/claims.yaml", tables) if c.id == "gpu-hours")

    def verdict(**changes):
        run = cost_model(tmp_path / str(changes), **changes)
        return by_claim(judge([claim], tables, open_runs([run])))["gpu-hours"]["world"]

    assert verdict() == "plausible"
    assert verdict(fp8=2.01) == "undecided"
    assert verdict(fp8=2.01, B=101001) == "implausible"


def test_an_anchor_outside_its_forms_fails_the_model_and_is_named(tmp_path):
    row = edited(cost_model(tmp_path), "published,,2788", "published,,3001")[SPEEDS]
    assert row.verdict == "undecided"
    assert row.note.startswith("The model fails this test. ")
    assert "sglang_decode 3001 in [1500, 3000]" in row.note


def test_a_table_of_an_earlier_version_is_undecided_and_says_so(tmp_path):
    row = edited(cost_model(tmp_path), "A0,bound_gpu_hours", "A0,gpu_hours")[HOURS]
    assert row.verdict == "undecided"
    assert "no bound_gpu_hours of A0 at factor 0.8; if an earlier version made it" in row.note
