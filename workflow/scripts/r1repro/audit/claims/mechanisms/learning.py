# SPDX-License-Identifier: Apache-2.0
"""What reinforcement learning changes: accuracy, length, format, words, levels of difficulty.

Choices  "More than two standard errors" is over the paired differences of the test questions. A
         rule that names no number of seeds and compares two figures is decided by the 95 % interval
         over seeds: above 0 it holds, not above 0 it does not, across 0 it is not decided.
"""

import re
from collections.abc import Mapping

from r1repro.audit.claims.intervals import (
    above,
    both,
    mean,
    spread,
    standard_error,
    t_interval,
)
from r1repro.audit.claims.mechanisms.measures import (
    ACCURACY,
    REASONING,
    accuracy_difference,
    curve,
    first_tenth,
    last_tenth,
    number,
    paired,
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
from r1repro.audit.claims.runs import MissingEvidence, Run


def _rise(run: Run, start: str, end: str) -> dict[str, float]:
    """Return the gain in accuracy with its standard error over questions."""
    gains = paired(questions(run, start), questions(run, end), ACCURACY)
    return {"gain": mean(gains), "error": standard_error(gains)}


@check("rl-raises-pass1", "start", "end")
def rl_raises_pass1(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: held-out accuracy exceeds the start by more than two standard errors in every seed."""
    start, end = parameters["start"], parameters["end"]
    found = by_seed(runs, lambda run: _rise(run, start, end))
    holds = in_every_seed(v["gain"] > 2 * v["error"] for v in found.values)
    each = ", ".join(f"{signed(v['gain'])} (SE {v['error']:.3f})" for v in found.values)
    note = f"{end} minus {start}, pass@1 of reasoning questions; by seed {each}"
    return found.finding(t_interval(found.column("gain")), holds, note)


@check("length-grows", "stage")
def length_grows(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: the last tenth of updates is longer than the first; right and wrong told apart."""
    stage = parameters["stage"]

    def lengths(run: Run) -> dict[str, float]:
        values = series(run, stage, "length_mean")
        found = questions(run, stage, "mean_length")
        accuracy, length = found.column(ACCURACY), found.column("mean_length")
        easy = [length[name] for name, value in accuracy.items() if value >= 0.5]
        hard = [length[name] for name, value in accuracy.items() if value < 0.5]
        cut = series(run, stage, "truncated_fraction")
        return {
            "change": last_tenth(values) - first_tenth(values),
            "ratio": last_tenth(values) / first_tenth(values),
            "cut": last_tenth(cut),
            "right": mean(easy) if easy else float("nan"),
            "wrong": mean(hard) if hard else float("nan"),
        }

    found = by_seed(runs, lengths)
    interval = t_interval(found.column("change"))
    note = (
        f"tokens, last tenth of updates minus first; ratio {mean(found.column('ratio')):.2f}; cut "
        f"at the maximum at the end {mean(found.column('cut')):.3f}; after training, questions "
        f"mostly answered right have {mean(found.column('right')):.1f} tokens and the others "
        f"{mean(found.column('wrong')):.1f}"
    )
    return found.finding(interval, above(interval), note)


@check("length-and-cap", "raised", "control", "binding_share")
def length_and_cap(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: the arm with the raised cap is longer and as accurate; else it was not binding."""
    raised, control = parameters["raised"], parameters["control"]

    def arms(run: Run) -> dict[str, float]:
        longer = series(run, raised, "length_mean"), series(run, control, "length_mean")
        return {
            "length": last_tenth(longer[0]) - last_tenth(longer[1]),
            "accuracy": accuracy_difference(run, raised, control),
            "cut": last_tenth(series(run, control, "truncated_fraction")),
        }

    found = by_seed(runs, arms)
    interval, accuracy = t_interval(found.column("length")), found.column("accuracy")
    as_accurate = mean(accuracy) >= -spread(accuracy) if len(accuracy) > 1 else None
    cut = mean(found.column("cut"))
    note = (
        f"tokens at the end, cap raised minus cap kept; accuracy {signed(mean(accuracy))}; "
        f"{cut:.3f} of the control's responses are cut at the end"
    )
    if cut < parameters["binding_share"]:
        return found.finding(interval, None, f"{note}: the cap was not binding")
    return found.finding(interval, both(above(interval), as_accurate), note)


@check("format-reward", "start", "end", "least")
def format_reward(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: at least 0.95 of the outputs are well formed at the end, from a lower start."""
    start, end = parameters["start"], parameters["end"]

    def shares(run: Run) -> dict[str, float]:
        return {
            "before": questions(run, start, "format_rate").mean("format_rate"),
            "after": questions(run, end, "format_rate").mean("format_rate"),
        }

    found = by_seed(runs, shares)
    holds = unanimous(
        v["after"] >= parameters["least"] and v["after"] > v["before"] for v in found.values
    )
    note = (
        f"share of well-formed outputs of {end}; of {start} {mean(found.column('before')):.3f}; "
        f"lowest seed {min(found.column('after')):.3f}"
    )
    return found.finding(t_interval(found.column("after")), holds, note)


@check("reflection-words", "start", "end", "words")
def reflection_words(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: the words are more frequent per token at the end, by more than the seed spread."""
    pattern = re.compile("|".join(rf"\b{re.escape(w)}\b" for w in parameters["words"]), re.I)

    def frequency(run: Run, checkpoint: str) -> float:
        words = tokens = 0
        for line in run.lines(f"evaluate/{checkpoint}/samples.jsonl"):
            if line.get("category") in REASONING:
                words += len(pattern.findall(str(line.get("response", ""))))
                tokens += int(number(str(line.get("tokens", "")), "samples.jsonl"))
        if tokens == 0:
            raise MissingEvidence(f"the samples of {checkpoint} have no tokens")
        return 1000 * words / tokens

    found = by_seed(
        runs,
        lambda run: {n: frequency(run, parameters[n]) for n in ("start", "end")},
    )
    rises = [value["end"] - value["start"] for value in found.values]
    interval = t_interval(rises)
    note = f"occurrences per 1,000 tokens, end minus start ({len(parameters['words'])} words)"
    if max(found.column("start") + found.column("end")) == 0:
        return found.finding(interval, None, f"{note}: none occurs at either end")
    return found.finding(interval, mean(rises) > spread(rises), note)


@check("gains-on-hard-levels", "stage")
def gains_on_hard_levels(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: the hardest level has the largest gain in the second half of training."""
    columns = ("pass1_easy", "pass1_middle", "pass1_hard")

    def gains(run: Run) -> dict[str, float]:
        points = curve(run, parameters["stage"], *columns)
        if len(points) < 3:
            raise MissingEvidence(f"the curve of {parameters['stage']} has fewer than 3 points")
        middle = max(p["step"] for p in points if p["step"] <= points[-1]["step"] / 2)
        half = next(p for p in points if p["step"] == middle)
        return {column: points[-1][column] - half[column] for column in columns}

    found = by_seed(runs, gains)
    margins = [v["pass1_hard"] - max(v["pass1_easy"], v["pass1_middle"]) for v in found.values]
    interval = t_interval(margins)
    shown = ", ".join(
        f"{column.removeprefix('pass1_')} {signed(mean(found.column(column)))}"
        for column in columns
    )
    note = f"gain of the hardest third minus the larger of the others, second half; {shown}"
    return found.finding(interval, above(interval), note)
