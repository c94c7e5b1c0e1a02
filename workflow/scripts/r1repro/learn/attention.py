# SPDX-License-Identifier: Apache-2.0
"""Attention of packed rows: who may see whom.

On a CPU, and in float32, a mask over each row; on a GPU in bfloat16, variable-length flash
attention over the sequences of all rows, which never touches a masked place.

Shapes   queries (rows, length, heads, head_size), keys and values (rows, length, key_heads, ...)
"""

import inspect

import torch
import torch.nn.functional as F


class MaskedAttention:
    """Attention under a mask (rows, 1, length, length), True = visible."""

    def __init__(self, visible: torch.Tensor, dtype: torch.dtype):
        # As a sum and not as a choice: made once here instead of once a layer by the kernel.
        self.mask = torch.zeros(visible.shape, dtype=dtype, device=visible.device)
        self.mask.masked_fill_(~visible, float("-inf"))

    def __call__(self, _layer: int, query, key, value) -> torch.Tensor:
        grouped = query.shape[-2] != key.shape[-2]
        mixed = F.scaled_dot_product_attention(
            query.transpose(1, 2),
            key.transpose(1, 2),
            value.transpose(1, 2),
            self.mask,
            enable_gqa=grouped,
        )
        return mixed.transpose(1, 2)


class VariableLengthAttention:
    """Causal attention inside each sequence; `ends` (sequences + 1,) are cumulated lengths."""

    def __init__(self, ends: torch.Tensor, longest: int):
        from torch.nn.attention.varlen import varlen_attn

        self.ends, self.longest, self.kernel = ends, longest, varlen_attn
        # torch 2.11 says "causal" with a flag, later releases with a window.
        flags = inspect.signature(varlen_attn).parameters
        self.causal = {"is_causal": True} if "is_causal" in flags else {"window_size": (-1, 0)}

    def __call__(self, _layer: int, query, key, value) -> torch.Tensor:
        groups = query.shape[-2] // key.shape[-2]
        if groups > 1:
            key, value = (part.repeat_interleave(groups, dim=-2) for part in (key, value))
        mixed = self.kernel(
            *(part.flatten(0, 1) for part in (query, key, value)),
            self.ends,
            self.ends,
            self.longest,
            self.longest,
            **self.causal,
        )
        return mixed.view(query.shape)
