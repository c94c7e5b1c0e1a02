# SPDX-License-Identifier: Apache-2.0
"""Claims about equations 1-3, against numbers by hand and a second implementation in loops."""

import math

import pytest
import torch

from r1repro.errors import SettingsError
from r1repro.learn import grpo


def test_advantages_by_hand():
    """Rewards 1, 0, 0, 1: mean 1/2, population deviation 1/2, so +1, -1, -1, +1."""
    got = grpo.group_advantages(torch.tensor([[1.0, 0.0, 0.0, 1.0]]), "population")
    assert got.tolist() == [[1.0, -1.0, -1.0, 1.0]]


def test_sample_deviation_divides_by_n_minus_one():
    """Rewards 0, 2: sample deviation is sqrt(2), so advantages are -+ 1/sqrt(2)."""
    got = grpo.group_advantages(torch.tensor([[0.0, 2.0]]), "sample")
    assert got.tolist()[0] == pytest.approx([-1 / math.sqrt(2), 1 / math.sqrt(2)])


def test_a_group_of_equal_rewards_has_no_advantage_and_no_nan():
    rewards = torch.tensor([[0.1, 0.1, 0.1], [1.0, 0.0, 0.0]])
    got = grpo.group_advantages(rewards, "population")
    assert got[0].tolist() == [0.0, 0.0, 0.0]
    assert torch.isfinite(got).all() and got[1, 0] > 0


def test_divergence_is_zero_at_equality_and_never_negative():
    logprobs = torch.linspace(-6, 0, 50)
    assert grpo.divergence(logprobs, logprobs).abs().max() == 0
    assert (grpo.divergence(logprobs, logprobs.flip(0)) >= 0).all()


def test_divergence_estimates_the_true_divergence():
    """The mean of equation 2 over samples of pi_theta is KL(pi_theta || pi_ref)."""
    theta = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64).log()
    reference = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64).log()
    truth = (theta.exp() * (theta - reference)).sum()
    estimate = (theta.exp() * grpo.divergence(theta, reference)).sum()
    assert estimate.item() == pytest.approx(truth.item())


def loss_in_loops(logprobs, old, reference, advantages, owner, responses, epsilon, beta, average):
    """Equation 1 written out with plain Python numbers."""
    total = 0.0
    counts = [owner.count(i) for i in range(responses)]
    for t, who in enumerate(owner):
        ratio = math.exp(logprobs[t] - old[t])
        clipped = min(max(ratio, 1 - epsilon), 1 + epsilon)
        gain = min(ratio * advantages[who], clipped * advantages[who])
        x = math.exp(reference[t] - logprobs[t])
        term = gain - beta * (x - math.log(x) - 1)
        share = 1 / (counts[who] * responses) if average == "response" else 1 / len(owner)
        total -= share * term
    return total


@pytest.mark.parametrize("average", ["response", "token"])
@pytest.mark.parametrize("epsilon", [0.2, 10.0])
def test_loss_equals_equation_one_written_in_loops(average, epsilon):
    generator = torch.Generator().manual_seed(4)
    owner = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2, 2])
    logprobs = -torch.rand(10, generator=generator, dtype=torch.float64) * 3
    old = logprobs + torch.randn(10, generator=generator, dtype=torch.float64)
    reference = logprobs + torch.randn(10, generator=generator, dtype=torch.float64) * 0.3
    advantages = torch.tensor([1.5, -0.5, -1.0], dtype=torch.float64)
    weights = grpo.token_weights(owner, torch.tensor([3, 2, 5]), average)
    got, logged = grpo.loss(
        logprobs, old, reference, advantages[owner], weights, epsilon, beta=0.04
    )
    want = loss_in_loops(
        logprobs.tolist(),
        old.tolist(),
        reference.tolist(),
        advantages.tolist(),
        owner.tolist(),
        3,
        epsilon,
        0.04,
        average,
    )
    assert got.item() == pytest.approx(want, rel=1e-6)
    assert bool(logged["clipped"].any()) == (epsilon == 0.2)


def test_on_policy_gradient_is_advantage_weighted_likelihood():
    """At ratio 1 and beta 0 the gradient of the loss is -weight x advantage per token."""
    logprobs = torch.tensor([-1.0, -2.0, -0.5], requires_grad=True)
    owner = torch.tensor([0, 0, 1])
    advantages = torch.tensor([1.0, -1.0])[owner]
    weights = grpo.token_weights(owner, torch.tensor([2, 1]), "response")
    loss, _ = grpo.loss(
        logprobs, logprobs.detach(), logprobs.detach(), advantages, weights, 0.2, beta=0.0
    )
    loss.backward()
    assert logprobs.grad.tolist() == [-0.25, -0.25, 0.5]


def test_clipping_stops_the_gradient_where_the_ratio_has_gone_too_far():
    logprobs = torch.tensor([math.log(1.5)], requires_grad=True)
    zero = torch.zeros(1)
    loss, logged = grpo.loss(
        logprobs, zero, logprobs.detach(), torch.ones(1), torch.ones(1), 0.2, 0
    )
    loss.backward()
    assert logprobs.grad.item() == 0 and logged["clipped"].tolist() == [True]


def test_unknown_choices_are_refused():
    with pytest.raises(SettingsError, match="advantage_std"):
        grpo.group_advantages(torch.zeros(1, 2), "none")
    with pytest.raises(SettingsError, match="loss_average"):
        grpo.token_weights(torch.tensor([0]), torch.tensor([1]), "sum")
