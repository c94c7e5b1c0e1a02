# SPDX-License-Identifier: Apache-2.0
"""Claims about the cost model: check points by hand, and a second implementation of a rollout."""

import csv
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist

import pytest

from r1repro.audit.cost_model import anchors, decode, flop, tail
from r1repro.audit.cost_model.lengths import (
    LengthsImpossible,
    assumed_lengths,
    curve_at,
    measured_lengths,
    nodes,
)
from r1repro.audit.cost_model.report import COLUMNS, rows
from r1repro.audit.cost_model.scenarios import DoesNotFit, changed, evaluate, settings_of
from r1repro.audit.cost_model.sensitivity import sensitivity

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results/published/nature"


def test_the_model_constants_are_those_worked_by_hand(inputs):
    """6 x 37e9 + 3 x 4,997,120 x 2,048 = 252.7 GFLOP; 61 x 576 x 2 B; 74e9 / 16,990,208."""
    model = inputs.model.architecture
    assert model.attention_training == 2 * 128 * (192 + 128) * 61 == 4_997_120
    assert model.attention_decode == 2 * 128 * (576 + 512) * 61 == 16_990_208
    assert model.cache_bytes == 70_272
    assert model.routed == 653_908_770_816
    assert flop.training_flop_per_token(model, 4096) == 252_702_305_280
    assert flop.decode_attention(model, 5000) == pytest.approx(85e9, rel=1e-3)
    assert flop.decode_attention(model, 32768) == pytest.approx(557e9, rel=1e-3)
    assert flop.crossover(model) == pytest.approx(4355.4, abs=0.1)


def test_the_tail_table_is_the_published_one(inputs):
    """8,200/16 rollouts to 32,768 and 2,200/16 to 65,536 are 25,804,800 tokens in a row."""
    assert tail.tokens_in_a_row(inputs.run) == 25_804_800
    hours = {round(rate, 1): round(value) for rate, value in tail.table(inputs)}
    assert hours == {21: 341, 33: 217, 36.2: 198, 50: 143, 67: 107, 100: 72, 120: 60}


def test_every_published_decoding_speed_is_bracketed(inputs):
    """Two production systems, the first with and without multi-token prediction."""
    found = anchors.brackets(inputs)
    assert [anchor.name for anchor in found] == [
        "deepseek_decode_mtp", "deepseek_decode_plain", "sglang_decode",
    ]  # fmt: skip
    for anchor in found:
        assert anchor.no_overlap < anchor.published < anchor.ideal_overlap
        assert anchor.holds


def test_a_speed_outside_both_forms_is_not_bracketed(inputs):
    """The check can fail: ten times the published speed is no model of ours."""
    for times in (0.1, 10):
        wrong = replace(inputs.anchors, sglang_node_rate=inputs.anchors.sglang_node_rate * times)
        assert not anchors.brackets(replace(inputs, anchors=wrong))[2].holds


def test_a_decoding_step_is_the_sum_worked_by_hand(inputs):
    """SGLang's 256 streams at 2,000 tokens on 72 GPUs under C1, each part from the data sheet."""
    stack = replace(inputs.stacks["C1"], accepted=1.0, expert_parallel=72)
    step = decode.step_of(stack, inputs.model.architecture, inputs.hardware.machine)
    weights = 17_091_229_184 + 653_908_770_816 / 72  # all experts are touched
    memory = (weights + 256 * 2000 * 70_272) / (3.35e12 * 0.7)
    tensor = (256 * 74e9 / 1979e12 + 256 * 16_990_208 * 2000 / 989e12) / 0.45
    network = 58 * (110e-6 + 256 * 8 * 7168 * 3 / 46e9)
    assert step.parts(256, 2000) == pytest.approx((memory, tensor, network), rel=1e-9)
    assert step.seconds(256, 2000) == pytest.approx(memory + tensor + network + 0.006, rel=1e-9)
    ideal = decode.step_of(
        replace(stack, overlap=1.0), inputs.model.architecture, inputs.hardware.machine
    )
    assert ideal.seconds(256, 2000) == pytest.approx(network + 0.006, rel=1e-9)


def slow_rollout(lengths, outputs, gpus, prompt, stack):
    """Return seconds of a rollout token by token, written from the formulas and nothing else."""
    share = (1 - lengths.runaway) / len(lengths.grid)
    ends = sorted(lengths.grid)
    verified = 2 if stack.accepted > 1 else 1
    peak = {1: 1979e12, 2: 989e12}[stack.weight_bytes]
    total = ended = after = 0.0
    for x in range(math.ceil(lengths.longest)):
        while ended < len(ends) and ends[int(ended)] <= x + 0.5:
            ended += 1
        running = 1 - ended * share
        b = max(running * outputs, 1) / gpus
        tokens, context = b * verified, prompt + x + 0.5
        hit = 1 - (1 - 8 / 256) ** (tokens * stack.expert_parallel)
        read = 17_091_229_184 / stack.dense_parallel + 653_908_770_816 / stack.expert_parallel * hit
        memory = (read * stack.weight_bytes + b * context * 70_272) / (
            3.35e12 * stack.bandwidth_efficiency
        )
        work = tokens * 74e9 / peak + tokens * 16_990_208 * context / 989e12
        network = 58 * (stack.layer_latency_seconds + tokens * 8 * 7168 * 3 / 46e9)
        parts = (memory, work / stack.tensor_efficiency, network)
        seconds = stack.overlap * max(parts) + (1 - stack.overlap) * sum(parts)
        seconds = (seconds + stack.step_overhead_seconds) / stack.accepted
        seconds *= min(1.0, lengths.longest - x)
        total += seconds
        after += seconds * (running <= 0.1 + 1e-9)
    return total, after


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("C1", {}),
        ("C3", {}),
        ("C1", {"overlap": 1.0}),
        ("C2", {"overlap": 0.3, "dense_parallel": 8}),
    ],
)
@pytest.mark.parametrize(("mean", "cap", "runaway"), [(2500, 32768, 0.002), (900, 8192, 0.0)])
def test_the_rollout_integral_agrees_with_a_token_by_token_simulation(
    inputs, name, change, mean, cap, runaway
):
    """The two share no code but the lengths; one output counts to half a token."""
    spread, stack = inputs.spread, replace(inputs.stacks[name], **change)
    lengths = assumed_lengths(mean, cap, spread, spread.sigma, runaway, 8192)
    step = decode.step_of(stack, inputs.model.architecture, inputs.hardware.machine)
    fast = decode.rollout_seconds(lengths, 8192, 512, 180, stack, step)
    assert fast == pytest.approx(slow_rollout(lengths, 8192, 512, 180, stack), rel=1e-3)


def test_equal_lengths_give_a_rollout_by_hand(inputs):
    """All outputs 1,000 tokens: 1,000 / 1.8 steps at the mean context of 680."""
    stack = inputs.stacks["C1"]
    flat = measured_lengths(1000, (1000, 1000, 1000, 1000), inputs.spread, 8192)
    assert (flat.mean, flat.longest) == pytest.approx((1000, 1000))
    step = decode.step_of(stack, inputs.model.architecture, inputs.hardware.machine)
    total, _ = decode.rollout_seconds(flat, 8192, 512, 180, stack, step)
    assert total == pytest.approx(1000 / 1.8 * step.seconds(16, 680), rel=1e-6)


@pytest.mark.parametrize(
    ("mean", "cap", "runaway"),
    [(511, 32768, 0.002), (14500, 65536, 0.002), (18125, 65536, 0.01), (697, 1536, 0.0)],
)
def test_the_assumed_lengths_have_the_mean_and_stay_below_the_cap(inputs, mean, cap, runaway):
    spread = inputs.spread
    lengths = assumed_lengths(mean, cap, spread, 0.8, runaway, 8192)
    assert lengths.mean == pytest.approx(mean, rel=2e-6)
    assert all(before <= after for before, after in pairwise(lengths.grid))
    assert lengths.grid[-1] < cap
    assert len(lengths.grid) == 2048
    assert lengths.longest == cap if runaway else lengths.longest < cap
    assert sum(lengths.segments[0]) == pytest.approx(lengths.longest)


def test_a_wide_cap_leaves_the_plain_lognormal(inputs):
    """Without truncation the median is mean / exp(sigma^2 / 2) and the longest is its quantile."""
    lengths = assumed_lengths(1000, 10**9, inputs.spread, 0.5, 0.0, 8192)
    median = (lengths.grid[1023] + lengths.grid[1024]) / 2
    assert median == pytest.approx(1000 / math.exp(0.125), rel=1e-3)
    place = NormalDist().inv_cdf(1 - 0.5 / 8192)
    assert lengths.longest == pytest.approx(median * math.exp(0.5 * place), rel=1e-3)


def test_runaways_never_make_up_more_than_their_share_of_the_mean(inputs):
    """1 % of 32,768 would be 328 of a mean of 200; held at 160 of it."""
    lengths = assumed_lengths(200, 32768, inputs.spread, 0.8, 0.01, 8192)
    assert lengths.runaway * 32768 == pytest.approx(160)
    assert lengths.mean == pytest.approx(200, rel=1e-5)


def test_a_mean_near_the_cap_is_held_below_it(inputs):
    lengths = assumed_lengths(40000, 32768, inputs.spread, 0.8, 0.002, 8192)
    assert lengths.mean == pytest.approx(0.9 * 32768, rel=1e-5)


def test_measured_quantiles_are_kept_and_a_contradiction_is_told(inputs):
    """A mean is possible from 0.4 p50 + 0.09 p90 + 0.01 p99 = 645 to 2,110, one piece higher."""
    quantiles = (900.0, 2500.0, 6000.0, 12000.0)
    for mean in (660.0, 1200.0, 2050.0):
        lengths = measured_lengths(mean, quantiles, inputs.spread, 8192)
        assert lengths.mean == pytest.approx(mean, rel=2e-6)
        for share, value in zip((0.5, 0.9, 0.99), quantiles, strict=False):
            under = sum(length <= value * (1 + 1e-9) for length in lengths.grid) / 2048
            assert under >= share - 1e-3
        assert lengths.longest == 12000
        assert all(before <= after for before, after in pairwise(lengths.grid))
    for mean in (600.0, 2200.0):
        with pytest.raises(LengthsImpossible, match="contradicts its quantiles"):
            measured_lengths(mean, quantiles, inputs.spread, 8192)


def test_the_tokens_are_the_sum_over_all_updates(inputs):
    """10,400 updates of 512 outputs, one by one, against the points of the integral."""
    tokens = 512 * sum(curve_at(inputs.curve, step + 0.5)[0] for step in range(10_400))
    assert flop.run_flop(inputs, 1.0).tokens == pytest.approx(tokens, rel=1e-5)
    assert sum(node.updates for node in nodes(inputs.curve, inputs.run, 1.0)) == 10_400


def test_the_hours_of_a_scenario_are_the_sum_over_all_rollouts(inputs):
    """Every 13th of 650 rollouts at its own mean, against the 50 points of the integral."""
    settings = settings_of(inputs, "C1")
    step = decode.step_of(settings.stack, inputs.model.architecture, inputs.hardware.machine)
    seconds = 0.0
    for number in range(6, 650, 13):
        middle = 16 * (number + 0.5)
        cap = 65536 if middle >= 8200 else 32768
        mean = curve_at(inputs.curve, middle)[0]
        lengths = assumed_lengths(mean, cap, inputs.spread, 0.8, 0.002, 8192)
        seconds += decode.rollout_seconds(lengths, 8192, 512, 180, settings.stack, step)[0]
    assert evaluate(inputs, settings).rollout == pytest.approx(13 * seconds / 3600, rel=0.01)


def test_a_stack_that_does_not_fit_into_memory_is_refused_with_the_least_width(inputs):
    """(17.09e9 + 653.9e9 / 32) x 2 B = 75.05 GB and the cache exceed 0.9 x 80 GB."""
    narrow = changed(settings_of(inputs, "C2"), "expert_parallel", 32)
    with pytest.raises(DoesNotFit, match=r"expert_parallel 32 .* GB on each GPU, and 72\.0 GB"):
        evaluate(inputs, narrow)
    wide = evaluate(inputs, narrow, widen=True).gpu_hours
    assert wide == evaluate(inputs, settings_of(inputs, "C2")).gpu_hours  # 64 is the least
    small = replace(inputs, hardware=replace(inputs.hardware, memory=30e9))
    with pytest.raises(DoesNotFit, match="no width fits"):
        evaluate(small, settings_of(inputs, "C2"), widen=True)


def test_the_fullest_moment_of_equal_outputs_is_their_end(inputs):
    """16 outputs a GPU of 1,000 tokens after 180 hold 16 x 1,180 x 70,272 B."""
    flat = measured_lengths(1000, (1000, 1000, 1000, 1000), inputs.spread, 8192)
    held = decode.cache_bytes_per_gpu(flat, inputs.model.architecture, 8192, 512, 180)
    assert held == pytest.approx(16 * 1180 * 70_272, rel=1e-4)


def test_every_case_stands_in_the_table_at_every_factor(table):
    cases = dict.fromkeys(("A0", "A1", "B"), "bound_gpu_hours")
    for case, quantity in (cases | dict.fromkeys(("C0", "C1", "C2", "C3"), "gpu_hours")).items():
        hours = [table[case, quantity, factor] for factor in (0.8, 1.0, 1.25)]
        assert hours == sorted(hours)
        for factor, value in zip((0.8, 1.0, 1.25), hours, strict=True):
            assert table[case, "ratio_to_reported", factor] == pytest.approx(value / 101_000)
    best, worst = table["C1", "gpu_hours", 1.0], table["C3", "gpu_hours", 1.0]
    assert table["C0", "gpu_hours", 1.0] < best < table["C2", "gpu_hours", 1.0] < worst


def test_the_phases_add_up_to_the_wall_and_the_tail_is_inside_the_rollout(table):
    for case in ("C1", "C2", "C3"):
        part = {name: table[case, f"{name}_hours", 1.0] for name in (
            "rollout", "tail", "update", "forward", "fixed", "downtime", "wall")}  # fmt: skip
        whole = part["rollout"] + part["update"] + part["forward"] + part["fixed"]
        assert part["wall"] == pytest.approx(whole + part["downtime"])
        assert part["tail"] < part["rollout"]
        assert table[case, "gpu_hours", 1.0] == pytest.approx(part["wall"] * 512)
        assert table[case, "seconds_per_update", 1.0] == pytest.approx(part["wall"] * 3600 / 10_400)
    assert table["C2", "fixed_hours", 1.0] == pytest.approx(650 * 180 / 3600)


def test_the_reported_hours_imply_a_speed_and_a_utilisation(table):
    """Tokens and FLOP over 101,000 GPU-hours; 512 x 198 h stands beside."""
    spent = 101_000 * 3600
    tokens, total = table["run", "generated_tokens", 1.0], table["run", "flop_total", 1.0]
    assert table["reported", "tokens_per_second_per_gpu", 1.0] == pytest.approx(tokens / spent)
    assert table["reported", "utilisation_bf16", 1.0] == pytest.approx(total / spent / 989e12)
    assert table["reported", "gpus_times_hours", None] == 101_376


def test_the_sensitivity_changes_one_input_and_is_sorted_by_effect(inputs, table):
    found = sensitivity(inputs)
    assert sum(len(values) for values in inputs.changes.values()) == len(found)
    base = table["C2", "gpu_hours", 1.0]
    assert found[0].name == "outputs_per_rollout"  # strictly on-policy is the largest lever
    for change in found:
        assert change.ratio == pytest.approx(change.gpu_hours / base)
    effects = {}
    for change in found:
        effects[change.name] = max(effects.get(change.name, 0), abs(change.ratio - 1))
    assert list(effects.values()) == sorted(effects.values(), reverse=True)
    same = changed(settings_of(inputs, "C2"), "sigma", 0.8)
    assert evaluate(inputs, same).gpu_hours == pytest.approx(base)


def test_downtime_and_fixed_time_scale_as_they_must(inputs):
    """No downtime divides by 1.05; 60 s more per rollout are 650 minutes of 512 GPUs."""
    base = settings_of(inputs, "C2")
    hours = evaluate(inputs, base).gpu_hours
    still = evaluate(inputs, changed(base, "downtime", 0.0)).gpu_hours
    assert still == pytest.approx(hours / 1.05)
    longer = evaluate(inputs, changed(base, "fixed_seconds", 240)).gpu_hours
    assert longer - hours == pytest.approx(650 / 60 * 512 * 1.05)
    each = evaluate(inputs, changed(base, "update_seconds", 6)).gpu_hours
    assert each - hours == pytest.approx(10_400 * 6 / 3600 * 512 * 1.05)


def test_the_other_columns_are_those_worked_by_hand(table):
    """4.31B tokens kept; 12.9 % of 33.3B; three epochs in 2,327 GPU-hours; 2,503 updates left."""
    assert table["sft_data", "kept_tokens", None] == pytest.approx(804_745 * 5355.3)
    assert table["sft_data production", "kept_share", None] == pytest.approx(0.129, abs=5e-4)
    assert table["sft_data slow", "kept_share", None] == pytest.approx(0.599, abs=5e-4)
    assert table["r1 epochs=3", "sft_training_gpu_hours", None] == pytest.approx(2327, abs=1)
    assert table["r1 at r1_zero pace", "stage2_hours", None] == pytest.approx(32.4, abs=0.05)
    assert table["r1 at r1_zero pace", "updates_left", None] == pytest.approx(2503, abs=2)


def test_checks_come_first_and_rows_are_the_promised_ones(inputs):
    found = rows(inputs)
    assert COLUMNS == ("case", "quantity", "factor", "value", "unit")
    first_bound = next(i for i, row in enumerate(found) if row.case == "A0")
    last_check = max(i for i, r in enumerate(found) if r.case.startswith(("anchor", "measured")))
    assert last_check < first_bound
    keys = [(row.case, row.quantity, row.factor) for row in found]
    assert len(keys) == len(set(keys))
    assert all(math.isfinite(row.value) and row.unit for row in found)


def published(name):
    """Return the rows of a published table."""
    with open(PUBLISHED / name, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_the_inputs_agree_with_the_published_tables(inputs):
    """Nodes, hours and GPU-hours, and every digitised length, stand in the evidence too."""
    row = next(row for row in published("cost.csv") if row["stage"] == "r1_zero")
    assert inputs.run.gpus == int(row["nodes"]) * int(row["gpus_per_node"])
    assert inputs.run.hours == float(row["hours_low"])
    assert inputs.run.reported_gpu_hours == float(row["gpu_hours"])
    curve = {float(step): mean for step, mean in inputs.curve.rows}
    lengths = [row for row in published("r1_zero_curve.csv") if row["mean_length"]]
    assert len(lengths) > 15
    for row in lengths:
        if float(row["step"]) <= 8000:
            assert curve[float(row["step"])] == float(row["mean_length"])
