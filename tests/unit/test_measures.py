# SPDX-License-Identifier: Apache-2.0
"""Claims about single questions: votes, estimates and rates by hand, empty where nothing is."""

from itertools import combinations

import pytest
from scored_samples import ANSWER, REFUSAL, general, prompt, sample

from r1repro.learn import measures
from r1repro.learn.measures import (
    majority_is_right,
    pass_at,
    question_row,
    question_values,
    thoughts,
    values_by_metric,
)

HELPFUL = prompt("general", "h-1", set="helpful")
UNSAFE = prompt("general", "u-1", set="harmless", unsafe=True)
LOOK_ALIKE = prompt("general", "l-1", set="harmless", unsafe=False)


@pytest.fixture(autouse=True)
def simple_utility(monkeypatch):
    """The rule of preference has its own tests; here a longer response is better."""
    monkeypatch.setattr(measures, "utility", lambda _prompt, response: float(len(response)))


def test_majority_vote_by_hand():
    """Three votes for 2 against two for 3."""
    assert majority_is_right([sample("3", False)] * 2 + [sample("2", True)] * 3)
    assert not majority_is_right([sample("3", False)] * 3 + [sample("2", True)] * 2)


def test_missing_answers_do_not_vote():
    assert majority_is_right([sample(None, False)] * 5 + [sample("2", True)])
    assert not majority_is_right([sample(None, False)] * 4)


def test_a_tie_goes_to_the_answer_sampled_first():
    assert majority_is_right([sample("2", True), sample("3", False)])
    assert not majority_is_right([sample("3", False), sample("2", True)])


def test_pass_at_one_is_the_mean_over_samples_and_length_counts_tokens():
    group = [sample("2", True, 10), sample("3", False, 20), sample(None, False, 30)]
    values = question_values(group, 3)
    assert values["pass@1"] == pytest.approx(1 / 3)
    assert values["pass@3"] == 1.0
    assert values["mean_length"] == 20
    assert values["format_rate"] == pytest.approx(2 / 3)


def test_pass_at_k_is_any_right_when_k_is_all_samples():
    assert [pass_at(4, correct, 4) for correct in range(5)] == [0, 1, 1, 1, 1]
    assert pass_at(4, 1, 2) == pytest.approx(1 - 3 / 6)


@pytest.mark.parametrize("samples", range(1, 7))
def test_pass_at_k_is_the_share_of_all_subsets_with_a_right_answer(samples):
    """Second implementation: every choice of k samples is looked at."""
    for correct in range(samples + 1):
        drawn = [True] * correct + [False] * (samples - correct)
        for k in range(1, samples + 1):
            subsets = list(combinations(drawn, k))
            share = sum(any(subset) for subset in subsets) / len(subsets)
            assert pass_at(samples, correct, k) == pytest.approx(share)


@pytest.mark.parametrize("k", [0, 5])
def test_pass_at_k_of_more_samples_than_there_are_is_refused(k):
    with pytest.raises(ValueError, match=f"pass@{k} needs from 1 to 4"):
        pass_at(4, 2, k)


def test_the_language_is_read_from_the_reasoning():
    """The answer does not count; of a broken frame, what stands before the answer does."""
    assert thoughts("<think> one two</think><answer> 三</answer>") == "one two"
    assert thoughts("<think> one two").split() == ["one", "two"]
    assert thoughts("one <answer> 三</answer>").strip() == "one"


def test_the_language_of_a_question_leaves_out_responses_without_words():
    """All English, two Chinese characters of three words, and only digits: (1 + 1/3) / 2."""
    texts = ["<think> all english</think><answer> 1</answer>", "先算 and", "<think> 1+1=2"]
    values = question_values([sample(text=text) for text in texts], 3)
    assert values["language_consistency"] == pytest.approx((1 + 1 / 3) / 2)
    assert question_values([sample(text="1+1")], 1)["language_consistency"] is None


def test_repetition_is_of_the_whole_response():
    circles = sample(text="<think> " + "one two three four five " * 6)
    straight = sample(text="<think> one two three four five six seven")
    assert straight.repetition == 0
    assert circles.repetition > 0.5
    together = question_values([circles, straight], 2)["repetition_rate"]
    assert together == pytest.approx(circles.repetition / 2)


def test_a_reasoning_question_has_no_refusals_and_no_utility():
    row = question_row("base", [sample(text=REFUSAL)] * 2, 2)
    assert (row["set"], row["refusal_rate"], row["utility"], row["unsafe"]) == (
        "",
        None,
        None,
        None,
    )
    assert list(row) == [
        "checkpoint", "prompt_id", "category", "task", "set", "language", "level", "samples",
        "pass@1", "pass@2", "cons@2", "mean_length", "format_rate", "language_consistency",
        "repetition_rate", "refusal_rate", "utility", "unsafe",
    ]  # fmt: skip


def test_a_general_question_counts_refusals_and_only_a_helpful_one_has_a_utility():
    helpful = question_row("base", [general(ANSWER, HELPFUL)], 1)
    unsafe = question_row("base", [general(REFUSAL, UNSAFE), general(ANSWER, UNSAFE)], 2)
    assert (helpful["set"], helpful["refusal_rate"], helpful["unsafe"]) == ("helpful", 0, None)
    assert helpful["utility"] == len(ANSWER)
    assert (unsafe["set"], unsafe["refusal_rate"], unsafe["unsafe"]) == ("harmless", 0.5, "yes")
    assert unsafe["utility"] is None


def test_a_response_without_an_answer_may_still_refuse():
    assert general("Sorry, I cannot help.", UNSAFE).refused
    assert not general("Use soap.", UNSAFE).refused


def test_an_apology_in_the_reasoning_is_no_refusal():
    """What the user gets is the answer."""
    text = "<think> Sorry, I cannot.</think><answer> Use soap to clean the car.</answer>"
    assert not general(text, UNSAFE).refused


def test_rates_of_general_questions_by_hand():
    """Forms: right, wrong. Unsafe: refused half. Look-alike: refused once of one."""
    questions = [
        question_row("base", [sample("2", True)], 1),
        question_row("base", [general(ANSWER, HELPFUL, True)], 1),
        question_row("base", [general(ANSWER, HELPFUL | {"id": "h-2"}, False)], 1),
        question_row("base", [general(REFUSAL, UNSAFE)], 1),
        question_row("base", [general(ANSWER, UNSAFE | {"id": "u-2"})], 1),
        question_row("base", [general(REFUSAL, LOOK_ALIKE, False)], 1),
    ]
    found = values_by_metric(questions, "general")
    assert found["form_rate"] == [1, 0]
    assert found["refusal_unsafe"] == [1, 0]
    assert found["over_refusal"] == [1]
    assert found["pass@1"] == [1, 0, 1, 1, 0]


def test_all_is_the_reasoning_categories_alone():
    """So it means the same with and without general prompts."""
    questions = [
        question_row("base", [sample(of=prompt(category))], 1)
        for category in ("math", "code", "stem", "logic")
    ] + [question_row("base", [general(ANSWER, HELPFUL, False)], 1)]
    assert values_by_metric(questions, "all")["pass@1"] == [1, 1, 1, 1]
    assert "form_rate" not in values_by_metric(questions, "all")


def test_the_line_of_a_sample_names_set_level_and_task():
    row = general(REFUSAL, UNSAFE).row()
    assert (row["task"], row["set"], row["level"], row["unsafe"]) == (
        "task_general",
        "harmless",
        2,
        True,
    )
    assert (row["refused"], row["utility"]) == (True, None)
    assert (sample().row()["set"], sample().row()["refused"]) == ("", None)
