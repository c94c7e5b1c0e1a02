# SPDX-License-Identifier: Apache-2.0
"""Equations 2 and 3 of the paper, written a second time with the standard library, and tested.

    (2)  D = x - log(x) - 1,  x = pi_ref(o) / pi_theta(o)         nats
    (3)  A_i = (r_i - mean(r)) / std(r)                           unitless

Source   Guo et al., Nature 645, 633-638 (2025), main text, equations 2 and 3.
Choices  As in the trainer: the deviation divides by n, and a group of equal rewards has advantage
         0. A unit test lays both implementations side by side.
"""

import math
import random
from collections.abc import Mapping, Sequence

from r1repro.audit.claims.intervals import mean, standard_error
from r1repro.audit.claims.mechanisms.registry import Finding, check
from r1repro.audit.claims.runs import Run

RANDOM_SEED = 645633
Z_95 = 1.96


def group_advantages(rewards: Sequence[float]) -> list[float]:
    """Equation 3 for one group; raises ValueError for an empty one."""
    if not rewards:
        raise ValueError("a group has at least one reward")
    if all(reward == rewards[0] for reward in rewards):
        return [0.0] * len(rewards)
    centre = math.fsum(rewards) / len(rewards)
    variance = math.fsum((reward - centre) ** 2 for reward in rewards) / len(rewards)
    return [(reward - centre) / math.sqrt(variance) for reward in rewards]


def divergence_estimate(logprob: float, reference_logprob: float) -> float:
    """Equation 2 for one sample, from log-probabilities in nats."""
    log_ratio = reference_logprob - logprob
    return math.expm1(log_ratio) - log_ratio


def exact_divergence(policy: Sequence[float], reference: Sequence[float]) -> float:
    """Return KL(policy || reference) of two categorical distributions in nats."""
    pairs = zip(policy, reference, strict=True)
    return math.fsum(p * math.log(p / r) for p, r in pairs if p > 0)


def _reward_groups(size: int, count: int, rng: random.Random) -> list[list[float]]:
    """Return groups of each kind: 0 or 1, rule rewards, any real number; some are constant."""
    groups: list[list[float]] = []
    for _ in range(count):
        share = rng.random()
        groups.append([float(rng.random() < share) for _ in range(size)])
        groups.append([float(rng.choice((0, 1, 2))) for _ in range(size)])
        groups.append([rng.gauss(0, 1) for _ in range(size)])
        groups.append([rng.choice((0.0, 1.0, 0.1, 1 / 3))] * size)
    return groups


@check("group-advantage", "group", "groups", seeds=0)
def group_advantage(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: mean within 1e-6 of 0, spread within 1e-6 of 1; equal rewards give exactly 0."""
    rng = random.Random(RANDOM_SEED)
    worst, constant, wrong = 0.0, 0, 0
    groups = _reward_groups(parameters["group"], parameters["groups"], rng)
    for rewards in groups:
        advantages = group_advantages(rewards)
        if len(set(rewards)) == 1:
            constant += 1
            wrong += any(advantage != 0 for advantage in advantages)
            continue
        centre = mean(advantages)
        deviation = math.sqrt(mean([(a - centre) ** 2 for a in advantages]))
        gap = max(abs(centre), abs(deviation - 1))
        worst = math.inf if math.isnan(gap) else max(worst, gap)
    note = (
        f"{len(groups)} random groups of {parameters['group']} rewards, {constant} of them of "
        f"equal rewards ({wrong} of these not exactly 0); the value is the largest distance of "
        "mean from 0 or spread from 1; exact arithmetic on drawn rewards, no run is needed"
    )
    return Finding(worst, None, None, worst <= 1e-6 and wrong == 0, note)


def _categorical(size: int, rng: random.Random) -> list[float]:
    weights = [math.exp(rng.gauss(0, 0.7)) for _ in range(size)]
    return [weight / math.fsum(weights) for weight in weights]


@check("kl-estimator", "outcomes", "samples", "pairs", seeds=0)
def kl_estimator(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: sample mean within three standard errors of the exact KL, no sample below 0."""
    rng, lowest, gaps, shown = random.Random(RANDOM_SEED), math.inf, [], None
    for _ in range(parameters["pairs"]):
        policy = _categorical(parameters["outcomes"], rng)
        reference = _categorical(parameters["outcomes"], rng)
        estimates = [
            divergence_estimate(math.log(p), math.log(r))
            for p, r in zip(policy, reference, strict=True)
        ]
        drawn = rng.choices(estimates, weights=policy, k=parameters["samples"])
        exact, error = exact_divergence(policy, reference), standard_error(drawn)
        lowest = min(lowest, *estimates)
        gaps.append(abs(mean(drawn) - exact) / error)
        # exact, without sampling: the expectation of the estimator is the divergence itself
        expected = math.fsum(p * e for p, e in zip(policy, estimates, strict=True))
        gaps.append(0.0 if math.isclose(expected, exact, abs_tol=1e-12) else math.inf)
        shown = shown or (mean(drawn) - exact, Z_95 * error)
    difference, half = shown
    note = (
        f"{parameters['pairs']} pairs of distributions over {parameters['outcomes']} outcomes, "
        f"{parameters['samples']} samples each: the farthest mean is {max(gaps):.2f} standard "
        f"errors from the exact divergence, the smallest estimate is {lowest:.3g}; the value is "
        "the difference of the first pair; no run is needed"
    )
    holds = max(gaps) <= 3 and lowest >= 0
    return Finding(difference, difference - half, difference + half, holds, note)
