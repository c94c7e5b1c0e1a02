# SPDX-License-Identifier: Apache-2.0
"""The stages against one another: language reward, cold start, ladder, filter, distillation.

Choices  "Not lower" and "differences within" mean by no more than the spread of the seeds, as the
         rules that name a margin say. The seeds' values are differences of paired questions.
"""

from collections.abc import Mapping

from r1repro.audit.claims.intervals import above, both, mean, spread, t_interval
from r1repro.audit.claims.mechanisms.measures import (
    accuracy_difference,
    curve,
    first_tenth,
    last_tenth,
    paired,
    questions,
    score,
    series,
    signed,
)
from r1repro.audit.claims.mechanisms.registry import Finding, by_seed, check, in_every_seed
from r1repro.audit.claims.runs import MissingEvidence, Run

LANGUAGE, FORMAT = "language_consistency", "format_rate"
REASONING_STEPS = (("dev1", "dev2"), ("dev2", "dev3"), ("dev3", "r1"))


def difference(run: Run, checkpoint: str, other: str, column: str) -> float:
    """Return the mean of a column, checkpoint minus other, over the questions both have."""
    first, second = questions(run, other, column), questions(run, checkpoint, column)
    return mean(paired(first, second, column))


def not_lower(values: list[float]) -> bool | None:
    """Say whether a mean difference is not below 0 by more than the spread of the seeds."""
    return None if len(values) < 2 else mean(values) >= -spread(values)


def shown(values: list[float]) -> str:
    """Return a mean difference with its interval over seeds."""
    centre, low, high = t_interval(values)
    return signed(centre) if low is None else f"{signed(centre)} [{signed(low)}, {signed(high)}]"


@check("language-consistency", "with_reward", "without_reward")
def language_consistency(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: consistency is higher with the reward in every seed; accuracy is reported."""
    arms = parameters["with_reward"], parameters["without_reward"]
    found = by_seed(
        runs,
        lambda run: {
            "language": difference(run, *arms, LANGUAGE),
            "accuracy": accuracy_difference(run, *arms),
        },
    )
    gains = found.column("language")
    note = (
        "share of target-language words, with the reward minus without; accuracy "
        f"{shown(found.column('accuracy'))}"
    )
    return found.finding(t_interval(gains), in_every_seed(g > 0 for g in gains), note)


@check("language-drifts-without-reward", "control")
def language_drifts(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: without the reward the end is lower than the start by more than the seed spread."""

    def fall(run: Run) -> float:
        values = series(run, parameters["control"], LANGUAGE)
        return first_tenth(values) - last_tenth(values)

    found = by_seed(runs, fall)
    falls = found.values
    note = (
        "share of target-language words in training without the reward, first tenth of updates "
        f"minus last; seed spread {spread(falls):.3f}"
    )
    return found.finding(t_interval(falls), mean(falls) > spread(falls), note)


@check("stage-ladder", "preference_metric")
def stage_ladder(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: RL stage 1 gives the largest reasoning gain and stage 2 the largest preference gain."""
    metric = parameters["preference_metric"]

    def gains(run: Run) -> dict[str, float]:
        reason = [accuracy_difference(run, after, before) for before, after in REASONING_STEPS]
        prefer = [
            score(run, after, metric, "general") - score(run, before, metric, "general")
            for before, after in REASONING_STEPS
        ]
        return {
            "reason": reason[0] - max(reason[1:]),
            "prefer": prefer[2] - max(prefer[:2]),
            **{f"reason{i}": value for i, value in enumerate(reason)},
            **{f"prefer{i}": value for i, value in enumerate(prefer)},
        }

    found = by_seed(runs, gains)
    reason, prefer = t_interval(found.column("reason")), t_interval(found.column("prefer"))
    steps = [f"{before}-{after}" for before, after in REASONING_STEPS]

    def listed(kind: str) -> str:
        return ", ".join(
            f"{step} {signed(mean(found.column(f'{kind}{i}')))}" for i, step in enumerate(steps)
        )

    note = (
        "reasoning gain of RL stage 1 minus the largest other; reasoning gains "
        f"{listed('reason')}; preference gains {listed('prefer')}; preference margin of RL "
        f"stage 2 {shown(found.column('prefer'))}"
    )
    return found.finding(reason, both(above(reason), above(prefer)), note)


@check("cold-start-trades-accuracy", "cold_start", "rl_only", "instruction_metric")
def cold_start(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: format or instruction score rises against RL alone, and accuracy falls."""
    arms = parameters["cold_start"], parameters["rl_only"]
    metric = parameters["instruction_metric"]
    found = by_seed(
        runs,
        lambda run: {
            "accuracy": accuracy_difference(run, *arms),
            "format": difference(run, *arms, FORMAT),
            "instruction": score(run, arms[0], metric, "general")
            - score(run, arms[1], metric, "general"),
        },
    )
    accuracy = t_interval(found.column("accuracy"))
    falls = above(tuple(None if v is None else -v for v in (accuracy[0], accuracy[2], accuracy[1])))
    rises = [above(t_interval(found.column(name))) for name in ("format", "instruction")]
    either = True if True in rises else None if None in rises else False
    note = (
        "accuracy of the cold start minus RL alone; well-formed outputs "
        f"{shown(found.column('format'))}; instruction form {shown(found.column('instruction'))}"
    )
    return found.finding(accuracy, both(falls, either), note)


@check("rejection-sampling", "filtered", "unfiltered")
def rejection_sampling(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: accuracy of the filtered arm is not lower, its format and language rates are higher."""
    arms = parameters["filtered"], parameters["unfiltered"]
    found = by_seed(
        runs,
        lambda run: {
            "accuracy": accuracy_difference(run, *arms),
            "format": difference(run, *arms, FORMAT),
            "language": difference(run, *arms, LANGUAGE),
        },
    )
    accuracy = found.column("accuracy")
    higher = [above(t_interval(found.column(name))) for name in ("format", "language")]
    note = (
        "accuracy, filtered minus unfiltered; well-formed outputs "
        f"{shown(found.column('format'))}; language {shown(found.column('language'))}"
    )
    return found.finding(t_interval(accuracy), both(not_lower(accuracy), *higher), note)


@check("distilled-students-scale", "ascending")
def distilled_students_scale(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: with the same data accuracy is ordered by size, in every seed."""
    names = parameters["ascending"]

    def accuracies(run: Run) -> list[float]:
        return [questions(run, name).mean() for name in names]

    found = by_seed(runs, accuracies)
    ordered = in_every_seed(
        all(a < b for a, b in zip(values, values[1:], strict=False)) for values in found.values
    )
    steps = [values[-1] - values[0] for values in found.values]
    each = ", ".join(
        f"{name} {mean([values[i] for values in found.values]):.3f}" for i, name in enumerate(names)
    )
    note = f"pass@1 of the largest student minus the smallest; from small to large {each}"
    return found.finding(t_interval(steps), ordered, note)


def _total(run: Run, stages: list[str]) -> float:
    return float(sum(run.flop(stage) for stage in stages))


@check("distilling-beats-small-rl", "distilled", "rl", "teacher")
def distilling_beats_small_rl(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: at equal compute of the student the distilled arm is better, three seeds.

    Equal compute is read from the RL arm's learning curve: its first point that has cost at least
    as much as the distillation, which favours RL; its end where no point has. The end on the whole
    test split and the teacher's compute are reported.
    """
    distilled, small = parameters["distilled"], parameters["rl"]

    def arms(run: Run) -> dict[str, float]:
        points = curve(run, small, "flop", "pass1")
        cost = _total(run, [distilled])
        if points[-1]["flop"] <= 0 or cost <= 0:
            raise MissingEvidence("the compute of an arm is not recorded")
        reached = next((p for p in points if p["flop"] >= cost), None)
        at_end = accuracy_difference(run, distilled, small)
        known = questions(run, distilled).mean()
        return {
            "equal": at_end if reached is None else known - reached["pass1"],
            "reached": float(reached is not None),
            "end": at_end,
            "share": cost / points[-1]["flop"],
            "teacher": (cost + _total(run, list(parameters["teacher"]))) / points[-1]["flop"],
        }

    found = by_seed(runs, arms)
    interval = t_interval(found.column("equal"))
    note = (
        "pass@1, distilled minus RL at equal compute of the student; against RL at its end "
        f"{shown(found.column('end'))}; distillation computed "
        f"{mean(found.column('share')):.2f} of what RL did, with the teacher "
        f"{mean(found.column('teacher')):.2f}"
    )
    holds = above(interval)
    if min(found.column("reached")) == 0:
        note += "; the RL arm never reached the compute of the distillation, so it is not equal"
        holds = None if holds else holds
    return found.finding(interval, holds, note)


@check("temperature-stage2", "hot", "usual", "proxies")
def temperature_stage2(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: the proxy of coherence is worse at temperature 1.0 in every seed.

    The first proxy decides; the others are reported. All are shares where more is better.
    """
    arms, proxies = (parameters["hot"], parameters["usual"]), list(parameters["proxies"])
    found = by_seed(runs, lambda run: {p: difference(run, *arms, p) for p in proxies})
    values = found.column(proxies[0])
    others = "; ".join(f"{p} {shown(found.column(p))}" for p in proxies[1:])
    note = f"{proxies[0]} of reasoning questions, hot minus usual" + (
        f"; {others}" if others else ""
    )
    return found.finding(t_interval(values), in_every_seed(v < 0 for v in values), note)
