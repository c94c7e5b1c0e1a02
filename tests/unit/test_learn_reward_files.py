# SPDX-License-Identifier: Apache-2.0
"""Claims about the files of reward models: what is saved, what is refused, what a stage leaves."""

import json
from argparse import Namespace

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_stage import SUPERVISED, Run, make_model, make_tokenizer, same, weights

from r1repro.errors import InputError
from r1repro.learn.checkpoint import load_model, load_tokenizer, save_checkpoint
from r1repro.learn.compute import Compute
from r1repro.learn.reward_model import (
    HEAD_FILE,
    ScoredModel,
    Scorer,
    load_reward_model,
    save_reward_model,
    score_texts,
    texts_to_score,
)
from r1repro.learn.reward_training import (
    Example,
    fitting_examples,
    read_examples,
    train_reward_model,
)

CPU = torch.device("cpu")
SETTINGS = SUPERVISED | {"epochs": 1, "samples_per_batch": 8, "bootstrap": 200}


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


def test_a_saved_reward_model_scores_as_before_and_opens_as_a_language_model(tmp_path, tokenizer):
    scored = ScoredModel(make_model(tokenizer))
    torch.nn.init.constant_(scored.head.weight, 0.5)
    save_reward_model(scored, tokenizer, tmp_path)
    again = load_reward_model(tmp_path, CPU).scored
    texts = texts_to_score(tokenizer, ["What is 1+2?"], ["<answer>3</answer>"])
    one, other = (score_texts(Scorer(s, Compute()), texts, Compute()) for s in (scored, again))
    assert one == other and not any(w.requires_grad for w in again.parameters())
    assert same(weights(load_model(tmp_path, CPU)), weights(scored.model))


def test_a_folder_that_is_no_reward_model_is_refused_with_one_sentence(tmp_path, tokenizer):
    """Without a head, with one of another width, and with one that is not finite."""
    save_checkpoint(make_model(tokenizer), tokenizer, tmp_path)
    with pytest.raises(InputError, match=r"no reward model: value_head\.safetensors is missing"):
        load_reward_model(tmp_path, CPU)
    save_file({"weight": torch.zeros(1, 7), "bias": torch.zeros(1)}, tmp_path / HEAD_FILE)
    with pytest.raises(InputError, match="does not fit the model"):
        load_reward_model(tmp_path, CPU)
    (tmp_path / HEAD_FILE).write_bytes(b"not a tensor")
    with pytest.raises(InputError, match="does not fit the model"):
        load_reward_model(tmp_path, CPU)
    bad = {"weight": torch.full((1, 32), torch.nan), "bias": torch.zeros(1)}
    save_file(bad, tmp_path / HEAD_FILE)
    with pytest.raises(InputError, match="not finite"):
        load_reward_model(tmp_path, CPU)


@pytest.mark.parametrize(
    ("stage", "line", "sentence"),
    [
        ("rm_helpful", {"prompt": "p", "chosen": "a"}, "line 2.*'rejected' as str"),
        ("rm_safety", {"prompt": "p", "response": "a", "safe": "yes"}, "line 2.*'safe' as bool"),
    ],
)
def test_data_that_lack_a_field_are_refused_with_their_line(
    tmp_path, tokenizer, stage, line, sentence
):
    good = {"prompt": "p", "chosen": "a", "rejected": "b", "response": "a", "safe": True}
    (tmp_path / "d.jsonl").write_text(f"{json.dumps(good)}\n{json.dumps(line)}\n")
    with pytest.raises(InputError, match=sentence):
        read_examples(tmp_path / "d.jsonl", stage, tokenizer, 1)
    (tmp_path / "e.jsonl").write_text("")
    with pytest.raises(InputError, match="holds no example"):
        read_examples(tmp_path / "e.jsonl", stage, tokenizer, 1)


def test_examples_longer_than_a_row_are_refused_with_the_setting(tmp_path):
    examples = [Example([[3, number, 4, 5]] * 2, 1, "pair") for number in range(24)]
    with pytest.raises(InputError, match=r"24 of 24 examples .* raise that setting"):
        fitting_examples(examples, 8, tmp_path / "pairs.jsonl")


class Attempt:
    """Takes what a stage reports."""

    def outputs(self, paths):
        self.paths = [path.name for path in paths]


class FinishingRun(Run):
    """A run that writes the results."""

    def __init__(self, folder):
        super().__init__(folder)
        self.attempt = Attempt()

    def finish(self, rows, _metrics, save, checkpoint):
        checkpoint.mkdir()
        save(checkpoint)
        self.rows = rows


def test_the_stage_writes_model_and_accuracy(tmp_path, tokenizer):
    """From files to a folder that loads, and a table for which the model was not trained."""
    save_checkpoint(make_model(tokenizer), tokenizer, tmp_path / "start")
    rows = [
        {"prompt": "What is 1+2?", "response": f"<think>{n}</think><answer>3</answer>", "safe": s}
        for n in range(12)
        for s in (True, False)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    for name in ("train", "heldout"):
        (tmp_path / f"{name}.jsonl").write_text(text)
    room = len(texts_to_score(tokenizer, ["What is 1+2?"], [rows[-1]["response"]])[0]) + 2
    args = Namespace(
        settings={
            "rm_safety": SETTINGS | {"row_tokens": 2 * room},
            "seed": 1,
            "require_gpu": False,
            "compute": {
                "precision": "float32",
                "tokens_per_pass": 256,
                "responses_at_once": 8,
            },
        },
        gpus=0,
        start=tmp_path / "start",
        train=tmp_path / "train.jsonl",
        heldout=tmp_path / "heldout.jsonl",
        out_model=tmp_path / "model",
        out_metrics=tmp_path / "metrics.csv",
        out_accuracy=tmp_path / "accuracy.csv",
    )
    run = FinishingRun(tmp_path / "state")
    train_reward_model("rm_safety", args, Compute().world, run)
    run.state.lock.close()
    load_reward_model(tmp_path / "model", CPU)
    assert load_tokenizer(tmp_path / "model").eos_token_id == tokenizer.eos_token_id
    assert load_file(tmp_path / "model" / HEAD_FILE)["weight"].abs().max() > 0
    header, *lines = (tmp_path / "accuracy.csv").read_text().splitlines()
    assert header == "model,set,n,accuracy,ci_low,ci_high"
    # the same text safe and unsafe: whatever the score, half of them are judged right
    assert lines[0].startswith("rm_safety,heldout,24,0.5,")
    assert len(run.rows) == 3
