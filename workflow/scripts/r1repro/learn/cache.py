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


class SharedPrefixCache:
    """A question's keys once for its group, each response's own keys beside them."""

    def __init__(self, transformer: Transformer, prefix: Prefix, samples: int, max_tokens: int):
        shape = transformer.shape
        self.transformer, self.prefix, self.scale = transformer, prefix, shape.head_size**-0.5
        device, questions = transformer.device, len(prefix.padding)
        self.group = torch.arange(questions, device=device).repeat_interleave(samples)
        self.start = prefix.width - prefix.padding[self.group]  # length of each row's question
        size = (max_tokens, len(self.group), shape.key_heads, shape.head_size)
        like = prefix.keys[0]
        self.keys = [like.new_empty(size) for _ in range(shape.layers)]
        self.values = [like.new_empty(size) for _ in range(shape.layers)]
        self.step = 0
        self._place_rows()

    def _place_rows(self) -> None:
        """Give every row a place in a (questions, most rows of a question) grid."""
        counts = torch.bincount(self.group, minlength=len(self.prefix.padding))
        self.most = int(counts.max())
        before = counts.cumsum(0) - counts
        slot = torch.arange(len(self.group), device=self.group.device) - before[self.group]
        self.place = self.group * self.most + slot
        self.mask = self.prefix.mask[self.group][:, None]

    def keep(self, rows: torch.Tensor) -> None:
        """Let the other rows leave; questions without rows leave with them."""
        self.group, self.start = self.group[rows], self.start[rows]
        for part in (self.keys, self.values):
            for number, old in enumerate(part):
                part[number] = old.new_empty(len(old), len(rows), *old.shape[2:])
                part[number][: self.step] = old[: self.step, rows]
        alive, self.group = self.group.unique(return_inverse=True)
        prefix = self.prefix
        if len(alive) < len(prefix.padding):
            prefix.padding, prefix.mask = prefix.padding[alive], prefix.mask[alive]
            prefix.keys = [part[alive] for part in prefix.keys]
            prefix.values = [part[alive] for part in prefix.values]
        self._place_rows()

    def decode(self, tokens: torch.Tensor) -> torch.Tensor:
        """Run one token per row; return the last hidden states (rows, hidden_size)."""
        hidden = self.transformer.hidden_states(tokens, self.start + self.step, self._attend)
        self.step += 1
        return hidden

    def _attend(self, layer: int, query, key, value) -> torch.Tensor:
        rows, heads, size = query.shape
        now = self.step + 1
        self.keys[layer][self.step], self.values[layer][self.step] = key, value
        own_keys, own_values = self.keys[layer][:now], self.values[layer][:now]
        query = query * self.scale
        shared = self._on_questions(query, self.prefix.keys[layer].transpose(-1, -2))
        # A response's keys differ from row to row: no matrix product, one sum per key.
        own = self._by_key_head(query) * own_keys[:, :, :, None]
        own = own.sum(dim=-1).flatten(2).permute(1, 2, 0)
        weights = torch.cat((shared + self.mask, own), dim=-1).softmax(dim=-1)
        width = self.prefix.width
        mixed = self._on_questions(weights[..., :width], self.prefix.values[layer])
        weights = self._by_key_head(weights[..., width:]).permute(3, 0, 1, 2)
        mixed_own = (weights[..., None] * own_values[:, :, :, None]).sum(dim=0)
        return mixed + mixed_own.view(rows, heads, size)

    def _by_key_head(self, x: torch.Tensor) -> torch.Tensor:
        """(rows, heads, n) as (rows, key_heads, heads of a key head, n)."""
        return x.unflatten(1, (self.transformer.shape.key_heads, -1))

    def _on_questions(self, x: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
        """Multiply rows (rows, heads, n) by their question's (key_heads, n, m)."""
        rows, heads, n = x.shape
        questions, key_heads = matrix.shape[:2]
        grid = x.new_zeros(questions * self.most, heads, n)
        grid[self.place] = x
        grid = grid.view(questions, self.most, key_heads, -1, n).transpose(1, 2)
        product = torch.matmul(grid.flatten(2, 3), matrix)
        product = product.view(questions, key_heads, self.most, heads // key_heads, -1)
        return product.transpose(1, 2).reshape(questions * self.most, heads, -1)[self.place]


class RowCache:
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
    kind = RowCache if transformer.device.type == "cuda" else SharedPrefixCache
    return kind(transformer, prefix, samples, max_tokens)
