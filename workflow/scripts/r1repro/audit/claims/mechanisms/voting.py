# SPDX-License-Identifier: Apache-2.0
"""Samples of one question against one another: votes, length and difficulty, greedy decoding.

Choices  Intervals over questions resample them within each seed. The rank correlation is resampled
         on the ranks of all questions of the seed, which are not ranked anew in each draw.
"""

from collections.abc import Mapping

from r1repro.audit.claims.intervals import (
    above,
    bootstrap,
    both,
    correlation,
    mean,
    ranks,
    spread,
    t_interval,
)
from r1repro.audit.claims.mechanisms.measures import (
    ACCURACY,
    consensus_column,
    curve,
    questions,
    signed,
)
from r1repro.audit.claims.mechanisms.registry import Finding, by_seed, check
from r1repro.audit.claims.runs import MissingEvidence, Run


@check("majority-beats-pass1", "checkpoint")
def majority_beats_pass1(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: cons@k exceeds pass@1, bootstrap over questions, 95 % interval above 0."""

    def gaps(run: Run) -> list[float]:
        found = questions(run, parameters["checkpoint"])
        votes, single = found.column(consensus_column(found)), found.column(ACCURACY)
        return [votes[name] - single[name] for name in single if name in votes]

    found = by_seed(runs, gaps)
    interval = bootstrap(found.values, mean)
    each = ", ".join(signed(mean(values)) for values in found.values)
    note = f"majority vote minus pass@1 of {parameters['checkpoint']}; by seed {each}"
    return found.finding(interval, above(interval), note)


def _vote_gaps(run: Run, stage: str) -> list[float]:
    """Return majority vote minus pass@1 at every point of a learning curve."""
    header = run.rows(f"rl/{stage}/curve.csv")[0]
    names = [name for name in header if name.startswith("cons")]
    if len(names) != 1:
        raise MissingEvidence(f"the curve of {stage} needs one column consK")
    gaps = [point[names[0]] - point["pass1"] for point in curve(run, stage, names[0], "pass1")]
    if len(gaps) < 3:
        raise MissingEvidence(f"the curve of {stage} has fewer than 3 points")
    return gaps


@check("vote-gain-shrinks", "stage")
def vote_gain_shrinks(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: the gap between vote and pass@1 in the last third is smaller than its maximum.

    Read strictly: the maximum before the last third against the mean of the last third. A maximum
    of noisy points is biased upwards, so the note says what the means of the thirds are.
    """

    def thirds(run: Run) -> dict[str, float]:
        gaps = _vote_gaps(run, parameters["stage"])
        late = max(1, len(gaps) // 3)
        return {
            "fall": max(gaps[:-late]) - mean(gaps[-late:]),
            "early": mean(gaps[:-late]),
            "late": mean(gaps[-late:]),
        }

    found = by_seed(runs, thirds)
    interval = t_interval(found.column("fall"))
    note = (
        "largest gap before the last third minus mean gap in it; mean gap "
        f"{mean(found.column('early')):.3f} before and {mean(found.column('late')):.3f} in it"
    )
    return found.finding(interval, above(interval), note)


@check("harder-problems-longer", "checkpoint")
def harder_problems_longer(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: negative rank correlation of solve rate and length, 95 % interval below 0."""

    def ranked(run: Run) -> list[tuple[float, float]]:
        found = questions(run, parameters["checkpoint"], "mean_length")
        solved, length = found.column(ACCURACY), found.column("mean_length")
        names = [name for name in solved if name in length]
        sides = (ranks([part[name] for name in names]) for part in (solved, length))
        return list(zip(*sides, strict=True))

    found = by_seed(runs, ranked)
    value, low, high = bootstrap(found.values, correlation)
    holds = above((-value, -high, -low))
    each = ", ".join(f"{correlation(pairs):+.3f}" for pairs in found.values)
    note = f"rank correlation of solve rate and mean length over questions; by seed {each}"
    return found.finding((value, low, high), holds, note)


@check("sampling-against-greedy", "stage")
def sampling_against_greedy(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: repetition and checkpoint-to-checkpoint variation are both higher for greedy."""
    columns = ("greedy_repetition", "sampled_repetition", "greedy_pass1", "pass1")

    def compared(run: Run) -> dict[str, float]:
        points = curve(run, parameters["stage"], *columns)
        if len(points) < 3:
            raise MissingEvidence(f"the curve of {parameters['stage']} has fewer than 3 points")
        steps = {
            name: [b[name] - a[name] for a, b in zip(points, points[1:], strict=False)]
            for name in ("greedy_pass1", "pass1")
        }
        return {
            "repetition": mean([p["greedy_repetition"] - p["sampled_repetition"] for p in points]),
            "variation": spread(steps["greedy_pass1"]) - spread(steps["pass1"]),
        }

    found = by_seed(runs, compared)
    repetition = t_interval(found.column("repetition"))
    variation = t_interval(found.column("variation"))
    note = (
        "share of repetition, greedy minus sampled, mean over the curve; spread of steps in "
        f"accuracy between checkpoints, greedy minus sampled: {signed(variation[0])}"
    )
    return found.finding(repetition, both(above(repetition), above(variation)), note)
