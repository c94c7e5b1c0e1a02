# SPDX-License-Identifier: Apache-2.0
"""Claims about models that are run through their own forward pass."""

import pytest
import torch
from foreign_checkpoints import FAMILIES, random_model
from transformers import GPT2LMHeadModel

from r1repro.errors import InputError
from r1repro.learn import generic
from r1repro.learn.generic import GenericTransformer, Way, unpacked
from r1repro.learn.packing import Sequence, lay_out, pack
from r1repro.learn.rollout import Sampling, choose

VOCABULARY, END = 60, 59
PROMPTS = [[1, 2, 3], [4, 5, 6, 7, 8, 9, 10], [11]]
SAMPLES = 8


@pytest.fixture(autouse=True)
def one_thread():
    """Models this small are faster without a second thread, much so on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def model_of(family):
    return random_model(family, VOCABULARY, END)


def uniform(tokens, seed=3, rows=24):
    return torch.rand(rows, tokens, generator=torch.Generator().manual_seed(seed))


def alone(model, prompt, response, temperature=1.0):
    """Return the log-probabilities of a response by one pass over it alone."""
    logits = model(input_ids=torch.tensor([prompt + response])).logits[0, len(prompt) - 1 : -1]
    logprobs = torch.log_softmax(logits.float() / temperature, dim=-1)
    return logprobs.gather(1, torch.tensor(response)[:, None]).squeeze(1)


def one_by_one(model, prompt, numbers, sampling):
    """Sample a response by running the whole row again for each token."""
    tokens = []
    for step in range(sampling.max_tokens):
        logits = model(input_ids=torch.tensor([prompt + tokens])).logits[:, -1]
        chosen, _ = choose(logits.float(), numbers[step : step + 1], sampling)
        tokens.append(chosen.item())
        if tokens[-1] == sampling.end_token:
            break
    return tokens


def test_rows_are_unpacked_to_what_was_packed():
    """By hand: a group of three, one of one token, a document, and a text half of it learnt."""
    sequences = [
        Sequence([3, 9], [[5, 6], [7], [8, 8, 8]], [0, 1, 2]),
        Sequence([], [[4, 5, 6]], [3]),
        Sequence([1], [[2, 3, 4]], [4], learn_from=1),
    ]
    packed = lay_out([sequences[:1], sequences[1:]], 9)
    assert unpacked(packed) == [
        ([3, 9, 5], [1, 2]),
        ([3, 9], [1]),
        ([3, 9, 8, 8], [1, 2, 3]),
        ([4, 5], [0, 1]),
        ([1, 2, 3], [1, 2]),
    ]
    assert packed.target.tolist() == [5, 6, 7, 8, 8, 8, 5, 6, 3, 4]


@pytest.mark.parametrize("family", FAMILIES)
def test_sampled_tokens_and_log_probabilities_are_those_of_one_row_alone(family):
    """Groups, padding, cache and leaving rows change neither; and the trainer agrees."""
    model, sampling = model_of(family), Sampling(0.9, 1.0, 24, END)
    view, numbers = GenericTransformer(model), uniform(24)
    groups = view.sample_wave(PROMPTS, numbers, sampling)
    assert len({len(r.tokens) for group in groups for r in group}) > 3  # rows left the batch
    sequences = [
        Sequence(prompt, [r.tokens for r in group], list(range(i * SAMPLES, (i + 1) * SAMPLES)))
        for i, (prompt, group) in enumerate(zip(PROMPTS, groups, strict=True))
    ]
    packed = pack(sequences, 80)
    with torch.no_grad():
        trained, _ = view.token_logprobs(packed, 0.9)
        for row in range(len(numbers)):
            prompt, response = PROMPTS[row // SAMPLES], groups[row // SAMPLES][row % SAMPLES]
            want = alone(model, prompt, response.tokens, 0.9).tolist()
            assert response.logprobs == pytest.approx(want, abs=1e-4)
            assert trained[packed.owner == row].tolist() == pytest.approx(want, abs=1e-4)
            assert response.finished == (response.tokens[-1] == END)
            if row % SAMPLES < 2:
                assert response.tokens == one_by_one(model, prompt, numbers[row], sampling)


@pytest.mark.parametrize("family", ["gpt2", "qwen3", "gemma2"])
def test_the_likeliest_tokens_are_those_of_transformers_generate(family):
    """A nucleus of almost nothing leaves one choice: greedy decoding."""
    model = model_of(family)
    groups = GenericTransformer(model).sample_wave(
        PROMPTS, uniform(16, rows=len(PROMPTS)), Sampling(1.0, 1e-6, 16, END)
    )
    for prompt, [response] in zip(PROMPTS, groups, strict=True):
        row = torch.tensor([prompt])
        theirs = model.generate(row, max_new_tokens=16, do_sample=False, eos_token_id=END)
        assert response.tokens == theirs[0, len(prompt) :].tolist()


@pytest.mark.parametrize("family", ["gpt2", "gemma2"])
def test_gradient_and_entropy_are_those_of_the_rows_alone(family, monkeypatch):
    """However the rows are cut into passes; a second implementation runs them one by one."""
    sequences = [
        Sequence([3, 9, 4], [[5, 6, 7], [8]], [0, 1]),
        Sequence([], [[4, 5, 6, 1, 2]], [2]),
    ]
    packed = pack(sequences, 16)
    model = model_of(family)
    loss = -alone(model, [3, 9, 4], [5, 6, 7]).sum() - alone(model, [3, 9, 4], [8]).sum()
    loss = loss - alone(model, [4], [5, 6, 1, 2]).sum()
    weights = list(model.parameters())
    want = torch.autograd.grad(loss, weights)
    for at_once in (1, 12, 10000):
        monkeypatch.setattr(generic, "TOKENS_AT_ONCE", at_once)
        logprobs, entropy = GenericTransformer(model).token_logprobs(packed, 1.0, True)
        got = torch.autograd.grad(-logprobs.sum(), weights)
        for mine, theirs in zip(got, want, strict=True):
            torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)
    logits = model(input_ids=torch.tensor([[3, 9, 4]])).logits[0, -1].detach()
    first = torch.distributions.Categorical(logits=logits).entropy().item()
    assert entropy[packed.owner == 1].item() == pytest.approx(first, abs=1e-5)


class Columns(GPT2LMHeadModel):
    """A model that counts positions from the first column: padding before a prompt misleads it."""

    def forward(self, input_ids, past_key_values=None, use_cache=None, **rest):
        return super().forward(input_ids, past_key_values=past_key_values, use_cache=use_cache)


class Forgetful(GPT2LMHeadModel):
    """A model without a cache."""

    def forward(self, input_ids, attention_mask=None, position_ids=None, **rest):
        return super().forward(
            input_ids, attention_mask=attention_mask, position_ids=position_ids, use_cache=False
        )


class Noisy(GPT2LMHeadModel):
    """A model that never says the same twice."""

    def forward(self, input_ids, **rest):
        answer = super().forward(input_ids)
        answer.logits = answer.logits + torch.randn_like(answer.logits)
        return answer


@pytest.mark.parametrize(
    ("kind", "way"), [(Columns, Way(True, False)), (Forgetful, Way(False, True))]
)
def test_a_model_is_sampled_in_the_fastest_way_that_is_right(kind, way):
    """Found out by trying it; the result is that of one row alone either way."""
    model = kind(model_of("gpt2").config).eval()
    model.load_state_dict(model_of("gpt2").state_dict())
    view, numbers, sampling = GenericTransformer(model), uniform(12), Sampling(1.0, 1.0, 12, END)
    groups = view.sample_wave(PROMPTS, numbers, sampling)
    assert view.way == way
    with torch.no_grad():
        for row in range(0, len(numbers), 5):
            response = groups[row // SAMPLES][row % SAMPLES]
            prompt = PROMPTS[row // SAMPLES]
            assert response.tokens == one_by_one(model, prompt, numbers[row], sampling)


def test_a_model_that_cannot_be_sampled_faithfully_is_refused():
    """No way agrees with the forward pass; training on such samples would be wrong."""
    model = Noisy(model_of("gpt2").config).eval()
    with pytest.raises(InputError, match="sampling differs from its own forward pass"):
        GenericTransformer(model).sample_wave(PROMPTS, uniform(4), Sampling(1.0, 1.0, 4, END))


def test_dropout_stays_off():
    """GPT-2 comes with a tenth of dropout, under which the ratio of GRPO would not start at 1."""
    model = model_of("gpt2").train()
    view, packed = GenericTransformer(model), pack([Sequence([1, 2], [[3, 4]], [0])], 8)
    first, second = view.token_logprobs(packed)[0], view.token_logprobs(packed)[0]
    assert torch.equal(first, second)


def test_gradients_add_up_over_pieces():
    """Two halves given one after the other are the whole."""
    model = model_of("gpt2")
    view = GenericTransformer(model)
    for gradient in (torch.ones(()), torch.full((), 2.0)):
        for weight in view.working:
            weight.give(gradient.expand_as(weight.tensor))
    assert all(bool((weight.grad == 3).all()) for weight in model.parameters())
