# SPDX-License-Identifier: Apache-2.0
"""Claims about both training stages from a folder of any family, by the loops the stages run."""

import pytest
import torch
from foreign_checkpoints import other_tokenizer, our_tokenizer, write_folder
from tiny_stage import (
    SETTINGS,
    SUPERVISED,
    Killed,
    NoSandbox,
    Run,
    same,
    weights,
    without_seconds,
)
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from r1repro.learn.checkpoint import load_model, load_tokenizer, save_checkpoint
from r1repro.learn.compute import Compute
from r1repro.learn.finetuning import finetuning_batches, response_sequences
from r1repro.learn.generic import GenericTransformer
from r1repro.learn.lanes import Lanes
from r1repro.learn.reinforcement import Reinforcement
from r1repro.learn.rewards import Reward
from r1repro.learn.supervised import train_supervised
from r1repro.learn.tokenizer import encode_all
from r1repro.tasks.template import frame

CPU = torch.device("cpu")
QUESTIONS = [f"What is {n}+1?" for n in range(5)]
ROW = 320
FAMILIES = [("qwen2", our_tokenizer), ("qwen3", other_tokenizer), ("gpt2", our_tokenizer)]
NATIVE = ("qwen2", "qwen3")


@pytest.fixture(autouse=True)
def quiet_machine(monkeypatch):
    """Models this small are faster in one thread; rewards go by length, which always varies."""
    monkeypatch.setattr("r1repro.learn.experience.judge", lambda prompts, texts, sandbox: texts)
    monkeypatch.setattr(
        "r1repro.learn.experience.reward",
        lambda text, *_: Reward(accuracy=float(len(text) % 3), format=0.0),
    )
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda pair: pair[0])
def folder(request, tmp_path_factory):
    family, tokenizer = request.param
    return write_folder(tmp_path_factory.mktemp("own") / family, family, tokenizer(), spare=3)


def fine_tune(folder, state, compute, kill_after=None):
    """dev1 in small: worked responses of one form."""
    model, tokenizer = load_model(folder, CPU), load_tokenizer(folder)
    worked = [{"prompt": frame(q), "response": f"<think>{q}</think>"} for q in QUESTIONS * 2]
    settings = SUPERVISED | {"row_tokens": ROW, "epochs": 2, "samples_per_batch": 4}
    batches = finetuning_batches(response_sequences(worked, tokenizer), settings, 1, "dev1")
    run = Run(state, kill_after)
    rows = train_supervised(model, batches, settings, compute, run)
    run.state.lock.close()
    return rows, model, tokenizer


def reinforce(folder, state, compute, kill_after=None):
    """r1_zero in small."""
    model, tokenizer = load_model(folder, CPU), load_tokenizer(folder)
    prompts = [{"question": question, "category": "math"} for question in QUESTIONS]
    settings, run = SETTINGS | {"row_tokens": ROW}, Run(state, kill_after)
    stage = Reinforcement(
        "r1_zero", model, tokenizer, prompts, NoSandbox(), settings, 2, compute=compute
    )
    rows = stage.train(run, state / "along")
    run.state.lock.close()
    return rows, model, tokenizer


STAGES = {"dev1": fine_tune, "r1_zero": reinforce}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_learns_from_the_folder_and_leaves_one_that_transformers_opens(
    stage, folder, tmp_path
):
    """New weights, the same family and tokenizer; qwen2 and qwen3 run on our own forward pass."""
    rows, model, tokenizer = STAGES[stage](folder, tmp_path / "state", Compute())
    generic = isinstance(Compute().transformer(model), GenericTransformer)
    assert generic == (model.config.model_type not in NATIVE)
    assert not same(weights(load_model(folder, CPU)), weights(model))
    if stage == "dev1":
        assert rows[-1]["loss"] < rows[0]["loss"]
    else:
        assert max(row["sampling_logprob_gap"] or 0 for row in rows) < 1e-4
        assert any(row["zero_variance_groups"] < 2 for row in rows)
    save_checkpoint(model, tokenizer, tmp_path / "trained")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "trained")
    assert again.config.model_type == model.config.model_type
    assert same(weights(model), weights(again))
    # Not AutoTokenizer: it cuts the words of any Qwen2 folder as Qwen2 does, whatever is in there.
    theirs = PreTrainedTokenizerFast.from_pretrained(tmp_path / "trained")
    for question in QUESTIONS:
        ids = theirs(frame(question), add_special_tokens=False)["input_ids"]
        assert [ids] == encode_all(tokenizer, [frame(question)])


@pytest.mark.parametrize("stage", STAGES)
def test_lanes_and_a_kill_change_no_bit(stage, folder, tmp_path):
    """Bitwise: in one lane, in two, and killed after two steps and resumed."""
    rows, whole, _ = STAGES[stage](folder, tmp_path / "whole", Compute(lanes=Lanes(2)))
    with pytest.raises(Killed):
        STAGES[stage](folder, tmp_path / "cut", Compute(), 3)
    again, resumed, _ = STAGES[stage](folder, tmp_path / "cut", Compute())
    assert same(weights(whole), weights(resumed))
    assert without_seconds(rows) == without_seconds(again)
