# SPDX-License-Identifier: Apache-2.0
"""Log-probabilities and entropy of given responses under a policy, on packed rows."""

import torch

from r1repro.learn.attention import MaskedAttention, VariableLengthAttention
from r1repro.learn.packing import Packed, Sequence, unshared, visibility
from r1repro.learn.selected import selected_logprobs
from r1repro.learn.transformer import Transformer


def runs_without_mask(transformer: Transformer) -> bool:
    """Say whether attention takes sequences of any length and needs no mask."""
    return transformer.device.type == "cuda" and transformer.attention_dtype != torch.float32


def as_attention_wants(transformer: Transformer, sequences: list[Sequence]) -> list[Sequence]:
    """Share prefixes under a mask, repeat them where attention works without one."""
    return unshared(sequences) if runs_without_mask(transformer) else sequences


def attention_of(transformer: Transformer, packed: Packed):
    """Return the attention of packed rows on the transformer's device."""
    if runs_without_mask(transformer):
        ends = packed.sequence_ends()
        return VariableLengthAttention(ends, int((ends[1:] - ends[:-1]).max()))
    return MaskedAttention(visibility(packed.group, packed.branch), transformer.attention_dtype)


def token_logprobs(
    transformer: Transformer, packed: Packed, temperature: float = 1.0, with_entropy: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return log-probability and entropy (both per predicted token, in nats).

    The temperature is the sampler's, so that both speak of the same distribution. Entropies are
    zeros unless asked for. A model of another architecture computes both by itself.
    """
    if not isinstance(transformer, Transformer):
        return transformer.token_logprobs(packed, temperature, with_entropy)
    return selected_logprobs(
        hidden_before(transformer, packed),
        transformer.head.tensor,
        packed.target,
        temperature,
        with_entropy,
    )


def hidden_before(transformer: Transformer, packed: Packed) -> torch.Tensor:
    """Return the last hidden state before each predicted token, (predicted, hidden_size)."""
    if not isinstance(transformer, Transformer):
        return transformer.hidden_before(packed)
    attend = attention_of(transformer, packed)
    hidden = transformer.hidden_states(packed.tokens, packed.positions, attend)
    return hidden.flatten(0, 1)[packed.source]
