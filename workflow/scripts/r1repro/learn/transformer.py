# SPDX-License-Identifier: Apache-2.0
"""The forward pass of a Llama, once, for training and for sampling; also of Qwen2 and Qwen3.

The master weights live in a Hugging Face model, so that every checkpoint opens in anyone's tools;
this file only computes with working copies of them (`working.py`). Training calls `hidden_states`
on packed rows, sampling calls `prefill` and `decode` with a cache of keys and values. All go
through `_layer`, so the sampler's log-probabilities are the trainer's. A test holds the result
against transformers' own forward pass.

Shapes   tokens, positions (rows, length), or (rows,) when decoding; hidden (..., hidden_size);
         queries (..., heads, head_size), keys and values (..., key_heads, head_size)
Choices  Matrix products run in the working precision; the residual stream, norms and rotary
         positions are float32. So is attention on a CPU, whose bfloat16 kernels for it are slow.
         Hugging Face's Llama turns coordinate i of a head together with i + head_size / 2. The
         working copies of the query and key rows bring the two side by side, where a rotation is
         one complex product (four times as fast on a CPU); scores do not see the order.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from transformers import PretrainedConfig, PreTrainedModel

from r1repro.errors import InputError
from r1repro.learn.working import PRECISIONS, Working

FAMILIES = ("llama", "qwen2", "qwen3")
Attend = Callable[[int, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Shape:
    """The sizes that the forward pass needs."""

    layers: int
    heads: int
    key_heads: int
    head_size: int
    epsilon: float
    rope_base: float


@dataclass(frozen=True)
class Layer:
    """Working weights of one block; biases are Qwen2's, norms of queries and keys Qwen3's."""

    before_attention: Working
    qkv: Working
    qkv_bias: Working | None
    query_norm: Working | None
    key_norm: Working | None
    output: Working
    before_feed_forward: Working
    gate_up: Working
    down: Working


def unsupported(config: PretrainedConfig) -> str | None:
    """Say why this file cannot compute a model, or None when it can."""
    if config.model_type not in FAMILIES:
        return f"it is a {config.model_type!r} model"
    if config.hidden_act != "silu":
        return f"its activation is {config.hidden_act!r}"
    if config.rope_parameters["rope_type"] != "default":
        return f"its rotary positions are scaled ({config.rope_parameters['rope_type']!r})"
    if getattr(config, "attention_bias", False) or getattr(config, "mlp_bias", False):
        return "its projections have biases that the family does not usually have"
    if getattr(config, "use_sliding_window", False):
        return "its attention is limited to a sliding window"
    return None


def shape_of(config: PretrainedConfig) -> Shape:
    """Read the sizes from a configuration.

    Raises InputError for an architecture or option that this file does not compute.
    """
    reason = unsupported(config)
    if reason is not None:
        raise InputError(f"the fast forward pass does not fit this checkpoint: {reason}")
    heads = config.num_attention_heads
    return Shape(
        layers=config.num_hidden_layers,
        heads=heads,
        key_heads=config.num_key_value_heads,
        head_size=getattr(config, "head_dim", None) or config.hidden_size // heads,
        epsilon=config.rms_norm_eps,
        rope_base=config.rope_parameters["rope_theta"],
    )


class Transformer:
    """The forward pass over working copies of a model's weights."""

    def __init__(self, model: PreTrainedModel, precision: str = "float32"):
        self.model, self.shape = model, shape_of(model.config)
        self.dtype = PRECISIONS[precision]
        self.device = model.lm_head.weight.device
        self.working: list[Working] = []
        inner = model.model
        # Looking up a token adds up gradients of many places: that sum stays in float32.
        self.embedding = self._keep(torch.float32, inner.embed_tokens.weight)
        self.layers = [self._keep_layer(layer) for layer in inner.layers]
        self.last_norm = self._keep(torch.float32, inner.norm.weight)
        tied = model.lm_head.weight is inner.embed_tokens.weight
        shared = tied and self.dtype == torch.float32
        self.head = self.embedding if shared else self._keep(self.dtype, model.lm_head.weight)
        half = torch.arange(0, self.shape.head_size, 2, dtype=torch.float32)
        self.frequencies = (self.shape.rope_base ** (-half / self.shape.head_size)).to(self.device)
        # Queries and keys of attention; see the choices above.
        self.attention_dtype = torch.float32 if self.device.type == "cpu" else self.dtype

    def _keep(
        self, dtype: torch.dtype, *parts: torch.nn.Parameter, order: torch.Tensor | None = None
    ) -> Working:
        self.working.append(Working(list(parts), dtype, order))
        return self.working[-1]

    def _pairs_together(self, rotated_heads: int, other_heads: int = 0) -> torch.Tensor:
        """Return the order of rows that puts i and i + head_size / 2 of a head side by side."""
        size = self.shape.head_size
        within = torch.arange(size).view(2, -1).t().flatten()
        rotated = torch.arange(0, rotated_heads * size, size)[:, None] + within
        others = rotated_heads * size + torch.arange(other_heads * size)
        return torch.cat((rotated.flatten(), others)).to(self.device)

    def _keep_layer(self, layer) -> Layer:
        attention, full = layer.self_attn, torch.float32
        projections = (attention.q_proj, attention.k_proj, attention.v_proj)
        biased, normed = attention.q_proj.bias is not None, hasattr(attention, "q_norm")
        joined = self._pairs_together(self.shape.heads + self.shape.key_heads, self.shape.key_heads)
        one = self._pairs_together(1)
        return Layer(
            before_attention=self._keep(full, layer.input_layernorm.weight),
            qkv=self._keep(self.dtype, *(part.weight for part in projections), order=joined),
            qkv_bias=self._keep(self.dtype, *(p.bias for p in projections), order=joined)
            if biased
            else None,
            query_norm=self._keep(full, attention.q_norm.weight, order=one) if normed else None,
            key_norm=self._keep(full, attention.k_norm.weight, order=one) if normed else None,
            output=self._keep(self.dtype, attention.o_proj.weight),
            before_feed_forward=self._keep(full, layer.post_attention_layernorm.weight),
            gate_up=self._keep(self.dtype, layer.mlp.gate_proj.weight, layer.mlp.up_proj.weight),
            down=self._keep(self.dtype, layer.mlp.down_proj.weight),
        )

    def refresh(self) -> None:
        """Take over the master weights after they changed."""
        for working in self.working:
            working.refresh()

    def rotation(self, positions: torch.Tensor) -> torch.Tensor:
        """Return the rotary angles as complex numbers of size 1, (..., 1, head_size / 2)."""
        angles = positions[..., None, None].float() * self.frequencies
        return torch.polar(torch.ones_like(angles), angles)

    def hidden_states(
        self, tokens: torch.Tensor, positions: torch.Tensor, attend: Attend
    ) -> torch.Tensor:
        """Run tokens through all layers; `attend(layer, queries, keys, values)` mixes them."""
        hidden = F.embedding(tokens, self.embedding.tensor)
        rotation = self.rotation(positions)
        for number in range(self.shape.layers):
            hidden = self._layer(number, hidden, rotation, attend)
        return self._norm(hidden, self.last_norm).to(self.dtype)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return logits in float32 for hidden states of any leading shape."""
        return F.linear(hidden, self.head.tensor).float()

    def _norm(self, hidden: torch.Tensor, weight: Working) -> torch.Tensor:
        return F.rms_norm(hidden, weight.tensor.shape, weight.tensor, self.shape.epsilon)

    def _layer(self, number: int, hidden, rotation, attend: Attend) -> torch.Tensor:
        layer, heads = self.layers[number], self.shape.heads
        key_end = heads + self.shape.key_heads
        x = self._norm(hidden, layer.before_attention).to(self.dtype)
        bias = None if layer.qkv_bias is None else layer.qkv_bias.tensor
        qkv = F.linear(x, layer.qkv.tensor, bias).unflatten(-1, (-1, self.shape.head_size))
        query_key, value = qkv[..., :key_end, :], qkv[..., key_end:, :]
        if layer.query_norm is not None:
            query, key = query_key.split((heads, self.shape.key_heads), dim=-2)
            query_key = torch.cat(
                (
                    self._norm(query.float(), layer.query_norm),
                    self._norm(key.float(), layer.key_norm),
                ),
                dim=-2,
            )
        query_key = rotate(query_key, rotation).to(self.attention_dtype)
        value = value.to(self.attention_dtype)
        mixed = attend(number, query_key[..., :heads, :], query_key[..., heads:, :], value)
        hidden = hidden + F.linear(mixed.flatten(-2).to(self.dtype), layer.output.tensor)
        x = self._norm(hidden, layer.before_feed_forward).to(self.dtype)
        gate, up = F.linear(x, layer.gate_up.tensor).chunk(2, dim=-1)
        return hidden + F.linear(F.silu(gate) * up, layer.down.tensor)


def rotate(x: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
    """Apply rotary positions to queries or keys (..., heads, head_size) with pairs together."""
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * rotation).flatten(-2)
