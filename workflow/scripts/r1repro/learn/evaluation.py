# SPDX-License-Identifier: Apache-2.0
"""Score a checkpoint on a set of prompts: samples, one line a question, one a metric.

Source   Supplementary Information 4.1: temperature 0.6, top-p 0.95, no greedy decoding.
Choices  What a question contributes to each metric stands in `measures`. The 95 % interval is a
         percentile bootstrap over questions.
"""

from collections.abc import Callable
from dataclasses import asdict, fields
from functools import partial

from r1repro.learn.checkpoint import check_room
from r1repro.learn.compute import Compute
from r1repro.learn.measures import GENERAL, Sample, question_row, values_by_metric
from r1repro.learn.resampling import bootstrap_interval
from r1repro.learn.rollout import Sampling, generate
from r1repro.learn.setup import derive_seed
from r1repro.learn.tokenizer import decode, encode_all
from r1repro.tasks.judge import Verdict, judge
from r1repro.tasks.problem import REASONING
from r1repro.tasks.template import frame

QUESTIONS_AT_ONCE = 32
VERDICT = [field.name for field in fields(Verdict)]


def make_always(portion: int, make: Callable[[], list[dict]]) -> list[dict]:
    """Make every portion of samples; a stage that can resume has them kept instead."""
    return make()


def sample_all(
    compute: Compute, model, tokenizer, prompts, sandbox, settings, seed, stage, step,
    judge=judge, kept=make_always,
):  # fmt: skip
    """Sample k responses to every prompt; yield the list of Samples of each prompt.

    step   is told the number of new tokens after each portion of questions
    kept   returns the rows of a portion, by its number, from an earlier attempt or by making them;
           seeds are those of the questions, so both are the same
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

    def make(places: range) -> list[dict]:
        groups = generate(
            transformer,
            [encoded[place] for place in places],
            k,
            sampling,
            [derive_seed(seed, stage, "samples", place) for place in places],
            compute.lanes,
            compute.responses_at_once,
        )
        responses = [response for group in groups for response in group]
        texts = [decode(tokenizer, response.tokens) for response in responses]
        verdicts = judge([prompts[place] for place in places for _ in range(k)], texts, sandbox)
        step(sum(len(response.tokens) for response in responses))
        return [
            {"response": text, "tokens": len(response.tokens), **asdict(verdict)}
            for text, response, verdict in zip(texts, responses, verdicts, strict=True)
        ]

    for portion, first in enumerate(range(0, len(prompts), QUESTIONS_AT_ONCE)):
        places = range(first, min(first + QUESTIONS_AT_ONCE, len(prompts)))
        rows = kept(portion, partial(make, places))
        for number, place in enumerate(places):
            group = rows[number * k : number * k + k]
            yield [sample_of(prompts[place], n, row) for n, row in enumerate(group)]


def sample_of(prompt: dict, number: int, row: dict) -> Sample:
    """Return a sample from its row in a portion."""
    verdict = Verdict(**{name: row[name] for name in VERDICT})
    return Sample(prompt, number, row["response"], row["tokens"], verdict)


def first_prompts(
    prompts: list[dict], per_category: int | None, categories=(*REASONING, GENERAL)
) -> list[dict]:
    """Return the first prompts of each category, category by category; None: all, as they come."""
    if per_category is None:
        return prompts
    return [
        prompt
        for category in categories
        for prompt in [p for p in prompts if p["category"] == category][:per_category]
    ]


def question_rows(checkpoint: str, groups: list[list[Sample]], consensus: int) -> list[dict]:
    """Return the lines of questions.csv."""
    return [question_row(checkpoint, group, consensus) for group in groups]


def score_rows(checkpoint: str, questions: list[dict], settings: dict, seed: int) -> list[dict]:
    """Return the rows of scores.csv from those of questions.csv.

    Every category has every metric that exists for it; `all` is the reasoning categories together,
    so that it means the same with and without general prompts.
    """
    rows = []
    for category in (*REASONING, "all", GENERAL):
        for metric, column in values_by_metric(questions, category).items():
            low, high = bootstrap_interval(
                column, settings["bootstrap"], derive_seed(seed, checkpoint, category, metric)
            )
            votes = metric.startswith("cons@")
            rows.append(
                {
                    "checkpoint": checkpoint,
                    "category": category,
                    "metric": metric,
                    "k": settings["consensus" if votes else "samples"],
                    "n_prompts": len(column),
                    "value": round(sum(column) / len(column), 6),
                    "ci_low": round(low, 6),
                    "ci_high": round(high, 6),
                    "seed": seed,
                }
            )
    return rows
