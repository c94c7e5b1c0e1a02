# SPDX-License-Identifier: Apache-2.0
"""Sample responses with the very weights that are trained.

Prompts of similar length go together in waves of bounded size, so that memory does not grow with
the number of responses. Within a wave each prompt is run once for its group, prompts of different
lengths are aligned at their ends, and finished rows leave the batch. The random numbers of a
question are drawn up front from its own seed, so that its samples depend neither on the rest of
the batch nor on which rows are still running.

Shapes   uniform (rows, max_tokens) in [0, 1); log-probabilities are those of the distribution
         at the sampling temperature, before top-p cuts its tail. At temperature 0 (greedy) they
         are those at temperature 1, and neither the random numbers nor top-p matter.
"""

from dataclasses import dataclass

import torch

from r1repro.learn.cache import Prefix, open_cache
from r1repro.learn.lanes import Lanes
from r1repro.learn.transformer import Transformer

# Share of rows still running below which finished rows are dropped: dropping copies the rest,
# and on a GPU captures the step anew.
COMPACT_BELOW = {"cpu": 0.8, "cuda": 0.5}
# A single wave would leave the other cores idle. Not the number of lanes: what is sampled may not
# depend on how many cores a machine has.
LEAST_WAVES = {"cpu": 2, "cuda": 1}


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

    Temperature 0 takes the likeliest token. Returns tokens and log-probabilities, both (rows,).
    """
    if sampling.temperature == 0.0:
        logprobs = torch.log_softmax(logits, dim=-1)
        likeliest, tokens = logprobs.max(dim=-1)
        return tokens, likeliest
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


def generate(
    transformer: Transformer,
    prompts: list[list[int]],
    samples: int,
    sampling: Sampling,
    seeds: list[int],
    lanes: Lanes,
    responses_at_once: int,
) -> list[list[Response]]:
    """Sample `samples` responses to each prompt; its seed fixes all of them."""
    order = sorted(range(len(prompts)), key=lambda i: (len(prompts[i]), i))
    most = max(responses_at_once // samples, 1)
    count = max(-(-len(order) // most), LEAST_WAVES[transformer.device.type])
    size = -(-len(order) // count)
    waves = [order[i : i + size] for i in range(0, len(order), size)]
    # Longest prompts last would leave the other lanes idle at the end.
    waves.reverse()

    def run(wave: list[int]) -> list[list[Response]]:
        chosen = [prompts[i] for i in wave]
        uniform = _uniform([seeds[i] for i in wave], samples, sampling.max_tokens)
        if not isinstance(transformer, Transformer):  # another architecture samples by itself
            return transformer.sample_wave(chosen, uniform, sampling)
        return _sample_wave(transformer, chosen, uniform, sampling)

    groups: list[list[Response]] = [[] for _ in prompts]
    for wave, sampled in zip(waves, lanes.map(run, waves), strict=True):
        for i, group in zip(wave, sampled, strict=True):
            groups[i] = group
    return groups


def _uniform(seeds: list[int], samples: int, max_tokens: int) -> torch.Tensor:
    """Return the random numbers of all rows, each question's from its own seed."""
    generator = torch.Generator()
    return torch.cat(
        [torch.rand(samples, max_tokens, generator=generator.manual_seed(seed)) for seed in seeds]
    )


@torch.inference_mode()
def _sample_wave(transformer, prompts, uniform, sampling) -> list[list[Response]]:
    """Sample all responses to a few prompts in step."""
    device, longest = transformer.device, sampling.max_tokens
    uniform, samples = uniform.to(device), len(uniform) // len(prompts)
    prefix = Prefix(transformer, prompts)
    hidden = prefix.last_hidden.repeat_interleave(samples, dim=0)
    cache = open_cache(transformer, prefix, samples, longest)
    rows = len(hidden)
    running = torch.arange(rows, device=device)
    all_tokens = torch.full((rows, longest), sampling.end_token, device=device)
    all_logprobs = torch.zeros(rows, longest, device=device)
    lengths = torch.full((rows,), longest, device=device)
    finished = torch.zeros(rows, dtype=torch.bool, device=device)
    for step in range(longest):
        tokens, logprobs = choose(transformer.logits(hidden), uniform[running, step], sampling)
        alive = ~finished[running]
        all_tokens[running, step] = torch.where(alive, tokens, sampling.end_token)
        all_logprobs[running, step] = torch.where(alive, logprobs, 0.0)
        ended = alive & (tokens == sampling.end_token)
        finished[running[ended]] = True
        lengths[running[ended]] = step + 1
        alive &= ~ended
        left = int(alive.sum())
        if left == 0 or step == longest - 1:
            break
        if left < COMPACT_BELOW[device.type] * len(running):
            keep = alive.nonzero().squeeze(1)
            cache.keep(keep)
            running, tokens = running[keep], tokens[keep]
        hidden = cache.decode(tokens)
    return _collect(all_tokens, all_logprobs, lengths, finished, samples)


def _collect(tokens, logprobs, lengths, finished, samples) -> list[list[Response]]:
    """Cut the rows at their lengths and group them by prompt."""
    flat = [
        Response(row[:length], values[:length], done)
        for row, values, length, done in zip(
            tokens.tolist(), logprobs.tolist(), lengths.tolist(), finished.tolist(), strict=True
        )
    ]
    return [flat[i : i + samples] for i in range(0, len(flat), samples)]
