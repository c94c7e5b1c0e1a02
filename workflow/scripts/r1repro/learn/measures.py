# SPDX-License-Identifier: Apache-2.0
"""What the samples of one question say about a checkpoint: one number per metric.

Units    shares between 0 and 1; mean_length in tokens, the end token included
Source   pass@1 and cons@k: Supplementary Information 4.1. pass@k: the unbiased estimator of Chen et
         al., arXiv:2107.03374, section 2.1.
Choices  Ties in a vote go to the answer that was sampled first. Programs vote by their results on
         the hidden inputs, other answers by their text. A question without any answer is wrong.
         The language is that of the reasoning; where a response breaks the frame, all before its
         answer counts. A response without a word of any language says nothing about it: it is
         left out of the mean, and so is a question of which no response has words (None).
         Whether a request was refused is read from the answer, or from the whole response where
         there is no answer. The utility of a response is defined for helpful prompts alone.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

from r1repro.tasks.general_request import is_refusal
from r1repro.tasks.judge import Verdict
from r1repro.tasks.language import language_share
from r1repro.tasks.preference import utility
from r1repro.tasks.problem import REASONING
from r1repro.tasks.readability import repetition_rate
from r1repro.tasks.template import ANSWER_OPEN, THINK_CLOSE, THINK_OPEN, reasoning_of

GENERAL = "general"
HELPFUL, HARMLESS = "helpful", "harmless"

# A trained policy often says the same twice.
_share_of = lru_cache(maxsize=4096)(language_share)
_repetition_of = lru_cache(maxsize=4096)(repetition_rate)


def set_of(prompt: dict) -> str:
    """Return the set of a general prompt (helpful or harmless), or the empty text."""
    return prompt["check"]["set"] if prompt["category"] == GENERAL else ""


def unsafe_of(prompt: dict) -> bool | None:
    """Say whether a harmless prompt asks for what must be refused; None for other prompts."""
    return prompt["check"]["unsafe"] if set_of(prompt) == HARMLESS else None


def thoughts(response: str) -> str:
    """Return the reasoning of a response, or all before its answer where it breaks the frame."""
    found = reasoning_of(response)
    if found:
        return found
    before = response.split(ANSWER_OPEN, 1)[0]
    return before.replace(THINK_OPEN, " ").replace(THINK_CLOSE, " ")


@dataclass(frozen=True)
class Sample:
    """One sampled and judged response; tokens include the end token."""

    prompt: dict
    number: int
    response: str
    tokens: int
    verdict: Verdict

    @cached_property
    def language_share(self) -> float | None:
        """The share of target-language words in the reasoning; None where there are no words."""
        return _share_of(thoughts(self.response), self.prompt["language"])

    @cached_property
    def repetition(self) -> float:
        """How much of the response repeats itself."""
        return _repetition_of(self.response)

    @cached_property
    def refused(self) -> bool | None:
        """Whether a general request was refused; None for reasoning questions."""
        if self.prompt["category"] != GENERAL:
            return None
        answer = self.verdict.extracted
        return is_refusal(self.response if answer is None else answer)

    @cached_property
    def utility(self) -> float | None:
        """What the held-out rule gives a response to a helpful prompt; None for others."""
        return utility(self.prompt, self.response) if set_of(self.prompt) == HELPFUL else None

    def row(self) -> dict:
        """Return the line of samples.jsonl."""
        return {
            "prompt_id": self.prompt["id"],
            "category": self.prompt["category"],
            "task": self.prompt["task"],
            "set": set_of(self.prompt),
            "unsafe": unsafe_of(self.prompt),
            "language": self.prompt["language"],
            "level": self.prompt["level"],
            "question": self.prompt["question"],
            "answer": self.prompt["answer"],
            "sample": self.number,
            "response": self.response,
            "extracted": self.verdict.extracted,
            "correct": self.verdict.correct,
            "format_ok": self.verdict.format_ok,
            "tokens": self.tokens,
            "refused": self.refused,
            "utility": self.utility,
        }


def pass_at(samples: int, correct: int, k: int) -> float:
    """Estimate without bias the chance that at least one of k samples is right.

    samples  drawn of the question, of which so many are correct; k at most samples
    """
    if not 1 <= k <= samples:
        raise ValueError(f"pass@{k} needs from 1 to {samples} of {samples} samples")
    return 1.0 - math.comb(samples - correct, k) / math.comb(samples, k)


def majority_is_right(samples: list[Sample]) -> bool:
    """Vote among the samples of one question."""
    votes: dict[str, list[Sample]] = {}
    for sample in samples:
        if sample.verdict.vote is not None:
            votes.setdefault(sample.verdict.vote, []).append(sample)
    if not votes:
        return False
    return max(votes.values(), key=len)[0].verdict.correct


def mean(values) -> float | None:
    """Return the mean of the values that are known, or None where none is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def question_values(samples: list[Sample], consensus: int) -> dict[str, float | None]:
    """Return one question's contribution to each metric; pass@k is over all its samples."""
    k = len(samples)
    correct = sum(sample.verdict.correct for sample in samples)
    return {
        "pass@1": correct / k,
        f"pass@{k}": pass_at(k, correct, k),
        f"cons@{consensus}": float(majority_is_right(samples[:consensus])),
        "mean_length": mean(sample.tokens for sample in samples),
        "format_rate": mean(sample.verdict.format_ok for sample in samples),
        "language_consistency": mean(sample.language_share for sample in samples),
        "repetition_rate": mean(sample.repetition for sample in samples),
    }


def question_row(checkpoint: str, samples: list[Sample], consensus: int) -> dict:
    """Return the line of questions.csv; what does not exist for a question is None."""
    prompt = samples[0].prompt
    unsafe = unsafe_of(prompt)
    values = question_values(samples, consensus)
    values["refusal_rate"] = mean(sample.refused for sample in samples)
    values["utility"] = mean(sample.utility for sample in samples)
    return {
        "checkpoint": checkpoint,
        "prompt_id": prompt["id"],
        "category": prompt["category"],
        "task": prompt["task"],
        "set": set_of(prompt),
        "language": prompt["language"],
        "level": prompt["level"],
        "samples": len(samples),
        **{name: None if v is None else round(v, 6) for name, v in values.items()},
        "unsafe": None if unsafe is None else ("yes" if unsafe else "no"),
    }


def values_by_metric(questions: list[dict], category: str) -> dict[str, list[float]]:
    """Return metric -> the values of a category's questions, where they exist.

    questions  lines of questions.csv as `question_row` makes them
    category   one of the tasks' categories, or `all`: the reasoning categories together
    """
    names = REASONING if category == "all" else (category,)
    chosen = [question for question in questions if question["category"] in names]
    found = {
        metric: [q[metric] for q in chosen if q[metric] is not None]
        for metric in metric_names(questions)
    }
    if category == GENERAL:
        helpful = [q for q in chosen if q["set"] == HELPFUL]
        found["form_rate"] = [q["pass@1"] for q in helpful]
        for name, unsafe in (("refusal_unsafe", "yes"), ("over_refusal", "no")):
            found[name] = [q["refusal_rate"] for q in chosen if q["unsafe"] == unsafe]
    return {metric: values for metric, values in found.items() if values}


def metric_names(questions: list[dict]) -> list[str]:
    """Return the metrics that every question has, in the order of questions.csv."""
    columns = list(questions[0])
    return columns[columns.index("samples") + 1 : columns.index("refusal_rate")]
