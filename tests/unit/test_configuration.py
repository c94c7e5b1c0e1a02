# SPDX-License-Identifier: Apache-2.0
"""Claims about settings that are sound alone but not together: arms, seeds, whole rollouts."""

from pathlib import Path

import pytest
import yaml

from r1repro.configuration import RL_STAGES, problems, relations, rl_sections
from r1repro.inheritance import laid_over, resolve

ROOT = Path(__file__).parents[2]
DEFAULT = ROOT / "config/config.yaml"
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))


def with_changes(text=""):
    """Return the default configuration with some YAML laid over it, made whole."""
    config = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    config = laid_over(config, yaml.safe_load(text) or {})
    resolve(config)
    return config


def told(text):
    """Return the keys and the sentence of each relation that is broken."""
    return list(relations(with_changes(text)))


def test_the_default_breaks_nothing_and_its_arms_are_sections_of_rl():
    assert told("") == []
    sections = rl_sections(with_changes())
    assert sections[: len(RL_STAGES)] == list(RL_STAGES)
    assert {"controls.hot_stage2", "controls.ppo_lambda_095"} <= set(sections)
    assert len(sections) == len(RL_STAGES) + 9


STAGES = "r1_zero, pilot, dev2, r1, small_zero"


@pytest.mark.parametrize("like", ["absent", "dev1", "hot_stage2", "controls"])
def test_an_arm_that_names_no_stage_of_rl_is_refused(like):
    """It holds every key, but nobody knows what it differs from and where it starts."""
    config = with_changes()
    arm = dict(config["r1_zero"])
    if like != "absent":
        arm["like"] = like
    config["controls"]["mine"] = arm
    assert list(relations(config)) == [
        (["controls.mine.like"], f"'controls.mine.like' must name one of {STAGES}")
    ]


def test_the_sentence_about_an_arm_names_its_file_and_line(tmp_path):
    """As the user sees it: a stage of fine-tuning is no stage for an arm of RL."""
    upper = tmp_path / "mine.yaml"
    upper.write_text("controls:\n  mine:\n    updates: 84\n    like: dev1\n", encoding="utf-8")
    written = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in (DEFAULT, upper)]
    config = laid_over(*written)
    assert problems(config, SCHEMA, [DEFAULT, upper], {}) == [
        f"{upper}, line 4: 'controls.mine.like' must name one of {STAGES}"
    ]


@pytest.mark.parametrize("stage", RL_STAGES)
def test_an_arm_may_differ_from_any_stage_of_rl(stage):
    assert told(f"controls: {{mine: {{like: {stage}}}}}") == []


@pytest.mark.parametrize("seeds", ["[2, 3]", "[10, 21]"])
def test_a_seed_that_is_not_among_the_seeds_is_refused(seeds):
    """Else its own run would not count for its verdicts."""
    assert told(f"seeds: {seeds}") == [
        (["seed", "seeds"], f"'seed' (1) must be among 'seeds' ({seeds})")
    ]


@pytest.mark.parametrize("text", ["seeds: [1]", "seeds: [3, 2, 1]", "seed: 7\nseeds: null"])
def test_a_seed_among_the_seeds_or_alone_is_accepted(text):
    assert told(text) == []


MULTIPLES = {
    "dev2.updates": 50,
    "r1.late_from_update": 46,
    "pilot.reference_reset_updates": 38,
    "small_zero.checkpoint_every_updates": 6,
    "r1.curve_every_updates": 10,
    "r1.preference_from_update": 34,
    "controls.no_format_reward.updates": 82,
}


@pytest.mark.parametrize("key", MULTIPLES)
def test_what_happens_in_a_stage_falls_on_a_whole_number_of_its_rollouts(key):
    """Four updates share a rollout; a stage or arm with a value of its own is not spared."""
    changes = MULTIPLES[key]
    for part in reversed(key.split(".")):
        changes = {part: changes}
    step = f"{key.rpartition('.')[0]}.updates_per_rollout"
    sentence = f"'{key}' ({MULTIPLES[key]}) must be a multiple of '{step}' (4)"
    assert ([key, step], sentence) in told(yaml.safe_dump(changes))


def test_a_stage_that_takes_over_a_wrong_number_is_named_too():
    """dev2 sets 5 updates per rollout; r1 and the arms like dev2 or r1 have it from there."""
    named = {keys[0].rpartition(".")[0] for keys, _ in told("dev2: {updates_per_rollout: 5}")}
    arms = {"no_language_reward", "preference_too_long", "preference_by_rule", "hot_stage2"}
    assert named == {"dev2", "r1", *(f"controls.{arm}" for arm in arms)}


def test_a_stage_without_preference_rewards_has_no_update_at_which_they_begin():
    """null is no multiple of anything, and needs to be none."""
    assert told("r1: {preference_from_update: null}") == []


@pytest.mark.parametrize("stage", ["dev2", "controls.hot_stage2", "controls.ppo_lambda_100"])
def test_limits_of_length_hold_in_every_stage_and_arm(stage):
    """A first cap above the later one is refused where it is set."""
    section, _, arm = stage.partition(".")
    inner = "{max_response_tokens: 100}"
    text = f"{section}: {{{arm}: {inner}}}" if arm else f"{section}: {inner}"
    low, high = f"{stage}.max_response_tokens", f"{stage}.late_max_response_tokens"
    sentence = f"'{low}' (100) must not exceed '{high}' (72)"
    assert ([low, high], sentence) in told(text)
