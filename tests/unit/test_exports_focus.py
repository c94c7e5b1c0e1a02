# SPDX-License-Identifier: Apache-2.0
"""Claims about the FOCUS file: exact money, every attempt once, nothing made up."""

import csv
import json
import random
from collections.abc import Callable
from decimal import Decimal

import pytest
from exported_run import TOTAL_USD, attempt, exported_run

from r1repro.audit.attempt_records import read_attempts
from r1repro.audit.exports.billed import billed_attempts
from r1repro.audit.exports.checks.focus import focus_against_records, focus_findings
from r1repro.audit.exports.focus import COLUMNS, COSTS, STANDARD, UNIT_PRICES
from r1repro.audit.stage_cost import cost_by_stage


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return exported_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def rows(run):
    """The rows by attempt."""
    with open(run.folder / "focus.csv", encoding="utf-8", newline="") as handle:
        return {row["x_AttemptId"]: row for row in csv.DictReader(handle)}


def records_of(run):
    """The records the exports are made of."""
    return [record for record in read_attempts(run.attempts) if record.attempt_id != "a09"]


def test_the_columns_are_the_57_of_the_standard_and_named_ones_of_ours():
    assert len(STANDARD) == len(set(STANDARD)) == 57
    assert all(name.startswith("x_") for name in COLUMNS[57:])


def test_every_billed_attempt_has_one_row_and_what_makes_the_report_has_none(rows):
    """Failed, killed and superseded ones are there; a08 (claims) and a09 (exports) are not."""
    assert list(rows) == ["a01", "a02", "a03", "a04", "a05", "a06x", "a06y", "a06z", "a07"]
    purposes = {name: json.loads(row["Tags"])["purpose"] for name, row in rows.items()}
    assert [purposes[name] for name in ("a01", "a02", "a03", "a04", "a07")] == [
        "superseded", "preparatory", "failed", "final", "failed",
    ]  # fmt: skip
    outcomes = [rows[name]["x_Outcome"] for name in ("a03", "a04", "a07")]
    assert outcomes == ["killed", "completed", "failed"]


def test_the_money_of_each_row_can_be_done_by_hand(rows):
    """4 and 8 GPU-hours at 2.00; 24 core-seconds at 0.05; a tenth of an hour."""
    hours = {name: row["PricingQuantity"] for name, row in rows.items()}
    assert (hours["a03"], hours["a04"]) == ("4.000000000", "8.000000000")
    assert (hours["a05"], hours["a01"]) == ("0.100000000", "0.006666667")
    costs = {name: Decimal(row["BilledCost"]) for name, row in rows.items()}
    assert (costs["a03"], costs["a04"], costs["a05"]) == (8, 16, Decimal("0.2"))
    assert costs["a01"] == Decimal("0.00033333335")
    assert sum(costs.values()) == TOTAL_USD


def test_thirds_add_up_to_the_whole(rows):
    """Three times 5/18 h is 5/6 h: 0.833333333, not three times 0.277777778."""
    parts = [Decimal(rows[name]["PricingQuantity"]) for name in ("a06x", "a06y", "a06z")]
    assert parts == [Decimal("0.277777778"), Decimal("0.277777778"), Decimal("0.277777777")]
    assert sum(parts) == Decimal("0.833333333")


def test_an_unknown_price_is_a_place_holder_that_says_so_four_times(rows):
    row = rows["a07"]
    assert {row[name] for name in COSTS} == {"0.00"}
    assert {row[name] for name in UNIT_PRICES} == {""}
    assert row["SkuPriceId"] == "unknown:NVIDIA A99"
    assert row["x_PriceStatus"] == json.loads(row["Tags"])["price"] == "unknown"
    assert "price unknown" in row["ChargeDescription"]
    assert row["PricingQuantity"] == "0.250000000"  # hours are known all the same


def test_periods_are_those_of_the_steady_clock(rows):
    row = rows["a03"]
    assert row["ChargePeriodStart"] == "2026-03-01T10:10:00.000Z"
    assert row["ChargePeriodEnd"] == "2026-03-01T10:40:00.000Z"
    assert row["BillingPeriodStart"] == "2026-03-01T00:00:00Z"
    assert row["BillingPeriodEnd"] == "2026-04-01T00:00:00Z"


def test_an_attempt_over_new_year_is_inside_its_billing_period(tmp_path):
    """From 31 December 2026 23:59 to 1 January 2027: the period is both months."""
    run = exported_run(tmp_path)
    minutes = (306 - 1) * 24 * 60 + 839  # 1 March 10:00 plus 305 days and 13 h 59 min
    attempt(run.attempts, "b01", "ladder", minutes, 120_000)
    billed = billed_attempts(records_of(run), run.prices)
    from r1repro.audit.exports.focus import focus_rows

    row = focus_rows(billed, run.load().files)[-1]
    assert row["ChargePeriodStart"] == "2026-12-31T23:59:00.000Z"
    assert row["ChargePeriodEnd"] == "2027-01-01T00:01:00.000Z"
    assert row["BillingPeriodStart"] == "2026-12-01T00:00:00Z"
    assert row["BillingPeriodEnd"] == "2027-02-01T00:00:00Z"


def test_the_sums_are_the_bill_for_any_mixture(tmp_path):
    """200 attempts of odd lengths: rows of the bill and of the export agree to the last digit."""
    draw = random.Random(7)
    for number in range(200):
        attempt(
            tmp_path, f"r{number:03d}", draw.choice(["base", "dev1"]), number,
            draw.randrange(10_000_000), part=str(number), exit_code=draw.choice([0, 1, None]),
            device=draw.choice(["NVIDIA H800", "NVIDIA A99"]), gpus_per_node=draw.choice([1, 7]),
            nodes=draw.choice([1, 3]),
        )  # fmt: skip
    from exported_run import BASIS, PRICES

    from r1repro.audit.prices import load_prices, preferred_rows

    (tmp_path / "prices.yaml").write_text(PRICES, encoding="utf-8")
    prices = preferred_rows(load_prices(tmp_path / "prices.yaml"), BASIS)
    records = read_attempts(tmp_path)
    billed, bill = billed_attempts(records, prices), cost_by_stage(records, prices)
    assert sorted(b.record.attempt_id for b in billed) == [f"r{n:03d}" for n in range(200)]
    assert sum(b.quantity for b in billed) == sum(row.gpu_hours for row in bill)
    assert sum(b.cost_usd or 0 for b in billed) == sum(row.cost_usd or 0 for row in bill)
    for item in billed:
        exact = item.record.elapsed_ms * item.record.nodes * item.record.gpus_per_node
        assert abs(item.quantity * 3_600_000 - exact) <= Decimal("0.0036")


def test_an_honest_file_has_no_finding(run):
    path = run.folder / "focus.csv"
    assert focus_findings(path) == []
    assert focus_against_records(path, run.attempts, records_of(run), run.prices) == []


MUTATIONS: dict[str, tuple[dict[str, str], str]] = {
    "cost is not quantity x price": ({"BilledCost": "15.00"}, "unit price x quantity"),
    "list cost is not": ({"ListCost": "15.99999999999"}, "ListCost is 15.99"),
    "contracted cost is not": ({"ContractedCost": "17"}, "ContractedCost is 17"),
    "a negative cost": ({"EffectiveCost": "-16"}, "EffectiveCost is negative"),
    "another quantity": ({"PricingQuantity": "4.0"}, "differs from ConsumedQuantity"),
    "both quantities": (
        {"PricingQuantity": "4.0", "ConsumedQuantity": "4.0"}, "but the attempt held",
    ),
    "a period that ends before it starts": (
        {"ChargePeriodEnd": "2026-03-01T10:00:00.000Z"}, "ends before it starts",
    ),
    "a shorter period": ({"ChargePeriodEnd": "2026-03-01T11:49:00.000Z"}, "not as long as"),
    "a period outside the month": (
        {"BillingPeriodEnd": "2026-03-01T00:00:00Z"}, "not inside the billing period",
    ),
    "not a number": ({"BilledCost": "NaN"}, "not a plain number"),
    "an exponent": ({"BilledCost": "1.6E1"}, "not a plain number"),
    "digits of another script": ({"BilledCost": "１６"}, "not a plain number"),
    "a local time": ({"ChargePeriodStart": "2026-03-01T10:50:00"}, "not in UTC"),
    "the price made unknown": ({"x_PriceStatus": "unknown"}, "of an unknown price"),
    "fewer GPUs": ({"x_GpusPerNode": "4"}, "but the attempt held"),
    "another unit": ({"PricingUnit": "Hours"}, "the unit is not GPU-Hours"),
    "another attempt": ({"x_AttemptId": "a03"}, "attempt a03 has 2 rows"),
}  # fmt: skip


def mutated(run, target, change: Callable[[list[dict]], object]):
    """Write the file with its rows changed."""
    with open(run.folder / "focus.csv", encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    change(rows)
    with open(target, "w", encoding="utf-8", newline="") as handle:
        table = csv.DictWriter(handle, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    return target


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_changed_cell_is_found_and_named(name, run, tmp_path):
    """In the row of a04, 8 GPU-hours for 16 USD."""
    cells, told = MUTATIONS[name]
    path = mutated(run, tmp_path / "focus.csv", lambda rows: rows[3].update(cells))
    found = "\n".join(focus_findings(path))
    assert told in found
    assert "a04" in found or "a03" in found


def test_a_row_taken_out_is_missed_against_the_records(run, tmp_path):
    """The file alone is consistent; only the records know the failed attempt."""
    path = mutated(run, tmp_path / "focus.csv", lambda rows: rows.pop(2))
    assert focus_findings(path) == []
    found = focus_against_records(path, run.attempts, records_of(run), run.prices)
    assert "attempt a03 of the records is missing" in found
    assert any(line.startswith("r1_zero, failed: ") for line in found)


def test_a_failed_attempt_made_final_and_a_lower_price_are_found(run, tmp_path):
    """Row and file are consistent; the bill is not."""

    def reclassify(rows):
        rows[2]["Tags"] = rows[2]["Tags"].replace('"failed"', '"final"')

    def cheaper(rows):
        halved = dict.fromkeys(UNIT_PRICES, "1.00")
        rows[3].update(dict.fromkeys((*COSTS, "PricingCurrencyEffectiveCost"), "8") | halved)

    for change in (reclassify, cheaper):
        path = mutated(run, tmp_path / "focus.csv", change)
        assert focus_findings(path) == []
        found = focus_against_records(path, run.attempts, records_of(run), run.prices)
        assert any("r1_zero" in line and "the bill has" in line for line in found)


def test_a_record_changed_after_the_export_is_found(tmp_path):
    run = exported_run(tmp_path)
    attempt(run.attempts, "a04", "r1_zero", 50, 1_800_000, gpus_per_node=8)
    found = focus_against_records(
        run.folder / "focus.csv", run.attempts, records_of(run), run.prices
    )
    assert "the record of attempt a04 has another SHA-256 than x_RecordSha256" in found
    assert "attempt a04 lasted 1800000 ms by its record" in found


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "\x00", '"'])
def test_what_is_no_such_table_is_a_finding_not_a_crash(text, tmp_path):
    (tmp_path / "focus.csv").write_text(text, encoding="utf-8")
    (told,) = focus_findings(tmp_path / "focus.csv")
    assert "focus.csv" in told
