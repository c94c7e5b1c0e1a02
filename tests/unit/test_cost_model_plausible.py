# SPDX-License-Identifier: Apache-2.0
"""Claims about bounds, the distribution, public engines and the verdict on the reported hours."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from r1repro.audit.cost_model import decode, distribution, engines, flop, verdict
from r1repro.audit.cost_model.bounds import bounds
from r1repro.audit.cost_model.parameters import Range
from r1repro.audit.cost_model.scenarios import evaluate, settings_of
from r1repro.errors import InputError

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results/published/nature"


def test_the_bounds_are_those_worked_by_hand(inputs):
    """One update of one output of 1,000 tokens after 100: FLOP, bytes and peaks by hand."""
    run = replace(
        inputs.run, gpus=1, steps=1, jump_step=1, outputs_per_update=1, outputs_per_rollout=1,
        prompt_tokens=100,
    )  # fmt: skip
    one = replace(inputs, run=run, curve=replace(inputs.curve, rows=((0, 1000), (1, 1000))))
    once = 74e9 * 1100 + 4_997_120 * 1100**2 / 2
    training, decoding = 4 * once, 74e9 * 1000 + 4_997_120 * 1100**2 / 2
    read = 500 * (35_136 * (100 + 500) + 671e9)
    found = {name: 3600 * hours for name, hours in bounds(one, 1.0).items()}
    assert found["A0"] == pytest.approx((training + decoding) / 1979e12)
    assert found["A1"] == pytest.approx((training + decoding) / 989e12)
    assert found["B"] == pytest.approx(training / 1979e12 + read / 3.35e12)


def test_no_choice_that_a_stack_is_free_to_make_raises_a_bound(inputs):
    """Neither a pass for the old policy nor a wider spread nor another efficiency is counted."""
    found = bounds(inputs, 1.0)
    free = replace(
        inputs,
        run=replace(inputs.run, old_policy_passes=5),
        spread=replace(inputs.spread, sigma=1.2, runaway_share=0.01),
        stacks={},
    )
    assert bounds(free, 1.0) == found
    assert found["A0"] <= found["B"] < found["A1"]
    total = flop.run_flop(inputs, 1.0)
    assert found["A0"] < total.total / 1979e12 / 3600


def test_production_speeds_are_a_scenario_by_hand(inputs, table):
    """1/1,850 + (1 + 2/3)/1,543.2 GPU-seconds a token."""
    per_token = 1 / 1850 + (1 + 2 / 3) / (1e12 / 180_000 / 3600)
    tokens = table["run", "generated_tokens", 1.0]
    assert table["C0", "gpu_hours", 1.0] == pytest.approx(tokens * per_token / 3600)


def test_draws_of_one_value_are_the_scenario(inputs):
    """Where no range has a width every draw is C2, and quantiles are its hours."""
    known, settings = inputs.distribution, settings_of(inputs, "C2")
    held = {
        name: Range("choice", (getattr(settings.stack, name, getattr(settings, name, None)),))
        for name in known.ranges
    }
    narrow = replace(inputs, distribution=replace(known, ranges=held, lengths=2, stacks=3))
    hours = distribution.gpu_hours(narrow)
    assert len(hours) == 6
    assert hours == pytest.approx(evaluate(inputs, settings).gpu_hours, rel=2e-3)


@pytest.mark.parametrize(
    ("shape", "values", "mean"),
    [
        ("uniform", (1, 3), 2), ("triangular", (0, 1, 5), 2), ("choice", (1, 2, 6), 3),
        ("log_uniform", (1, 100), 99 / math.log(100)),
    ],
)  # fmt: skip
def test_draws_have_the_mean_of_their_shape(shape, values, mean):
    drawn = distribution.draw(np.random.default_rng(1), Range(shape, values), 40_000)
    assert drawn.mean() == pytest.approx(mean, rel=0.02)
    assert values[0] <= drawn.min() and drawn.max() <= values[-1]


def test_the_distribution_is_drawn_again_to_the_same_numbers(inputs, table):
    few = replace(inputs, distribution=replace(inputs.distribution, lengths=3, stacks=4))
    hours = distribution.gpu_hours(few)
    assert len(hours) == 12 and (hours == distribution.gpu_hours(few)).all()
    assert len(set(hours)) == 12
    shares = [table["distribution", f"gpu_hours_{q}_percent", None] for q in (5, 25, 50, 75, 95)]
    assert shares == sorted(shares)
    low, high = (table["distribution", f"central_{end}", None] for end in ("low", "high"))
    assert low < shares[0] and shares[-1] < high
    assert table["distribution", "draws", None] == 4000


def test_each_reason_to_say_no_is_told(table):
    """1,000 h lie below everything, 5,000,000 above; a bound over the report is a third reason."""
    central = tuple(table["distribution", f"central_{end}", None] for end in ("low", "high"))
    found = {name: table[name, "bound_gpu_hours", 0.8] for name in verdict.BOUNDS}
    assert verdict.objections(101_000, found, central) == []
    below = verdict.objections(1_000, found, central)
    assert [reason.split(" GPU-hours")[0] for reason in below] == [
        f"the bound A0, {found['A0']:,.0f}", f"the bound B, {found['B']:,.0f}",
        "the reported 1,000",
    ]  # fmt: skip
    assert "above the central part" in verdict.objections(5_000_000, found, central)[0]
    (raised,) = verdict.objections(101_000, found | {"B": 101_001}, central)
    assert raised.startswith("the bound B, 101,001 GPU-hours, lies above")


def test_the_engine_is_calibrated_on_one_row_and_predicts_the_others(inputs):
    """134 s = phases on 256 GPUs + fixed; with lag the longer of the two halves counts."""
    fixed, found = engines.fixed_seconds(inputs), {}
    for known, seconds in engines.predictions(inputs):
        generating, training = engines.busy_seconds(inputs, known)
        halves = max(generating, training + fixed)
        whole = generating + training + fixed
        assert seconds == pytest.approx(halves if known.lag else whole)
        found[known.name] = seconds
    assert found["deepseek_v3_256"] == pytest.approx(134)
    other = replace(inputs, calibrated_on="deepseek_v3_512")
    found = {known.name: seconds for known, seconds in engines.predictions(other)}
    assert found["deepseek_v3_512"] == pytest.approx(111)
    with pytest.raises(InputError, match="leaves no fixed time"):
        engines.fixed_seconds(replace(inputs, calibrated_on="deepseek_v3_512_lag"))


def test_a_rollout_of_a_public_engine_is_bound_by_latency_and_weights(inputs):
    """One output a GPU in groups of 32: a step by hand at the mean context, times the longest."""
    known = next(row for row in inputs.iterations if row.name == "deepseek_v3_512")
    settings = engines.engine_settings(inputs, known)
    step = decode.step_of(settings.stack, inputs.model.architecture, inputs.hardware.machine)
    hit = 1 - (1 - 8 / 256) ** 32
    weights = (17_091_229_184 + 653_908_770_816 * hit) / 32 * 2
    memory = (weights + 877 * 70_272) / (3.35e12 * 0.6)
    assert step.parts(1, 877)[0] == pytest.approx(memory)
    assert step.parts(1, 877)[2] == pytest.approx(58 * (150e-6 + 8 * 7168 * 3 / 46e9))
    tensor = (74e9 / 989e12 + 16_990_208 * 877 / 989e12) / 0.35
    assert step.parts(1, 877)[1] == pytest.approx(tensor)


def test_the_measured_rows_are_the_published_ones(inputs, table):
    """Every row of the engine with a printed batch, and the hours of the run at its pace."""
    with open(PUBLISHED / "public_throughput.csv", encoding="utf-8", newline="") as handle:
        listed = list(csv.DictReader(handle))
    measured = [row for row in listed if row["samples_per_step"]]
    assert len(measured) == len(inputs.iterations)
    for row, known in zip(measured, inputs.iterations, strict=True):
        assert known.gpus == int(row["gpus"]) and known.lag == int(row["policy_lag_steps"])
        assert known.outputs == int(row["samples_per_step"])
        assert known.mean == float(row["mean_tokens_per_sample"])
        assert known.cap == int(row["max_tokens"])
        assert known.seconds == float(row["seconds_per_step"])
        assert known.weight_bytes == {"fp8": 1, "bf16": 2}[row["precision"]]
    pace = "gpu_hours_of_the_run_at_this_pace"
    hours = [
        table[f"measured deepseek_v3_512{end}", pace, None] for end in ("", "_lag", "_lag_fp8")
    ]
    assert [round(value) for value in hours] == [164_181, 94_811, 87_563]
