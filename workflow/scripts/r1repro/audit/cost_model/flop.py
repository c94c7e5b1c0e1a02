# SPDX-License-Identifier: Apache-2.0
"""Model FLOP of an output and of the whole run.

Formulas   per output of length L after a prompt p, E2 = mean of (L + p)^2 over a rollout:
           training(mult)  mult * (2 N (L + p) + A_train E2 / 2)     mult 3 with backward, 1 without
           decoding        2 N L + A_decode E2 / 2
           N is the active parameters, A the attention FLOP per token and token attended
Choices    Half the context is the mean that a token of a response attends to. Recomputation, norms,
           routing and the optimiser are left out, as MLPerf's definition of utilisation does.
"""

from dataclasses import dataclass

from r1repro.audit.cost_model.lengths import Lengths, lengths_of, nodes
from r1repro.audit.cost_model.parameters import Architecture, Inputs

BACKWARD_TOO = 3


@dataclass(frozen=True)
class Flop:
    """Generated tokens and FLOP of the whole run."""

    tokens: float
    update: float
    forward: float
    decode: float

    @property
    def total(self) -> float:
        """Return the FLOP of all phases."""
        return self.update + self.forward + self.decode


def training_flop(model: Architecture, lengths: Lengths, prompt: float, mult: int) -> float:
    """Return the mean FLOP of one output forward (mult 1) or forward and backward (3)."""
    linear = 2 * model.active * (lengths.mean + prompt)
    return mult * (linear + model.attention_training * lengths.square_with(prompt) / 2)


def decode_flop(model: Architecture, lengths: Lengths, prompt: float) -> float:
    """Return the mean FLOP of generating one output."""
    attention = model.attention_decode * lengths.square_with(prompt) / 2
    return 2 * model.active * lengths.mean + attention


def training_flop_per_token(model: Architecture, context: float) -> float:
    """Return the FLOP of training one token in a row of `context`."""
    return BACKWARD_TOO * (2 * model.active + model.attention_training * context / 2)


def decode_attention(model: Architecture, context: float) -> float:
    """Return the attention FLOP of generating one token behind `context`."""
    return model.attention_decode * context


def crossover(model: Architecture) -> float:
    """Return the context from which attention is more than the rest of decoding."""
    return 2 * model.active / model.attention_decode


def run_flop(inputs: Inputs, factor: float) -> Flop:
    """Return the FLOP of the whole run with the run's own spread of lengths."""
    run, spread, model = inputs.run, inputs.spread, inputs.model.architecture
    tokens = update = forward = decode = 0.0
    for node in nodes(inputs.curve, run, factor):
        lengths = lengths_of(
            node, spread, spread.sigma, spread.runaway_share, run.outputs_per_rollout
        )
        outputs = node.updates * run.outputs_per_update
        tokens += outputs * lengths.mean
        once = training_flop(model, lengths, run.prompt_tokens, 1)
        update += outputs * BACKWARD_TOO * once
        forward += outputs * run.forward_passes * once
        decode += outputs * decode_flop(model, lengths, run.prompt_tokens)
    return Flop(tokens, update, forward, decode)
