# SPDX-License-Identifier: Apache-2.0
"""Keys and values of responses that are being sampled.

`SharedPrefixCache` (CPU) keeps a question's keys once for all its responses and each response's
own keys beside them; attention over both is one softmax. `RowCache` (GPU) keeps whole rows at
fixed addresses, so that a decoding step can be captured and replayed as one CUDA graph.
Both are filled by `prefill` and then take one token per row and step. Finished rows leave with
`keep`.

Shapes   questions: keys (questions, key_heads, width, head_size), aligned at their ends
         own keys: (steps, rows, key_heads, head_size), so that the first steps are one block
"""

import torch
import torch.nn.functional as F

from r1repro.learn.attention import MaskedAttention
from r1repro.learn.transformer import Transformer


class Prefix:
    """The questions of one wave, run once: keys, values and which columns are padding."""

    def __init__(self, transformer: Transformer, prompts: list[list[int]]):
        device, width = transformer.device, max(map(len, prompts))
        self.width = width
        self.padding = torch.tensor([width - len(prompt) for prompt in prompts], device=device)
        self.keys: list[torch.Tensor] = []
        self.values: list[torch.Tensor] = []
        tokens = torch.tensor([[0] * (width - len(p)) + p for p in prompts], device=device)
        columns = torch.arange(width, device=device)
        real = columns[None] >= self.padding[:, None]
        causal = torch.ones(width, width, dtype=torch.bool, device=device).tril()
        # A padded column sees itself, so that no row of the softmax is empty.
        alone = torch.eye(width, dtype=torch.bool, device=device)
        visible = ((causal & real[:, None, :]) | alone)[:, None]
        masked = MaskedAttention(visible, transformer.attention_dtype)

        def attend(layer: int, query, key, value):
            self.keys.append(key.transpose(1, 2).contiguous())
            self.values.append(value.transpose(1, 2).contiguous())
            return masked(layer, query, key, value)

        positions = (columns[None] - self.padding[:, None]).clamp(min=0)
        self.last_hidden = transformer.hidden_states(tokens, positions, attend)[:, -1]
        hidden_columns = torch.zeros(real.shape, device=device, dtype=transformer.attention_dtype)
        self.mask = hidden_columns.masked_fill_(~real, float("-inf"))


class RowCache:
    """Whole rows of keys and values, each with a copy of its question's.

    column  where the next token goes, the same for all rows
    """

    def __init__(self, transformer: Transformer, prefix: Prefix, samples: int, max_tokens: int):
        self.transformer, shape = transformer, transformer.shape
        group = torch.arange(len(prefix.padding), device=transformer.device)
        group = group.repeat_interleave(samples)
        self.padding, self.column = prefix.padding[group], prefix.width
        self.mask = prefix.mask[group]
        full = (len(group), shape.key_heads, prefix.width + max_tokens, shape.head_size)
        self.keys = [self._row_keys(part[group], full) for part in prefix.keys]
        self.values = [self._row_keys(part[group], full) for part in prefix.values]

    @staticmethod
    def _row_keys(prefix: torch.Tensor, full: tuple) -> torch.Tensor:
        rows = prefix.new_empty(full)
        rows[:, :, : prefix.shape[2]] = prefix
        return rows

    def keep(self, rows: torch.Tensor) -> None:
        """Let the other rows leave."""
        self.padding, self.mask = self.padding[rows], self.mask[rows]
        for parts in (self.keys, self.values):
            for layer, part in enumerate(parts):
                # In its own memory: new pages would cost more than the copy.
                part[: len(rows), :, : self.column] = part[rows, :, : self.column]
                parts[layer] = part[: len(rows)]

    def decode(self, tokens: torch.Tensor) -> torch.Tensor:
        """Run one token per row; return the last hidden states (rows, hidden_size)."""
        key_heads = self.transformer.shape.key_heads
        # The columns of the question that are padding; later columns are free of it.
        padded = self.mask.repeat_interleave(key_heads, dim=0)[:, None]
        hidden = self.transformer.hidden_states(
            tokens,
            self.column - self.padding,
            lambda layer, q, k, v: self._attend(layer, q, k, v, padded),
        )
        self.column += 1
        return hidden

    def _attend(self, layer: int, query, key, value, padded) -> torch.Tensor:
        keys, values, now = self.keys[layer], self.values[layer], self.column + 1
        keys[:, :, self.column], values[:, :, self.column] = key, value
        rows, key_heads, _, size = keys.shape
        # (rows x key heads) small products; the heads of one key head are the rows of each
        grouped = query.reshape(rows * key_heads, -1, size)
        scores = torch.bmm(grouped, keys[:, :, :now].flatten(0, 1).transpose(1, 2))
        scores.mul_(size**-0.5)
        scores[:, :, : padded.shape[-1]] += padded
        mixed = torch.bmm(scores.softmax(dim=-1), values[:, :, :now].flatten(0, 1))
        return mixed.view(query.shape)


class CapturedRowCache:
    """Whole rows at fixed addresses; a captured step replays without launching kernels one by one.

    columns  written so far, on the device: a graph must not depend on a number of the host
    """

    def __init__(self, transformer: Transformer, prefix: Prefix, samples: int, max_tokens: int):
        self.transformer, shape = transformer, transformer.shape
        group = torch.arange(len(prefix.padding), device=transformer.device)
        group = group.repeat_interleave(samples)
        self.padding, self.width = prefix.padding[group], prefix.width
        self.column = torch.tensor([prefix.width], device=transformer.device)
        full = (len(group), shape.key_heads, prefix.width + max_tokens, shape.head_size)
        self.keys = [self._row_keys(part[group], full) for part in prefix.keys]
        self.values = [self._row_keys(part[group], full) for part in prefix.values]
        self.columns = torch.arange(full[2], device=transformer.device)
        self.replay = None

    @staticmethod
    def _row_keys(prefix: torch.Tensor, full: tuple) -> torch.Tensor:
        rows = prefix.new_zeros(full)
        rows[:, :, : prefix.shape[2]] = prefix
        return rows

    def keep(self, rows: torch.Tensor) -> None:
        """Let the other rows leave; the next step is captured anew for the smaller batch."""
        self.padding = self.padding[rows]
        self.keys = [part[rows] for part in self.keys]
        self.values = [part[rows] for part in self.values]
        self.replay = None

    def decode(self, tokens: torch.Tensor) -> torch.Tensor:
        """Run one token per row; return the last hidden states (rows, hidden_size)."""
        if self.transformer.device.type != "cuda":
            hidden = self._step(tokens)
        else:
            if self.replay is None:
                self._capture(tokens)
            self.input.copy_(tokens)
            self.replay.replay()
            hidden = self.output
        self.column += 1
        return hidden

    def _capture(self, tokens: torch.Tensor) -> None:
        """Record one step; writing the same column twice on the way does no harm."""
        self.input = tokens.clone()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            self._step(self.input)
        torch.cuda.current_stream().wait_stream(side)
        self.replay = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.replay):
            self.output = self._step(self.input)

    def _step(self, tokens: torch.Tensor) -> torch.Tensor:
        columns = self.columns[None]
        seen = (columns >= self.padding[:, None]) & (columns <= self.column)
        return self.transformer.hidden_states(
            tokens,
            self.column - self.padding,
            lambda layer, q, k, v: self._attend(layer, q, k, v, seen[:, None, None]),
        )

    def _attend(self, layer: int, query, key, value, seen) -> torch.Tensor:
        self.keys[layer].index_copy_(2, self.column, key[:, :, None])
        self.values[layer].index_copy_(2, self.column, value[:, :, None])
        grouped = query.shape[1] != key.shape[1]
        mixed = F.scaled_dot_product_attention(
            query[:, :, None], self.keys[layer], self.values[layer], seen, enable_gqa=grouped
        )
        return mixed[:, :, 0]


def open_cache(transformer: Transformer, prefix: Prefix, samples: int, max_tokens: int):
    """Return the cache that suits the device."""
    kind = CapturedRowCache if transformer.device.type == "cuda" else RowCache
    return kind(transformer, prefix, samples, max_tokens)
