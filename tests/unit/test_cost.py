# SPDX-License-Identifier: Apache-2.0
"""Claims about the bill; every number can be done by hand."""

import itertools
from datetime import date
from decimal import Decimal

from r1repro.audit.attempt_records import AttemptRecord
from r1repro.audit.prices import PriceRow
from r1repro.audit.stage_cost import COLUMNS, cells, cost_by_stage, summary

NUMBERS = itertools.count()
HOUR = 3_600_000


def price(name="h800", price="2.00", devices=("NVIDIA H800",), unit="gpu_hour", **more):
    """Return a price row."""
    return PriceRow(
        id=name, sku="X", devices=devices, unit=unit, price=Decimal(price),
        currency=more.pop("currency", "USD"), basis="b", region="r", source="own",
        confidence="own", note="", **more,
    )  # fmt: skip


def attempt(**changes):
    """Return an attempt: one node of eight H800 for an hour, completed."""
    number = next(NUMBERS)
    given = {
        "attempt_id": f"a{number:04d}",
        "stage": "r1_zero",
        "part": "",
        "scale": "mini",
        "purpose": "final",
        "device": "NVIDIA H800",
        "nodes": 1,
        "gpus_per_node": 8,
        "cpu_cores": 100,
        "started_utc": f"2026-03-01T10:{number // 60 % 60:02d}:{number % 60:02d}.000Z",
        "elapsed_ms": HOUR,
        "exit_code": 0,
    }
    return AttemptRecord(**(given | changes))


def by_purpose(rows):
    """Return the rows by purpose."""
    return {row.purpose: row for row in rows}


def test_failed_attempts_are_billed():
    """A job that crashed twice and then worked costs the time of all three.

    Two nodes of eight: 16 x 0.5 h + 16 x 0.25 h = 12 GPU-hours failed, 16 x 0.75 h = 12 final.
    """
    two_nodes = {"nodes": 2}
    rows = by_purpose(
        cost_by_stage(
            [
                attempt(elapsed_ms=HOUR // 2, exit_code=1, **two_nodes),
                attempt(elapsed_ms=HOUR // 4, exit_code=None, **two_nodes),
                attempt(elapsed_ms=3 * HOUR // 4, **two_nodes),
            ],
            [price()],
        )
    )
    assert (rows["failed"].attempts, rows["final"].attempts) == (2, 1)
    assert rows["failed"].gpu_hours == rows["final"].gpu_hours == 12
    assert rows["failed"].cost_usd + rows["final"].cost_usd == Decimal("48.00")


def test_a_completed_attempt_that_was_run_again_is_superseded_and_billed():
    first, second = attempt(purpose="preparatory"), attempt(purpose="preparatory")
    rows = by_purpose(cost_by_stage([second, first], [price()]))
    assert set(rows) == {"superseded", "preparatory"}
    assert rows["superseded"].cost_usd == 16


def test_a_failure_after_success_supersedes_nothing():
    rows = by_purpose(cost_by_stage([attempt(), attempt(exit_code=1)], [price()]))
    assert set(rows) == {"final", "failed"}


def test_parts_and_scales_do_not_replace_each_other():
    """Scoring dev1 does not make the scores of base obsolete."""
    records = [
        attempt(stage="score", part="base"),
        attempt(stage="score", part="dev1"),
        attempt(stage="score", part="dev1", scale="smoke"),
    ]
    rows = cost_by_stage(records, [price()])
    assert [(row.scale, row.purpose, row.attempts) for row in rows] == [
        ("mini", "final", 2),
        ("smoke", "final", 1),
    ]


def test_every_attempt_is_in_exactly_one_row():
    """The bill is complete: attempts and milliseconds add up, whatever the mixture."""
    records = [
        attempt(stage=stage, device=device, exit_code=code, elapsed_ms=1000 + code, nodes=nodes)
        for stage in ("base", "dev1", "r1_zero")
        for device in ("NVIDIA H800", "CPU")
        for code in (0, 1)
        for nodes in (1, 2)
    ]
    rows = cost_by_stage(records, [price()])
    assert sum(row.attempts for row in rows) == len(records) == 24
    milliseconds = sum(row.hours for row in rows) * HOUR
    assert abs(milliseconds - sum(record.elapsed_ms for record in records)) < Decimal("0.1")


def test_an_unknown_device_has_an_unknown_price_never_a_default():
    """A name that merely resembles a priced one is unknown too."""
    for device in ("NVIDIA H800 PCIe", "nvidia h800", "NVIDIA H800 ", "unknown", ""):
        (row,) = cost_by_stage([attempt(device=device)], [price()])
        assert row.unit_price_usd is None
        assert cells(row)["unit_price_usd"] == cells(row)["cost_usd"] == "unknown"
        assert row.gpu_hours == 8


def test_the_order_of_preference_decides_and_an_empty_one_prices_nothing():
    rows = [price("dear", "3.00"), price("cheap", "1.00")]
    assert cost_by_stage([attempt()], rows)[0].cost_usd == 24
    assert cost_by_stage([attempt()], rows[::-1])[0].cost_usd == 8
    assert cost_by_stage([attempt()], [])[0].cost_usd is None


def test_cpu_attempts_are_billed_by_core_hour_and_gpu_attempts_never():
    """2 nodes x 4 cores x 3 h x 0.05 USD = 1.20 USD; an H800 row does not price a CPU attempt."""
    cpu = attempt(device="C", nodes=2, gpus_per_node=0, cpu_cores=4, elapsed_ms=3 * HOUR)
    (row,) = cost_by_stage([cpu], [price("c", "0.05", ("C",), "core_hour")])
    assert (row.gpu_hours, row.core_hours, row.cost_usd) == (0, 24, Decimal("1.20"))
    assert cost_by_stage([cpu], [price("c", "0.05", ("C",))])[0].cost_usd is None


def test_prices_hold_from_their_first_day_to_the_day_before_their_last():
    """Two attempts around midnight of 2 March 2026 get the prices of their days."""
    rows = [
        price("old", "2.00", valid_from=date(2026, 1, 1), valid_to=date(2026, 3, 2)),
        price("new", "1.00", valid_from=date(2026, 3, 2)),
    ]
    billed = cost_by_stage(
        [
            attempt(part="x", started_utc="2026-03-01T23:59:59.999Z"),
            attempt(part="y", started_utc="2026-03-02T00:00:00.000Z"),
            attempt(part="z", started_utc="2025-12-31T23:59:59.999Z"),
        ],  # no price held on the last one's day
        rows,
    )
    assert [row.cost_usd for row in billed] == [None, 16, 8]


def test_a_price_in_another_currency_is_not_taken_for_dollars():
    assert cost_by_stage([attempt()], [price(currency="CNY")])[0].cost_usd is None


def test_printed_cost_is_printed_quantity_times_printed_price_exactly():
    """Thirds of an hour and odd milliseconds do not leave a rounding gap."""
    for milliseconds in (1, 7, 1_200_000, 3_599_999, 123_456_789_012):
        (row,) = cost_by_stage([attempt(elapsed_ms=milliseconds)], [price(price="2.07")])
        shown = cells(row)
        quantity, unit = Decimal(shown["gpu_hours"]), Decimal(shown["unit_price_usd"])
        assert Decimal(shown["cost_usd"]) == quantity * unit
        assert abs(quantity - Decimal(milliseconds) * 8 / HOUR) <= Decimal("0.0000000005")


def test_the_published_r1_zero_run_costs_what_the_arithmetic_says():
    """64 nodes x 8 GPUs x 198 h = 101,376 GPU-hours at 2 USD = 202,752 USD."""
    (row,) = cost_by_stage([attempt(nodes=64, elapsed_ms=198 * HOUR)], [price()])
    assert (row.gpu_hours, row.cost_usd) == (101_376, 202_752)


def test_energy_known_in_different_ways_is_never_added():
    """1 kWh = 3.6e12 microjoules; measured, estimated and unknown energy have rows of their own."""
    known = {"energy_microjoules": 3_600_000_000_000, "energy_source": "measured"}
    (row,) = cost_by_stage([attempt(part="a", **known), attempt(part="b", **known)], [])
    assert (row.energy_kwh, row.energy_source) == (2, "measured")
    rough = known | {"energy_source": "estimated"}
    parts = [attempt(part="a", **known), attempt(part="b"), attempt(part="c", **rough)]
    found = [(cells(row)["energy_kwh"], row.energy_source) for row in cost_by_stage(parts, [])]
    assert sorted(found) == [
        ("1.000000000", "estimated"), ("1.000000000", "measured"), ("unknown", "unknown"),
    ]  # fmt: skip
    flat = summary([cells(row) for row in cost_by_stage(parts, [])])
    assert [v for k, v in flat.items() if k.endswith(".attempts")] == ["1", "1", "1"]


def test_the_report_does_not_bill_the_writing_of_itself():
    reporting = ("stage_cost", "paper_cost", "cost_model", "cost_model_measured", "economics",
                 "allocation", "projection", "page")  # fmt: skip
    records = [attempt(stage=name) for name in (*reporting, "base")]
    assert [row.stage for row in cost_by_stage(records, [])] == ["base"]


def test_stages_stand_in_the_order_they_began_and_columns_are_the_promised_ones():
    records = [attempt(stage=name) for name in ("prompts", "corpus", "base", "prompts")]
    rows = cost_by_stage(records, [price()])
    assert [row.stage for row in rows] == ["prompts", "prompts", "corpus", "base"]
    assert tuple(cells(rows[0])) == COLUMNS
    assert ",".join(COLUMNS) == (
        "stage,scale,purpose,device,nodes,gpus_per_node,attempts,hours,gpu_hours,core_hours,"
        "unit_price_usd,cost_usd,energy_kwh,energy_source"
    )


def test_no_number_is_printed_in_scientific_notation():
    for milliseconds in (0, 1, 10**11):
        for row in cost_by_stage([attempt(elapsed_ms=milliseconds)], [price(price="0")]):
            assert not any("E" in cells(row)[name] for name in COLUMNS[7:13])


def test_the_summary_names_stage_purpose_and_device():
    rows = [cells(row) for row in cost_by_stage([attempt()], [price()])]
    assert Decimal(summary(rows)["r1_zero.final.NVIDIA H800.cost_usd"]) == 16
