# SPDX-License-Identifier: Apache-2.0
"""Any causal language model that transformers can load, through its own forward pass: slow, right.

`GenericTransformer` stands where `transformer.Transformer` stands for models which that file does
not compute. A foreign model takes neither our masks nor our caches, so that

training  unpacks the rows again: each continuation becomes a row of its own, prefix first, padded
          at its end, and the results come back in the order of `Packed.source`;
sampling  aligns the prompts at their ends, runs each once, copies the model's own cache to the
          samples of its group, and drops finished rows at once. It is given the same random
          numbers as our own sampler.

Not every model keeps a cache that can be copied, or bears padding before a prompt. Before its
first rollout each view samples a few tokens and compares their log-probabilities with the
trainer's; it takes the fastest way that agrees and stops when none does.

Choices  Always float32: rounding would hide a way of sampling that is wrong. Dropout stays off,
         because sampler and trainer must speak of the same distribution.
"""

import inspect
from dataclasses import dataclass

import torch

from r1repro.errors import InputError
from r1repro.learn.packing import Packed, Sequence, lay_out, length_of
from r1repro.learn.rollout import Response, Sampling, choose

TOKENS_AT_ONCE = 16384  # padded tokens of one forward pass in training
AGREEMENT = 1e-3  # nats between the sampler's and the trainer's log-probabilities
PROBE = [[5, 3, 8, 2, 7, 4], [6, 1, 9]]  # two prompts of unlike length, of tokens everyone has
PROBE_SAMPLES, PROBE_TOKENS = 2, 3
NO_SUCH_CACHE = (AttributeError, NotImplementedError, TypeError, ValueError)


@dataclass(frozen=True)
class Way:
    """How to sample: with the model's cache or without, prompts padded or in equal lengths."""

    cached: bool
    padded: bool


FASTEST_FIRST = (Way(True, True), Way(True, False), Way(False, True), Way(False, False))


def unpacked(packed: Packed) -> list[tuple[list[int], list[int]]]:
    """Return for each continuation its tokens behind its prefix and where in them it predicts.

    Together the predictions stand in the order of `packed.source`. Positions alone tell who sees
    whom: the token before one at position p is the nearest earlier one at position p - 1.
    """
    tokens, positions = packed.tokens.flatten().tolist(), packed.positions.flatten().tolist()
    columns = packed.tokens.shape[1]
    before: list[int | None] = []
    nearest: dict[int, int] = {}
    for place, position in enumerate(positions):
        if place % columns == 0:
            nearest = {}
        before.append(nearest.get(position - 1))
        nearest[position] = place
    chains: list[list[int]] = []
    for place in packed.source.tolist():
        if chains and before[place] == chains[-1][-1]:
            chains[-1].append(place)
        else:
            chains.append([place])
    rows = []
    for chain in chains:
        path: list[int] = []
        place = chain[-1]
        while place is not None:
            path.append(tokens[place])
            place = before[place]
        rows.append((path[::-1], [positions[place] for place in chain]))
    return rows


class Master:
    """A weight that the forward pass reads as it is; stands where `working.Working` stands."""

    def __init__(self, weight: torch.nn.Parameter):
        self.tensor = weight

    def give(self, gradient: torch.Tensor) -> None:
        """Add a gradient to the weight's `.grad`."""
        grad = self.tensor.grad
        self.tensor.grad = gradient.clone() if grad is None else grad + gradient


class GenericTransformer:
    """A view on any causal language model; gradients reach the model's own parameters."""

    attention_dtype = torch.float32

    def __init__(self, model):
        self.model = model.eval()
        self.device = next(model.parameters()).device
        self.accepted = set(inspect.signature(model.forward).parameters)
        self.working = [Master(weight) for weight in model.parameters() if weight.requires_grad]
        self.way: Way | None = None

    def refresh(self) -> None:
        """Do nothing: the forward pass reads the weights themselves."""

    def _forward(self, tokens, mask, cache=None, use_cache=False, last_only=False):
        """Call the model with what its signature knows; `mask` covers the cached columns too."""
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, -tokens.shape[1] :]
        offered = {
            "attention_mask": mask,
            "position_ids": positions,
            "past_key_values": cache,
            "use_cache": use_cache,
        }
        if last_only:
            offered["logits_to_keep"] = 1
        known = {name: value for name, value in offered.items() if name in self.accepted}
        return self.model(input_ids=tokens, **known)

    # ---- training -----------------------------------------------------------------------------

    def token_logprobs(
        self, packed: Packed, temperature: float = 1.0, with_entropy: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return log-probability and entropy of each predicted token, in nats.

        Entropies are zeros unless asked for.
        """
        rows = unpacked(packed)
        targets = packed.target.split([len(predicts) for _, predicts in rows])
        chosen: dict[int, torch.Tensor] = {}
        entropy: dict[int, torch.Tensor] = {}
        for batch in _batches([len(tokens) for tokens, _ in rows]):
            logits = self._run_padded_at_the_end([rows[i][0] for i in batch])
            for number, i in enumerate(batch):
                scaled = logits[number, rows[i][1]].float() / temperature
                logprobs = torch.log_softmax(scaled, dim=-1)
                chosen[i] = logprobs.gather(1, targets[i][:, None]).squeeze(1)
                entropy[i] = torch.zeros_like(chosen[i])
                if with_entropy:
                    known = logprobs.detach()
                    entropy[i] = -(known.exp() * known).sum(dim=-1)
        order = range(len(rows))
        return torch.cat([chosen[i] for i in order]), torch.cat([entropy[i] for i in order])

    def hidden_before(self, packed: Packed) -> torch.Tensor:
        """Return the hidden state that the output layer reads before each predicted token."""
        rows = unpacked(packed)
        found: dict[int, torch.Tensor] = {}
        for batch in _batches([len(tokens) for tokens, _ in rows]):
            tokens, mask = self._padded_at_the_end([rows[i][0] for i in batch])
            hidden = self.model.base_model(input_ids=tokens, attention_mask=mask)[0]
            for number, i in enumerate(batch):
                found[i] = hidden[number, rows[i][1]]
        return torch.cat([found[i] for i in range(len(rows))])

    def _run_padded_at_the_end(self, rows: list[list[int]]) -> torch.Tensor:
        return self._forward(*self._padded_at_the_end(rows)).logits

    def _padded_at_the_end(self, rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        width = max(map(len, rows))
        tokens = torch.tensor([row + [0] * (width - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
        return tokens.to(self.device), mask.to(self.device)

    # ---- sampling -----------------------------------------------------------------------------

    def sample_wave(
        self, prompts: list[list[int]], uniform: torch.Tensor, sampling: Sampling
    ) -> list[list[Response]]:
        """Sample as many responses to each prompt as `uniform` has rows for it.

        uniform  (prompts x samples, max_tokens) in [0, 1), the rows of a prompt together
        Raises InputError when no way of sampling agrees with this model's forward pass.
        """
        if self.way is None:
            self.way = self._agreeing_way()
        return self._sample_by(self.way, prompts, uniform, sampling)

    def _sample_by(self, way: Way, prompts, uniform, sampling) -> list[list[Response]]:
        samples = len(uniform) // len(prompts)
        uniform = uniform.view(len(prompts), samples, -1).to(self.device)
        together: dict[int, list[int]] = {}
        for i, prompt in enumerate(prompts):
            together.setdefault(0 if way.padded else len(prompt), []).append(i)
        groups: dict[int, list[Response]] = {}
        for batch in together.values():
            chosen = [prompts[i] for i in batch]
            rows = self._sample(way.cached, chosen, uniform[batch].flatten(0, 1), sampling)
            for number, i in enumerate(batch):
                groups[i] = rows[number * samples : (number + 1) * samples]
        return [groups[i] for i in range(len(prompts))]

    @torch.inference_mode()
    def _sample(self, cached: bool, prompts, uniform, sampling) -> list[Response]:
        """Sample all responses side by side, prompts aligned at their ends."""
        width, samples = max(map(len, prompts)), len(uniform) // len(prompts)
        begun = torch.tensor([[0] * (width - len(p)) + p for p in prompts], device=self.device)
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
        mask = mask.to(self.device)
        answer = self._forward(begun, mask, use_cache=cached, last_only=True)
        cache = _own_cache(answer) if cached else None
        kept = torch.arange(len(prompts), device=self.device).repeat_interleave(samples)
        written, mask, logits = begun[kept], mask[kept], answer.logits[kept, -1]
        running = torch.arange(len(kept), device=self.device)
        tokens_of = torch.full(uniform.shape, sampling.end_token, device=self.device)
        logprobs_of, lengths = torch.zeros_like(uniform), torch.zeros_like(running)
        for step in range(sampling.max_tokens):
            if step > 0:
                new = written if cache is None else written[:, -1:]
                answer = self._forward(new, mask, cache, use_cache=cached, last_only=True)
                logits = answer.logits[:, -1]
            tokens, logprobs = choose(logits.float(), uniform[running, step], sampling)
            tokens_of[running, step], logprobs_of[running, step] = tokens, logprobs
            lengths[running] = step + 1
            alive = (tokens != sampling.end_token).nonzero().squeeze(1)
            if not len(alive):
                break
            if cache is not None and (step == 0 or len(alive) < len(tokens)):
                cache.batch_select_indices(kept[alive] if step == 0 else alive)
            running, tokens = running[alive], tokens[alive, None]
            mask = torch.cat((mask[alive], torch.ones_like(tokens)), dim=1)
            written = torch.cat((written[alive], tokens), dim=1)
        return [
            Response(row[:length], values[:length], row[length - 1] == sampling.end_token)
            for row, values, length in zip(
                tokens_of.tolist(), logprobs_of.tolist(), lengths.tolist(), strict=True
            )
        ]

    # ---- agreement ----------------------------------------------------------------------------

    def _agreeing_way(self) -> Way:
        """Return the fastest way whose log-probabilities are the trainer's."""
        found = []
        for way in FASTEST_FIRST:
            try:
                gap = self._gap(way)
            except NO_SUCH_CACHE as error:
                found.append(type(error).__name__)
                continue
            if gap < AGREEMENT:
                return way
            found.append(f"{gap:.2g} nats")
        raise InputError(
            f"the checkpoint is a {self.model.config.model_type!r} model whose sampling differs "
            f"from its own forward pass ({', '.join(found)}); use another architecture"
        )

    @torch.no_grad()
    def _gap(self, way: Way) -> float:
        """Return the largest difference between sampling and training on a few tokens."""
        generator = torch.Generator().manual_seed(1)
        rows = len(PROBE) * PROBE_SAMPLES
        uniform = torch.rand(rows, PROBE_TOKENS, generator=generator)
        sampling = Sampling(1.0, 1.0, PROBE_TOKENS, end_token=-1)
        gap = 0.0
        groups = self._sample_by(way, PROBE, uniform, sampling)
        for prompt, group in zip(PROBE, groups, strict=True):
            sequence = Sequence(prompt, [r.tokens for r in group], list(range(PROBE_SAMPLES)))
            packed = lay_out([[sequence]], length_of(sequence)).to(self.device)
            got, _ = self.token_logprobs(packed)
            want = torch.tensor([p for r in group for p in r.logprobs], device=self.device)
            gap = max(gap, (got - want).abs().max().nan_to_num(torch.inf).item())
        return gap


def _batches(lengths: list[int]) -> list[list[int]]:
    """Divide rows, longest first, into batches of at most TOKENS_AT_ONCE padded tokens."""
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    batches: list[list[int]] = []
    for i in order:
        if batches and lengths[batches[-1][0]] * (len(batches[-1]) + 1) <= TOKENS_AT_ONCE:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches


def _own_cache(answer):
    """Return the model's cache; raises NotImplementedError if its rows cannot be chosen."""
    cache = getattr(answer, "past_key_values", None)
    if not hasattr(cache, "batch_select_indices"):
        raise NotImplementedError("this model keeps no cache whose rows can be chosen")
    return cache
