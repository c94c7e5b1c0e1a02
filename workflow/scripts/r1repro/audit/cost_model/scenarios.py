# SPDX-License-Identifier: Apache-2.0
"""Hours of the whole run under a stack: rollout, update, forward passes, fixed time, downtime.

Formulas   update   training FLOP of the outputs / (GPUs x BF16 peak x train utilisation)
           forward  forward passes x forward FLOP / (GPUs x BF16 peak x forward utilisation)
           wall     (rollout + update + forward + fixed) x (1 + downtime)
           GPU-hours = wall x GPUs
Choices    Phases follow one another, as the paper says (SI 2.1). Judging runs beside and costs
           nothing here.
"""

from dataclasses import dataclass, fields, replace

from r1repro.audit.cost_model.decode import rollout_seconds, step_of
from r1repro.audit.cost_model.flop import BACKWARD_TOO, decode_flop, training_flop
from r1repro.audit.cost_model.lengths import Lengths, lengths_of, nodes
from r1repro.audit.cost_model.parameters import Inputs, Stack

SECONDS_PER_HOUR = 3600
PHASES = ("rollout", "update", "forward", "fixed")


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
class Iteration:
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


def iteration(inputs: Inputs, settings: Settings, lengths: Lengths, gpus: int) -> Iteration:
    """Return the seconds of one rollout of these lengths and of what follows it."""
    stack, model, machine = settings.stack, inputs.model.architecture, inputs.hardware.machine
    outputs, prompt = settings.outputs_per_rollout, inputs.run.prompt_tokens
    rollout, tail = rollout_seconds(
        lengths, outputs, gpus, prompt, stack, step_of(stack, model, machine)
    )
    once, peak = outputs * training_flop(model, lengths, prompt, 1), gpus * machine.attention_peak
    passes = settings.forward_passes
    return Iteration(
        rollout=rollout,
        tail=tail,
        update=BACKWARD_TOO * once / (peak * stack.train_utilisation),
        forward=passes * once / (peak * stack.forward_utilisation),
        flop=(BACKWARD_TOO + passes) * once + outputs * decode_flop(model, lengths, prompt),
    )


def evaluate(inputs: Inputs, settings: Settings) -> Result:
    """Return the hours of the whole run."""
    run, stack = inputs.run, settings.stack
    sums = dict.fromkeys(("rollout", "tail", "update", "forward", "flop"), 0.0)
    tokens = tail_tokens = rollouts = 0.0
    for node in nodes(inputs.curve, run, settings.length_factor):
        lengths = lengths_of(
            node, inputs.spread, settings.sigma, settings.runaway_share,
            settings.outputs_per_rollout,
        )  # fmt: skip
        one = iteration(inputs, settings, lengths, run.gpus)
        count = node.updates * run.outputs_per_update / settings.outputs_per_rollout
        for name in sums:
            sums[name] += count * getattr(one, name)
        widths, _, _, tail = lengths.segments
        rollouts += count
        tokens += count * settings.outputs_per_rollout * lengths.mean
        tail_tokens += count * sum(widths[tail:])
    hours = {name: sums[name] / SECONDS_PER_HOUR for name in ("rollout", "tail", *PHASES[1:3])}
    fixed = rollouts * stack.fixed_seconds / SECONDS_PER_HOUR
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
