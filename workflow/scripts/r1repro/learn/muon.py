# SPDX-License-Identifier: Apache-2.0
"""Muon: momentum whose matrices are made nearly orthogonal before the step.

Source   K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024):
         Nesterov
         momentum, five Newton-Schulz steps; rate adjusted to the root mean square of AdamW's
         steps (J. Liu et al., arXiv:2502.16982, section 2.2).
Choices  The same as torch.optim.Muon with adjust_lr_fn="match_rms_adamw", against which a test
         compares. That one takes the matrices one by one in bfloat16, which for many small
         matrices is a fifth of a miniature's training time; here matrices of one shape are one
         batched product, in float32.
"""

import math
from itertools import groupby

import torch

from r1repro.learn.lanes import Lanes

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
STEPS = 5
TINY = 1e-7


def orthogonalise(matrices: torch.Tensor) -> torch.Tensor:
    """Bring the singular values of matrices (n, rows, columns) near 1."""
    a, b, c = NEWTON_SCHULZ
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=TINY)
    for _ in range(STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Muon for matrices; groups of equal shape are stepped together, side by side in lanes."""

    def __init__(self, weights, lr: float, weight_decay: float, lanes: Lanes, momentum=0.95):
        super().__init__(weights, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        self.lanes = lanes

    @torch.no_grad()
    def step(self) -> None:
        """Update every weight that has a gradient."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            weights.sort(key=lambda weight: tuple(weight.shape))
            shapes = [list(same) for _, same in groupby(weights, key=lambda w: tuple(w.shape))]
            halves = [part for same in shapes for part in _divide(same, self.lanes.count)]
            for part, updates in zip(halves, self.lanes.map(self._updates, halves), strict=True):
                rows, columns = part[0].shape
                rate = group["lr"] * 0.2 * math.sqrt(max(rows, columns))
                torch._foreach_mul_(part, 1 - group["lr"] * group["weight_decay"])
                torch._foreach_add_(part, list(updates.unbind()), alpha=-rate)

    def _updates(self, weights: list[torch.Tensor]) -> torch.Tensor:
        """Return the orthogonal directions of weights of one shape."""
        momentum = self.param_groups[0]["momentum"]
        ahead = []
        with torch.no_grad():
            for weight in weights:
                state = self.state[weight]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(weight)
                average = state["momentum_buffer"].lerp_(weight.grad, 1 - momentum)
                ahead.append(weight.grad.lerp(average, momentum))
            return orthogonalise(torch.stack(ahead))


def _divide(things: list, parts: int) -> list[list]:
    """Cut a list into at most `parts` pieces of nearly equal length."""
    size = -(-len(things) // parts)
    return [things[i : i + size] for i in range(0, len(things), size)]
