# SPDX-License-Identifier: Apache-2.0
"""Score a checkpoint on a set of prompts: samples, one line a question, one a metric.

Source   Supplementary Information 4.1: temperature 0.6, top-p 0.95, no greedy decoding.
Choices  What a question contributes to each metric stands in `measures`. The 95 % interval is a
         percentile bootstrap over questions.
"""

from r1repro.learn.checkpoint import check_room
from r1repro.learn.compute import Compute
from r1repro.learn.measures import GENERAL, Sample, question_row, values_by_metric
from r1repro.learn.resampling import bootstrap_interval
from r1repro.learn.rollout import Sampling, generate
from r1repro.learn.setup import derive_seed
from r1repro.learn.tokenizer import decode, encode_all
from r1repro.tasks.judge import judge
from r1repro.tasks.problem import REASONING
from r1repro.tasks.template import frame

QUESTIONS_AT_ONCE = 32


def sample_all(
    compute: Compute, model, tokenizer, prompts, sandbox, settings, seed, stage, step, judge=judge
):
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
