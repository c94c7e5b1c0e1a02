# SPDX-License-Identifier: Apache-2.0
"""How good an answer to a general prompt is by rule, and a judge that sees it through a haze.

Utility  points, from -MOST_NEEDLESS (-3) to 8:
         TAGS 1       the response keeps the template's form
         TASK 5       the answer is right: its form kept, or refused or answered as it must be
         COURTESY 2   a helpful answer begins with the opening of `manner`
         NEEDLESS 0.5 less for every word beyond the reference answer, the opening aside, at most
                      MOST_NEEDLESS; a response without an answer has 0
         The rule is held out: no stage is rewarded by it. Reward models learn from the judge.
Judge    stands for V3: several comparisons of two responses, each in random order, averaged. In
         one comparison it sees the difference of utilities, adds `length_bias` points per word of
         the answers' difference in length, `position_bias` points for the response shown first,
         and Gaussian noise of `judge_noise` points.
Source   Nature Methods, helpful reward model: four comparisons with random order, averaged; pairs
         with a gap above 1 are kept. The judge's scale and its biases are not reported.
"""

import random

from r1repro.errors import InputError
from r1repro.tasks.data.words import words_of
from r1repro.tasks.manner import OPENING, undress
from r1repro.tasks.problem import GENERAL
from r1repro.tasks.registry import verifier_of
from r1repro.tasks.template import extract_answer, format_ok

TAGS, TASK, COURTESY = 1.0, 5.0, 2.0
NEEDLESS, MOST_NEEDLESS = 0.5, 3.0


def answer_words(response: str) -> int:
    """Return how many words the final answer of a response has; 0 without an answer."""
    return len(words_of(extract_answer(response) or ""))


def utility(prompt: dict, response: str) -> float:
    """Return the points of a response to a general prompt record, from -3 to 8.

    Raises InputError for a prompt of another category.
    """
    if prompt["category"] != GENERAL:
        raise InputError(
            f"prompt {prompt['id']} is of category {prompt['category']}; "
            "points are for general prompts, score this one by its accuracy"
        )
    answer = extract_answer(response)
    if answer is None:
        return 0.0
    check, points = prompt["check"], TAGS if format_ok(response) else 0.0
    words = answer_words(response)
    if check["set"] == "helpful":
        core, opened, _ = undress(answer, check["language"])
        if opened and core:
            points += COURTESY
            words -= len(words_of(OPENING[check["language"]]))
    points += TASK if verifier_of(prompt["task"])(check, answer) else 0.0
    needless = max(0, words - len(words_of(prompt["answer"])))
    return points - min(MOST_NEEDLESS, NEEDLESS * needless)


def judge_gap(prompt: dict, first: str, second: str, judge: dict, rng: random.Random) -> float:
    """Return by how many points a noisy judge prefers the first response to the second.

    judge   judge_comparisons, judge_noise, position_bias, length_bias
    rng     a named stream of this pair (`draw.stream`); the same stream gives the same gap
    """
    seen = utility(prompt, first) - utility(prompt, second)
    seen += judge["length_bias"] * (answer_words(first) - answer_words(second))
    total = 0.0
    for _ in range(judge["judge_comparisons"]):
        shown_first = 1 if rng.random() < 0.5 else -1
        total += seen + shown_first * judge["position_bias"] + rng.gauss(0, judge["judge_noise"])
    return total / judge["judge_comparisons"]
