# SPDX-License-Identifier: Apache-2.0
"""Score a checkpoint on a set of prompts: pass@1 over k samples, majority vote, intervals.

Source   Supplementary Information 4.1: temperature 0.6, top-p 0.95, no greedy decoding; pass@1
         is the mean correctness over the samples; cons@k is the majority vote over k samples.
Choices  Ties in a vote go to the answer that was sampled first. Programs vote by their results on
         the hidden inputs, other answers by their text. A question without any answer is wrong.
         The 95 % interval is a percentile bootstrap over questions.
"""

from dataclasses import dataclass

import numpy as np

from r1repro.learn.checkpoint import check_room
from r1repro.learn.compute import Compute
from r1repro.learn.rollout import Sampling, generate
from r1repro.learn.setup import derive_seed
from r1repro.learn.tokenizer import decode, encode_all
from r1repro.tasks.judge import Verdict, judge
from r1repro.tasks.problem import CATEGORIES
from r1repro.tasks.template import frame

QUESTIONS_AT_ONCE = 32


@dataclass(frozen=True)
class Sample:
    """One sampled and judged response; tokens include the end token."""

    prompt: dict
    number: int
    response: str
    tokens: int
    verdict: Verdict

    def row(self) -> dict:
        """Return the line of samples.jsonl."""
        return {
            "prompt_id": self.prompt["id"],
            "category": self.prompt["category"],
            "language": self.prompt["language"],
            "question": self.prompt["question"],
            "answer": self.prompt["answer"],
            "sample": self.number,
            "response": self.response,
            "extracted": self.verdict.extracted,
            "correct": self.verdict.correct,
            "format_ok": self.verdict.format_ok,
            "tokens": self.tokens,
        }


def sample_all(compute: Compute, model, tokenizer, prompts, sandbox, settings, seed, stage, step):
    """Sample k responses to every prompt; yield the list of Samples of each prompt.

    `step(generated)` is told the number of new tokens after each portion of questions.
    """
    transformer = compute.transformer(model)
    encoded = encode_all(tokenizer, [frame(prompt["question"]) for prompt in prompts])
    check_room(model, encoded, settings["max_response_tokens"])
    sampling = Sampling(
        settings["temperature"],
        settings["top_p"],
        settings["max_response_tokens"],
        tokenizer.eos_token_id,
    )
    k = settings["samples"]
    for first in range(0, len(prompts), QUESTIONS_AT_ONCE):
        part = prompts[first : first + QUESTIONS_AT_ONCE]
        places = range(first, first + len(part))
        groups = generate(
            transformer,
            [encoded[place] for place in places],
            k,
            sampling,
            [derive_seed(seed, stage, "samples", place) for place in places],
            compute.lanes,
            compute.responses_at_once,
        )
        texts = [decode(tokenizer, response.tokens) for group in groups for response in group]
        verdicts = judge([prompt for prompt in part for _ in range(k)], texts, sandbox)
        step(sum(len(response.tokens) for group in groups for response in group))
        for number, (prompt, group) in enumerate(zip(part, groups, strict=True)):
            places = range(number * k, number * k + k)
            yield [
                Sample(prompt, sample, texts[i], len(response.tokens), verdicts[i])
                for sample, (i, response) in enumerate(zip(places, group, strict=True))
            ]


def majority_is_right(samples: list[Sample]) -> bool:
    """Vote among the samples of one question."""
    votes: dict[str, list[Sample]] = {}
    for sample in samples:
        if sample.verdict.vote is not None:
            votes.setdefault(sample.verdict.vote, []).append(sample)
    if not votes:
        return False
    return max(votes.values(), key=len)[0].verdict.correct


def question_values(samples: list[Sample], consensus: int) -> dict[str, float]:
    """Return one question's contribution to each metric."""
    k = len(samples)
    return {
        "pass@1": sum(sample.verdict.correct for sample in samples) / k,
        f"cons@{consensus}": float(majority_is_right(samples[:consensus])),
        "mean_length": sum(sample.tokens for sample in samples) / k,
        "format_rate": sum(sample.verdict.format_ok for sample in samples) / k,
    }


def bootstrap_interval(values: list[float], draws: int, seed: int) -> tuple[float, float]:
    """Return the 95 % percentile interval of the mean over resampled questions."""
    generator = np.random.default_rng(seed)
    data = np.asarray(values)
    means = data[generator.integers(0, len(data), size=(draws, len(data)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def score_rows(checkpoint: str, groups: list[list[Sample]], settings: dict, seed: int):
    """Return the rows of scores.csv: every category and `all`, every metric."""
    rows = []
    consensus = settings["consensus"]
    for category in (*CATEGORIES, "all"):
        chosen = [g for g in groups if category in (g[0].prompt["category"], "all")]
        if not chosen:
            continue
        values = [question_values(group, consensus) for group in chosen]
        for metric in values[0]:
            column = [value[metric] for value in values]
            low, high = bootstrap_interval(
                column, settings["bootstrap"], derive_seed(seed, checkpoint, category, metric)
            )
            rows.append(
                {
                    "checkpoint": checkpoint,
                    "category": category,
                    "metric": metric,
                    "k": consensus if metric.startswith("cons@") else settings["samples"],
                    "n_prompts": len(chosen),
                    "value": round(sum(column) / len(column), 6),
                    "ci_low": round(low, 6),
                    "ci_high": round(high, 6),
                    "seed": seed,
                }
            )
    return rows
