# SPDX-License-Identifier: Apache-2.0
"""One point of a learning curve: accuracy by level, length, repetition and what it had cost.

Units    shares between 0 and 1; mean_length in tokens; flop in FLOP since the stage began
         (sampling, reference pass and training; what came before the stage is not in it)
Choices  The level of a question is the number of steps of its worked solution. Levels are cut
         into terciles over all questions of the curve together; questions of one level stay
         together, so the three parts are as equal as the levels allow, and one may be empty.
         Greedy decoding takes one sample a question; the paper avoids it because it repeats.
"""

from r1repro.learn.measures import Sample, mean, question_values

GREEDY = {"samples": 1, "temperature": 0.0, "top_p": 1.0}
PARTS = ("easy", "middle", "hard")


def tercile_cuts(levels: list[int]) -> tuple[int, int]:
    """Return the highest easy and the highest middle level.

    Each cut falls after the level up to which a third, then two thirds, of the questions come
    closest; the lower level wins a tie. Where both fall on one level, no question is middle.
    """
    distinct = sorted(set(levels))

    def nearest(share: float) -> int:
        wanted = share * len(levels)
        return min(distinct, key=lambda cut: abs(sum(x <= cut for x in levels) - wanted))

    return nearest(1 / 3), nearest(2 / 3)


def part_of(level: int, cuts: tuple[int, int]) -> str:
    """Return the tercile of a level: easy, middle or hard."""
    return PARTS[(level > cuts[0]) + (level > cuts[1])]


def point(
    step: int,
    flop: int,
    sampled: list[list[Sample]],
    greedy: list[list[Sample]],
    cuts: tuple[int, int],
    consensus: int,
) -> dict:
    """Return one line of curve.csv; an empty tercile gives an empty cell."""
    values = [question_values(group, consensus) for group in sampled]
    parts = [part_of(group[0].prompt["level"], cuts) for group in sampled]

    def average(numbers) -> float | None:
        found = mean(numbers)
        return None if found is None else round(found, 6)

    def pass1_of(part: str) -> float | None:
        return average(v["pass@1"] for v, p in zip(values, parts, strict=True) if p == part)

    return {
        "step": step,
        "pass1": average(v["pass@1"] for v in values),
        f"cons{consensus}": average(v[f"cons@{consensus}"] for v in values),
        "mean_length": average(v["mean_length"] for v in values),
        "flop": flop,
        "greedy_pass1": average(s.verdict.correct for group in greedy for s in group),
        "greedy_repetition": average(s.repetition for group in greedy for s in group),
        "sampled_repetition": average(v["repetition_rate"] for v in values),
        **{f"pass1_{part}": pass1_of(part) for part in PARTS},
    }
