# SPDX-License-Identifier: Apache-2.0
"""Group Relative Policy Optimization: equations 1-3 of the paper, and nothing else.

    (1)  J = E[ 1/G sum_i ( min(rho_i A_i, clip(rho_i, 1-eps, 1+eps) A_i) - beta D_i ) ]
         rho_i = pi_theta(o_i|q) / pi_old(o_i|q)
    (2)  D_i = pi_ref(o_i|q)/pi_theta(o_i|q) - log( pi_ref(o_i|q)/pi_theta(o_i|q) ) - 1
    (3)  A_i = (r_i - mean(r_1..r_G)) / std(r_1..r_G)

Shapes   rewards, advantages (questions, group); per predicted token of the packed rows:
         logprobs, old_logprobs, reference_logprobs, owner (which response the token belongs to)
Units    log-probabilities in nats; rewards and advantages without unit
Source   Guo et al., Nature 645, 633-638 (2025), main text and Methods, equations 1-3.
Choices  Where the paper is silent:
         - the equations name whole outputs; ratio and divergence are taken per token and averaged
           (as in DeepSeekMath, arXiv:2402.03300), because products over tokens overflow;
         - `loss_average`: "response" averages over the tokens of a response and then over
           responses (the 1/G of equation 1), "token" over all tokens of the batch at once;
         - the standard deviation divides by n ("population") or n - 1 ("sample");
         - a group whose rewards are all equal has no direction to learn: advantage 0.
"""

import torch

from r1repro.errors import SettingsError


def group_advantages(rewards: torch.Tensor, std: str) -> torch.Tensor:
    """Equation 3: how much better each response is than its group.

    Raises SettingsError for an unknown kind of standard deviation.
    """
    if std not in ("population", "sample"):
        raise SettingsError(f"advantage_std must be population or sample, not {std!r}")
    centred = rewards - rewards.mean(dim=1, keepdim=True)
    deviation = rewards.std(dim=1, keepdim=True, correction=int(std == "sample"))
    equal = (rewards == rewards[:, :1]).all(dim=1, keepdim=True)
    return torch.where(equal, torch.zeros_like(rewards), centred / deviation)


def divergence(logprobs: torch.Tensor, reference_logprobs: torch.Tensor) -> torch.Tensor:
    """Equation 2: a never negative, unbiased estimate of KL(pi_theta || pi_ref) per token."""
    log_ratio = reference_logprobs - logprobs
    return log_ratio.exp() - log_ratio - 1


def surrogate(
    logprobs: torch.Tensor, old_logprobs: torch.Tensor, advantages: torch.Tensor, epsilon: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """The min and clip of equation 1 per token, and where the clip took effect (bool)."""
    ratio = (logprobs - old_logprobs).exp()
    free = ratio * advantages
    clipped = ratio.clamp(1 - epsilon, 1 + epsilon) * advantages
    return torch.minimum(free, clipped), clipped < free


def token_weights(owner: torch.Tensor, lengths: torch.Tensor, average: str) -> torch.Tensor:
    """How much each token counts in the mean of equation 1.

    lengths  of all responses of the minibatch, (responses,); over them the weights sum to 1
    Raises SettingsError for an unknown average.
    """
    if average == "token":
        return torch.full(owner.shape, 1.0 / int(lengths.sum()), device=owner.device)
    if average == "response":
        return 1.0 / (lengths.to(owner.device)[owner] * len(lengths))
    raise SettingsError(f"loss_average must be response or token, not {average!r}")


def loss(
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    reference_logprobs: torch.Tensor,
    advantages: torch.Tensor,
    weights: torch.Tensor,
    epsilon: float,
    beta: float,
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Minus equation 1 on one minibatch or a part of it, and what to log about each token.

    advantages and weights are per token here; the weights of the parts of one minibatch add up
    to 1, and so do their losses to the loss of the whole.
    """
    gain, was_clipped = surrogate(logprobs, old_logprobs, advantages, epsilon)
    distance = divergence(logprobs, reference_logprobs)
    objective = (weights * (gain - beta * distance)).sum()
    return -objective, {
        "kl": distance.detach(),
        "clipped": was_clipped,
    }
