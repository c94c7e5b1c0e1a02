# SPDX-License-Identifier: Apache-2.0
"""Lower bounds of the run's GPU-hours.

A0   all model FLOP at the FP8 peak: the physical floor
A1   all model FLOP at the BF16 peak
A2   published production speeds, without tail and weight swaps: T tokens decoded, trained on, and
     passed forward at a third of the training cost
B    synchronous roofline (scenario B): ideal overlap, full bandwidth and peak, no latency, no fixed
     time; the tail is kept
"""

from r1repro.audit.cost_model.flop import BACKWARD_TOO, run_flop
from r1repro.audit.cost_model.parameters import Inputs
from r1repro.audit.cost_model.scenarios import SECONDS_PER_HOUR, evaluate, settings_of

ROOFLINE = "B"
NAMES = ("A0", "A1", "A2", ROOFLINE)


def production_seconds_per_token(inputs: Inputs) -> float:
    """Return GPU-seconds per generated token at published speeds."""
    decode, train = inputs.anchors.decode_rate, inputs.anchors.training_rate
    return 1 / decode + 1 / train + inputs.run.forward_passes / (BACKWARD_TOO * train)


def bounds(inputs: Inputs, factor: float) -> dict[str, float]:
    """Return the GPU-hours of each bound at a factor of the length curve."""
    flop, hardware = run_flop(inputs, factor), inputs.hardware
    return {
        "A0": flop.total / hardware.fp8_peak / SECONDS_PER_HOUR,
        "A1": flop.total / hardware.bf16_peak / SECONDS_PER_HOUR,
        "A2": flop.tokens * production_seconds_per_token(inputs) / SECONDS_PER_HOUR,
        ROOFLINE: evaluate(inputs, settings_of(inputs, ROOFLINE, factor)).gpu_hours,
    }
