# SPDX-License-Identifier: Apache-2.0
"""Claims about the training loops: what is learnt from, and that resuming changes nothing."""

from pathlib import Path

import pytest
import torch
from tiny_stage import (
    MODEL,
    PROMPTS,
    SETTINGS,
    SUPERVISED,
    Killed,
    NoSandbox,
    Run,
    make_model,
    make_tokenizer,
    same,
    weights,
    without_seconds,
)

from r1repro.errors import InputError
from r1repro.learn.checkpoint import (
    load_model,
    new_model,
    save_checkpoint,
)
from r1repro.learn.compute import Compute
from r1repro.learn.finetuning import response_sequences
from r1repro.learn.optimisation import cosine
from r1repro.learn.packing import Sequence
from r1repro.learn.phases import QuestionOrder
from r1repro.learn.reinforcement import Reinforcement
from r1repro.learn.supervised import fitting, row_batches, train_supervised
from r1repro.learn.tokenizer import END, decode, encode_all
from r1repro.tasks.template import frame


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


def documents(count=60):
    generator = torch.Generator().manual_seed(0)
    return [
        Sequence([], [torch.randint(0, 40, (5 + i % 17,), generator=generator).tolist()], [0])
        for i in range(count)
    ]


def train(folder, kill_after=None, muon=None):
    model = new_model(MODEL, 50, 49, seed=1)
    batches = [b for e in range(4) for b in row_batches(documents(), 64, 4, (1, "t", e))]
    run = Run(folder, kill_after)
    settings = SUPERVISED | {"muon_learning_rate": muon}
    rows = train_supervised(model, batches, settings, Compute(), run)
    run.state.lock.close()
    return rows, weights(model)


@pytest.mark.parametrize(("kill_after", "muon"), [(1, None), (4, None), (6, 0.01), (7, 0.01)])
def test_supervised_resume_equals_no_interruption(tmp_path, kill_after, muon):
    rows, whole = train(tmp_path / "whole", muon=muon)
    with pytest.raises(Killed):
        train(tmp_path / "cut", kill_after, muon)
    again, resumed = train(tmp_path / "cut", muon=muon)
    assert without_seconds(rows) == without_seconds(again)
    assert same(whole, resumed)
    assert rows[-1]["loss"] < rows[0]["loss"]


def reinforce(folder, tokenizer, kill_after=None):
    model = make_model(tokenizer)
    run = Run(folder, kill_after)
    stage = Reinforcement("r1_zero", model, tokenizer, PROMPTS, NoSandbox(), SETTINGS, seed=2)
    rows = stage.train(run, folder / "along")
    run.state.lock.close()
    return rows, weights(model), run


@pytest.mark.parametrize("kill_after", [1, 3, 5, 7])
def test_reinforcement_resume_equals_no_interruption(tmp_path, tokenizer, kill_after, monkeypatch):
    monkeypatch.setattr(
        "r1repro.learn.experience.judge",
        lambda prompts, texts, sandbox: texts,
    )

    def by_length(text, prompt, response, settings):
        from r1repro.learn.rewards import Reward

        return Reward(accuracy=float(len(text) % 3), format=0.0)

    monkeypatch.setattr("r1repro.learn.experience.reward", by_length)
    rows, whole, _ = reinforce(tmp_path / "whole", tokenizer)
    with pytest.raises(Killed):
        reinforce(tmp_path / "cut", tokenizer, kill_after)
    again, resumed, _ = reinforce(tmp_path / "cut", tokenizer)
    assert without_seconds(rows) == without_seconds(again)
    assert same(whole, resumed)
    assert not same(whole, weights(make_model(tokenizer)))
    names = sorted(p.name for p in (tmp_path / "cut" / "along").iterdir())
    assert names == ["step_000000", "step_000004", "step_000008"]
    for name in names:
        one = (tmp_path / "whole" / "along" / name / "model.safetensors").read_bytes()
        assert one == (tmp_path / "cut" / "along" / name / "model.safetensors").read_bytes()
    assert [row["max_response_tokens"] for row in rows] == [10] * 4 + [12] * 4
    assert max(row["sampling_logprob_gap"] or 0 for row in rows) < 1e-4


def test_questions_come_once_per_pass_and_only_depend_on_the_seed():
    order = QuestionOrder(10, seed=1, stage="r1_zero")
    first, second = order.take(0, 10), order.take(10, 10)
    assert sorted(first) == sorted(second) == list(range(10)) and first != second
    assert order.take(7, 6) == first[7:] + second[:3]
    assert QuestionOrder(10, seed=2, stage="r1_zero").take(0, 10) != first


def test_cosine_schedule_ends_at_exactly_a_tenth():
    rates = [cosine(step, 100, 10, 0.1) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and rates[9] == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.1) and rates[10:] == sorted(rates[10:], reverse=True)


def test_fine_tuning_learns_from_the_response_only(tokenizer):
    sample = {
        "prompt": frame("What is 1+2?"),
        "response": "<think>1+2=3.</think><answer>3</answer>",
    }
    [sequence] = response_sequences([sample], tokenizer)
    assert decode(tokenizer, sequence.prefix) == sample["prompt"]
    assert decode(tokenizer, sequence.continuations[0]) == sample["response"]
    assert sequence.continuations[0][-1] == tokenizer.eos_token_id


def test_a_rare_text_that_is_too_long_is_left_out_and_counted(capsys):
    """One of 200 is left out and said so; five of 200 are a wrong setting."""
    short, long = Sequence([], [[1] * 10], [0]), Sequence([2], [[1] * 20], [0])
    kept = fitting([short] * 199 + [long], 16, Path("corpus.jsonl"))
    assert kept == [short] * 199
    assert "left out: 1 of 200 texts longer than 16 tokens" in capsys.readouterr().out
    with pytest.raises(InputError, match=r"corpus\.jsonl holds 5 of 200 .* longest 21 tokens"):
        fitting([short] * 195 + [long] * 5, 16, Path("corpus.jsonl"))


def test_numbers_are_cut_into_groups_of_one_to_three_digits_and_text_survives(tokenizer):
    text = "f(12345)=67 和 中文 <think>A# B#</think>"
    [ids] = encode_all(tokenizer, [text])
    assert decode(tokenizer, ids) == text
    pieces = [tokenizer.backend_tokenizer.decode([i]) for i in ids]
    assert all(sum(c.isdigit() for c in piece) <= 3 for piece in pieces)
    assert "67" in pieces and "<think>" in pieces
    for number in ("0", "7", "10", "99"):
        assert len(encode_all(tokenizer, [number])[0]) == 1


def test_a_pickled_checkpoint_is_refused_with_one_sentence(tmp_path):
    model = new_model(MODEL, 50, 49, seed=1)
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match="safetensors"):
        load_model(tmp_path, torch.device("cpu"))


def test_weights_that_are_not_numbers_are_refused(tmp_path, tokenizer):
    model = new_model(MODEL, len(tokenizer), tokenizer.eos_token_id, seed=1)
    with torch.no_grad():
        model.lm_head.weight[0, 0] = float("nan")
    save_checkpoint(model, tokenizer, tmp_path)
    with pytest.raises(InputError, match="not finite"):
        load_model(tmp_path, torch.device("cpu"))


def test_the_end_mark_is_never_shown(tokenizer):
    [ids] = encode_all(tokenizer, ["3"])
    assert decode(tokenizer, [*ids, tokenizer.eos_token_id]) == "3"
    assert END not in decode(tokenizer, [*ids, tokenizer.eos_token_id])
