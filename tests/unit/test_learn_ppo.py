# SPDX-License-Identifier: Apache-2.0
"""Claims about PPO: advantages by hand and in loops, what learns, resuming, and memory."""

import pytest
import torch
from tiny_stage import (
    PROMPTS,
    SETTINGS,
    Killed,
    NoSandbox,
    Run,
    make_model,
    make_tokenizer,
    same,
    weights,
    without_seconds,
)

from r1repro.errors import SettingsError
from r1repro.learn.compute import Compute
from r1repro.learn.footprint import memory_row
from r1repro.learn.lanes import Lanes
from r1repro.learn.ppo import ProximalReinforcement, generalised_advantages, value_loss
from r1repro.learn.reinforcement import Reinforcement
from r1repro.learn.rewards import Reward

TOKENS = 420  # of the tiny tokenizer


@pytest.fixture(autouse=True)
def one_thread():
    """As in a lane: torch divides no operation among cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


# ---- equations --------------------------------------------------------------------------------


def advantages_in_loops(values, lengths, rewards, smoothing):
    """The definition as a sum: A_t = sum over l of (gamma lambda)^l delta_{t+l}, gamma 1."""
    result = []
    for row, length, reward in zip(values, lengths, rewards, strict=True):
        delta = []
        for t in range(length):
            after = row[t + 1] if t + 1 < length else 0.0
            delta.append((reward if t + 1 == length else 0.0) + after - row[t])
        steps = range(length)
        sums = [sum(smoothing ** (s - t) * delta[s] for s in steps if s >= t) for t in steps]
        result.append(sums + [0.0] * (len(row) - length))
    return result


@pytest.mark.parametrize("smoothing", [0.0, 0.5, 0.95, 1.0])
def test_advantages_are_those_of_the_definition_in_loops(smoothing):
    """Responses of length 1 to 7; what stands behind an end must not matter."""
    generator = torch.Generator().manual_seed(5)
    values = torch.randn(4, 7, generator=generator, dtype=torch.float64)
    lengths, rewards = torch.tensor([1, 7, 3, 6]), torch.tensor([1.0, -2.0, 0.5, 0.0]).double()
    got = generalised_advantages(values, lengths, rewards, smoothing)
    want = advantages_in_loops(values.tolist(), lengths.tolist(), rewards.tolist(), smoothing)
    torch.testing.assert_close(got, torch.tensor(want, dtype=torch.float64))


def test_at_lambda_one_an_advantage_is_reward_minus_value():
    """Values 1, 2, 3 and a reward of 5: 4, 3, 2."""
    got = generalised_advantages(
        torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([3]), torch.tensor([5.0]), 1.0
    )
    assert got.tolist() == [[4.0, 3.0, 2.0]]


def test_at_lambda_zero_an_advantage_is_one_step():
    """Values 1, 2, 3 and a reward of 5: 2 - 1, 3 - 2, 5 - 3."""
    got = generalised_advantages(
        torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([3]), torch.tensor([5.0]), 0.0
    )
    assert got.tolist() == [[1.0, 1.0, 2.0]]


def test_the_critics_loss_by_hand():
    """Errors 2 and -1, weights 1/4 and 3/4: 1/2 x (1 + 3/4)."""
    got = value_loss(torch.tensor([3.0, 0.0]), torch.tensor([1.0, 1.0]), torch.tensor([0.25, 0.75]))
    assert got.item() == 0.875


# ---- the stage --------------------------------------------------------------------------------


def share_of_low_tokens(prompts, responses, tokenizer, sandbox, settings):
    """A toy reward that a policy can raise: the share of its tokens below half the vocabulary."""
    return [
        Reward(accuracy=sum(t < TOKENS / 2 for t in tokens) / len(tokens), format=0.0)
        for tokens in responses
    ]


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setattr("r1repro.learn.reinforcement.judge_responses", share_of_low_tokens)


def reinforce(folder, tokenizer, kill_after=None, kind=ProximalReinforcement, compute=None, **some):
    model, run = make_model(tokenizer), Run(folder, kill_after)
    settings = SETTINGS | {"algorithm": "ppo"} | some
    compute = compute or Compute(tokens_per_pass=320)
    stage = kind("ppo", model, tokenizer, PROMPTS, NoSandbox(), settings, 2, compute)
    rows = stage.train(run, folder / "along")
    run.state.lock.close()
    return stage, rows, run


@pytest.mark.parametrize("smoothing", [1.0, 0.95])
def test_the_policy_moves_toward_the_reward_and_the_critic_learns_it(
    tmp_path, tokenizer, toy, smoothing
):
    _, rows, _ = reinforce(
        tmp_path,
        tokenizer,
        updates=24,
        learning_rate=1e-2,
        kl_coefficient=0.0,
        questions_per_update=4,
        ppo={"lambda": smoothing, "critic_learning_rate": 1e-2},
    )
    first, last = rows[:4], rows[-4:]
    assert mean(last, "reward") > mean(first, "reward") + 0.15
    assert mean(last, "value_loss") < 0.3 * mean(first, "value_loss")


def mean(rows, name):
    return sum(row[name] for row in rows) / len(rows)


def test_advantages_are_whitened_over_all_tokens_of_an_update(tmp_path, tokenizer, toy):
    seen = []

    class Watched(ProximalReinforcement):
        def _set_advantages(self, minibatch, rewards):
            super()._set_advantages(minibatch, rewards)
            seen.append(torch.cat([portion.advantages for portion in minibatch.portions]))

    _, rows, _ = reinforce(tmp_path, tokenizer, kind=Watched)
    assert len(seen) == 8
    for advantages, row in zip(seen, rows, strict=True):
        assert len(advantages) == row["tokens_generated"]
        assert advantages.mean().item() == pytest.approx(0.0, abs=1e-5)
        assert advantages.std(correction=0).item() == pytest.approx(1.0, abs=1e-4)


def test_equal_rewards_and_values_give_no_advantage_and_no_nan(tmp_path, tokenizer, monkeypatch):
    """The critic begins at zero, so a reward of zero everywhere leaves nothing to whiten."""
    monkeypatch.setattr(
        "r1repro.learn.reinforcement.judge_responses",
        lambda prompts, responses, *_: [Reward(0.0, 0.0)] * len(responses),
    )
    stage, rows, _ = reinforce(tmp_path, tokenizer, kl_coefficient=0.0, weight_decay=0.0)
    assert {row["loss"] for row in rows} == {row["value_loss"] for row in rows} == {0.0}
    assert same(weights(stage.model), weights(make_model(tokenizer)))


@pytest.mark.parametrize("kill_after", [1, 3, 5, 7])
def test_ppo_resumed_is_ppo_uninterrupted(tmp_path, tokenizer, toy, kill_after):
    """Policy, critic, both moments and the reference; in two lanes and in one."""
    whole, rows, _ = reinforce(
        tmp_path / "whole", tokenizer, compute=Compute(tokens_per_pass=320, lanes=Lanes(2))
    )
    with pytest.raises(Killed):
        reinforce(tmp_path / "cut", tokenizer, kill_after)
    resumed, again, _ = reinforce(tmp_path / "cut", tokenizer)
    assert same(weights(whole.model), weights(resumed.model))
    assert same(weights(whole.critic), weights(resumed.critic))
    assert without_seconds(rows) == without_seconds(again)
    assert not same(weights(whole.critic.model), weights(make_model(tokenizer)))


def test_ppo_and_grpo_begin_with_the_same_responses_and_write_the_same_columns(
    tmp_path, tokenizer, toy
):
    """The first rollout is the same; only GRPO's cell of the critic's loss is empty."""
    _, ppo, run = reinforce(tmp_path / "ppo", tokenizer)
    _, grpo, plain = reinforce(tmp_path / "grpo", tokenizer, kind=Reinforcement)
    assert list(ppo[0]) == list(grpo[0])
    for one, other in zip(ppo[:2], grpo[:2], strict=True):
        assert one["reward"] == other["reward"] and one["length_mean"] == other["length_mean"]
    assert {row["value_loss"] for row in grpo} == {""} and ppo[0]["value_loss"] > 0
    assert run.counted[0]["flop"] > 1.3 * plain.counted[0]["flop"]


def test_bytes_by_hand(tmp_path, tokenizer, toy):
    """GRPO: weights, their working copies, gradients and two moments of the policy, weights and
    copies of the reference: 4 bytes x 7 per parameter, and a step counter per tensor.
    PPO: five more for each number of the critic, which has a head of 32 weights and a bias."""
    grpo, rows, _ = reinforce(tmp_path / "grpo", tokenizer, kind=Reinforcement)
    ppo, more, _ = reinforce(tmp_path / "ppo", tokenizer)
    tensors = list(grpo.model.parameters())
    size = sum(weight.numel() for weight in tensors)
    row = memory_row("grpo", grpo.held(), rows)
    assert row["parameters_trained"] == size
    assert row["peak_bytes"] == 4 * 7 * size + 4 * len(tensors)
    other = memory_row("ppo_lambda_100", ppo.held(), more)
    assert other["parameters_trained"] == 2 * size + 33
    added = 4 * 5 * (size + 33) + 4 * (len(tensors) + 2)
    assert other["peak_bytes"] == row["peak_bytes"] + added
    assert list(row) == [
        "arm",
        "seconds_per_update",
        "peak_bytes",
        "peak_rss_bytes",
        "parameters_trained",
    ]
    assert row["seconds_per_update"] > 0 and row["peak_rss_bytes"] > row["peak_bytes"]


@pytest.mark.parametrize(
    ("ppo", "sentence"),
    [
        ({"lambda": 1.5, "critic_learning_rate": 1e-3}, "ppo.lambda is 1.5"),
        ({"lambda": 1.0, "critic_learning_rate": 0.0}, "critic_learning_rate is 0.0"),
    ],
)
def test_settings_that_mean_nothing_are_refused(tmp_path, tokenizer, ppo, sentence):
    with pytest.raises(SettingsError, match=sentence):
        reinforce(tmp_path, tokenizer, ppo=ppo)
