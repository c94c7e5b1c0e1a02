# SPDX-License-Identifier: Apache-2.0
"""Log-probability of one chosen token per place, without keeping the logits of all places.

Logits of a real vocabulary are by far the largest tensor of a training step: 32,768 tokens x
129,280 words are 17 GB in float32. Here hidden states become logits in slices of bounded size,
and each slice is reduced to one log-probability (and entropy) per token at once. The backward
pass makes the slices again, unless there is only one, whose probabilities are kept.

Shapes   hidden (n, hidden_size); head (vocabulary, hidden_size); target, results (n,)
Units    nats
"""

import torch
import torch.nn.functional as F

SLICE_ELEMENTS = 1 << 22  # logits at a time: 16 MB in float32


def slice_rows(vocabulary: int) -> int:
    """Return how many places' logits are held at once."""
    return max(SLICE_ELEMENTS // vocabulary, 1)


class _Selected(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden, head, target, temperature, with_entropy):
        rows = slice_rows(len(head))
        chosen = hidden.new_empty(len(hidden), dtype=torch.float32)
        entropy = torch.zeros_like(chosen)
        kept = None
        for first in range(0, len(hidden), rows):
            part = slice(first, first + rows)
            logprobs = _logprobs(hidden[part], head, temperature)
            chosen[part] = logprobs.gather(1, target[part, None]).squeeze(1)
            kept = logprobs.exp() if with_entropy else logprobs.exp_()
            if with_entropy:
                entropy[part] = -torch.einsum("nv,nv->n", kept, logprobs)
        ctx.temperature = temperature
        ctx.save_for_backward(hidden, head, target, kept if len(hidden) <= rows else None)
        ctx.mark_non_differentiable(entropy)
        return chosen, entropy

    @staticmethod
    def backward(ctx, gradient, _entropy):
        hidden, head, target, kept = ctx.saved_tensors
        rows = slice_rows(len(head))
        to_hidden, to_head = torch.empty_like(hidden), None
        for first in range(0, len(hidden), rows):
            part = slice(first, first + rows)
            probabilities = kept
            if kept is None:
                probabilities = _logprobs(hidden[part], head, ctx.temperature).exp_()
            scale = (gradient[part] / ctx.temperature)[:, None]
            slope = probabilities.mul_(-scale)
            place = target[part, None]
            slope.scatter_(1, place, slope.gather(1, place) + scale)
            slope = slope.to(head.dtype)
            to_hidden[part] = slope @ head
            added = slope.t() @ hidden[part]
            to_head = added if to_head is None else to_head + added
        return to_hidden, to_head, None, None, None


def _logprobs(hidden: torch.Tensor, head: torch.Tensor, temperature: float) -> torch.Tensor:
    logits = F.linear(hidden, head).float()
    if temperature != 1.0:
        logits /= temperature
    return torch.log_softmax(logits, dim=-1)


def selected_logprobs(
    hidden: torch.Tensor,
    head: torch.Tensor,
    target: torch.Tensor,
    temperature: float = 1.0,
    with_entropy: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return log-probabilities of the targets and entropies (zeros unless asked for).

    Both speak of the distribution at `temperature`. Gradients flow through the log-probabilities.
    """
    return _Selected.apply(hidden, head, target, temperature, with_entropy)
