# SPDX-License-Identifier: Apache-2.0
"""Claims about the parts of a reward, by hand, and about what the metrics say of them."""

import math

import pytest

from r1repro.learn.experience import statistics
from r1repro.learn.rewards import Reward, add_preferences, reward, sigmoid, with_preference
from r1repro.learn.rollout import Response
from r1repro.tasks.judge import Verdict

SETTINGS = {
    "accuracy_reward": 1.0,
    "format_reward": 0.5,
    "language_reward": 2.0,
    "preference_reward": 4.0,
}
MATH = {"category": "math", "language": "en"}
GENERAL = {"category": "general", "language": "en", "check": {"set": "helpful"}}
RIGHT, WRONG = Verdict(True, True, "5", "5"), Verdict(False, False, None, None)
# three English words and one Chinese one
MIXED = "<think> add both numbers 好</think><answer> 5</answer>"


def test_the_language_reward_is_added_directly():
    """Accuracy 1, form 1/2, and 3 of 4 words at a size of 2: 1 + 0.5 + 1.5 = 3."""
    got = reward(RIGHT, MATH, MIXED, SETTINGS)
    assert (got.accuracy, got.format, got.language, got.preference) == (1.0, 0.5, 1.5, 0.0)
    assert got.total == 3.0 and got.consistency == 0.75 and not got.general


def test_the_same_words_in_a_chinese_question_earn_a_third_of_that():
    assert reward(RIGHT, MATH | {"language": "zh"}, MIXED, SETTINGS).language == 0.5


@pytest.mark.parametrize("response", ["<think> 1+2=3</think><answer> 3</answer>", "add them", ""])
def test_reasoning_without_words_or_without_form_earns_no_language_reward(response):
    """Nothing to reward, and nothing that would enter a mean."""
    got = reward(RIGHT, MATH, response, SETTINGS)
    assert got.language == 0.0 and got.consistency is None


def test_at_a_size_of_zero_the_total_is_the_rules_sum_and_consistency_is_still_measured():
    got = reward(RIGHT, MATH, MIXED, SETTINGS | {"language_reward": 0.0})
    assert got.total == 1.5 and got.consistency == 0.75


def test_a_general_prompt_earns_form_and_preference_and_nothing_by_its_rule():
    """Score 0 is half of the size: 0.5 + 4 x 1/2; the rule's verdict stands beside it."""
    by_rule = reward(RIGHT, GENERAL, MIXED, SETTINGS)
    assert by_rule.total == 0.5 and by_rule.checked == 1.0 and by_rule.general
    assert with_preference(by_rule, 0.0, SETTINGS).total == 2.5
    assert reward(WRONG, GENERAL, "no", SETTINGS).checked == 0.0


def test_scores_reach_their_own_responses_and_leave_reasoning_alone():
    parts = [[reward(RIGHT, GENERAL, MIXED, SETTINGS)], [reward(RIGHT, MATH, MIXED, SETTINGS)]]
    first, second = add_preferences(parts, [[math.log(3)], [None]], SETTINGS)
    assert first[0].preference == pytest.approx(3.0)  # sigmoid(log 3) = 3/4
    assert second == parts[1] and add_preferences(parts, None, SETTINGS) is parts


def test_no_score_is_too_large_for_the_sigmoid():
    assert sigmoid(5000.0) == 1.0 and sigmoid(-5000.0) == 0.0
    assert sigmoid(-math.log(3)) == pytest.approx(0.25)


def responses(number):
    return [Response([1, 2, 3], [0.0] * 3, True)] * number


def test_each_part_is_averaged_over_the_prompts_that_can_earn_it():
    """Two reasoning and two general responses; one reasoning has no word."""
    parts = [
        Reward(1.0, 0.5, language=1.0, consistency=0.5),
        Reward(0.0, 0.0),
        Reward(0.0, 0.5, preference=3.0, consistency=1.0, checked=1.0),
        Reward(0.0, 0.5, preference=1.0, consistency=0.0, checked=0.0),
    ]
    got = statistics(responses(4), parts, 2, 7, kl_to_start=0.25)
    assert got["reward"] == pytest.approx((2.5 + 0 + 3.5 + 1.5) / 4)
    assert got["reward_accuracy"] == 0.5 and got["reward_language"] == 0.5
    assert got["reward_format"] == 0.375 and got["reward_preference"] == 2.0
    assert got["general_checked"] == 0.5 and got["language_consistency"] == 0.5
    assert got["kl_to_start"] == 0.25 and got["tokens_trained"] == 19


def test_what_nobody_can_earn_is_an_empty_cell_and_not_a_zero():
    reasoning = statistics(responses(2), [Reward(1.0, 0.0)] * 2, 2, 0)
    assert reasoning["reward_preference"] == reasoning["general_checked"] == ""
    assert reasoning["language_consistency"] == reasoning["kl_to_start"] == ""
    general = statistics(responses(2), [Reward(0.0, 0.0, checked=1.0)] * 2, 2, 0)
    assert general["reward_accuracy"] == general["reward_language"] == ""
