# SPDX-License-Identifier: Apache-2.0
"""Claims about the rule that turns one effect a seed into a verdict."""

import random

import pytest
from scipy import stats

from r1repro.audit.claims.decide import (
    ALPHA,
    POWER,
    decide,
    holm,
    interval,
    p_above,
    place_of,
    power,
    seeds_needed,
    spread,
    turning_shift,
)


def drawn(rng, mean, seeds=5, sd=1.0):
    """Return the effects of some seeds."""
    return [rng.gauss(mean, sd) for _ in range(seeds)]


def test_the_test_is_scipys_one_sided_t_test():
    rng = random.Random(1)
    for bound in (-0.5, 0.0, 0.7):
        values = drawn(rng, 0.3)
        wanted = stats.ttest_1samp(values, bound, alternative="greater")
        assert p_above(values, bound) == pytest.approx(wanted.pvalue)
        ends = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        assert interval(values)[1:] == pytest.approx(tuple(ends))


def test_holm_by_hand():
    """0.01 x 3; then 0.03 x 2 = 0.06, and the largest is not below the one before it."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


@pytest.mark.parametrize(
    ("values", "above", "below", "verdict"),
    [
        ([0.10, 0.12, 0.09, 0.11, 0.10], 0, 0.02, "supported"),
        ([-0.10, -0.12, -0.09, -0.11, -0.10], 0, 0.02, "contradicted"),
        ([0.010, 0.012, 0.009, 0.011, 0.010], 0, 0.02, "too small"),
        ([0.10, -0.10, 0.20, 0.05, 0.0], 0, 0.02, "undecided"),
        ([-0.010, -0.012, -0.009, -0.011], -0.02, -0.02, "supported"),  # not worse by a margin
        ([-0.030, -0.032, -0.029, -0.031], -0.02, -0.02, "contradicted"),
        ([0.5, 0.5], 0, 0.02, "undecided"),  # two seeds
        ([0.5, 0.5, 0.5], 0, 0.02, "supported"),  # no spread at all
        ([0.0, 0.0, 0.0], 0, 0.02, "contradicted"),
        ([0.5], 0, 0.02, "undecided"),
    ],
)
def test_verdicts_by_hand(values, above, below, verdict):
    assert decide(values, above, below).verdict == verdict


def test_an_adjusted_p_value_can_take_support_away_and_never_adds_any():
    values = [0.10, 0.12, 0.09, 0.11, 0.10]
    assert decide(values, 0, 0.02, p_value=ALPHA * 1.01).verdict == "undecided"
    assert decide(values, 0, 0.02, p_value=ALPHA).verdict == "supported"


@pytest.mark.parametrize("seeds", [3, 5, 8])
def test_a_world_without_the_effect_is_supported_in_at_most_five_percent(seeds):
    """2,000 worlds whose true effect is 0; the expected share is 2.5 %."""
    rng = random.Random(seeds)
    hits = sum(decide(drawn(rng, 0, seeds), 0, 0.5).verdict == "supported" for _ in range(2000))
    assert hits <= 0.05 * 2000


def test_an_effect_at_the_smallest_of_interest_is_contradicted_in_at_most_five_percent():
    rng = random.Random(9)
    hits = sum(decide(drawn(rng, 0.5), 0, 0.5).verdict == "contradicted" for _ in range(2000))
    assert hits <= 0.05 * 2000


@pytest.mark.parametrize(("seeds", "distance"), [(5, 1.5), (8, 1.0), (12, 1.0)])
def test_the_power_is_the_share_of_simulated_worlds_that_support(seeds, distance):
    rng = random.Random(seeds)
    hits = sum(p_above(drawn(rng, distance, seeds), 0) <= ALPHA for _ in range(3000))
    assert power(1.0, seeds, distance) == pytest.approx(hits / 3000, abs=0.03)


def test_the_seeds_needed_are_the_fewest_that_reach_the_power():
    needed = seeds_needed(1.0, 0.8)
    assert power(1.0, needed, 0.8) >= POWER > power(1.0, needed - 1, 0.8)
    assert seeds_needed(1.0, 0.0) is None
    assert seeds_needed(1.0, 1e-6) is None
    assert seeds_needed(spread([1.0]), 0.5) is None


def test_a_further_run_lies_in_the_prediction_interval_in_ninety_five_of_a_hundred():
    rng = random.Random(4)
    inside = sum(
        place_of(values[0], values[1:]) == "inside"
        for values in (drawn(rng, 1, 6) for _ in range(2000))
    )
    assert inside / 2000 == pytest.approx(0.95, abs=0.02)
    assert place_of(9.0, [1.0, 1.1, 0.9]) == "outside"
    assert place_of(1.0, [1.0]) == ""


@pytest.mark.parametrize(
    ("values", "above", "below"),
    [
        ([0.10, 0.12, 0.09, 0.11], 0, 0.02),
        ([0.10, -0.10, 0.20, 0.05], 0, 0.02),
        ([0.010, 0.012, 0.009, 0.011], 0, 0.02),
        ([-0.03, -0.031, -0.029, -0.03], -0.02, -0.02),
    ],
)
@pytest.mark.parametrize("adjusted", [1.0, 5.0])
def test_the_shift_that_turns_a_verdict_turns_it_and_a_little_less_does_not(
    values, above, below, adjusted
):
    shift = turning_shift(values, above, below, adjusted)

    def verdict(share):
        moved = [value + share * shift for value in values]
        return decide(moved, above, below, min(1, adjusted * p_above(moved, above))).verdict

    assert verdict(1.0) != verdict(0.0) == verdict(0.999)


def test_two_seeds_have_no_verdict_to_turn():
    assert turning_shift([0.5, 0.6], 0, 0.02, 1.0) is None
