# SPDX-License-Identifier: Apache-2.0
"""The forward pass of a Llama, once, for training and for sampling.

The weights live in a Hugging Face `LlamaForCausalLM`, so that every checkpoint opens in anyone's
tools; this file only computes with them. Training calls `hidden_states` on packed rows with a
mask of who may see whom, sampling calls `prefill` and `decode` with a key-value cache. Both go
through `_layer`, so the sampler's log-probabilities are the trainer's. A test holds the result
against transformers' own forward pass.

Shapes   tokens, positions (rows, length); mask (rows, 1, length, length), True = may attend;
         hidden (rows, length, hidden_size)
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from transformers import LlamaConfig, LlamaForCausalLM

from r1repro.errors import InputError


@dataclass(frozen=True)
class Shape:
    """The sizes that the forward pass needs."""

    layers: int
    heads: int
    key_heads: int
    head_size: int
    epsilon: float
    rope_base: float


def shape_of(config: LlamaConfig) -> Shape:
    """Read the sizes from a configuration.

    Raises InputError for an architecture or option that this file does not compute.
    """
    if config.model_type != "llama" or config.hidden_act != "silu" or config.attention_bias:
        raise InputError(
            f"the checkpoint is a {config.model_type!r} model; this engine runs plain Llama "
            "checkpoints (silu, no attention bias)"
        )
    rope = config.rope_parameters
    if rope["rope_type"] != "default":
        raise InputError(f"rotary scaling {rope['rope_type']!r} is not supported by this engine")
    return Shape(
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        key_heads=config.num_key_value_heads,
        head_size=config.head_dim,
        epsilon=config.rms_norm_eps,
        rope_base=rope["rope_theta"],
    )


class Transformer:
    """A view on a model's weights with our forward pass.

    The view fuses nothing and copies nothing: gradients reach the model's own parameters.
    """

    def __init__(self, model: LlamaForCausalLM):
        self.model = model
        self.shape = shape_of(model.config)
        half = torch.arange(0, self.shape.head_size, 2, dtype=torch.float32)
        device = model.lm_head.weight.device
        self.frequencies = (self.shape.rope_base ** (-half / self.shape.head_size)).to(device)

    def rotation(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return cosine and sine of the rotary angles, (rows, 1, length, head_size)."""
        angles = positions[:, None, :, None].float() * self.frequencies
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos(), angles.sin()

    def hidden_states(
        self, tokens: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Run whole rows; see the module for shapes."""
        hidden = F.embedding(tokens, self.model.model.embed_tokens.weight)
        rotation = self.rotation(positions)
        for layer in self.model.model.layers:
            hidden = self._layer(
                layer, hidden, rotation, lambda q, k, v: self._attend(q, k, v, mask)
            )
        return self._norm(hidden, self.model.model.norm.weight)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return logits in float32 for hidden states of any leading shape."""
        return F.linear(hidden, self.model.lm_head.weight).float()

    def prefill(self, tokens, positions, mask, cache: "Cache") -> torch.Tensor:
        """Run prompts, fill the first columns of the cache, return the last hidden state."""
        hidden = F.embedding(tokens, self.model.model.embed_tokens.weight)
        rotation = self.rotation(positions)
        length = tokens.shape[1]
        for number, layer in enumerate(self.model.model.layers):

            def attend(q, k, v, number=number):
                cache.keys[number][:, :, :length] = k
                cache.values[number][:, :, :length] = v
                return self._attend(q, k, v, mask)

            hidden = self._layer(layer, hidden, rotation, attend)
        return self._norm(hidden[:, -1], self.model.model.norm.weight)

    def decode(self, tokens, positions, column: int, mask, cache: "Cache") -> torch.Tensor:
        """Run one token per row at cache column `column`; mask is (rows, 1, 1, column + 1)."""
        hidden = F.embedding(tokens[:, None], self.model.model.embed_tokens.weight)
        rotation = self.rotation(positions[:, None])
        for number, layer in enumerate(self.model.model.layers):

            def attend(q, k, v, number=number):
                keys, values = cache.keys[number], cache.values[number]
                keys[:, :, column] = k[:, :, 0]
                values[:, :, column] = v[:, :, 0]
                seen = slice(0, column + 1)
                return self._attend(q, keys[:, :, seen], values[:, :, seen], mask)

            hidden = self._layer(layer, hidden, rotation, attend)
        return self._norm(hidden[:, 0], self.model.model.norm.weight)

    def _norm(self, hidden: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(hidden, weight.shape, weight, self.shape.epsilon)

    def _attend(self, query, key, value, mask) -> torch.Tensor:
        grouped = self.shape.heads != self.shape.key_heads
        return F.scaled_dot_product_attention(query, key, value, mask, enable_gqa=grouped)

    def _layer(self, layer, hidden, rotation, attend) -> torch.Tensor:
        rows, length, width = hidden.shape
        size = self.shape.head_size
        attention, cos, sin = layer.self_attn, *rotation
        x = self._norm(hidden, layer.input_layernorm.weight)
        query = F.linear(x, attention.q_proj.weight).view(rows, length, -1, size).transpose(1, 2)
        key = F.linear(x, attention.k_proj.weight).view(rows, length, -1, size).transpose(1, 2)
        value = F.linear(x, attention.v_proj.weight).view(rows, length, -1, size).transpose(1, 2)
        mixed = attend(rotate(query, cos, sin), rotate(key, cos, sin), value)
        mixed = mixed.transpose(1, 2).reshape(rows, length, -1)
        hidden = hidden + F.linear(mixed, attention.o_proj.weight)
        x = self._norm(hidden, layer.post_attention_layernorm.weight)
        gate = F.silu(F.linear(x, layer.mlp.gate_proj.weight))
        up = F.linear(x, layer.mlp.up_proj.weight)
        return hidden + F.linear(gate * up, layer.mlp.down_proj.weight)


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Apply rotary positions to queries or keys (rows, heads, length, head_size)."""
    low, high = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-high, low), dim=-1) * sin


class Cache:
    """Keys and values of all layers, allocated once: (rows, key_heads, columns, head_size)."""

    def __init__(self, transformer: Transformer, rows: int, columns: int):
        shape, like = transformer.shape, transformer.model.lm_head.weight
        size = (rows, shape.key_heads, columns, shape.head_size)
        self.keys = [like.new_zeros(size) for _ in range(shape.layers)]
        self.values = [like.new_zeros(size) for _ in range(shape.layers)]

    def select(self, rows: torch.Tensor) -> None:
        """Keep only these rows, in this order; a row may be named several times."""
        self.keys = [part[rows] for part in self.keys]
        self.values = [part[rows] for part in self.values]
