# SPDX-License-Identifier: Apache-2.0
"""The effects that experiments measure: functions of one run (one seed) that return one number.

An effect is positive where the paper says that something rises, helps or differs. Its keywords are
the parameters that config/claims.yaml gives. Functions raise MissingEvidence where a table lacks
what they need, and Uninformative where the run cannot show the effect whatever it did.

Units   as the column read: shares between 0 and 1, tokens, or a share of something saved
Tenth   a tenth of the updates, at least one
"""

import inspect
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from math import comb
from statistics import correlation

from r1repro.audit.claims.decide import mean
from r1repro.audit.claims.measures import (
    ACCURACY,
    REASONING,
    consensus_column,
    curve,
    first_tenth,
    last_tenth,
    metrics_file,
    number,
    paired,
    questions,
    score,
    series,
)
from r1repro.audit.claims.runs import MissingEvidence, Run
from r1repro.errors import StageError

EFFECTS: dict[str, Callable[..., float]] = {}
FILTER, RECALL = "evaluate/filter.csv", "data/decontamination_test.csv"


class Uninformative(StageError):
    """A run whose world leaves no room for the effect."""


def effect(function: Callable[..., float]) -> Callable[..., float]:
    """Register an effect under its name, with dashes."""
    EFFECTS[function.__name__.replace("_", "-")] = function
    return function


def parameters() -> dict[str, frozenset[str]]:
    """Return the name of each effect with the names of its parameters."""
    return {
        name: frozenset(inspect.signature(function).parameters) - {"run"}
        for name, function in EFFECTS.items()
    }


@effect
def difference(run: Run, *, of: str, minus: str, column: str) -> float:
    """Return the mean over test questions of a column, one checkpoint minus another."""
    return mean(paired(questions(run, minus, column), questions(run, of, column), column))


@effect
def general_difference(run: Run, *, of: str, minus: str, metric: str) -> float:
    """Return a score on general questions, one checkpoint minus another."""
    return score(run, of, metric, "general") - score(run, minus, metric, "general")


@effect
def rise(run: Run, *, stage: str, column: str) -> float:
    """Return a training figure's last tenth of updates minus its first."""
    values = series(run, stage, column)
    return last_tenth(values) - first_tenth(values)


@effect
def fall(run: Run, *, stage: str, column: str) -> float:
    """Return a training figure's first tenth of updates minus its last."""
    return -rise(run, stage=stage, column=column)


@effect
def rise_difference(run: Run, *, of: str, minus: str, column: str) -> float:
    """Return by how much more a training figure rises in one stage than in another."""
    return rise(run, stage=of, column=column) - rise(run, stage=minus, column=column)


@effect
def reach_difference(run: Run, *, of: str, minus: str, k: int) -> float:
    """Return pass@k, one checkpoint minus another: the mean share solved within k of n samples.

    The unbiased estimate of a question is 1 - C(n - c, k) / C(n, k) with c right ones of n (Chen et
    al. 2021, arXiv 2107.03374).
    """

    def reached(name: str) -> dict[str, float]:
        found = questions(run, name, "samples")
        right, asked = found.column(ACCURACY), found.column("samples")
        if min(asked.values()) < k:
            raise MissingEvidence(f"{found.place} has fewer than {k} samples of a question")
        return {
            question: 1 - comb(int(n) - round(right[question] * n), k) / comb(int(n), k)
            for question, n in asked.items()
        }

    first, second = reached(of), reached(minus)
    if first.keys() != second.keys():
        raise MissingEvidence(f"{of} and {minus} were not asked the same questions")
    return mean(list(first.values())) - mean(list(second.values()))


@effect
def training_difference(run: Run, *, of: str, minus: str, column: str, over: str) -> float:
    """Return a training figure of one stage minus another, over `last-tenth` or `all` updates."""
    part = {"last-tenth": last_tenth, "all": mean}[over]
    return part(series(run, of, column)) - part(series(run, minus, column))


@effect
def vote_gain(run: Run, *, checkpoint: str) -> float:
    """Return majority vote minus pass@1, mean over questions."""
    found = questions(run, checkpoint)
    votes, single = found.column(consensus_column(found)), found.column(ACCURACY)
    return mean([votes[name] - single[name] for name in single if name in votes])


@effect
def vote_gain_shrinks(run: Run, *, stage: str) -> float:
    """Return the mean vote gain over the middle third of a curve minus that over its last third.

    Two fixed parts of equal size: a maximum of noisy points would shrink by chance.
    """
    points = curve(run, stage, "cons16", "pass1")
    gaps = [point["cons16"] - point["pass1"] for point in points]
    third = len(gaps) // 3
    if third < 1:
        raise MissingEvidence(f"the curve of {stage} has fewer than 3 points")
    return mean(gaps[-2 * third : -third]) - mean(gaps[-third:])


def ranks(values: list[float]) -> list[float]:
    """Return ranks from 1; equal values share the mean of their ranks."""
    ordered = sorted(values)
    return [(bisect_left(ordered, v) + bisect_right(ordered, v) + 1) / 2 for v in values]


@effect
def longer_when_harder(run: Run, *, checkpoint: str) -> float:
    """Return minus Spearman's correlation of solve rate and length, the mean over categories.

    Within a category: between categories length differs for other reasons.
    """
    found = questions(run, checkpoint, "mean_length")
    values = []
    for category in REASONING:
        rows = [row for row in found.rows if row["category"] == category]
        solved = [number(row[ACCURACY], found.place) for row in rows]
        length = [number(row["mean_length"], found.place) for row in rows]
        if len(set(solved)) > 1 and len(set(length)) > 1:
            values.append(-correlation(ranks(solved), ranks(length)))
    if not values:
        raise Uninformative(f"every question of {checkpoint} has the same solve rate or length")
    return mean(values)


@effect
def time_saved(run: Run, *, of: str, than: str) -> float:
    """Return the share of the measured seconds of an update that one stage saves over another."""

    def seconds(name: str) -> float:
        file = metrics_file(name, "memory")
        rows = run.rows(file, "arm", "seconds_per_update")
        value = number(rows[0]["seconds_per_update"], run.place(file))
        if len(rows) != 1 or value <= 0:
            raise MissingEvidence(f"{run.place(file)} has no measured time of {name}")
        return value

    return 1 - seconds(of) / seconds(than)


@effect
def gain_at_equal_compute(
    run: Run, *, distilled: str, rl: str, questions_per_category: int
) -> float:
    """Return pass@1, distilled minus RL, where RL first cost as much as distilling did.

    On the questions of the learning curve alone: the first of each category. Uninformative where
    RL never reached the compute of the distillation.
    """
    points, cost = curve(run, rl, "flop", "pass1"), run.flop(distilled)
    if points[-1]["flop"] <= 0 or cost <= 0:
        raise MissingEvidence("the compute of an arm is not recorded")
    reached = next((point for point in points if point["flop"] >= cost), None)
    if reached is None:
        raise Uninformative(f"{rl} never reached the compute of {distilled}")
    found = questions(run, distilled)
    seen = [
        number(row[ACCURACY], found.place)
        for category in REASONING
        for row in [r for r in found.rows if r["category"] == category][:questions_per_category]
    ]
    return mean(seen) - reached["pass1"]


@effect
def hard_level_margin(run: Run, *, stage: str) -> float:
    """Return the gain of the hardest third of questions minus the larger other, second half."""
    columns = ("pass1_hard", "pass1_easy", "pass1_middle")
    points = curve(run, stage, *columns)
    half = points[len(points) // 2]
    hard, *others = (points[-1][column] - half[column] for column in columns)
    return hard - max(others)


@effect
def greedy_repeats(run: Run, *, stage: str) -> float:
    """Return the share of repetition, greedy minus sampled, mean over a learning curve."""
    points = curve(run, stage, "greedy_repetition", "sampled_repetition")
    return mean([p["greedy_repetition"] - p["sampled_repetition"] for p in points])


@effect
def filter_effect(run: Run, *, checkpoint: str, column: str) -> float:
    """Return by how much the external filter lowers a share; uninformative at a floor of 0."""
    rows = run.rows(FILTER, "checkpoint", "set", "filter", column)
    place = run.place(FILTER)
    found = {
        row["filter"]: number(row[column], place)
        for row in rows
        if row["checkpoint"] == checkpoint and row["set"] == "harmless"
    }
    if not {"none", "keywords_and_review"} <= found.keys():
        raise MissingEvidence(f"{place} has no shares of {checkpoint} with and without the filter")
    if found["none"] == 0:
        raise Uninformative(f"{column} of {checkpoint} is 0 before the filter")
    return found["none"] - found["keywords_and_review"]


@effect
def recall_above(run: Run, *, kind: str, least: float) -> float:
    """Return the recall of one kind of planted overlap minus the least that is asked."""
    return _recall(run, kind) - least


@effect
def recall_below(run: Run, *, kind: str, most: float) -> float:
    """Return the most that is expected minus the recall of one kind of planted overlap."""
    return most - _recall(run, kind)


def _recall(run: Run, kind: str) -> float:
    place = run.place(RECALL)
    rows = [row for row in run.rows(RECALL, "kind", "items", "found") if row["kind"] == kind]
    items = number(rows[0]["items"], place) if len(rows) == 1 else 0
    if items <= 0:
        raise MissingEvidence(f"{place} has no items of the kind {kind}")
    return number(rows[0]["found"], place) / items
