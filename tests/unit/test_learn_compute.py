# SPDX-License-Identifier: Apache-2.0
"""Claims about how the arithmetic is carried out: however it is cut up, it is the same sum."""

import dataclasses

import pytest
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

from r1repro.errors import InputError
from r1repro.learn import selected
from r1repro.learn.attention import MaskedAttention
from r1repro.learn.checkpoint import new_model
from r1repro.learn.compute import Compute, open_compute
from r1repro.learn.lanes import Lanes
from r1repro.learn.muon import Muon
from r1repro.learn.packing import (
    Sequence,
    lay_out,
    micro_batches,
    pack_rows,
    row_length,
    unshared,
)
from r1repro.learn.policy import token_logprobs
from r1repro.learn.rollout import Sampling, generate
from r1repro.learn.selected import selected_logprobs
from r1repro.learn.supervised import NextToken
from r1repro.learn.transformer import Transformer
from r1repro.learn.working import choose_precision

MODEL = {
    "architecture": "llama",
    "hidden_size": 32,
    "layers": 2,
    "heads": 4,
    "intermediate_size": 48,
    "max_positions": 128,
}
SIZES = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
}
CPU = torch.device("cpu")


def random_rows(count=12, row_tokens=32):
    generator = torch.Generator().manual_seed(3)
    lengths = torch.randint(4, 30, (count,), generator=generator).tolist()
    # 49 is also the padding token, whose embedding transformers does not train
    documents = [torch.randint(0, 49, (n,), generator=generator).tolist() for n in lengths]
    return pack_rows([Sequence([], [document], [0]) for document in documents], row_tokens)


def gradients(compute: Compute, rows) -> tuple[float, dict[str, torch.Tensor]]:
    model = new_model(MODEL, 50, 49, seed=1)
    loss = NextToken(model, compute, 32).gradient(rows)["loss"]
    return loss, {name: weight.grad for name, weight in model.named_parameters()}


def test_gradient_of_a_batch_is_that_of_transformers_own_loss():
    """A second implementation: each document alone through transformers, one mean over tokens."""
    rows = random_rows()
    loss, ours = gradients(Compute(), rows)
    model = new_model(MODEL, 50, 49, seed=1)
    total, count = torch.zeros(()), 0
    for row in rows:
        for sequence in row:
            [tokens] = sequence.continuations
            logits = model(torch.tensor([tokens])).logits[0, :-1]
            target = torch.tensor(tokens[1:])
            total = total + torch.nn.functional.cross_entropy(logits, target, reduction="sum")
            count += len(tokens) - 1
    (total / count).backward()
    assert loss == pytest.approx((total / count).item(), rel=1e-6)
    for name, weight in model.named_parameters():
        assert (ours[name] - weight.grad).norm() < 1e-5 * weight.grad.norm()


@pytest.mark.parametrize("tokens_per_pass", [32, 64, 96, 4096])
def test_accumulating_over_passes_does_not_change_the_gradient(tokens_per_pass):
    rows = random_rows()
    loss, whole = gradients(Compute(tokens_per_pass=4096), rows)
    again, cut = gradients(Compute(tokens_per_pass=tokens_per_pass), rows)
    assert again == pytest.approx(loss, rel=1e-6)
    for name, gradient in whole.items():
        assert (cut[name] - gradient).norm() < 1e-6 * gradient.norm()


@pytest.mark.parametrize("lanes", [2, 3])
def test_the_number_of_lanes_does_not_change_one_bit(lanes):
    rows, compute = random_rows(), Compute(tokens_per_pass=64)
    loss, one = gradients(compute, rows)
    again, many = gradients(dataclasses.replace(compute, lanes=Lanes(lanes)), rows)
    assert again == loss
    assert all(torch.equal(one[name], many[name]) for name in one)


def test_lanes_return_results_in_order_and_pass_on_errors():
    assert list(Lanes(3).map(lambda x: x * x, range(20))) == [x * x for x in range(20)]
    with pytest.raises(ZeroDivisionError):
        list(Lanes(2).map(lambda x: 1 // x, [2, 1, 0, 4, 5, 6]))


@pytest.mark.parametrize("slice_elements", [1 << 22, 150, 50])
@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_logits_in_slices_give_the_log_probabilities_of_the_whole(
    slice_elements, temperature, monkeypatch
):
    """Against log_softmax of all logits at once, values, entropies and both gradients."""
    monkeypatch.setattr(selected, "SLICE_ELEMENTS", slice_elements)
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(17, 8, generator=generator, requires_grad=True)
    head = torch.randn(50, 8, generator=generator, requires_grad=True)
    target = torch.randint(0, 50, (17,), generator=generator)
    weight = torch.randn(17, generator=generator)
    got, entropy = selected_logprobs(hidden, head, target, temperature, with_entropy=True)
    mine = torch.autograd.grad((got * weight).sum(), (hidden, head))
    everything = torch.log_softmax(hidden @ head.t() / temperature, dim=-1)
    want = everything.gather(1, target[:, None]).squeeze(1)
    theirs = torch.autograd.grad((want * weight).sum(), (hidden, head))
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(entropy, -(everything.exp() * everything).sum(dim=-1))
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_no_logits_of_all_places_are_kept(monkeypatch):
    """The largest tensor of a pass over 64 places is a slice of 4, not 64 x vocabulary."""
    monkeypatch.setattr(selected, "SLICE_ELEMENTS", 4 * 1000)
    hidden = torch.randn(64, 8, requires_grad=True)
    head = torch.randn(1000, 8, requires_grad=True)
    sizes = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            sizes.extend(
                t.numel()
                for t in (out if isinstance(out, tuple) else (out,))
                if isinstance(t, torch.Tensor)
            )
            return out

    with Watch():
        got, _ = selected_logprobs(hidden, head, torch.zeros(64, dtype=torch.long))
        got.sum().backward()
    assert max(sizes) == head.numel() == 8000


QWENS = {
    "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**SIZES, tie_word_embeddings=True)),
    "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(**SIZES, head_dim=16)),
}


@pytest.mark.parametrize("family", QWENS)
def test_our_forward_pass_equals_that_of_transformers_for(family):
    """Grouped keys, biases (Qwen2), norms of queries and keys and wide heads (Qwen3)."""
    model = QWENS[family]()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            noise = torch.randn(weight.shape, generator=generator) * 0.3
            weight.copy_(noise if weight.ndim > 1 else 1 + noise)
    tokens = torch.randint(0, 50, (3, 20), generator=generator)
    causal = torch.ones(20, 20, dtype=torch.bool).tril()[None, None].expand(3, -1, -1, -1)
    view = Transformer(model.float().eval())
    with torch.no_grad():
        theirs = model(tokens).logits
        attend = MaskedAttention(causal, torch.float32)
        positions = torch.arange(20).expand(3, -1)
        ours = view.logits(view.hidden_states(tokens, positions, attend))
    assert theirs.abs().max() > 1
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    prompts, sampling = [[1, 2, 3], [4, 5]], Sampling(1.0, 1.0, 12, 49)
    groups = generate(view, prompts, 4, sampling, [1, 2], Lanes(1), 8)
    for prompt, group in zip(prompts, groups, strict=True):
        for response in group:
            with torch.no_grad():
                logits = model(torch.tensor([prompt + response.tokens])).logits[0]
            want = torch.log_softmax(logits, dim=-1)
            want = [want[len(prompt) - 1 + i, t].item() for i, t in enumerate(response.tokens)]
            assert response.logprobs == pytest.approx(want, abs=1e-4)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_sampler_and_trainer_agree_in_each_precision(precision):
    """To rounding: 1e-4 nats in float32, 0.1 in bfloat16, whose numbers have 8 bits."""
    compute = Compute(precision)
    model = new_model(MODEL, 50, 49, seed=1)
    view = compute.transformer(model)
    groups = generate(view, [[1, 2, 3]], 16, Sampling(1.0, 1.0, 24, 49), [5], Lanes(1), 16)
    sequence = Sequence([1, 2, 3], [r.tokens for r in groups[0]], list(range(16)))
    rows = pack_rows([sequence], 128)
    with torch.no_grad():
        packed = lay_out(rows, 128)
        got, _ = token_logprobs(view, packed)
    known = torch.tensor(
        [groups[0][who].logprobs[at] for who, at in zip(packed.owner, packed.place, strict=True)]
    )
    assert (got - known).abs().max() < {"float32": 1e-4, "bfloat16": 0.1}[precision]
    assert all(weight.dtype == torch.float32 for weight in model.parameters())


def test_bfloat16_gradients_point_where_those_of_float32_do():
    rows = random_rows()
    _, full = gradients(Compute("float32"), rows)
    _, half = gradients(Compute("bfloat16"), rows)
    for name, gradient in full.items():
        assert half[name].dtype == torch.float32
        cosine = torch.nn.functional.cosine_similarity(gradient.flatten(), half[name].flatten(), 0)
        assert cosine > 0.999, name


def test_auto_precision_is_a_precision_and_a_named_one_stays():
    assert choose_precision("auto", CPU) in ("float32", "bfloat16")
    assert choose_precision("bfloat16", CPU) == "bfloat16"


def test_lanes_follow_the_cores_that_the_rule_granted(monkeypatch, capsys):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    before = torch.get_num_threads()
    settings = {"precision": "float32", "tokens_per_pass": 64, "responses_at_once": 8}
    assert open_compute(settings, CPU).lanes.count == 2
    torch.set_num_threads(before)
    assert "arithmetic: float32 on cpu, 2 lanes" in capsys.readouterr().out


@pytest.mark.parametrize("lanes", [1, 2])
def test_muon_is_torchs_muon_up_to_its_bfloat16(lanes):
    """Same weights, gradients and settings, five steps: directions agree to bfloat16 rounding."""
    generator = torch.Generator().manual_seed(2)
    shapes = [(16, 16), (24, 16), (16, 24), (16, 16)]
    start = [torch.randn(shape, generator=generator) for shape in shapes]
    ours = [torch.nn.Parameter(weight.clone()) for weight in start]
    theirs = [torch.nn.Parameter(weight.clone()) for weight in start]
    mine = Muon(ours, lr=0.02, weight_decay=0.1, lanes=Lanes(lanes))
    other = torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for _ in range(5):
        for one, two in zip(ours, theirs, strict=True):
            one.grad = torch.randn(one.shape, generator=generator)
            two.grad = one.grad.clone()
        mine.step()
        other.step()
    for one, two, begin in zip(ours, theirs, start, strict=True):
        assert (one - two).norm() < 0.02 * (two - begin).norm()


def test_sequences_without_a_shared_prefix_keep_owner_and_place():
    shared = [Sequence([1, 2], [[3, 4], [5]], [7, 8])]
    rows = pack_rows(unshared(shared), 8)
    packed = lay_out(rows, 8)
    predicted = torch.stack((packed.owner, packed.place, packed.target), dim=1)
    assert sorted(map(tuple, predicted.tolist())) == [
        (7, 0, 3), (7, 1, 4), (8, 0, 5),
    ]  # fmt: skip
    # 4 + 3 tokens and one free place: where each sequence of the flattened rows ends
    assert packed.sequence_ends().tolist() == [0, 4, 7, 8]


def test_passes_are_of_nearly_equal_size_and_bounded():
    """28 rows in passes of at most 8 are four of seven, not three of eight and one of four."""
    rows = [[Sequence([], [[1, 2]], [0])] for _ in range(28)]
    assert [len(some) for some in micro_batches(rows, 128, 1024)] == [7, 7, 7, 7]
    assert [len(some) for some in micro_batches(rows[:3], 128, 64)] == [1, 1, 1]
    assert micro_batches([], 128, 1024) == []


def test_rows_are_as_long_as_costs_least():
    """Four responses of 48 tokens to a question of 38: 86 tokens each alone, 230 together.

    Rows of 128 hold one (16 x 128 = 2048 tokens for sixteen), rows of 256 four (4 x 256 = 1024).
    """
    group = [Sequence(list(range(38)), [[1] * 48] * 16, list(range(16)))]
    assert row_length(group, 256, lambda tokens, length: tokens) == 256
    assert row_length(group, 256, lambda tokens, length: tokens * length**2) == 128
    assert row_length(group, 100, lambda tokens, length: tokens) == 100
    with pytest.raises(InputError, match="86 tokens does not fit into rows of 64"):
        row_length(group, 64, lambda tokens, length: tokens)
