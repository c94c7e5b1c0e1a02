# SPDX-License-Identifier: Apache-2.0
"""Claims about RL with reward models: who scores what, two phases, and the way from the start."""

import pytest
import torch
from tiny_stage import (
    PROMPTS,
    SETTINGS,
    Killed,
    NoSandbox,
    Run,
    make_model,
    make_tokenizer,
    same,
    weights,
    without_seconds,
)

from r1repro.errors import InputError, SettingsError
from r1repro.learn.compute import Compute
from r1repro.learn.lanes import Lanes
from r1repro.learn.preference import Preferences, Rule, set_of
from r1repro.learn.reinforcement import Reinforcement
from r1repro.learn.reward_model import (
    RewardModel,
    ScoredModel,
    Scorer,
    final_answer,
    score_texts,
    texts_to_score,
)
from r1repro.learn.trl_engine import check_settings
from r1repro.tasks.judge import Verdict


def general(number, name):
    return {
        "question": f"What is {number}+2?",
        "category": "general",
        "language": "en",
        "task": f"general_{name}",
        "check": {"set": name},
    }


GENERAL = [general(i, name) for i in range(2) for name in ("helpful", "harmless")]
BOTH = {"preference_from_update": 4, "log_kl_to_start": True}


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


@pytest.fixture(autouse=True)
def rules(monkeypatch):
    """A rule that random text satisfies now and then."""
    monkeypatch.setattr(
        "r1repro.learn.experience.judge",
        lambda prompts, texts, sandbox: [
            Verdict(len(text) % 3 == 0, len(text) % 2 == 0, text, None) for text in texts
        ],
    )


def reward_model(tokenizer, seed):
    scored = ScoredModel(make_model(tokenizer, seed))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        scored.head.weight.copy_(torch.randn(1, 32, generator=generator))
    return RewardModel(scored.requires_grad_(False), tokenizer)


def preferences(tokenizer, compute=None, names=("helpful", "harmless")):
    models = {name: reward_model(tokenizer, 5 + i) for i, name in enumerate(names)}
    return Preferences(models, compute or Compute())


def reinforce(folder, tokenizer, kill_after=None, compute=None, prompts=PROMPTS + GENERAL, **some):
    model, run = make_model(tokenizer), Run(folder, kill_after)
    judges = preferences(tokenizer, compute) if some else None
    stage = Reinforcement(
        "r1", model, tokenizer, prompts, NoSandbox(), SETTINGS | some, 2, compute, judges
    )
    asked, sample = [], stage._sample

    def watch(chosen, update):
        asked.append([stage.prompts[i]["category"] for i in chosen])
        return sample(chosen, update)

    stage._sample = watch
    rows = stage.train(run, folder / "along")
    run.state.lock.close()
    return stage, rows, run, asked


# ---- who scores what --------------------------------------------------------------------------


def test_each_set_is_scored_by_its_model_on_what_that_model_reads(tokenizer):
    """helpful: the final answer; harmless: the whole response; reasoning: nobody."""
    judges = preferences(tokenizer)
    response = "<think>1+2=3.</think><answer>3</answer>"
    prompts = [PROMPTS[0], GENERAL[1], GENERAL[0]]
    got, flop = judges.scores(prompts, [response] * 3)

    def alone(name, prompt, text):
        texts = texts_to_score(tokenizer, [prompt["question"]], [text])
        scored = judges.models[name].scored
        return score_texts(Scorer(scored, Compute()), texts, Compute())[0]

    assert got[0] is None and flop > 0
    assert got[1] == pytest.approx(alone("harmless", GENERAL[1], response), abs=1e-5)
    short = final_answer(response)
    assert got[2] == pytest.approx(alone("helpful", GENERAL[0], short), abs=1e-5)
    assert judges.scores([PROMPTS[0]], [response]) == ([None], 0)


def test_a_general_prompt_without_a_model_or_a_set_is_refused(tmp_path, tokenizer):
    def stage(judges, prompts=PROMPTS + GENERAL):
        settings = SETTINGS | {"preference_from_update": 4}
        Reinforcement(
            "r1", make_model(tokenizer), tokenizer, prompts, NoSandbox(), settings, 2, None, judges
        )

    with pytest.raises(SettingsError, match="was given no reward model; give --rm-helpful"):
        stage(None)
    with pytest.raises(SettingsError, match="'harmless' .* give its folder with --rm-safety"):
        stage(preferences(tokenizer, names=("helpful",)))
    with pytest.raises(InputError, match="of the set 'rude'"):
        stage(preferences(tokenizer), [*PROMPTS, general(1, "rude")])
    assert set_of(PROMPTS[0]) is None and set_of(GENERAL[0]) == "helpful"


def test_general_prompts_of_no_known_set_are_refused_by_the_rule_as_well():
    Rule().check("r1", [*PROMPTS, *GENERAL])
    with pytest.raises(InputError, match="'rude'"):
        Rule().check("r1", [*PROMPTS, general(1, "rude")])


# ---- two phases -------------------------------------------------------------------------------


def test_preference_rewards_come_with_general_prompts_and_only_then(tmp_path, tokenizer):
    """Updates 1 to 4 are reasoning alone; afterwards nine prompts are asked, four general."""
    _, rows, run, asked = reinforce(tmp_path, tokenizer, **BOTH)
    assert asked[0] == asked[1] == ["math"] * 4
    assert "general" in asked[2] + asked[3] and "math" in asked[2] + asked[3]
    assert all(row["reward_preference"] == row["general_checked"] == "" for row in rows[:4])
    late = [row["reward_preference"] for row in rows[4:] if row["reward_preference"] != ""]
    assert late and all(0 < value < 1 for value in late)
    assert run.counted[4]["flop"] > 0 and all(c["flop"] > 0 for c in run.counted)


def test_the_reward_of_a_mixed_update_is_the_sum_of_its_parts(tmp_path, tokenizer):
    """Twice the size doubles what preferences add, on the same first responses."""
    _, rows, _, asked = reinforce(
        tmp_path / "one", tokenizer, preference_from_update=0, preference_only=True
    )
    _, twice, _, _ = reinforce(
        tmp_path / "two",
        tokenizer,
        preference_from_update=0,
        preference_only=True,
        preference_reward=2.0,
    )
    assert {kind for kinds in asked for kind in kinds} == {"general"}
    for one, two in zip(rows[:2], twice[:2], strict=True):  # the first rollout
        assert two["reward_preference"] == pytest.approx(2 * one["reward_preference"], abs=1e-6)
        assert one["reward"] == pytest.approx(
            one["reward_format"] + one["reward_preference"], abs=1e-6
        )
        assert one["reward_accuracy"] == one["reward_language"] == ""


@pytest.mark.parametrize("kill_after", [3, 5, 7])
def test_two_phases_resumed_are_two_phases_uninterrupted(tmp_path, tokenizer, kill_after):
    """Killed before, at and after the change; in two lanes and in one."""
    two_lanes = Compute(lanes=Lanes(2))
    whole, rows, _, _ = reinforce(tmp_path / "whole", tokenizer, compute=two_lanes, **BOTH)
    with pytest.raises(Killed):
        reinforce(tmp_path / "cut", tokenizer, kill_after, compute=Compute(), **BOTH)
    resumed, again, _, _ = reinforce(tmp_path / "cut", tokenizer, compute=Compute(), **BOTH)
    assert same(weights(whole.model), weights(resumed.model))
    assert without_seconds(rows) == without_seconds(again)


def test_without_preferences_general_prompts_in_the_file_change_no_bit(tmp_path, tokenizer):
    one, rows, _, _ = reinforce(tmp_path / "one", tokenizer)
    other, again, _, _ = reinforce(tmp_path / "other", tokenizer, prompts=PROMPTS)
    assert same(weights(one.model), weights(other.model))
    assert without_seconds(rows) == without_seconds(again)


def test_the_same_streams_under_another_name_are_the_same_run(tmp_path, tokenizer):
    """A control and its stage see the same questions and random numbers."""

    def train(folder, name, streams):
        model, run = make_model(tokenizer), Run(folder)
        stage = Reinforcement(
            name, model, tokenizer, PROMPTS, NoSandbox(), SETTINGS, 2, streams=streams
        )
        stage.train(run, folder / "along")
        run.state.lock.close()
        return weights(model)

    one = train(tmp_path / "one", "r1_zero", None)
    assert same(one, train(tmp_path / "two", "cap_never_rises", "r1_zero"))
    assert not same(one, train(tmp_path / "three", "cap_never_rises", None))


# ---- the way from the start -------------------------------------------------------------------


def test_the_divergence_from_the_start_begins_at_zero_and_outlives_the_reset(tmp_path, tokenizer):
    """Until the reset at update 4 the reference is the start; measuring changes no weight."""
    stage, rows, _, _ = reinforce(tmp_path / "with", tokenizer, log_kl_to_start=True)
    kept = [row["kl_to_start"] for row in rows]
    assert kept[0] == pytest.approx(0.0, abs=1e-6)
    assert kept[6] > max(kept[0], 0) and kept[6] > rows[4]["kl"]
    plain, rows, _, _ = reinforce(tmp_path / "without", tokenizer)
    assert {row["kl_to_start"] for row in rows} == {""}
    assert same(weights(stage.model), weights(plain.model))


# ---- the other engine -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"preference_from_update": 0}, "preference_from_update is 0, .* no reward models"),
        ({"algorithm": "ppo"}, "algorithm is 'ppo', .* no critic"),
        ({"log_kl_to_start": True}, "log_kl_to_start is True"),
    ],
)
def test_trl_refuses_what_it_has_not(settings, sentence):
    with pytest.raises(SettingsError, match=sentence):
        check_settings("r1", SETTINGS | settings, 1)
