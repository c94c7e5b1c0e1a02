# SPDX-License-Identifier: Apache-2.0
"""Intervals and paired tests over questions: bootstrap, McNemar, Holm.

Source   Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapters 13 (percentile
         interval) and 16 (a test whose null hypothesis is imposed by shifting the resampled
         means); McNemar, Psychometrika 12, 153 (1947), in its exact binomial form; Holm, Scand. J.
         Statist. 6, 65 (1979).
Choices  The unit that is resampled is the question, never the sample: samples of a question
         depend on one another. A paired test resamples questions together for both checkpoints,
         which is the resampling of their differences. Tests are two-sided. One is added to both
         counts of a Monte Carlo test, so that no p-value is 0. Comparisons with the same number
         of questions share their resamples, which costs nothing and keeps each of them valid.
         The paper prints bold at p < .01 of a t-test and names no correction for many tests.
"""

import math
from dataclasses import dataclass

import numpy as np

ROUNDING = 1e-12  # differences of means closer than this are equal
PORTION = 2000  # resamples held in memory at once


def bootstrap_interval(values: list[float], draws: int, seed: int) -> tuple[float, float]:
    """Return the 95 % percentile interval of the mean over resampled questions."""
    generator = np.random.default_rng(seed)
    data = np.asarray(values)
    means = data[generator.integers(0, len(data), size=(draws, len(data)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


@dataclass(frozen=True)
class Difference:
    """A mean difference between two checkpoints over the same questions."""

    mean: float
    low: float
    high: float
    p_value: float
    questions: int


def paired_bootstrap(columns: list[list[float]], draws: int, seed: int) -> list[Difference]:
    """Test the mean of each column of paired differences against 0.

    columns  (tests, questions) upper minus lower; all of the same length, at least one question
    """
    data = np.asarray(columns, dtype=np.float64).T
    questions = len(data)
    observed = data.mean(axis=0)
    generator = np.random.default_rng(seed)
    even = np.full(questions, 1 / questions)
    means = np.concatenate(
        [
            generator.multinomial(questions, even, size=min(PORTION, draws - first)) @ data
            for first in range(0, draws, PORTION)
        ]
    )
    means /= questions
    extreme = np.abs(means - observed) >= np.abs(observed) - ROUNDING
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    return [
        Difference(float(observed[i]), float(low[i]), float(high[i]), float(p), questions)
        for i, p in enumerate((extreme.sum(axis=0) + 1) / (draws + 1))
    ]


def mcnemar(lost: int, gained: int) -> float:
    """Return the exact two-sided p-value of McNemar's test.

    lost, gained  questions that only the lower, or only the upper of two checkpoints gets right
    """
    changed = lost + gained
    tail = sum(math.comb(changed, i) for i in range(min(lost, gained) + 1))
    return min(1.0, 2 * tail / 2**changed)


def holm(p_values: list[float]) -> list[float]:
    """Return p-values adjusted for the size of their family, in the order given."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted
