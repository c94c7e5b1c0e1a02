# SPDX-License-Identifier: Apache-2.0
"""The other columns of the paper's table, more roughly: SFT data and R1.

SFT data   what the reported hours can generate at a speed, and the share that was kept
R1         hours of training on the SFT data at the pre-training speed; the updates that the rest
           of the column pays under each scenario at a mean length; what R1-Zero's own pace leaves
"""

from collections.abc import Iterator

from r1repro.audit.cost_model.lengths import assumed_lengths
from r1repro.audit.cost_model.parameters import Inputs
from r1repro.audit.cost_model.scenarios import SECONDS_PER_HOUR, iteration, settings_of

SCENARIOS = ("C1", "C2", "C3")


def gpu_hours_per_update(inputs: Inputs, name: str, mean: float) -> float:
    """Return the GPU-hours of one update of a scenario at a mean length and the lower cap."""
    run, spread, settings = inputs.run, inputs.spread, settings_of(inputs, name)
    lengths = assumed_lengths(
        mean, run.cap_before, spread, settings.sigma, settings.runaway_share,
        settings.outputs_per_rollout,
    )  # fmt: skip
    one = iteration(inputs, settings, lengths, run.gpus, inputs.model.architecture)
    busy = one.rollout + one.update + one.forward + settings.stack.fixed_seconds
    updates = run.outputs_per_rollout / run.outputs_per_update
    busy += updates * settings.stack.update_seconds
    return busy * (1 + settings.stack.downtime) * run.gpus / updates / SECONDS_PER_HOUR


def columns(inputs: Inputs) -> Iterator[tuple[str, str, float, str]]:
    """Yield case, quantity, value and unit."""
    known, anchors, run = inputs.columns, inputs.anchors, inputs.run
    kept = known.sft_samples * known.sft_sample_tokens
    yield "sft_data", "kept_tokens", kept, "token"
    for label, rate in (("production", anchors.decode_rate), ("slow", known.slow_generation_rate)):
        generated = known.sft_gpu_hours * SECONDS_PER_HOUR * rate
        yield f"sft_data {label}", "tokens_in_reported_hours", generated, "token"
        yield f"sft_data {label}", "kept_share", kept / generated, "share"
    training = {}
    for epochs in (known.epochs_low, known.epochs_high):
        training[epochs] = epochs * kept / anchors.training_rate / SECONDS_PER_HOUR
        case = f"r1 epochs={epochs}"
        yield case, "sft_training_gpu_hours", training[epochs], "GPU-hour"
        flop = epochs * kept * 6 * inputs.model.active_parameters
        for name in SCENARIOS:
            reached = inputs.hardware.bf16_peak * inputs.stacks[name].train_utilisation
            hours = flop / reached / SECONDS_PER_HOUR
            yield f"{case} {name}", "sft_training_gpu_hours", hours, "GPU-hour"
    rest = known.r1_gpu_hours - training[known.epochs_high]
    for mean in (known.r1_mean_low, known.r1_mean_middle, known.r1_mean_high):
        for name in SCENARIOS:
            case = f"r1 mean={mean:g} {name}"
            yield case, "updates_paid", rest / gpu_hours_per_update(inputs, name, mean), "update"
    pace = run.hours * SECONDS_PER_HOUR / run.steps
    stage2 = known.stage2_steps * pace / SECONDS_PER_HOUR
    yield "r1 at r1_zero pace", "seconds_per_update", pace, "s"
    yield "r1 at r1_zero pace", "stage2_hours", stage2, "h"
    yield "r1 at r1_zero pace", "hours_left", known.r1_hours - stage2, "h"
    left = (known.r1_hours - stage2) * SECONDS_PER_HOUR / pace
    yield "r1 at r1_zero pace", "updates_left", left, "update"
