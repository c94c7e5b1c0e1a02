# SPDX-License-Identifier: Apache-2.0
"""Claims about scores: votes by hand, the interval against theory, tables complete."""

import math

import pytest

from r1repro.learn.evaluation import (
    Sample,
    bootstrap_interval,
    majority_is_right,
    question_values,
    score_rows,
)
from r1repro.learn.flop import forward_flop, training_flop
from r1repro.tasks.judge import Verdict, same_results

PROMPT = {"id": "m-1", "category": "math", "language": "en", "question": "q", "answer": "2"}


def sample(vote, correct, tokens=10, category="math"):
    verdict = Verdict(correct, vote is not None, vote, vote)
    return Sample(PROMPT | {"category": category}, 0, "text", tokens, verdict)


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
    assert values["mean_length"] == 20
    assert values["format_rate"] == pytest.approx(2 / 3)


def test_bootstrap_interval_agrees_with_the_normal_interval_of_a_share():
    """200 of 400 questions right: 0.5 -+ 1.96 x sqrt(0.25 / 400) = 0.5 -+ 0.049."""
    low, high = bootstrap_interval([1.0] * 200 + [0.0] * 200, 4000, seed=1)
    half = 1.96 * math.sqrt(0.25 / 400)
    assert low == pytest.approx(0.5 - half, abs=0.006)
    assert high == pytest.approx(0.5 + half, abs=0.006)
    assert bootstrap_interval([1.0, 0.0] * 50, 500, 1) == bootstrap_interval(
        [1.0, 0.0] * 50, 500, 1
    )


def test_the_table_has_every_metric_for_each_category_and_for_all():
    groups = [[sample("2", True)] * 4, [sample("2", True, category="code")] * 4]
    settings = {"samples": 4, "consensus": 4, "bootstrap": 50}
    rows = score_rows("base", groups, settings, seed=1)
    assert {(r["category"], r["metric"]) for r in rows} == {
        (category, metric)
        for category in ("math", "code", "all")
        for metric in ("pass@1", "cons@4", "mean_length", "format_rate")
    }
    assert [r["n_prompts"] for r in rows if r["category"] == "all"] == [2] * 4
    assert all(r["ci_low"] <= r["value"] <= r["ci_high"] for r in rows)


def test_results_of_a_program_must_have_the_very_type():
    assert same_results([1, -2], [1, -2])
    assert not same_results([True], [1])
    assert not same_results([1.0], [1])
    assert not same_results([[True]], [[1]])
    assert not same_results([1], [1, 2])


def test_flop_of_a_tiny_model_by_hand():
    """One layer, width 4, feed-forward 8, vocabulary 10, rows of 6 tokens: weights 64 + 96 + 40
    = 200, so 400 FLOP per token, and 4 x 4 x 3 = 48 for attention."""

    class Config:
        model_type = "llama"
        hidden_size, num_attention_heads, num_key_value_heads = 4, 2, 2
        intermediate_size, num_hidden_layers, vocab_size = 8, 1, 10

    assert forward_flop(Config, 5, 6) == 5 * 448
    assert training_flop(Config, 5, 6) == 3 * 5 * 448
