# SPDX-License-Identifier: Apache-2.0
"""Claims about intervals and tests: against theory, and against counting every possibility."""

import math
from itertools import product

import pytest

from r1repro.learn.resampling import bootstrap_interval, holm, mcnemar, paired_bootstrap

DRAWS = 20_000


def test_bootstrap_interval_agrees_with_the_normal_interval_of_a_share():
    """200 of 400 questions right: 0.5 -+ 1.96 x sqrt(0.25 / 400) = 0.5 -+ 0.049."""
    low, high = bootstrap_interval([1.0] * 200 + [0.0] * 200, 4000, seed=1)
    half = 1.96 * math.sqrt(0.25 / 400)
    assert low == pytest.approx(0.5 - half, abs=0.006)
    assert high == pytest.approx(0.5 + half, abs=0.006)
    assert bootstrap_interval([1.0, 0.0] * 50, 500, 1) == bootstrap_interval(
        [1.0, 0.0] * 50, 500, 1
    )


def every_resample(differences):
    """Return the mean of each of the n^n resamples of n differences."""
    n = len(differences)
    return [sum(drawn) / n for drawn in product(differences, repeat=n)]


@pytest.mark.parametrize(
    "differences",
    [[0.5, 0.5, -0.25], [1, 1, 0, 0, 1], [0.25, -0.5, 0.125, 1.0, 0.0], [3, -1, 2, 5, -2]],
)
def test_a_paired_bootstrap_agrees_with_all_resamples_of_a_tiny_table(differences):
    """Second implementation: no drawing at all."""
    means = every_resample(differences)
    observed = sum(differences) / len(differences)
    extreme = [abs(mean - observed) >= abs(observed) - 1e-9 for mean in means]
    found = paired_bootstrap([differences], DRAWS, seed=3)[0]
    assert found.mean == pytest.approx(observed)
    assert found.questions == len(differences)
    assert found.p_value == pytest.approx(sum(extreme) / len(means), abs=0.015)
    # the percentile of so few distinct means may fall on either side of a step
    ordered = sorted(means)
    places = [math.ceil(share * len(ordered)) - 1 for share in (0.02, 0.03, 0.97, 0.98)]
    lowest, low, high, highest = (ordered[place] for place in places)
    assert lowest - 1e-9 <= found.low <= low + 1e-9
    assert high - 1e-9 <= found.high <= highest + 1e-9


def test_checkpoints_that_do_not_differ_have_a_p_value_of_one():
    assert paired_bootstrap([[0.0] * 12], 500, seed=1)[0].p_value == 1.0


def test_a_difference_on_every_question_has_the_least_p_value_and_never_zero():
    found = paired_bootstrap([[0.5] * 30], 999, seed=1)[0]
    assert found.p_value == pytest.approx(1 / 1000)
    assert (found.low, found.high) == (0.5, 0.5)


def test_a_column_is_tested_alone_as_beside_others():
    """Shared resamples save time and change no result."""
    columns = [[0.5, 0.0, -0.25, 0.5], [1.0, 1.0, 0.0, -1.0]]
    together = paired_bootstrap(columns, 2500, seed=2)
    assert together == [paired_bootstrap([column], 2500, seed=2)[0] for column in columns]


def test_the_bootstrap_test_keeps_its_level():
    """Of 400 pairs of equal checkpoints about one in twenty differs at .05."""
    import numpy as np

    columns = np.random.default_rng(7).normal(size=(400, 60)).tolist()
    rejected = sum(d.p_value < 0.05 for d in paired_bootstrap(columns, 2000, seed=4))
    assert 8 <= rejected <= 36


def test_mcnemar_by_hand():
    """One question lost and seven gained: 2 x (1 + 8) / 2^8."""
    assert mcnemar(1, 7) == pytest.approx(18 / 256)
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(3, 3) == 1.0
    assert mcnemar(0, 8) == pytest.approx(2 / 256)


@pytest.mark.parametrize("changed", range(1, 11))
def test_mcnemar_agrees_with_all_ways_to_turn_the_changed_questions(changed):
    """Second implementation: each changed question could as well have gone the other way."""
    ways = [sum(way) for way in product((0, 1), repeat=changed)]
    for gained in range(changed + 1):
        far = abs(2 * gained - changed)
        share = sum(abs(2 * way - changed) >= far for way in ways) / len(ways)
        assert mcnemar(changed - gained, gained) == pytest.approx(share)


def test_holm_by_hand():
    """.01 x 3, then .02 x 2, then .04 x 1; no adjusted value below an earlier one."""
    assert holm([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_rejects_what_the_step_down_procedure_rejects():
    """Second implementation: go from the least p-value up and stop at the first that stays."""
    p_values = [0.001, 0.2, 0.004, 0.0004, 0.003, 0.0021, 0.9]
    rejected, level = set(), 0.01
    for rank, i in enumerate(sorted(range(7), key=lambda i: p_values[i])):
        if p_values[i] >= level / (7 - rank):
            break
        rejected.add(i)
    assert rejected == {i for i, p in enumerate(holm(p_values)) if p < level} == {0, 3}
