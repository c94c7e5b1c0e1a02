# SPDX-License-Identifier: Apache-2.0
"""The GPU-hours as a distribution: every assumed input drawn from its stated range.

Shapes   uniform [low, high], log_uniform [low, high], triangular [low, mode, high], choice [...]
Draws    `lengths` draws of what concerns the outputs, and for each of them `stacks` draws of the
         software, with one seed; the same file gives the same numbers
Memory   a drawn expert-parallel width that does not fit is widened to the least that does
"""

from dataclasses import replace

import numpy as np

from r1repro.audit.cost_model.parameters import Inputs, Range, Stack
from r1repro.audit.cost_model.scenarios import Settings, evaluate

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
OF_LENGTHS = ("length_factor", "sigma", "runaway_share")


def draw(rng: np.random.Generator, known: Range, count: int) -> np.ndarray:
    """Return so many draws of one input."""
    values = known.values
    if known.shape == "choice":
        return rng.choice(values, count)
    if known.shape == "triangular":
        return rng.triangular(*values, count)
    if known.shape == "log_uniform":
        return np.exp(rng.uniform(*np.log(values), count))
    return rng.uniform(*values, count)


def gpu_hours(inputs: Inputs) -> np.ndarray:
    """Return the GPU-hours of every draw."""
    known = inputs.distribution
    rng = np.random.default_rng(known.seed)
    coarse = replace(inputs, spread=replace(inputs.spread, quantiles=known.points))
    worlds = zip(
        *(draw(rng, known.ranges[name], known.lengths) for name in OF_LENGTHS), strict=True
    )
    found = []
    for factor, sigma, runaway in worlds:
        drawn = {
            name: draw(rng, one, known.stacks)
            for name, one in known.ranges.items()
            if name not in OF_LENGTHS
        }
        passes = drawn.pop("forward_passes")
        stack = Stack(**drawn)
        settings = Settings(stack, sigma, runaway, passes, inputs.run.outputs_per_rollout, factor)
        found.append(evaluate(coarse, settings, widen=True).gpu_hours)
    return np.concatenate(found)


def central(hours: np.ndarray, share: float) -> tuple[float, float]:
    """Return the ends of the central share of the draws."""
    low, high = np.quantile(hours, [(1 - share) / 2, (1 + share) / 2])
    return low, high
