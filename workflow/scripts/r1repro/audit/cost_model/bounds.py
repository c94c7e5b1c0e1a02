# SPDX-License-Identifier: Apache-2.0
"""What the run cannot have cost less than, whatever the software: physics and the paper's recipe.

A0   arithmetic: the update forward and backward, the reference's forward pass and the decoding of
     every token, all at the FP8 peak
A1   the same at the BF16 peak; a bound only if nothing ran in FP8, so it takes no part in a verdict
B    A0 with decoding no faster than memory: a step of a synchronous rollout reads the weights and
     the cache of each output once, one byte a number, and gives two tokens (one is predicted)
Choices  What is free to choose is chosen best: outputs of equal length (a spread costs more),
         attention unabsorbed, no pass for the old policy, weights split over all GPUs, network
         free, peaks reached, prompts not computed for decoding.
"""

from dataclasses import replace

import numpy as np

from r1repro.audit.cost_model.flop import BACKWARD_TOO, decode_flop, run_flop, training_flop
from r1repro.audit.cost_model.lengths import Lengths, nodes
from r1repro.audit.cost_model.parameters import Inputs
from r1repro.audit.cost_model.scenarios import SECONDS_PER_HOUR

MOST_ACCEPTED = 2


def bounds(inputs: Inputs, factor: float) -> dict[str, float]:
    """Return the GPU-hours of each bound at a factor of the length curve."""
    run, hardware, model = inputs.run, inputs.hardware, inputs.model.architecture
    least, passes = replace(model, attention_decode=model.attention_training), run.reference_passes
    training = decoding = read = 0.0
    for node in nodes(inputs.curve, run, factor):
        mean = min(node.mean, node.cap)
        equal = Lengths(np.array([mean]), 0.0, mean, inputs.spread.tail_from)
        outputs = node.updates * run.outputs_per_update
        training += outputs * training_flop(model, equal, run.prompt_tokens, BACKWARD_TOO + passes)
        decoding += outputs * decode_flop(least, equal, run.prompt_tokens)
        steps = mean / MOST_ACCEPTED
        cache = model.cache_bytes / inputs.model.cache_bytes_per_number
        read += outputs * steps * cache * (run.prompt_tokens + mean / 2)
        read += outputs / run.outputs_per_rollout * steps * (model.routed + model.other)
    arithmetic = {
        "A0": (training + decoding) / hardware.fp8_peak,
        "A1": (training + decoding) / hardware.bf16_peak,
    }
    slower = max(decoding / hardware.fp8_peak, read / hardware.memory_bandwidth)
    seconds = {**arithmetic, "B": training / hardware.fp8_peak + slower}
    return {name: value / SECONDS_PER_HOUR for name, value in seconds.items()}


def production_gpu_hours(inputs: Inputs, factor: float) -> float:
    """Return the GPU-hours at published production speeds without tail and waiting: a scenario."""
    decode, train = inputs.anchors.decode_rate, inputs.anchors.training_rate
    per_token = 1 / decode + 1 / train + inputs.run.forward_passes / (BACKWARD_TOO * train)
    return run_flop(inputs, factor).tokens * per_token / SECONDS_PER_HOUR
