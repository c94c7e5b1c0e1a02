# SPDX-License-Identifier: Apache-2.0
"""Claims about effects: worlds in which one is planted, absent or turned round.

A world is a run in memory, with noise drawn from its seed. Every effect that config/claims.yaml
uses is judged by its own thresholds: it must be supported where it is planted, contradicted where
the opposite is, and supported in at most 5 % of the worlds in which nothing is.
"""

import csv
import io
import random
from pathlib import Path

import pytest
from claims_runs import all_definitions
from scipy import stats

from r1repro.audit.claims.decide import decide
from r1repro.audit.claims.effects import EFFECTS, Uninformative, ranks
from r1repro.audit.claims.runs import MissingEvidence, Run

NULL_WORLDS, SEEDS = 40, 5
UPDATES, POINTS, PER_CATEGORY = 40, 9, 12


class World(Run):
    """A run whose tables lie in memory."""

    def __init__(self, seed: int, tables: dict[str, list[dict]], flop: dict[str, int]):
        self.folder, self.seed, self.opened = Path("/nowhere"), seed, []
        self._flop, self._tables = flop, tables

    def text(self, name: str) -> str:
        """Return a table as text; raises MissingEvidence."""
        if name not in self._tables:
            raise MissingEvidence(f"{name} is missing")
        handle = io.StringIO()
        rows = self._tables[name]
        table = csv.DictWriter(handle, rows[0].keys())
        table.writeheader()
        table.writerows(rows)
        return handle.getvalue()

    def flop(self, stage: str) -> int:
        """Return the compute of a stage."""
        return self._flop[stage]


def noise(rng):
    """Return noise of a seed, large against that of a question."""
    return rng.gauss(0, 0.01)


def questions(rng, name, columns):
    """Return test questions of a checkpoint whose columns have these means, with a seed's noise."""
    shifts = {column: noise(rng) for column in columns}
    return {
        f"evaluate/{name}/questions.csv": [
            {"prompt_id": f"{category}-{i}", "category": category, "pass@1": 0.5, "cons@16": 0.5}
            | {c: v(category, i) if callable(v) else v + shifts[c] for c, v in columns.items()}
            for category in ("math", "code", "stem", "logic")
            for i in range(PER_CATEGORY)
        ]
    }


def series(rng, file, column, start, end):
    """Return a training figure that goes from start to end, with a seed's noise at both."""
    start, end = start + noise(rng), end + noise(rng)
    step = (end - start) / (UPDATES - 1)
    return {file: [{"update": i, column: start + step * i} for i in range(UPDATES)]}


def metrics(stage):
    """Return where a stage's training figures lie."""
    own = stage in ("r1_zero", "dev2", "r1", "pilot", "small_zero")
    return f"{'rl' if own else 'controls'}/{stage}/metrics.csv"


def difference(rng, size, *, of, minus, column):
    return questions(rng, of, {column: 0.5 + size}) | questions(rng, minus, {column: 0.5})


def general_difference(rng, size, *, of, minus, metric):
    values = {of: 0.5 + size + noise(rng), minus: 0.5 + noise(rng)}
    row = {"metric": metric, "category": "general"}
    return {"evaluate/scores.csv": [row | {"checkpoint": n, "value": v} for n, v in values.items()]}


def rise(rng, size, *, stage, column):
    return series(rng, metrics(stage), column, 0.5, 0.5 + size)


def fall(rng, size, *, stage, column):
    return series(rng, metrics(stage), column, 0.5, 0.5 - size)


def rise_difference(rng, size, *, of, minus, column):
    return rise(rng, size, stage=of, column=column) | rise(rng, 0, stage=minus, column=column)


def reach_difference(rng, size, *, of, minus, k):
    """One right answer among the samples of every question that is reached."""

    def samples(share):
        solved = round(4 * PER_CATEGORY * (share + noise(rng)))
        numbers = iter(range(4 * PER_CATEGORY))
        return {"pass@1": lambda *_: (next(numbers) < solved) / k, "samples": lambda *_: k}

    # a world of 48 questions knows no effect below one of them
    return questions(rng, of, samples(0.5 + size)) | questions(rng, minus, samples(0.5))


def training_difference(rng, size, *, of, minus, column, over):
    assert over in ("last-tenth", "all")
    first = series(rng, metrics(of), column, 0.5 + size, 0.5 + size)
    return first | series(rng, metrics(minus), column, 0.5, 0.5)


def vote_gain(rng, size, *, checkpoint):
    return questions(rng, checkpoint, {"cons@16": 0.5 + size, "pass@1": 0.5})


def vote_gain_shrinks(rng, size, *, stage):
    gains = [0.2 + (size if i < 6 else 0) + noise(rng) for i in range(POINTS)]
    return {
        f"rl/{stage}/curve.csv": [
            {"step": i, "pass1": 0.4, "cons16": 0.4 + gain} for i, gain in enumerate(gains)
        ]
    }


def longer_when_harder(rng, size, *, checkpoint):
    """Length follows difficulty with a slope; between categories it is the other way round."""

    def length(category, i):
        return 20 + 10 * len(category) + 40 * size * (PER_CATEGORY - i) + rng.gauss(0, 10)

    solved = {"pass@1": lambda category, i: (i + 0.1 * len(category)) / 20, "mean_length": length}
    return questions(rng, checkpoint, solved)


def time_saved(rng, size, *, of, than):
    seconds = {of: (1 - size) * (1 + noise(rng)), than: 1.0 + noise(rng)}
    return {
        metrics(name).replace("metrics", "memory"): [{"arm": name, "seconds_per_update": value}]
        for name, value in seconds.items()
    }


def gain_at_equal_compute(rng, size, *, distilled, rl, questions_per_category):
    """Later questions of a category are much easier for the distilled model: not to be counted."""
    shift = noise(rng)

    def accuracy(category, i):
        return 0.4 + size + shift if i < questions_per_category else 1.0

    points = [{"step": i, "flop": 100 * i, "pass1": 0.1 + 0.1 * i} for i in range(POINTS)]
    points[3]["pass1"] = 0.4 + noise(rng)
    return questions(rng, distilled, {"pass@1": accuracy}) | {f"rl/{rl}/curve.csv": points}


def hard_level_margin(rng, size, *, stage):
    gains = {"hard": size, "easy": 0, "middle": 0}
    return {
        f"rl/{stage}/curve.csv": [
            {"step": i}
            | {
                f"pass1_{n}": 0.5 + (g if i == POINTS - 1 else 0) + noise(rng)
                for n, g in gains.items()
            }
            for i in range(POINTS)
        ]
    }


def greedy_repeats(rng, size, *, stage):
    shift = noise(rng)
    return {
        f"rl/{stage}/curve.csv": [
            {"step": i, "greedy_repetition": 0.1 + size + shift, "sampled_repetition": 0.1}
            for i in range(POINTS)
        ]
    }


def filter_effect(rng, size, *, checkpoint, column):
    row = {"checkpoint": checkpoint, "set": "harmless"}
    shares = {"none": 0.4, "keywords_and_review": 0.4 - size + noise(rng)}
    return {"evaluate/filter.csv": [row | {"filter": n, column: v} for n, v in shares.items()]}


def recall_above(rng, size, *, kind, least):
    return recall(rng, kind, least + size)


def recall_below(rng, size, *, kind, most):
    return recall(rng, kind, most - size)


def recall(rng, kind, share):
    found = 1000 * (share + noise(rng))
    return {"data/decontamination_test.csv": [{"kind": kind, "items": 1000, "found": found}]}


WORLDS = {
    function.__name__.replace("_", "-"): function
    for function in (
        difference, general_difference, rise, fall, rise_difference, reach_difference,
        training_difference, vote_gain, vote_gain_shrinks, longer_when_harder, time_saved,
        gain_at_equal_compute, hard_level_margin, greedy_repeats, filter_effect, recall_above,
        recall_below,
    )
}  # fmt: skip
EXPERIMENTS = {
    f"{claim.id}: {experiment.measures}": experiment
    for claim in all_definitions().values()
    for experiment in claim.experiments
}


def verdict(experiment, size, first_seed=0):
    """Return the verdict over five seeds of worlds with an effect of that size."""
    values = []
    for seed in range(first_seed, first_seed + SEEDS):
        rng = random.Random(f"{experiment.measures} {size} {seed}")
        tables = WORLDS[experiment.effect](rng, size, **experiment.parameters)
        world = World(seed, tables, {"distill": 250})
        values.append(EFFECTS[experiment.effect](world, **experiment.parameters))
    return decide(values, experiment.supported_above, experiment.contradicted_below).verdict


def test_every_effect_has_a_world_and_is_used():
    """An effect that no claim uses is not kept."""
    assert WORLDS.keys() == EFFECTS.keys()
    assert {experiment.effect for experiment in EXPERIMENTS.values()} == EFFECTS.keys()


def planted(experiment):
    """Return an effect three times the smallest of interest, or a little above none."""
    return max(3 * experiment.contradicted_below, 0.05)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_planted_effect_is_supported(name):
    assert verdict(EXPERIMENTS[name], planted(EXPERIMENTS[name])) == "supported"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_opposite_effect_contradicts(name):
    assert verdict(EXPERIMENTS[name], -planted(EXPERIMENTS[name])) == "contradicted"


def test_worlds_at_the_bound_are_supported_in_at_most_five_percent():
    """Nothing is planted, or exactly the margin that a claim of "not worse" allows.

    Of each experiment no more than chance allows at 5 %, and of all together at most 5 %.
    """
    hits = {}
    for name, experiment in EXPERIMENTS.items():
        worlds = (
            verdict(experiment, experiment.supported_above, SEEDS * world)
            for world in range(NULL_WORLDS)
        )
        hits[name] = sum(found == "supported" for found in worlds)
    allowed = stats.binom.ppf(0.999, NULL_WORLDS, 0.05)
    assert {name: n for name, n in hits.items() if n > allowed} == {}
    assert sum(hits.values()) <= 0.05 * NULL_WORLDS * len(hits)


def test_a_floor_before_the_filter_is_no_contradiction():
    rows = [
        {"checkpoint": "r1", "set": "harmless", "filter": name, "unsafe_share": 0}
        for name in ("none", "keywords_and_review")
    ]
    world = World(1, {"evaluate/filter.csv": rows}, {})
    with pytest.raises(Uninformative, match="0 before the filter"):
        EFFECTS["filter-effect"](world, checkpoint="r1", column="unsafe_share")


def test_rl_that_never_cost_as_much_as_distilling_decides_nothing():
    tables = gain_at_equal_compute(
        random.Random(1), 0.3, distilled="distill", rl="small_zero", questions_per_category=12
    )
    world = World(1, tables, {"distill": 100 * POINTS})
    with pytest.raises(Uninformative, match="never reached the compute"):
        EFFECTS["gain-at-equal-compute"](
            world, distilled="distill", rl="small_zero", questions_per_category=12
        )


def test_ranks_with_ties_are_scipys():
    rng = random.Random(3)
    for _ in range(50):
        values = [rng.randrange(5) / 4 for _ in range(rng.randrange(1, 12))]
        assert ranks(values) == list(stats.rankdata(values))


def test_pass_at_k_is_the_share_of_all_choices_of_k_samples_that_hold_a_right_one():
    """Counted by hand: 2 right of 5 samples, pairs without a right one are 3 of 10."""
    row = {"prompt_id": "a", "category": "math", "samples": 5}
    tables = {
        f"evaluate/{name}/questions.csv": [row | {"pass@1": share}]
        for name, share in (("one", 0.4), ("other", 0))
    }
    measure = EFFECTS["reach-difference"]
    assert measure(World(1, tables, {}), of="one", minus="other", k=2) == pytest.approx(0.7)
    with pytest.raises(MissingEvidence, match="fewer than 6 samples"):
        measure(World(1, tables, {}), of="one", minus="other", k=6)
