# SPDX-License-Identifier: Apache-2.0
"""Claims about reward models: gradients by hand, what they read, what they learn, resuming."""

import math

import pytest
import torch
from foreign_checkpoints import our_tokenizer, write_folder
from tiny_stage import (
    SUPERVISED,
    Killed,
    Run,
    make_tokenizer,
    same,
    weights,
    without_seconds,
)

from r1repro.learn.checkpoint import load_model
from r1repro.learn.compute import Compute
from r1repro.learn.lanes import Lanes
from r1repro.learn.reward_model import (
    ScoredModel,
    Scorer,
    final_answer,
    score_texts,
    texts_to_score,
)
from r1repro.learn.reward_training import (
    Example,
    Judging,
    accuracy_rows,
    example_batches,
    helpful_examples,
    pairwise_loss,
    pointwise_loss,
    right_of,
)
from r1repro.learn.supervised import train_supervised

CPU = torch.device("cpu")
SETTINGS = SUPERVISED | {
    "epochs": 1,
    "samples_per_batch": 8,
    "row_tokens": 64,
    "learning_rate": 1e-2,
    "weight_decay": 0.0,
    "bootstrap": 200,
}


@pytest.fixture(autouse=True)
def one_thread():
    """As in a lane: torch divides no operation among cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


def with_a_head(model, seed=0):
    """A scored model whose head is not zero."""
    scored = ScoredModel(model)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        scored.head.weight.copy_(torch.randn(scored.head.weight.shape, generator=generator))
        scored.head.bias.fill_(0.3)
    return scored


def last_states(model, texts):
    """A second implementation: transformers' own forward pass, each text alone."""
    return torch.stack([model.model(torch.tensor([t])).last_hidden_state[0, -1] for t in texts])


# ---- losses by hand ---------------------------------------------------------------------------


def test_bradley_terry_and_its_gradient_by_hand():
    """Scores 2 and 1: loss log(1 + 1/e) = 0.3133; slope -+ 1 / (1 + e) = -+ 0.2689."""
    scores = torch.tensor([[2.0, 1.0]], requires_grad=True)
    loss = pairwise_loss(scores, torch.tensor([1.0]))
    loss.sum().backward()
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-1)))
    slope = 1 / (1 + math.e)
    assert scores.grad[0].tolist() == pytest.approx([-slope, slope])


def test_the_place_in_a_pair_changes_nothing():
    """Chosen first with label 1, or second with label 0."""
    one = pairwise_loss(torch.tensor([[0.7, -0.4]]), torch.tensor([1.0]))
    other = pairwise_loss(torch.tensor([[-0.4, 0.7]]), torch.tensor([0.0]))
    assert one.item() == pytest.approx(other.item(), rel=1e-6)


def test_the_pointwise_loss_by_hand():
    """Score log 3, so a chance of 3/4: -log 3/4 if safe, -log 1/4 if not."""
    scores = torch.tensor([[math.log(3)], [math.log(3)]])
    got = pointwise_loss(scores, torch.tensor([1.0, 0.0])).tolist()
    assert got == pytest.approx([-math.log(0.75), -math.log(0.25)])


def pairs(count=24, seed=3):
    """Chosen texts hold the token 7, rejected ones the token 9; both are as long."""
    generator = torch.Generator().manual_seed(seed)
    examples = []
    for number in range(count):
        common = torch.randint(20, 40, (3 + number % 9,), generator=generator).tolist()
        good, bad = [*common, 7, 1], [*common, 9, 1]
        first = number % 2
        examples.append(Example([good, bad] if first else [bad, good], first, "pair"))
    return examples


def test_gradient_of_a_batch_of_pairs_by_hand():
    """With the head at zero every margin is 0, so each pair adds -1/2 (h_chosen - h_rejected).

    The states come from transformers' own forward pass; passes are small, so pairs are spread.
    """
    examples = pairs(6)
    scored = ScoredModel(make_model_of_50())
    compute = Compute(tokens_per_pass=64)
    [batch] = example_batches(examples, SETTINGS, 1, "rm_helpful")
    figures = Judging(Scorer(scored, compute), examples, compute, 64).gradient(batch)
    chosen = [e.texts[0] if e.label else e.texts[1] for e in examples]
    rejected = [e.texts[1] if e.label else e.texts[0] for e in examples]
    with torch.no_grad():
        want = -0.5 * (last_states(scored.model, chosen) - last_states(scored.model, rejected))
    torch.testing.assert_close(scored.head.weight.grad[0], want.mean(dim=0), rtol=1e-4, atol=1e-6)
    assert figures["loss"] == pytest.approx(math.log(2))
    assert scored.head.bias.grad.abs().item() < 1e-7  # a pair cannot tell a constant


def make_model_of_50():
    from tiny_stage import MODEL

    from r1repro.learn.checkpoint import new_model

    return new_model(MODEL, 50, 49, seed=1)


# ---- reading ----------------------------------------------------------------------------------


@pytest.mark.parametrize("lanes", [1, 2])
@pytest.mark.parametrize("tokens_per_pass", [64, 1024])
def test_packed_scores_are_those_of_transformers_text_by_text(lanes, tokens_per_pass):
    texts = [text for example in pairs(7) for text in example.texts] + [[5]]
    scored = with_a_head(make_model_of_50())
    compute = Compute(lanes=Lanes(lanes), tokens_per_pass=tokens_per_pass)
    got = score_texts(Scorer(scored, compute), texts, compute)
    with torch.no_grad():
        want = scored.head(last_states(scored.model, texts)).squeeze(1).tolist()
    assert got == pytest.approx(want, abs=1e-5)


def test_in_bfloat16_the_scores_are_the_same_to_its_rounding():
    texts = [text for example in pairs(5) for text in example.texts]
    scored = with_a_head(make_model_of_50())
    exact, rough = Compute(), Compute(precision="bfloat16")
    one = score_texts(Scorer(scored, exact), texts, exact)
    other = score_texts(Scorer(scored, rough), texts, rough)
    assert one != other and one == pytest.approx(other, abs=0.15)


def test_a_model_of_another_family_scores_through_its_own_forward_pass(tmp_path):
    folder = write_folder(tmp_path / "gpt2", "gpt2", our_tokenizer(), spare=3)
    scored, compute = with_a_head(load_model(folder, CPU)), Compute()
    texts = [[4, 8, 6], [9], [3, 2, 7, 7, 5]]
    got = score_texts(Scorer(scored, compute), texts, compute)
    with torch.no_grad():
        states = [scored.model.transformer(torch.tensor([t]))[0][0, -1] for t in texts]
        want = scored.head(torch.stack(states)).squeeze(1).tolist()
    assert got == pytest.approx(want, abs=1e-5)


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("<think> a</think><answer> b</answer>", "<answer> b</answer>"),
        ("<think> a</think> x </think> y", " y"),
        ("<think> never closed", ""),
        ("<answer> b</answer>", "<answer> b</answer>"),
        ("", ""),
    ],
)
def test_the_final_answer_is_what_follows_the_reasoning(response, answer):
    assert final_answer(response) == answer


def test_the_helpful_model_reads_no_reasoning(tokenizer):
    """Two responses with the same answer are the same text to it, and end with the end token."""
    rows = [
        {
            "prompt": "What is 1+2?",
            "chosen": "<think>1+2=3.</think><answer>3</answer>",
            "rejected": "<think>2</think><answer>3</answer>",
        }
    ]
    [example] = helpful_examples(rows, tokenizer, 1, "rm_helpful")
    assert example.texts[0] == example.texts[1]
    [want] = texts_to_score(tokenizer, ["What is 1+2?"], ["<answer>3</answer>"])
    assert example.texts[0] == want and want[-1] == tokenizer.eos_token_id


def test_the_chosen_response_stands_first_in_half_of_the_pairs(tokenizer):
    """400 draws: half within three deviations (30); another seed draws anew."""
    row = {"prompt": "What is 1+2?", "chosen": "3", "rejected": "2"}
    first = [e.label for e in helpful_examples([row] * 400, tokenizer, 1, "rm_helpful")]
    assert abs(sum(first) - 200) < 30
    assert first != [e.label for e in helpful_examples([row] * 400, tokenizer, 2, "rm_helpful")]


# ---- learning ---------------------------------------------------------------------------------


def learn(folder, examples, kill_after=None, epochs=3, compute=None):
    settings, compute = SETTINGS | {"epochs": epochs}, compute or Compute(tokens_per_pass=128)
    scored = ScoredModel(make_model_of_50())
    batches = example_batches(examples, settings, 1, "rm_helpful")
    scorer, run = Scorer(scored, compute), Run(folder, kill_after)
    aim = Judging(scorer, examples, compute, settings["row_tokens"])
    rows = train_supervised(scored, batches, settings, compute, run, aim)
    run.state.lock.close()
    return scored, rows, scorer


def test_a_separable_toy_is_learnt_from_pairs(tmp_path):
    """24 pairs, nine steps; the held-out pairs hold other texts."""
    _, rows, scorer = learn(tmp_path, pairs())
    heldout = pairs(40, seed=8)
    assert right_of(scorer, heldout, Compute()) == [1.0] * 40
    assert rows[0]["loss"] == pytest.approx(math.log(2), abs=1e-6)
    assert rows[-1]["loss"] < 0.3 and rows[-1]["accuracy"] == 1.0


def test_a_separable_toy_is_learnt_from_single_responses(tmp_path):
    def singles(seed):
        texts = [text for example in pairs(24, seed) for text in example.texts]
        return [Example([text], int(text[-2] == 7), "one") for text in texts]

    _, _, scorer = learn(tmp_path, singles(3), epochs=6)
    assert right_of(scorer, singles(8), Compute()) == [1.0] * 48


@pytest.mark.parametrize("kill_after", [1, 4, 7])
def test_a_reward_model_resumed_is_one_uninterrupted(tmp_path, kill_after):
    two_lanes = Compute(lanes=Lanes(2), tokens_per_pass=128)
    whole, rows, _ = learn(tmp_path / "whole", pairs(), compute=two_lanes)
    with pytest.raises(Killed):
        learn(tmp_path / "cut", pairs(), kill_after)
    resumed, again, _ = learn(tmp_path / "cut", pairs())
    assert same(weights(whole), weights(resumed))
    assert without_seconds(rows) == without_seconds(again)


def test_accuracy_by_hand():
    """Right, wrong, no difference: 1, 0 and 1/2, and each kind for itself."""
    examples = [Example([[1], [2]], 1, kind) for kind in ("a", "a", "b")]
    rows = accuracy_rows("rm_helpful", examples, [1.0, 0.0, 0.5], 100, 1)
    assert [(r["set"], r["n"], r["accuracy"]) for r in rows] == [
        ("heldout", 3, 0.5),
        ("heldout_a", 2, 0.5),
        ("heldout_b", 1, 0.5),
    ]
    assert all(row["ci_low"] <= row["accuracy"] <= row["ci_high"] for row in rows)
    scored = ScoredModel(make_model_of_50())  # the head at zero: no difference anywhere
    assert right_of(Scorer(scored, Compute()), pairs(4), Compute()) == [0.5] * 4
