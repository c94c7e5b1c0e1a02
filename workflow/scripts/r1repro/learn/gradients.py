# SPDX-License-Identifier: Apache-2.0
"""The gradient of a batch, made of micro-batches: in lanes, over processes, always the same sum.

The loss of a batch is a sum over its micro-batches, each already divided by what the whole batch
counts (its tokens or responses); adding gradients then changes nothing, however the batch is cut.
"""

from collections.abc import Callable
from typing import TypeVar

import torch

from r1repro.learn.lanes import Lanes
from r1repro.learn.parallel import World
from r1repro.learn.working import Working

Piece = TypeVar("Piece")


def accumulate(
    working: list[Working],
    pieces: list[Piece],
    loss_of: Callable[[Piece], tuple[torch.Tensor, dict[str, float]]],
    lanes: Lanes,
    world: World,
) -> list[dict[str, float]]:
    """Put the gradient of all pieces of all processes into the master weights' `.grad`.

    loss_of  returns a piece's loss and figures about it
    Returns the figures of all pieces of all processes.
    """
    leaves = [weight.tensor for weight in working]

    def run(piece: Piece):
        loss, figures = loss_of(piece)
        # Not every weight of a foreign model takes part in every pass (experts, other senses).
        found = torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True)
        return found, figures

    total = [torch.zeros_like(leaf, dtype=torch.float32) for leaf in leaves]
    known: list[dict[str, float]] = []
    for gradients, figures in lanes.map(run, pieces):
        torch._foreach_add_(total, [part.float() for part in gradients])
        known.append(figures)
    world.sum_(total)
    for weight, gradient in zip(working, total, strict=True):
        weight.give(gradient)
    return world.collect(known)
