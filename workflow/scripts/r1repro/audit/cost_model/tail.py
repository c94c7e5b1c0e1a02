# SPDX-License-Identifier: Apache-2.0
"""The bound that needs no assumption about stacks: one output per rollout runs to the cap.

A rollout lasts at least cap / speed of one stream. Summed over the rollouts before and after the
cap rises, that is a number of tokens one after the other; the reported hours then need a least mean
speed per stream.
"""

from r1repro.audit.cost_model.parameters import Inputs, Run


def tokens_in_a_row(run: Run) -> float:
    """Return the tokens that the longest outputs of all rollouts have, one after the other."""
    updates = run.outputs_per_rollout / run.outputs_per_update
    before = run.jump_step / updates * run.cap_before
    return before + (run.steps - run.jump_step) / updates * run.cap_after


def least_speed(run: Run) -> float:
    """Return the tokens per second of one stream that the reported hours need."""
    return tokens_in_a_row(run) / (run.hours * 3600)


def least_hours(run: Run, stream_rate: float) -> float:
    """Return the hours of rollouts at this speed of a stream."""
    return tokens_in_a_row(run) / stream_rate / 3600


def table(inputs: Inputs) -> list[tuple[float, float]]:
    """Return speed and hours, the least possible speed among the others."""
    run = inputs.run
    rates = sorted({*inputs.stream_rates, least_speed(run)})
    return [(rate, least_hours(run, rate)) for rate in rates]
