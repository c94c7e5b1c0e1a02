# SPDX-License-Identifier: Apache-2.0
"""Hours of the whole run under a stack: rollout, update, forward passes, fixed time, downtime.

Formulas   update   training FLOP of the outputs / (GPUs x BF16 peak x train utilisation)
           forward  forward passes x forward FLOP / (GPUs x BF16 peak x forward utilisation)
           fixed    rollouts x fixed seconds + updates x update seconds
           wall     (rollout + update + forward + fixed) x (1 + downtime)
           GPU-hours = wall x GPUs
Choices    Phases follow one another, as the paper says (SI 2.1). Judging runs beside and costs
           nothing here.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from r1repro.audit.cost_model.decode import (
    cache_bytes_per_gpu,
    rollout_seconds,
    step_of,
    weight_bytes_per_gpu,
)
from r1repro.audit.cost_model.flop import BACKWARD_TOO, decode_flop, training_flop
from r1repro.audit.cost_model.lengths import Lengths, lengths_of, nodes
from r1repro.audit.cost_model.parameters import Architecture, Inputs, Stack
from r1repro.errors import InputError

SECONDS_PER_HOUR = 3600
PHASES = ("rollout", "update", "forward", "fixed")


class DoesNotFit(InputError):
    """A stack needs more memory than a GPU has."""


@dataclass(frozen=True)
class Settings:
    """A stack, and what the sensitivity may change of the run."""

    stack: Stack
    sigma: float
    runaway_share: float
    forward_passes: int
    outputs_per_rollout: int
    length_factor: float = 1.0


@dataclass(frozen=True)
class Result:
    """What one case costs; hours are wall hours, `tail` is part of `rollout`."""

    gpus: int
    steps: int
    rollout: float
    tail: float
    update: float
    forward: float
    fixed: float
    downtime: float
    tail_tokens: float
    tokens: float
    flop: float

    @property
    def wall_hours(self) -> float:
        """Return all phases and downtime."""
        return self.rollout + self.update + self.forward + self.fixed + self.downtime

    @property
    def gpu_hours(self) -> float:
        """Return wall hours of all GPUs."""
        return self.wall_hours * self.gpus

    def utilisation(self, peak: float) -> float:
        """Return the model FLOP as a share of the peak over the whole run."""
        return self.flop / (self.gpu_hours * SECONDS_PER_HOUR * peak)


@dataclass(frozen=True)
class Phases:
    """Seconds of the phases of one rollout and the updates it feeds."""

    rollout: float
    tail: float
    update: float
    forward: float
    flop: float


def settings_of(inputs: Inputs, name: str, factor: float = 1.0) -> Settings:
    """Return a scenario with the run's own structure."""
    run, spread = inputs.run, inputs.spread
    return Settings(
        inputs.stacks[name], spread.sigma, spread.runaway_share, run.forward_passes,
        run.outputs_per_rollout, factor,
    )  # fmt: skip


def changed(settings: Settings, name: str, value: float) -> Settings:
    """Return the settings with one input replaced."""
    if name in {field.name for field in fields(Stack)}:
        return replace(settings, stack=replace(settings.stack, **{name: value}))
    return replace(settings, **{name: value})


def iteration(
    inputs: Inputs, settings: Settings, lengths: Lengths, gpus: int, model: Architecture
) -> Phases:
    """Return the seconds of one rollout of these lengths and of what follows it."""
    stack, machine = settings.stack, inputs.hardware.machine
    outputs, prompt = settings.outputs_per_rollout, inputs.run.prompt_tokens
    rollout, tail = rollout_seconds(
        lengths, outputs, gpus, prompt, stack, step_of(stack, model, machine)
    )
    once, peak = outputs * training_flop(model, lengths, prompt, 1), gpus * machine.attention_peak
    passes = settings.forward_passes
    return Phases(
        rollout=rollout,
        tail=tail,
        update=BACKWARD_TOO * once / (peak * stack.train_utilisation),
        forward=passes * once / (peak * stack.forward_utilisation),
        flop=(BACKWARD_TOO + passes) * once + outputs * decode_flop(model, lengths, prompt),
    )


def fitting(inputs: Inputs, stack: Stack, model: Architecture, cache_bytes: float, gpus: int):
    """Return for each draw the least expert-parallel width from the stack's own that fits.

    The width doubles until weights and cache fit; 0 where they do not fit on all GPUs.
    """
    usable = inputs.hardware.memory * inputs.hardware.usable_memory
    width = np.asarray(stack.expert_parallel)
    while True:
        held = weight_bytes_per_gpu(replace(stack, expert_parallel=width), model) + cache_bytes
        small = (held > usable) & (width < gpus)
        if not small.any():
            return np.where(held > usable, 0, width)
        width = np.where(small, np.minimum(2 * width, gpus), width)


def check_fit(
    inputs: Inputs, stack: Stack, model: Architecture, cache_bytes: float, gpus: int
) -> None:
    """Raise DoesNotFit for a stack whose weights and cache exceed the memory of a GPU."""
    least = fitting(inputs, stack, model, cache_bytes, gpus)
    if (least != stack.expert_parallel).any():
        held = np.max(weight_bytes_per_gpu(stack, model) + cache_bytes) / 1e9
        usable = inputs.hardware.memory * inputs.hardware.usable_memory / 1e9
        instead = f"{least.min()} is the least that fits" if least.all() else "no width fits"
        raise DoesNotFit(
            f"expert_parallel {np.min(stack.expert_parallel)} with weight_bytes "
            f"{np.max(stack.weight_bytes)} needs {held:.1f} GB on each GPU, and {usable:.1f} GB "
            f"can be used; {instead}"
        )


def evaluate(inputs: Inputs, settings: Settings, widen: bool = False) -> Result:
    """Return the hours of the whole run; raises DoesNotFit unless the width may be widened."""
    run, spread, stack = inputs.run, inputs.spread, settings.stack
    model, size = inputs.model.architecture, settings.outputs_per_rollout
    parts = [
        (node, lengths_of(node, spread, settings.sigma, settings.runaway_share, size))
        for node in nodes(inputs.curve, run, settings.length_factor)
    ]
    most = max(
        cache_bytes_per_gpu(lengths, model, size, run.gpus, run.prompt_tokens)
        for _, lengths in parts
    )
    width = fitting(inputs, stack, model, most, run.gpus)
    if widen and width.all():
        stack = replace(stack, expert_parallel=width)
        settings = replace(settings, stack=stack)
    check_fit(inputs, stack, model, most, run.gpus)
    sums = dict.fromkeys(("rollout", "tail", "update", "forward", "flop"), 0.0)
    tokens = tail_tokens = rollouts = 0.0
    for node, lengths in parts:
        one = iteration(inputs, settings, lengths, run.gpus, model)
        count = node.updates * run.outputs_per_update / size
        for name in sums:
            sums[name] += count * getattr(one, name)
        widths, _, _, tail = lengths.segments
        rollouts += count
        tokens += count * size * lengths.mean
        tail_tokens += count * widths[tail:].sum()
    hours = {name: sums[name] / SECONDS_PER_HOUR for name in ("rollout", "tail", *PHASES[1:3])}
    fixed = rollouts * stack.fixed_seconds + run.steps * stack.update_seconds
    fixed /= SECONDS_PER_HOUR
    busy = hours["rollout"] + hours["update"] + hours["forward"] + fixed
    return Result(
        gpus=run.gpus,
        steps=run.steps,
        **hours,
        fixed=fixed,
        downtime=busy * stack.downtime,
        tail_tokens=tail_tokens,
        tokens=tokens,
        flop=sums["flop"],
    )
