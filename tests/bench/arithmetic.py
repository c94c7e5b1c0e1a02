# SPDX-License-Identifier: Apache-2.0
"""The arithmetic that one update cannot do without, counted from real lengths.

Units    FLOP, whole numbers; a multiplication and an addition are two
Choices  A pass runs a question once for its group and each response but its last token, whose
         output nobody needs; a token attends to exactly what it may see; the output layer is
         multiplied only where a token is predicted (once for the first token of a group). An
         update is five passes: sampling 1, reference 1, training 3 (backward is twice forward).
         Padding, recomputed old log-probabilities, norms, softmax and optimiser count nothing.
         This is less than r1repro.learn.flop records, which takes half a row as what a token sees.
"""

PASSES = {"rollout": 1, "reference": 1, "update": 3}


def forward_flop(config, groups: list[tuple[int, list[int]]]) -> int:
    """FLOP of one pass over groups of (tokens of the question, tokens of each response)."""
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    width, inner = config.hidden_size, config.num_attention_heads * head
    matrices = 2 * width * inner + 2 * width * config.num_key_value_heads * head
    matrices += 3 * width * config.intermediate_size
    tokens = seen = predicted = 0
    for question, responses in groups:
        fed = [length - 1 for length in responses]
        tokens += question + sum(fed)
        predicted += 1 + sum(fed)
        seen += question * (question + 1) // 2
        seen += sum(n * question + n * (n + 1) // 2 for n in fed)
    layers = config.num_hidden_layers
    return (
        2 * layers * matrices * tokens
        + 4 * layers * inner * seen
        + 2 * config.vocab_size * width * predicted
    )


def decode_bytes(config, weight_bytes: int, groups: list[tuple[int, list[int]]]) -> int:
    """Bytes that decoding must at least read and write: the floor that bandwidth sets.

    Per step all weights once and the keys and values that the running responses see; the
    questions' keys and values are read by each response. `weight_bytes` is the size of a number.
    """
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    width, inner = config.hidden_size, config.num_attention_heads * head
    keys = config.num_key_value_heads * head
    matrices = 2 * width * inner + 2 * width * keys + 3 * width * config.intermediate_size
    weights = config.num_hidden_layers * matrices + config.vocab_size * width
    steps = max(length for _, responses in groups for length in responses) - 1
    seen = sum(
        n * question + n * (n + 1) // 2
        for question, responses in groups
        for n in (length - 1 for length in responses)
    )
    return weight_bytes * (steps * weights + 2 * config.num_hidden_layers * keys * seen)
