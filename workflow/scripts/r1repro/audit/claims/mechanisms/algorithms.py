# SPDX-License-Identifier: Apache-2.0
"""Settings of reinforcement learning against controls: GRPO and PPO, clip, rollout, reference.

Choices  Seconds of an update are those of its rollout, rewards, reference pass and training; the
         mean over all updates spreads a rollout over the updates that share it.
"""

from collections.abc import Mapping

from r1repro.audit.claims.intervals import above, both, mean, spread, standard_error, t_interval
from r1repro.audit.claims.mechanisms.measures import (
    accuracy_difference,
    last_tenth,
    metrics_file,
    number,
    questions,
    series,
    signed,
)
from r1repro.audit.claims.mechanisms.registry import (
    Finding,
    by_seed,
    check,
    in_every_seed,
    unanimous,
)
from r1repro.audit.claims.mechanisms.stages import not_lower, shown
from r1repro.audit.claims.runs import MissingEvidence, Run

PHASES = ("seconds_rollout", "seconds_reward", "seconds_reference", "seconds_update")
BLOCKS = 10


@check("grpo-against-ppo", "grpo", "ppo_095", "ppo_100")
def grpo_against_ppo(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: GRPO not below the better PPO by more than the seed spread; lambda 1.0 above 0.95."""
    names = {key: parameters[key] for key in ("grpo", "ppo_095", "ppo_100")}
    found = by_seed(
        runs, lambda run: {key: questions(run, name).mean() for key, name in names.items()}
    )
    better = max(("ppo_095", "ppo_100"), key=lambda key: mean(found.column(key)))
    margins = [v["grpo"] - v[better] for v in found.values]
    lambdas = [v["ppo_100"] - v["ppo_095"] for v in found.values]
    note = (
        f"pass@1, GRPO minus the better PPO arm ({names[better]}); lambda 1.0 minus 0.95 "
        f"{shown(lambdas)}"
    )
    holds = both(not_lower(margins), above(t_interval(lambdas)))
    return found.finding(t_interval(margins), holds, note)


MEMORY = ("seconds_per_update", "peak_bytes")


def _memory(run: Run, arm: str) -> dict[str, float]:
    """Return time and memory of an update of one arm, from the joint table or the arm's own."""
    joint = "controls/memory.csv"
    name = joint if (run.folder / joint).is_file() else metrics_file(arm, "memory")
    rows = [row for row in run.rows(name, "arm", *MEMORY) if row["arm"] == arm]
    if len(rows) != 1:
        raise MissingEvidence(f"{run.place(name)} has {len(rows)} rows of {arm}")
    found = {column: number(rows[0][column], run.place(name)) for column in MEMORY}
    if min(found.values()) <= 0:
        raise MissingEvidence(f"{run.place(name)} holds no measured value of {arm}")
    return found


@check("grpo-needs-less-memory", "grpo", "ppo")
def grpo_needs_less_memory(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: GRPO is lower on both peak memory and time of an update."""

    def ratios(run: Run) -> dict[str, float]:
        grpo, ppo = (_memory(run, parameters[key]) for key in ("grpo", "ppo"))
        return {column: grpo[column] / ppo[column] for column in MEMORY}

    found = by_seed(runs, ratios)
    holds = unanimous(max(value.values()) < 1 for value in found.values)
    note = (
        "peak memory of an update, GRPO over PPO with a critic; time of an update "
        f"{mean(found.column('seconds_per_update')):.2f} of PPO's"
    )
    return found.finding(t_interval(found.column("peak_bytes")), holds, note)


@check("wide-clip", "wide", "narrow", "near_zero")
def wide_clip(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: the clipped share is near 0 at epsilon 10; accuracy is reported with seeds."""
    wide, narrow = parameters["wide"], parameters["narrow"]
    found = by_seed(
        runs,
        lambda run: {
            "wide": mean(series(run, wide, "clipped_fraction")),
            "narrow": mean(series(run, narrow, "clipped_fraction")),
            "accuracy": accuracy_difference(run, wide, narrow),
        },
    )
    holds = in_every_seed(
        v["wide"] <= parameters["near_zero"] and v["wide"] < v["narrow"] for v in found.values
    )
    note = (
        f"share of clipped tokens with the wide range; {mean(found.column('narrow')):.4f} with "
        f"the narrow one; accuracy, wide minus narrow {shown(found.column('accuracy'))}"
    )
    return found.finding(t_interval(found.column("wide")), holds, note)


def seconds_per_update(run: Run, name: str) -> float:
    """Return the mean seconds of an update with its share of the rollout."""
    file = metrics_file(name)
    rows = run.rows(file, *PHASES)
    return mean([sum(number(row[p], run.place(file)) for p in PHASES) for row in rows])


@check("shared-rollout", "ascending")
def shared_rollout(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: time falls with every step of updates per rollout; accuracy within the seed spread."""
    names = list(parameters["ascending"])
    found = by_seed(
        runs,
        lambda run: {
            "seconds": [seconds_per_update(run, name) for name in names],
            "accuracy": [questions(run, name).mean() for name in names],
        },
    )
    falls = unanimous(
        all(a > b for a, b in zip(v["seconds"], v["seconds"][1:], strict=False))
        for v in found.values
    )
    arms = list(zip(*found.column("accuracy"), strict=True))
    widest = max(spread(arm) for arm in arms)
    centres = [mean(arm) for arm in arms]
    gap = max(centres) - min(centres)
    within = gap <= widest if len(found.values) > 1 else None
    ratios = [v["seconds"][0] / v["seconds"][-1] for v in found.values]
    seconds = [mean(arm) for arm in zip(*found.column("seconds"), strict=True)]
    listed = ", ".join(
        f"{name} {s:.2f} s, pass@1 {c:.3f}"
        for name, s, c in zip(names, seconds, centres, strict=True)
    )
    note = (
        f"time of an update, {names[0]} over {names[-1]}; {listed}; accuracies lie {gap:.3f} "
        f"apart, seed spread {widest:.3f}"
    )
    return found.finding(t_interval(ratios), both(falls, within), note)


@check("reference-reset", "reset", "control")
def reference_reset(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: KL to the initial model is larger with resets; accuracy not lower."""
    reset, control = parameters["reset"], parameters["control"]
    found = by_seed(
        runs,
        lambda run: {
            "distance": last_tenth(series(run, reset, "kl_to_start"))
            - last_tenth(series(run, control, "kl_to_start")),
            "accuracy": accuracy_difference(run, reset, control),
        },
    )
    interval, accuracy = t_interval(found.column("distance")), found.column("accuracy")
    note = (
        "nats per token from the initial model at the end, with resets minus without; accuracy "
        f"{shown(accuracy)}"
    )
    return found.finding(interval, both(above(interval), not_lower(accuracy)), note)


def _blocks(values: list[float]) -> list[list[float]]:
    """Return a series in ten parts of almost equal length."""
    edges = [round(i * len(values) / BLOCKS) for i in range(BLOCKS + 1)]
    return [values[a:b] for a, b in zip(edges, edges[1:], strict=False)]


def hacked_from(learned: list[float], truth: list[float]) -> tuple[int, float, float] | None:
    """Return the part, the rise of the learned reward and the fall of the truth in standard errors.

    The part is the one of the first nine after which, at the end, the learned reward is higher and
    the true metric lower by most standard errors; None where there is none. Both series are of the
    same updates.
    """
    found = None
    scores, truths = _blocks(learned), _blocks(truth)
    for place in range(BLOCKS - 1):
        rise = mean(scores[-1]) - mean(scores[place])
        error = (standard_error(truths[place]) ** 2 + standard_error(truths[-1]) ** 2) ** 0.5
        fall = mean(truths[place]) - mean(truths[-1])
        if rise > 0 and fall > 0:
            size = fall / error if error > 0 else float("inf")
            if found is None or size > found[2]:
                found = place, rise, size
    return found


@check("reward-hacking", "control", "learned", "truth")
def reward_hacking(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: after some step the learned reward still rises and the truth falls by over two SE.

    Over tenths of those updates that have both figures, with the errors over updates. The best of
    nine steps is taken, so two errors are passed more easily than once in forty times by chance.
    """
    name, columns = parameters["control"], (parameters["learned"], parameters["truth"])
    file = metrics_file(name)

    def look(run: Run) -> dict[str, float]:
        rows = [r for r in run.rows(file, *columns) if all(r[c] != "" for c in columns)]
        if len(rows) < 2 * BLOCKS:
            raise MissingEvidence(f"{run.place(file)} has too few updates with both figures")
        learned, truth = ([number(r[c], run.place(file)) for r in rows] for c in columns)
        seen = hacked_from(learned, truth)
        return {
            "rise": mean(_blocks(learned)[-1]) - mean(_blocks(learned)[0]),
            "change": mean(_blocks(truth)[-1]) - mean(_blocks(truth)[0]),
            "errors": 0.0 if seen is None else seen[2],
        }

    found = by_seed(runs, look)
    holds = unanimous(value["errors"] > 2 for value in found.values)
    each = ", ".join(f"{value['errors']:.1f}" for value in found.values)
    note = (
        f"{columns[1]}, last tenth minus first; {columns[0]} "
        f"{signed(mean(found.column('rise')))}; standard errors by which the truth falls while "
        f"the learned reward rises, by seed {each}"
    )
    return found.finding(t_interval(found.column("change")), holds, note)
