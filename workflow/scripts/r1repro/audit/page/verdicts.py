# SPDX-License-Identifier: Apache-2.0
"""Measured against expected: a verdict is computed here and typed nowhere.

The expectations were written down before the run, for the miniature:
base pass@1 at most 25 %, r1_zero pass@1 at least 70 % (all categories together), responses at
least twice as long, and the majority vote not below pass@1.

PASS   the measured value meets the expectation, and so does its whole 95 % interval
WARN   the value meets it, but the interval reaches past it: other questions might not
FAIL   the value misses it
n/a    another scale than the miniature: no expectation was stated for it

Choices  The interval of the length ratio is the widest the two intervals allow (low end over high
         end, and the reverse), so it errs towards WARN. The two scores of the vote come from the
         same answers and their difference has no interval here: PASS or FAIL only.
"""

import math
from dataclasses import dataclass

from r1repro.audit.page.scores import LENGTH, Score, Scores
from r1repro.audit.page.wording import TIMES, interval, percent, percent_interval

SCALE_WITH_EXPECTATIONS = "mini"
BASE_AT_MOST = 0.25
ZERO_AT_LEAST = 0.70
LENGTH_RATIO_AT_LEAST = 2.0
PASS, WARN, FAIL, NOT_APPLICABLE = "PASS", "WARN", "FAIL", "n/a"


@dataclass(frozen=True)
class Result:
    """One key result as the page and the summary print it."""

    name: str
    measured: str
    interval: str
    expected: str
    verdict: str
    reason: str


def judge_at_least(value: float, low: float, bound: float) -> str:
    """Return the verdict of a value that should reach a bound from below."""
    if value < bound:
        return FAIL
    return PASS if low >= bound else WARN


def judge_at_most(value: float, high: float, bound: float) -> str:
    """Return the verdict of a value that should stay under a bound."""
    return judge_at_least(-value, -high, -bound)


def _reason(verdict: str, scale: str) -> str:
    return {
        PASS: "value and interval meet the expectation",
        WARN: "the value meets the expectation, its interval does not",
        FAIL: "the value misses the expectation",
        NOT_APPLICABLE: f"no expectation was stated for scale {scale}",
    }[verdict]


def length_ratio(longer: Score, shorter: Score) -> tuple[float, float, float]:
    """Return the ratio of two mean lengths and the widest interval their intervals allow.

    A shorter length of 0 makes the ratio (or its high end) infinite: there is no bound.
    """

    def over(length: float, other: float) -> float:
        return length / other if other > 0 else math.inf

    high = over(longer.high, shorter.low)
    return over(longer.value, shorter.value), over(longer.low, shorter.high), high


def _ratio_texts(ratio: float, low: float, high: float) -> tuple[str, str]:
    if math.isinf(ratio):
        return "no ratio", "not defined: the base says nothing"
    ends = interval(low, high, 2) if math.isfinite(high) else f"[{low:.2f}, no limit]"
    return f"{ratio:.2f}{TIMES}", ends


def _judge_ratio(ratio: float, low: float) -> str:
    """Return the verdict of the ratio; without one the expectation is missed."""
    return FAIL if math.isinf(ratio) else judge_at_least(ratio, low, LENGTH_RATIO_AT_LEAST)


def key_results(scores: Scores, scale: str) -> list[Result]:
    """Return the four key results, each beside what was expected of it."""
    base = scores.get("base", "all", "pass@1")
    zero = scores.get("r1_zero", "all", "pass@1")
    vote = scores.get("r1_zero", "all", scores.consensus)
    lengths = [scores.get(c, "all", LENGTH) for c in ("r1_zero", "base")]
    ratio, ratio_low, ratio_high = length_ratio(*lengths)
    vote_verdict = PASS if vote.value >= zero.value else FAIL
    vote_reason = "not below pass@1" if vote_verdict == PASS else "below pass@1"
    table = [
        (
            "base: pass@1",
            percent(base.value),
            percent_interval(base.low, base.high),
            f"at most {percent(BASE_AT_MOST, 0)}",
            judge_at_most(base.value, base.high, BASE_AT_MOST),
        ),
        (
            "r1_zero: pass@1",
            percent(zero.value),
            percent_interval(zero.low, zero.high),
            f"at least {percent(ZERO_AT_LEAST, 0)}",
            judge_at_least(zero.value, zero.low, ZERO_AT_LEAST),
        ),
        (
            "mean length, r1_zero / base",
            *_ratio_texts(ratio, ratio_low, ratio_high),
            f"at least {LENGTH_RATIO_AT_LEAST:.0f}{TIMES}",
            _judge_ratio(ratio, ratio_low),
        ),
        (
            f"r1_zero: {scores.consensus}",
            percent(vote.value),
            percent_interval(vote.low, vote.high),
            f"at least pass@1 ({percent(zero.value)})",
            vote_verdict,
        ),
    ]
    if scale != SCALE_WITH_EXPECTATIONS:
        skip = _reason(NOT_APPLICABLE, scale)
        return [Result(*row[:3], "none stated", NOT_APPLICABLE, skip) for row in table]
    results = [Result(*row, _reason(row[4], scale)) for row in table[:3]]
    return [*results, Result(*table[3], f"the vote is {vote_reason} of the same answers")]


def overall(results: list[Result]) -> str:
    """Return the worst verdict of all."""
    worst_first = (FAIL, WARN, NOT_APPLICABLE, PASS)
    return next(v for v in worst_first if v in {r.verdict for r in results})
