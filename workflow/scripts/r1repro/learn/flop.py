# SPDX-License-Identifier: Apache-2.0
"""How much arithmetic a stage did: matrix products of the model, counted from its sizes.

Units    FLOP, whole numbers; a multiplication and an addition are two
Source   the usual count: 2 FLOP per weight and token forward, twice that backward
         (arXiv:2001.08361, section 2.1), with the embedding table counted once, as output layer
Choices  Attention scores and sums (4 x width x visible tokens per layer and token) are counted
         with half the row as the mean number of visible tokens; norms, softmax and optimiser are
         left out. Recomputation is never counted.
"""

from transformers import PretrainedConfig


def forward_flop(config: PretrainedConfig, tokens: int, row_tokens: int) -> int:
    """FLOP of one forward pass over `tokens` in rows of `row_tokens`."""
    width, heads = config.hidden_size, config.num_attention_heads
    key_width = config.num_key_value_heads * (width // heads)
    attention = 2 * width * width + 2 * width * key_width
    feed_forward = 3 * width * config.intermediate_size
    weights = config.num_hidden_layers * (attention + feed_forward) + config.vocab_size * width
    scores = config.num_hidden_layers * 4 * width * (row_tokens // 2)
    return tokens * (2 * weights + scores)


def training_flop(config: PretrainedConfig, tokens: int, row_tokens: int) -> int:
    """FLOP of a forward and a backward pass."""
    return 3 * forward_flop(config, tokens, row_tokens)
