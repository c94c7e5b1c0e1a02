# SPDX-License-Identifier: Apache-2.0
"""Claims about a point of a learning curve: terciles by hand, greedy decoding, FLOP to date."""

from argparse import Namespace
from types import SimpleNamespace

import pytest
import torch
from scored_samples import prompt, sample

from r1repro.errors import InputError
from r1repro.evaluate import flop_until
from r1repro.learn.checkpoint import save_checkpoint
from r1repro.learn.evaluation import first_prompts
from r1repro.learn.flop import training_flop
from r1repro.learn.learning_curve import part_of, point, tercile_cuts
from r1repro.learn.rollout import Sampling, choose
from r1repro.tables import csv_text
from r1repro.tasks.problem import REASONING


@pytest.mark.parametrize(
    ("levels", "cuts"),
    [
        ([1, 2, 3], (1, 2)),
        ([2] * 6 + [3] * 6 + [5] * 6, (2, 3)),
        ([2] * 18 + [3] * 12 + [4, 5, 6, 7] * 3 + [8] * 6, (2, 4)),
        ([2, 2, 2], (2, 2)),
        ([1, 1, 1, 9], (1, 1)),
    ],
)
def test_terciles_by_hand(levels, cuts):
    """Third case: 18 of 48 are nearest to a third, 33 (levels up to 4) to two thirds."""
    assert tercile_cuts(levels) == cuts


def test_levels_at_a_cut_belong_to_the_lower_part():
    assert [part_of(level, (2, 4)) for level in (0, 2, 3, 4, 5)] == [
        "easy", "easy", "middle", "middle", "hard",
    ]  # fmt: skip


def test_a_point_by_hand():
    """Level 1: 1 of 2 right; level 2: both; nothing is hard. Greedy: 1 of 2."""
    easy, middle = prompt(level=1), prompt(level=2, name="q-2")
    sampled = [
        [sample("2", True, 10, easy), sample("3", False, 20, easy)],
        [sample("2", True, 30, middle), sample("2", True, 40, middle)],
    ]
    circles = "<think> " + "one two three four five " * 6
    greedy = [[sample("2", True, 5, easy)], [sample("3", False, 5, middle, circles)]]
    found = point(20, 1000, sampled, greedy, (1, 2), 2)
    repetition = greedy[1][0].repetition
    assert found == {
        "step": 20,
        "pass1": 0.75,
        "cons2": 1.0,
        "mean_length": 25,
        "flop": 1000,
        "greedy_pass1": 0.5,
        "greedy_repetition": round(repetition / 2, 6),
        "sampled_repetition": 0,
        "pass1_easy": 0.5,
        "pass1_middle": 1.0,
        "pass1_hard": None,
    }
    assert repetition > 0.5


def test_a_curve_asks_the_first_reasoning_questions_of_each_category():
    """General prompts are not part of pass@1."""
    names = [("math", "m1"), ("general", "g1"), ("math", "m2"), ("stem", "s1"), ("math", "m3")]
    prompts = [prompt(category, name) for category, name in names]
    assert [p["id"] for p in first_prompts(prompts, 2, REASONING)] == ["m1", "m2", "s1"]


def test_a_limit_on_questions_holds_for_each_category_and_none_asks_all():
    names = [("general", "g1"), ("math", "m1"), ("math", "m2"), ("general", "g2")]
    prompts = [prompt(category, name) for category, name in names]
    assert [p["id"] for p in first_prompts(prompts, 1)] == ["m1", "g1"]
    assert first_prompts(prompts, None) == prompts


def test_temperature_zero_takes_the_likeliest_token_whatever_the_random_number():
    logits = torch.tensor([[0.0, 2.0, 1.0], [5.0, -1.0, 0.0]])
    greedy = Sampling(0.0, 0.5, 4, end_token=0)
    for number in (0.0, 0.3, 0.999):
        tokens, logprobs = choose(logits, torch.full((2,), number), greedy)
        assert tokens.tolist() == [1, 0]
    expected = torch.log_softmax(logits, dim=-1)[torch.arange(2), tokens]
    assert torch.equal(logprobs, expected)


def test_greedy_is_where_falling_temperatures_lead():
    logits = torch.randn(50, 30, generator=torch.Generator().manual_seed(1))
    cold, _ = choose(logits, torch.full((50,), 0.5), Sampling(0.001, 1.0, 4, end_token=0))
    greedy, _ = choose(logits, torch.full((50,), 0.5), Sampling(0.0, 1.0, 4, end_token=0))
    assert torch.equal(cold, greedy)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Eight updates of a tiny RL stage: its folder, and what its attempt counted."""
    import tiny_stage

    from r1repro.learn.compute import Compute
    from r1repro.learn.reinforcement import Reinforcement

    folder = tmp_path_factory.mktemp("stage")
    tokenizer = tiny_stage.make_tokenizer()
    model = tiny_stage.make_model(tokenizer)
    settings = tiny_stage.SETTINGS | {"updates": 4}
    stage = Reinforcement(
        "r1_zero", model, tokenizer, tiny_stage.PROMPTS, tiny_stage.NoSandbox(), settings, 2,
        Compute(),
    )  # fmt: skip
    run = tiny_stage.Run(folder / "state")
    rows = stage.train(run, folder / "along")
    run.state.lock.close()
    (folder / "metrics.csv").write_text(csv_text(rows), encoding="utf-8")
    save_checkpoint(model, tokenizer, folder / "model")
    args = Namespace(
        stage="r1_zero", metrics=folder / "metrics.csv", settings={"r1_zero": settings}
    )
    return SimpleNamespace(folder=folder, args=args, counted=run.counted, config=model.config)


def test_the_curve_spends_what_the_attempt_of_the_stage_counted(trained):
    """From the table alone, to the FLOP."""
    run, folder = SimpleNamespace(args=trained.args), trained.folder / "model"
    flops = [counted["flop"] for counted in trained.counted]
    assert [flop_until(run, folder, step) for step in range(5)] == [
        sum(flops[:step]) for step in range(5)
    ]
    least = sum(training_flop(trained.config, c["tokens_trained"], 1) for c in trained.counted)
    assert flop_until(run, folder, 4) > least > 0


def test_metrics_that_end_too_early_are_named(trained):
    run = SimpleNamespace(args=trained.args)
    with pytest.raises(InputError, match=r"metrics\.csv has 4 updates where .* is of update 5"):
        flop_until(run, trained.folder / "model", 5)
