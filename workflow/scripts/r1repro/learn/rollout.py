# SPDX-License-Identifier: Apache-2.0
"""Sample responses with the very weights that are trained.

Each prompt is run once and its cache copied to the samples of its group; prompts are aligned at
their ends, so all rows write the same cache column; finished rows leave the batch. The random
number of (row, step) is drawn up front from the caller's seed, so that a sample does not
depend on which other rows are still running.

Shapes   uniform (rows, max_tokens) in [0, 1); log-probabilities are those of the distribution
         at the sampling temperature, before top-p cuts its tail.
"""

from dataclasses import dataclass

import torch

from r1repro.learn.transformer import Cache, Transformer

COMPACT_BELOW = 0.8  # share of rows still running below which finished rows are dropped


@dataclass
class Response:
    """One sampled continuation: token ids (the end token included), their log-probabilities."""

    tokens: list[int]
    logprobs: list[float]
    finished: bool


@dataclass(frozen=True)
class Sampling:
    """How to sample; tokens include the end token."""

    temperature: float
    top_p: float
    max_tokens: int
    end_token: int


def choose(logits: torch.Tensor, uniform: torch.Tensor, sampling: Sampling):
    """Draw one token per row by inverting the distribution function.

    Returns tokens and log-probabilities, both (rows,).
    """
    logprobs = torch.log_softmax(logits / sampling.temperature, dim=-1)
    probabilities = logprobs.exp()
    if sampling.top_p < 1.0:
        ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
        before = ordered.cumsum(dim=-1) - ordered
        ordered = ordered.masked_fill(before >= sampling.top_p, 0.0)
        chosen = invert(ordered, uniform)
        tokens = order.gather(1, chosen[:, None]).squeeze(1)
    else:
        tokens = invert(probabilities, uniform)
    return tokens, logprobs.gather(1, tokens[:, None]).squeeze(1)


def invert(weights: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Return the first index whose cumulated weight exceeds uniform x total."""
    cumulated = weights.cumsum(dim=-1)
    # Rounding may push the threshold onto the total: stay below it, where weight exists.
    threshold = (uniform[:, None] * cumulated[:, -1:]).clamp(max=cumulated[:, -1:] * (1 - 1e-6))
    return (cumulated <= threshold).sum(dim=-1)


@torch.inference_mode()
def generate(
    transformer: Transformer,
    prompts: list[list[int]],
    samples: int,
    sampling: Sampling,
    seed: int,
) -> list[list[Response]]:
    """Sample `samples` responses to each prompt; the seed fixes everything."""
    device = transformer.model.lm_head.weight.device
    generator = torch.Generator().manual_seed(seed)
    rows = len(prompts) * samples
    uniform = torch.rand(rows, sampling.max_tokens, generator=generator).to(device)
    width = max(map(len, prompts))
    cache, hidden, padding = _start(transformer, prompts, width, sampling.max_tokens)
    group = torch.arange(len(prompts), device=device).repeat_interleave(samples)
    cache.select(group)
    hidden, padding = hidden[group], padding[group]
    running = torch.arange(rows, device=device)
    all_tokens = torch.full((rows, sampling.max_tokens), sampling.end_token, device=device)
    all_logprobs = torch.zeros(rows, sampling.max_tokens, device=device)
    lengths = torch.full((rows,), sampling.max_tokens, device=device)
    finished = torch.zeros(rows, dtype=torch.bool, device=device)
    columns = torch.arange(width + sampling.max_tokens, device=device)
    for step in range(sampling.max_tokens):
        tokens, logprobs = choose(transformer.logits(hidden), uniform[running, step], sampling)
        alive = ~finished[running]
        all_tokens[running, step] = torch.where(alive, tokens, sampling.end_token)
        all_logprobs[running, step] = torch.where(alive, logprobs, 0.0)
        ended = alive & (tokens == sampling.end_token)
        finished[running[ended]] = True
        lengths[running[ended]] = step + 1
        alive &= ~ended
        left = int(alive.sum())
        if left == 0 or step == sampling.max_tokens - 1:
            break
        if left < COMPACT_BELOW * len(running):
            keep = alive.nonzero().squeeze(1)
            cache.select(keep)
            running, tokens, padding = running[keep], tokens[keep], padding[keep]
        column = width + step
        mask = (columns[None, : column + 1] >= padding[:, None])[:, None, None]
        hidden = transformer.decode(tokens, column - padding, column, mask, cache)
    return _collect(all_tokens, all_logprobs, lengths, finished, samples)


def _start(transformer, prompts, width, max_tokens):
    """Run the prompts, aligned at their ends; return cache, last hidden state and padding."""
    device = transformer.model.lm_head.weight.device
    padding = torch.tensor([width - len(prompt) for prompt in prompts], device=device)
    tokens = torch.tensor([[0] * (width - len(p)) + p for p in prompts], device=device)
    columns = torch.arange(width, device=device)
    positions = (columns[None] - padding[:, None]).clamp(min=0)
    real = columns[None] >= padding[:, None]
    causal = torch.ones(width, width, dtype=torch.bool, device=device).tril()
    # A padded column sees itself, so that no row of the softmax is empty.
    alone = torch.eye(width, dtype=torch.bool, device=device)
    mask = ((causal & real[:, None, :]) | alone)[:, None]
    cache = Cache(transformer, len(prompts), width + max_tokens)
    hidden = transformer.prefill(tokens, positions, mask, cache)
    return cache, hidden, padding


def _collect(tokens, logprobs, lengths, finished, samples) -> list[list[Response]]:
    """Cut the rows at their lengths and group them by prompt."""
    flat = [
        Response(row[:length], values[:length], done)
        for row, values, length, done in zip(
            tokens.tolist(), logprobs.tolist(), lengths.tolist(), finished.tolist(), strict=True
        )
    ]
    return [flat[i : i + samples] for i in range(0, len(flat), samples)]
