# SPDX-License-Identifier: Apache-2.0
"""Measured iterations of public engines beside what the model predicts for them.

Stack       that of `iterations.stack` with what the engine's page prints: precision, GPUs that hold
            one copy for generation, no multi-token prediction; the cache is held once
On-policy   rollout + update + forward passes + fixed
Lag of one  half of the GPUs generate while the other half trains: the longer of the rollout and of
            update + forward passes + fixed
Calibrated  fixed, in seconds an iteration, is what the model lacks at the one row that
            `iterations.calibrated_on` names: moving weights between training and generation,
            optimiser step, filling the pipeline; all other rows are predictions
"""

from collections.abc import Iterator
from dataclasses import replace

from r1repro.audit.cost_model.decode import cache_bytes_per_gpu
from r1repro.audit.cost_model.lengths import assumed_lengths
from r1repro.audit.cost_model.parameters import Inputs, Iteration
from r1repro.audit.cost_model.scenarios import (
    Result,
    check_fit,
    evaluate,
    iteration,
    settings_of,
)
from r1repro.errors import InputError

OWN = "own"


def engine_settings(inputs: Inputs, known: Iteration):
    """Return the settings of a public engine's iteration."""
    settings = settings_of(inputs, inputs.iteration_stack)
    stack = replace(
        settings.stack, accepted=1.0, weight_bytes=known.weight_bytes, fixed_seconds=0.0,
        dense_parallel=known.parallel, expert_parallel=known.parallel,
    )  # fmt: skip
    return replace(settings, stack=stack, outputs_per_rollout=known.outputs)


def busy_seconds(inputs: Inputs, known: Iteration) -> tuple[float, float]:
    """Return the seconds of generating and of training, without fixed time."""
    settings, spread = engine_settings(inputs, known), inputs.spread
    model = (inputs.model if known.model == OWN else inputs.others[known.model]).architecture
    gpus = known.gpus // 2 if known.lag else known.gpus
    lengths = assumed_lengths(
        known.mean, known.cap, spread, spread.sigma, spread.runaway_share, known.outputs
    )
    prompt = inputs.run.prompt_tokens
    cache = cache_bytes_per_gpu(lengths, model, known.outputs, gpus, prompt)
    check_fit(inputs, settings.stack, model, cache, gpus)
    one = iteration(inputs, settings, lengths, gpus, model)
    return one.rollout, one.update + one.forward


def fixed_seconds(inputs: Inputs) -> float:
    """Return the fixed time that makes the calibrated row come out; raises InputError."""
    known = next(row for row in inputs.iterations if row.name == inputs.calibrated_on)
    fixed = known.seconds - sum(busy_seconds(inputs, known))
    if fixed < 0 or known.lag:
        raise InputError(
            f"iterations.calibrated_on names {known.name}, which leaves no fixed time to find; "
            "name an on-policy row that took longer than its phases"
        )
    return fixed


def predictions(inputs: Inputs) -> Iterator[tuple[Iteration, float]]:
    """Yield each measured iteration with its predicted seconds."""
    fixed = fixed_seconds(inputs)
    for known in inputs.iterations:
        generating, training = busy_seconds(inputs, known)
        training += fixed
        yield known, max(generating, training) if known.lag else generating + training


def on_the_run(inputs: Inputs) -> dict[str, Result]:
    """Return the published run on the calibrated engine, fixed time once a rollout or an update."""
    known = next(row for row in inputs.iterations if row.name == inputs.calibrated_on)
    settings = replace(
        engine_settings(inputs, known), outputs_per_rollout=inputs.run.outputs_per_rollout
    )
    fixed = fixed_seconds(inputs)
    return {
        f"engine fixed_per_{part}": evaluate(
            inputs, replace(settings, stack=replace(settings.stack, **{name: fixed}))
        )
        for part, name in (("rollout", "fixed_seconds"), ("update", "update_seconds"))
    }
