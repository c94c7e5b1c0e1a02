# SPDX-License-Identifier: Apache-2.0
"""Claims about scores: tables complete, intervals around their values, FLOP by hand."""

import pytest
from scored_samples import ANSWER, REFUSAL, general, prompt, sample

from r1repro.learn import measures
from r1repro.learn.evaluation import question_rows, score_rows
from r1repro.learn.flop import forward_flop, training_flop
from r1repro.tasks.judge import same_results

METRICS = {
    "pass@1", "pass@4", "cons@2", "mean_length", "format_rate", "language_consistency",
    "repetition_rate",
}  # fmt: skip
OF_GENERAL = {"form_rate", "refusal_unsafe", "over_refusal"}
SETTINGS = {"samples": 4, "consensus": 2, "bootstrap": 50}


@pytest.fixture
def rows(monkeypatch):
    """The score table of two reasoning questions and three general prompts."""
    monkeypatch.setattr(measures, "utility", lambda _prompt, response: float(len(response)))
    unsafe = prompt("general", "u", set="harmless", unsafe=True)
    look_alike = prompt("general", "l", set="harmless", unsafe=False)
    groups = [
        [sample("2", True)] * 4,
        [sample("2", True, of=prompt("code", "c"))] * 4,
        [general(ANSWER, prompt("general", "h", set="helpful"))] * 4,
        [general(REFUSAL, unsafe)] * 3 + [general(ANSWER, unsafe)],
        [general(ANSWER, look_alike)] * 4,
    ]
    return score_rows("base", question_rows("base", groups, 2), SETTINGS, seed=1)


def test_the_table_has_every_metric_for_each_category_and_for_all(rows):
    expected = {(c, m) for c in ("math", "code", "all", "general") for m in METRICS}
    assert {(r["category"], r["metric"]) for r in rows} == expected | {
        ("general", metric) for metric in OF_GENERAL
    }
    assert {r["n_prompts"] for r in rows if r["category"] == "all"} == {2}
    assert all(r["ci_low"] <= r["value"] <= r["ci_high"] for r in rows)
    assert {(r["metric"], r["k"]) for r in rows if "@" in r["metric"]} == {
        ("pass@1", 4),
        ("pass@4", 4),
        ("cons@2", 2),
    }


def test_rates_of_general_prompts_count_their_own_prompts_only(rows):
    cells = {r["metric"]: r for r in rows if r["category"] == "general"}
    assert (cells["form_rate"]["value"], cells["form_rate"]["n_prompts"]) == (1, 1)
    assert (cells["refusal_unsafe"]["value"], cells["refusal_unsafe"]["n_prompts"]) == (0.75, 1)
    assert (cells["over_refusal"]["value"], cells["over_refusal"]["n_prompts"]) == (0, 1)


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
