# SPDX-License-Identifier: Apache-2.0
"""Learning rate over steps, and AdamW over the right parameters."""

import math

import torch


def cosine(step: int, total: int, warmup: int, final_share: float) -> float:
    """Return the factor on the learning rate at a step (0-based): linear warm-up, then cosine.

    The last step has exactly `final_share` (a tenth in the paper's supervised stages).
    """
    if step < warmup:
        return (step + 1) / warmup
    span = max(total - 1 - warmup, 1)
    done = min((step - warmup) / span, 1.0)
    return final_share + (1 - final_share) * 0.5 * (1 + math.cos(math.pi * done))


def warmup_then_constant(step: int, warmup: int) -> float:
    """Return the factor on the learning rate of RL: linear warm-up, then constant."""
    return min((step + 1) / warmup, 1.0) if warmup else 1.0


def adamw(model: torch.nn.Module, settings: dict) -> torch.optim.AdamW:
    """Return AdamW with decay on matrices only; the caller sets the rate before each step."""
    matrices = [weight for weight in model.parameters() if weight.ndim >= 2]
    vectors = [weight for weight in model.parameters() if weight.ndim < 2]
    return torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": settings["weight_decay"]},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=settings["learning_rate"],
        betas=tuple(settings["betas"]),
        fused=True,
    )


def step_with(
    optimizer: torch.optim.Optimizer, model: torch.nn.Module, rate: float, clip_norm: float
) -> float:
    """Clip the gradient, take one step at the given rate, return the norm before clipping."""
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return float(norm)
