# SPDX-License-Identifier: Apache-2.0
"""Claims about the forward pass, packing and sampling."""

import pytest
import torch

from r1repro.errors import InputError
from r1repro.learn.attention import MaskedAttention
from r1repro.learn.cache import CapturedRowCache, RowCache
from r1repro.learn.checkpoint import new_model
from r1repro.learn.lanes import Lanes
from r1repro.learn.packing import Sequence, best_fit, lay_out, pack, visibility
from r1repro.learn.policy import token_logprobs
from r1repro.learn.rollout import Sampling, choose, generate, invert
from r1repro.learn.transformer import Transformer

MODEL = {
    "architecture": "llama",
    "hidden_size": 32,
    "layers": 2,
    "heads": 4,
    "intermediate_size": 48,
    "max_positions": 128,
}
VOCABULARY, END = 50, 49


@pytest.fixture(scope="module")
def model():
    made = new_model(MODEL, VOCABULARY, END, seed=5)
    with torch.no_grad():  # larger weights: a peaked distribution shows errors that a flat hides
        for weight in made.parameters():
            weight.mul_(4 if weight.ndim > 1 else 1)
    return made.eval()


def test_our_forward_pass_equals_that_of_transformers(model):
    tokens = torch.randint(0, VOCABULARY, (3, 20), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        theirs = model(tokens).logits
        positions = torch.arange(20).expand(3, -1)
        causal = torch.ones(20, 20, dtype=torch.bool).tril()[None, None].expand(3, -1, -1, -1)
        view = Transformer(model)
        attend = MaskedAttention(causal, torch.float32)
        ours = view.logits(view.hidden_states(tokens, positions, attend))
    assert theirs.abs().max() > 1
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_packed_responses_get_the_log_probabilities_they_have_alone(model):
    """Neighbours in a row, and the shared prompt, change nothing."""
    prompt, other = [3, 9, 4, 1], [7, 7, 2]
    responses = [[5, 6, 7, END], [8, END], [11, 12, 13, 14, 15, END]]
    packed = pack(
        [Sequence(prompt, responses, [0, 1, 2]), Sequence(other, [[4, 5, END]], [3])], row_tokens=16
    )
    assert packed.tokens.shape[0] == 2  # 4 + 12 tokens fill one row, the rest is in another
    with torch.no_grad():
        got, _ = token_logprobs(Transformer(model), packed, temperature=0.7)
    for owner, (begin, response) in enumerate(
        [(prompt, r) for r in responses] + [(other, [4, 5, END])]
    ):
        row = torch.tensor([begin + response])
        with torch.no_grad():
            logits = model(row).logits[0] / 0.7
        want = torch.log_softmax(logits, dim=-1)
        want = [want[len(begin) - 1 + i, token].item() for i, token in enumerate(response)]
        mine = got[packed.owner == owner].tolist()
        assert mine == pytest.approx(want, abs=1e-5)


def test_first_token_of_a_document_is_not_predicted():
    packed = lay_out([[Sequence([], [[4, 5, 6]], [0]), Sequence([], [[7, 8]], [1])]], 8)
    assert packed.target.tolist() == [5, 6, 8]
    assert packed.source.tolist() == [0, 1, 3]


def test_prompt_tokens_are_never_predicted():
    packed = lay_out([[Sequence([1, 2, 3], [[4, 5]], [0])]], 8)
    assert packed.target.tolist() == [4, 5]
    assert packed.source.tolist() == [2, 3]


def test_free_room_in_a_row_sees_only_itself():
    packed = lay_out([[Sequence([], [[4, 5]], [0])]], 4)
    visible = visibility(packed.group, packed.branch)
    assert visible[0, 0, 2:].tolist() == [[False, False, True, False], [False] * 3 + [True]]


def test_best_fit_uses_the_fullest_row_that_has_room():
    """Worked by hand: 7, 5, 3, 2 into rows of 10 give 7+3 and 5+2."""
    assert sorted(map(sorted, best_fit([5, 2, 7, 3], 10))) == [[0, 1], [2, 3]]


def test_a_sequence_longer_than_a_row_is_refused_with_both_lengths():
    with pytest.raises(InputError, match=r"11 tokens .* 10 tokens"):
        best_fit([11], 10)


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_sampled_log_probabilities_are_the_trainers(model, temperature):
    """The probability recorded while sampling is the one that training computes."""
    prompts = [[1, 2, 3], [4, 5, 6, 7, 8, 9, 10], [11]]
    view = Transformer(model)
    groups = generate(
        view, prompts, 8, Sampling(temperature, 1.0, 24, END), [3, 4, 5], Lanes(1), 100
    )
    assert len({len(r.tokens) for group in groups for r in group}) > 3  # rows left the batch
    for prompt, group in zip(prompts, groups, strict=True):
        packed = pack([Sequence(prompt, [r.tokens for r in group], list(range(8)))], 64)
        with torch.no_grad():
            got, _ = token_logprobs(view, packed, temperature)
        for owner, response in enumerate(group):
            mine = got[packed.owner == owner].tolist()
            assert mine == pytest.approx(response.logprobs, abs=1e-4)


def test_a_sample_does_not_depend_on_who_else_is_in_the_batch(model, monkeypatch):
    """Early, late or no dropping of finished rows, waves of any size, one lane or two."""
    prompts = [[1, 2, 3], [4, 5], [6, 7, 8, 9]]
    sampling = Sampling(1.0, 0.95, 20, END)
    texts = []
    for share, at_once, lanes in ((0.0, 24, 1), (0.8, 8, 2), (1.0, 16, 1), (0.5, 1, 3)):
        monkeypatch.setattr("r1repro.learn.rollout.COMPACT_BELOW", {"cpu": share})
        view = Transformer(model)
        groups = generate(view, prompts, 8, sampling, [7, 8, 9], Lanes(lanes), at_once)
        texts.append([response.tokens for group in groups for response in group])
    assert texts[0] == texts[1] == texts[2] == texts[3]


def test_both_caches_give_the_same_log_probabilities(model, monkeypatch):
    """The cache of a GPU, run on a CPU without its graph, against the one with shared prompts."""
    prompts, sampling = [[1, 2, 3], [4, 5], [6, 7, 8, 9]], Sampling(1.0, 1.0, 20, END)
    found = []
    for kind in (CapturedRowCache, RowCache):
        monkeypatch.setattr("r1repro.learn.rollout.open_cache", kind)
        groups = generate(Transformer(model), prompts, 8, sampling, [1, 2, 3], Lanes(1), 24)
        found.append([response for group in groups for response in group])
    for one, other in zip(*found, strict=True):
        assert one.tokens == other.tokens
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)


def test_sampling_frequencies_follow_the_distribution():
    """Chi-square of 20,000 draws against the softmax, 5 % bound for 4 degrees of freedom x 2."""
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, 0.5]).expand(20000, -1)
    uniform = torch.rand(20000, generator=torch.Generator().manual_seed(2))
    tokens, logprobs = choose(logits, uniform, Sampling(1.0, 1.0, 1, END))
    expected = torch.softmax(logits[0], dim=0) * 20000
    observed = torch.bincount(tokens, minlength=5)
    assert ((observed - expected) ** 2 / expected).sum() < 19
    torch.testing.assert_close(logprobs[0], torch.log_softmax(logits[0], 0)[tokens[0]])


def test_top_p_keeps_the_smallest_set_that_reaches_p():
    """Probabilities 0.5, 0.3, 0.2: at p = 0.7 the third is never drawn, the second is."""
    logits = torch.tensor([0.5, 0.3, 0.2]).log().expand(5000, -1)
    uniform = torch.rand(5000, generator=torch.Generator().manual_seed(2))
    tokens, _ = choose(logits, uniform, Sampling(1.0, 0.7, 1, END))
    shares = torch.bincount(tokens, minlength=3) / 5000
    assert shares[2] == 0
    assert shares[1].item() == pytest.approx(0.3 / 0.8, abs=0.03)


def test_a_token_of_probability_zero_is_never_drawn_even_at_the_edge():
    weights = torch.tensor([[0.0, 0.4, 0.6, 0.0]])
    for edge in (0.0, 1.0 - 2**-24):
        assert invert(weights, torch.tensor([edge])).item() in (1, 2)
