# SPDX-License-Identifier: Apache-2.0
"""Claims about the TRL engine: it learns what the native engine learns, and resumes exactly.

The engines are compared on the same responses, written by a script, so that only what they make of
them can differ: rewards, advantages, log-probabilities, loss, gradient and step.
"""

import json
import os
from argparse import Namespace

import pytest
import torch
from huggingface_hub import constants
from ranks import run_ranks
from safetensors.torch import load_file
from tiny_stage import (
    PROMPTS,
    SETTINGS,
    Killed,
    NoSandbox,
    Run,
    make_model,
    make_tokenizer,
    scripted,
    train_as_rank,
    train_with_trl,
)
from torch.optim.optimizer import register_optimizer_step_pre_hook

from r1repro.errors import SettingsError
from r1repro.learn import rl_stage
from r1repro.learn.compute import Compute
from r1repro.learn.lanes import Lanes
from r1repro.learn.reinforcement import Reinforcement
from r1repro.learn.rewards import Reward
from r1repro.learn.rollout import Sampling, generate
from r1repro.learn.transformer import Transformer
from r1repro.learn.trl_engine import Layout, TrlReinforcement, check_settings, lay_out

SAME = {"rtol": 1e-5, "atol": 1e-5}


def train_natively(folder, settings, monkeypatch):
    """Train the same stage in the native engine on the same scripted responses."""
    tokenizer = make_tokenizer()
    model, run = make_model(tokenizer), Run(folder)
    sample = scripted(tokenizer)
    monkeypatch.setattr(
        "r1repro.learn.reinforcement.generate",
        lambda policy, prompts, samples, sampling, seeds, *_: sample(
            prompts, samples, sampling, seeds
        ),
    )
    stage = Reinforcement(
        "r1_zero", model, tokenizer, PROMPTS, NoSandbox(), SETTINGS | settings, seed=2
    )
    return model, stage.train(run, folder / "along")


class Gradients:
    """Keeps the gradients of every optimiser step while it is open."""

    def __enter__(self):
        self.steps = []
        self.hook = register_optimizer_step_pre_hook(self.keep)
        return self.steps

    def keep(self, optimiser, _arguments, _named):
        weights = [weight for group in optimiser.param_groups for weight in group["params"]]
        self.steps.append([weight.grad.clone() for weight in weights])

    def __exit__(self, *_exception):
        self.hook.remove()


def largest_gap(first, second):
    return max(float((a - b).abs().max()) for a, b in zip(first, second, strict=True))


def assert_rows_agree(mine, theirs, *except_for):
    """Numbers to rounding, texts exactly; times say nothing."""
    for one, other in zip(mine, theirs, strict=True):
        assert list(one) == list(other)
        for name, value in without(one, *except_for).items():
            if isinstance(value, str):
                assert value == other[name], name
            else:
                assert value == pytest.approx(other[name], rel=1e-4, abs=1e-5), name


def without(row, *names):
    return {k: v for k, v in row.items() if not k.startswith(("seconds", *names))}


@pytest.mark.parametrize(
    "settings",
    [
        {"loss_average": "response", "advantage_std": "population"},
        {"loss_average": "token", "advantage_std": "sample", "inner_epochs": 2},
    ],
)
def test_same_rollouts_give_same_rewards_loss_and_gradient(tmp_path, monkeypatch, settings):
    """Every row, every gradient of the first two rollouts and the last weights agree to 1e-5.

    The old log-probabilities are far from the policy's (a fifth of the tokens is clipped), the
    divergence weighs as much as the gain, and the reference is replaced after the second rollout.
    """
    settings = settings | {"kl_coefficient": 1.0, "gradient_clip_norm": 2.0}
    with Gradients() as native_steps:
        native, expected = train_natively(tmp_path / "native", settings, monkeypatch)
    with Gradients() as trl_steps:
        stage, rows, _ = train_with_trl(tmp_path / "trl", settings)
    epochs = settings.get("inner_epochs", 1)
    assert len(trl_steps) == len(native_steps) == 8 * epochs
    for step in range(4 * epochs):
        assert largest_gap(native_steps[step], trl_steps[step]) < 1e-5
        assert max(float(gradient.abs().max()) for gradient in trl_steps[step]) > 1e-2
    assert max(row["clipped_fraction"] for row in rows) > 0.1
    assert max(row["kl"] for row in rows) > 1e-3
    assert_rows_agree(rows, expected, "tokens_trained")
    torch.testing.assert_close(stage.model.state_dict(), native.state_dict(), **SAME)


def test_both_engines_give_the_same_language_reward(tmp_path, monkeypatch):
    """A share that hangs on the reasoning; a response without reasoning has none."""
    monkeypatch.setattr(
        "r1repro.learn.rewards.language_share",
        lambda text, language: int(text) / 10 if text else None,
    )
    _, expected = train_natively(tmp_path / "native", {"language_reward": 0.5}, monkeypatch)
    _, rows, _ = train_with_trl(tmp_path / "trl", {"language_reward": 0.5})
    assert_rows_agree(rows, expected, "tokens_trained")
    assert all(0 < row["reward_language"] < row["language_consistency"] < 1 for row in rows)


def test_checkpoints_of_the_engines_differ_in_nothing_but_rounding(tmp_path, monkeypatch):
    """Same names, same configuration, same files for the curve and for resuming."""
    train_natively(tmp_path / "native", {}, monkeypatch)
    _, _, run = train_with_trl(tmp_path / "trl")
    for kind in ("along", "step_00000008"):
        names = sorted(
            p.relative_to(tmp_path / "native").as_posix()
            for p in (tmp_path / "native" / kind).rglob("*")
        )
        assert names == sorted(
            p.relative_to(tmp_path / "trl").as_posix() for p in (tmp_path / "trl" / kind).rglob("*")
        )
        for name in names:
            one, other = tmp_path / "native" / name, tmp_path / "trl" / name
            if name.endswith(".safetensors"):
                torch.testing.assert_close(load_file(other), load_file(one), **SAME)
            elif name.endswith("config.json"):
                assert other.read_text() == one.read_text()
    assert sum(counted["tokens_generated"] for counted in run.counted) > 0
    assert all(counted["flop"] > 0 for counted in run.counted)
    assert not (tmp_path / "trl" / "trl").exists()


def by_length(prompts, responses, tokenizer, sandbox, settings):
    """Reward what a random model does, so that it has something to learn."""
    return [Reward(accuracy=float(sum(tokens) % 3), format=0.0) for tokens in responses]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """A whole training with TRL's own sampling: its folder, stage and rows."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("r1repro.learn.trl_trainer.judge_responses", by_length)
        whole, rows, _ = train_with_trl(folder, script=False)
    return folder, whole, rows


@pytest.mark.parametrize("kill_after", [3, 5])
def test_resumed_equals_uninterrupted(tmp_path, monkeypatch, uninterrupted, kill_after):
    """Also with TRL's own sampling: rows without times, weights and moments, bit by bit."""
    monkeypatch.setattr("r1repro.learn.trl_trainer.judge_responses", by_length)
    folder, whole, rows = uninterrupted
    with pytest.raises(Killed):
        train_with_trl(tmp_path / "cut", kill_after=kill_after, script=False)
    _, again, _ = train_with_trl(tmp_path / "cut", script=False)
    assert [without(row) for row in rows] == [without(row) for row in again]
    assert max(row["gradient_norm"] for row in rows) > 0.01
    name = "step_00000008/training.safetensors"
    saved, other = load_file(folder / name), load_file(tmp_path / "cut" / name)
    assert saved.keys() == other.keys() and len(saved) > 0
    assert all(torch.equal(saved[key], other[key]) for key in saved)
    started = make_model(whole.tokenizer).model.norm.weight
    assert not torch.equal(saved["model/model.norm.weight"], started)


def test_a_finished_stage_returns_its_rows_at_once(tmp_path):
    _, rows, _ = train_with_trl(tmp_path)
    _, again, run = train_with_trl(tmp_path)
    assert again == rows and run.counted == []


@pytest.mark.parametrize("average", ["response", "token"])
def test_passes_change_nothing(tmp_path, average):
    """Four passes of two responses, or one of eight: the same update."""
    settings = {"loss_average": average, "updates": 4}
    one, expected, _ = train_with_trl(tmp_path / "one", settings)
    small = Compute(tokens_per_pass=2 * (28 + 12) + 5)
    four, rows, _ = train_with_trl(tmp_path / "four", settings, compute=small)
    assert (one.layout.passes, four.layout.passes) == (1, 4)
    assert_rows_agree(rows, expected)
    torch.testing.assert_close(four.model.state_dict(), one.model.state_dict(), **SAME)


def launch(folder, settings, script):
    """Train in two processes over gloo; return rows and weights."""
    folder.mkdir()
    run_ranks(train_as_rank, folder, settings, script, said=folder / "said.txt", processes=2)
    rows = json.loads((folder / "rows.json").read_text())
    return rows, load_file(folder / "model" / "model.safetensors")


def test_the_trainer_agrees_with_our_sampler(tmp_path):
    """TRL's padded pass and our decoding give the same log-probabilities before the first step."""
    tokenizer = make_tokenizer()
    model = make_model(tokenizer)
    policy = Transformer(model)
    stage = TrlReinforcement(
        "r1_zero",
        model,
        tokenizer,
        PROMPTS,
        NoSandbox(),
        SETTINGS | {"updates": 4},
        2,
        sampler=lambda prompts, samples, sampling, seeds: generate(
            policy, prompts, samples, sampling, seeds, Lanes(1), 100
        ),
    )
    rows = stage.train(Run(tmp_path), tmp_path / "along")
    assert 0 <= rows[0]["sampling_logprob_gap"] < 1e-5
    assert rows[1]["sampling_logprob_gap"] == ""


class PretendedVllm:
    """Stands for vLLM, which needs a GPU: samples by script and tells log-probabilities."""

    def __init__(self, **options):
        self.options, self.caps = options, []
        self.max_completion_length = options["max_completion_length"]
        self.sample = scripted(make_tokenizer())
        PretendedVllm.last = self

    def sync_weights(self):
        pass

    def generate(self, prompts, images, num_generations, profiler):
        self.caps.append(self.max_completion_length)
        sampling = Sampling(1.0, 1.0, self.max_completion_length, 0)
        flat = [r for (r,) in self.sample(prompts, 1, sampling, range(len(prompts)))]
        logprobs = [[[value] for value in response.logprobs] for response in flat]
        return prompts, [response.tokens for response in flat], logprobs, None


def test_with_vllm_the_old_policy_is_the_one_that_sampled(tmp_path, monkeypatch):
    """Its log-probabilities enter the ratio (tokens are clipped), and the cap rises for it too."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    monkeypatch.setattr("trl.trainer.grpo_trainer.VLLMGeneration", PretendedVllm)
    settings = {"trl": {"vllm": True, "fsdp": False}}
    _, rows, _ = train_with_trl(tmp_path, settings, script=False)
    assert rows[0]["clipped_fraction"] > 0.05 and rows[0]["sampling_logprob_gap"] > 0.1
    assert PretendedVllm.last.caps == [10, 10, 12, 12]
    assert PretendedVllm.last.options["mode"] == "colocate"


@pytest.mark.slow
@pytest.mark.parametrize("sharded", [False, True])
def test_two_processes_learn_what_one_learns(tmp_path, sharded):
    """With one question an update every group is spread over both processes.

    They also have different numbers of tokens, so that a mean of their means would be wrong.
    """
    settings = {"questions_per_update": 1, "loss_average": "token", "advantage_std": "sample"}
    one, expected, _ = train_with_trl(tmp_path / "one", settings)
    spread = settings | {"trl": {"vllm": False, "fsdp": sharded}}
    rows, saved = launch(tmp_path / "two", spread, script=True)
    assert_rows_agree(rows, expected)
    for name, weight in one.model.named_parameters():
        torch.testing.assert_close(saved[name], weight.detach(), **SAME)


@pytest.mark.slow
def test_a_sharded_run_resumes_in_one_process_and_back(tmp_path):
    """A checkpoint does not depend on how many processes wrote it; TRL samples here."""
    settings = {"updates": 4, "reference_reset_updates": 2, "curve_every_updates": 2}
    launch(tmp_path / "two", settings | {"trl": {"vllm": False, "fsdp": True}}, script=False)
    _, rows, _ = train_with_trl(tmp_path / "two", settings | {"updates": 6}, script=False)
    assert [row["update"] for row in rows] == [1, 2, 3, 4, 5, 6]
    names = sorted(path.name for path in (tmp_path / "two" / "along").iterdir())
    assert names == ["step_000000", "step_000002", "step_000004", "step_000006"]


def test_a_rollout_is_dealt_update_by_update():
    """Two updates of 1 question x 4 responses to 2 processes: by hand."""
    layout = Layout(questions=1, group=4, updates=2, epochs=1, processes=2, passes=1)
    assert layout.rows_of(0) == [0, 1, 4, 5] and layout.rows_of(1) == [2, 3, 6, 7]
    assert layout.dealt() == [0, 1, 4, 5, 2, 3, 6, 7]


@pytest.mark.parametrize(("at_once", "passes"), [(0, 8), (1, 8), (3, 4), (4, 2), (9, 1)])
def test_a_pass_holds_as_many_responses_as_fit_and_divide(at_once, passes):
    assert lay_out("r1_zero", SETTINGS, 1, at_once).passes == passes


@pytest.mark.parametrize(
    ("changed", "processes", "said"),
    [
        ({"trl": {"vllm": True, "fsdp": False}}, 1, "vLLM is not installed"),
        ({"trl": {"vllm": False, "fsdp": True}}, 1, "there is one process"),
        ({"loss_average": "median"}, 1, "loss_average must be response or token"),
        ({"late_from_update": 3}, 1, "not a multiple"),
    ],
)
def test_what_cannot_be_honoured_is_refused(monkeypatch, changed, processes, said):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=said):
        check_settings("r1_zero", SETTINGS | changed, processes)


def test_responses_that_cannot_be_dealt_equally_are_refused():
    with pytest.raises(SettingsError, match="8 responses an update"):
        lay_out("r1_zero", SETTINGS, 3, 100)


def test_a_stage_of_this_engine_keeps_the_libraries_from_the_network(monkeypatch):
    """Also those that are imported already, before anything is loaded."""
    names = ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY")
    for name in names:
        monkeypatch.setenv(name, "0")
        monkeypatch.setattr(f"huggingface_hub.constants.{name}", False)
    seen = {}

    def look(_folder):
        seen.update({name: (os.environ[name], getattr(constants, name)) for name in names})
        raise InterruptedError

    monkeypatch.setattr(rl_stage, "load_tokenizer", look)
    settings = {"require_gpu": False, "r1_zero": {"engine": "trl", "trl": {"fsdp": False}}}
    args = Namespace(stage="r1_zero", gpus=0, start="", settings=settings)
    with pytest.raises(InterruptedError):
        rl_stage.run_rl_stage(args, None, None, None)
    assert seen == dict.fromkeys(names, ("1", True))
