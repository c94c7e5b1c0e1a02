# SPDX-License-Identifier: Apache-2.0
"""How much arithmetic a stage did: matrix products of the model, counted from its sizes.

Units    FLOP, whole numbers; a multiplication and an addition are two
Source   the usual count: 2 FLOP per weight and token forward, twice that backward
         (arXiv:2001.08361, section 2.1), with the embedding table counted once, as output layer
Choices  Attention scores and sums (4 x width of all heads x visible tokens per layer and token)
         are counted with half the row as the mean number of visible tokens; norms, biases, softmax
         and optimiser are left out. Recomputation is never counted. For an architecture outside
         COUNTED the weights are an estimate: every matrix of the model that is no embedding
         table, and the output layer. It says too much for a mixture of experts (all experts
         count) and leaves attention scores out.
"""

import math

import torch
from transformers import AutoModelForCausalLM, PretrainedConfig

# Decoders of grouped-query attention and a gated feed-forward part, whose sizes say everything.
COUNTED = ("llama", "qwen2", "qwen3")

_estimates: dict[str, int] = {}


def weights_per_token(config: PretrainedConfig) -> int:
    """Return the weights that one token is multiplied with."""
    if config.model_type not in COUNTED:
        return _estimated_weights(config)
    width = config.hidden_size
    attention = 2 * width * _heads_width(config, config.num_attention_heads)
    attention += 2 * width * _heads_width(config, config.num_key_value_heads)
    feed_forward = 3 * width * config.intermediate_size
    return config.num_hidden_layers * (attention + feed_forward) + config.vocab_size * width


def _heads_width(config: PretrainedConfig, heads: int) -> int:
    """Return the width of so many heads; a head may be wider than its share of the model."""
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return heads * head


def _estimated_weights(config: PretrainedConfig) -> int:
    """Count the matrices of a model that is laid out but not filled."""
    key = config.to_json_string(use_diff=False)
    if key not in _estimates:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
        tables = {
            id(weight)
            for module in model.modules()
            if isinstance(module, torch.nn.Embedding)
            for weight in module.parameters()
        }
        output = model.get_output_embeddings()
        if output is not None:
            tables.add(id(output.weight))
        inner = [w for w in model.parameters() if w.ndim >= 2 and id(w) not in tables]
        count = sum(math.prod(weight.shape) for weight in inner)
        _estimates[key] = count + (0 if output is None else math.prod(output.weight.shape))
    return _estimates[key]


def forward_flop(config: PretrainedConfig, tokens: int, row_tokens: int) -> int:
    """FLOP of one forward pass over `tokens` in rows of `row_tokens`."""
    scores = 0
    if config.model_type in COUNTED:
        width = _heads_width(config, config.num_attention_heads)
        scores = config.num_hidden_layers * 4 * width * (row_tokens // 2)
    return tokens * (2 * weights_per_token(config) + scores)


def training_flop(config: PretrainedConfig, tokens: int, row_tokens: int) -> int:
    """FLOP of a forward and a backward pass."""
    return 3 * forward_flop(config, tokens, row_tokens)


def update_flop(config: PretrainedConfig, row: dict, settings: dict) -> int:
    """FLOP of one RL update: sampling, reference pass and training, from its row of metrics.

    A mean token of a response sees its question and half of the response.
    """
    sampled, trained = row["tokens_generated"], row["tokens_trained"]
    question = (trained - sampled) / settings["questions_per_update"]
    seen_twice = round(2 * question + row["length_mean"])
    flop = forward_flop(config, sampled + trained, seen_twice)
    return flop + settings["inner_epochs"] * training_flop(config, trained, seen_twice)
