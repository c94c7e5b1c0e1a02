# SPDX-License-Identifier: Apache-2.0
"""Claims about `like`: a section says only what differs from another."""

import copy
from pathlib import Path

import pytest
import yaml

from r1repro.errors import SettingsError
from r1repro.inheritance import resolve

CONFIG = Path(__file__).parents[2] / "config"
ZERO = {"updates": 84, "temperature": 1.0, "ppo": {"lambda": 1.0, "critic_learning_rate": 0.001}}


def resolved(**sections):
    """Return a configuration with r1_zero and more sections, made whole; the input stays."""
    config = copy.deepcopy({"seed": 1, "r1_zero": ZERO, "controls": {}} | sections)
    resolve(config)
    return config


def test_a_section_takes_the_keys_of_the_named_one_and_its_own_win():
    found = resolved(pilot={"like": "r1_zero", "updates": 36})
    assert found["pilot"] == ZERO | {"like": "r1_zero", "updates": 36}
    assert found["r1_zero"] == ZERO and found["seed"] == 1


def test_sections_within_are_merged_key_by_key_and_lists_are_replaced():
    """Of `ppo` one key differs: the other stays; a list is one value."""
    base = {"model": {"layers": 4, "heads": 4}, "betas": [0.9, 0.95]}
    found = resolved(
        base=base,
        small={"like": "base", "model": {"layers": 3}, "betas": [0.8]},
        controls={"ppo_095": {"like": "r1_zero", "ppo": {"lambda": 0.95}}},
    )
    assert found["small"]["model"] == {"layers": 3, "heads": 4}
    assert found["small"]["betas"] == [0.8]
    arm = found["controls"]["ppo_095"]
    assert arm["ppo"] == {"lambda": 0.95, "critic_learning_rate": 0.001}
    assert found["base"] == base and found["r1_zero"]["ppo"]["lambda"] == 1.0


@pytest.mark.parametrize("order", [("dev2", "r1", "hot"), ("hot", "r1", "dev2")])
def test_a_chain_gives_each_section_the_nearest_value_in_any_order(order):
    """hot is like r1, like dev2, like r1_zero; each sets one key."""
    sections = {
        "dev2": {"like": "r1_zero", "updates": 48, "language": 1.0},
        "r1": {"like": "dev2", "temperature": 0.7},
        "hot": {"like": "r1", "updates": 12},
    }
    found = resolved(**{name: sections[name] for name in order})
    assert [found[name]["updates"] for name in ("r1_zero", "dev2", "r1", "hot")] == [84, 48, 48, 12]
    assert found["hot"]["temperature"] == 0.7 and found["hot"]["language"] == 1.0
    assert found["hot"]["ppo"] == ZERO["ppo"]
    assert [found[name]["like"] for name in sections] == ["r1_zero", "dev2", "r1"]


def test_a_value_of_null_or_false_is_a_value_and_not_a_gap():
    found = resolved(
        rewarded={"from_update": 36, "only": True},
        plain={"like": "rewarded", "from_update": None, "only": False},
    )
    assert found["plain"] == {"like": "rewarded", "from_update": None, "only": False}


def test_an_arm_of_controls_takes_the_whole_of_its_stage_and_no_more():
    """The stage is itself like another; arms do not reach each other or the stage."""
    found = resolved(
        dev2={"like": "r1_zero", "updates": 48},
        controls={"a": {"like": "dev2", "temperature": 0.5}, "b": {"like": "dev2"}},
    )
    assert found["controls"]["a"] == ZERO | {"like": "dev2", "updates": 48, "temperature": 0.5}
    assert found["controls"]["b"] == ZERO | {"like": "dev2", "updates": 48}
    assert found["dev2"]["temperature"] == 1.0
    assert set(found) == {"seed", "r1_zero", "controls", "dev2"}


@pytest.mark.parametrize(
    ("sections", "shown"),
    [
        ({"a": {"like": "a"}}, r"'a\.like' leads back to itself \(a -> a\)"),
        (
            {"a": {"like": "b"}, "b": {"like": "c"}, "c": {"like": "a"}},
            r"'c\.like' leads back to itself \(a -> b -> c -> a\)",
        ),
        # the circle does not go through the section that leads into it
        ({"a": {"like": "b"}, "b": {"like": "c"}, "c": {"like": "b"}}, r"\(a -> b -> c -> b\)"),
        (
            {"a": {"like": "b"}, "b": {"like": "a"}, "controls": {"x": {"like": "a"}}},
            r"leads back to itself .*name a section that holds all its keys",
        ),
    ],
)
def test_a_circle_is_refused_with_the_way_round_it(sections, shown):
    with pytest.raises(SettingsError, match=shown):
        resolved(**sections)


@pytest.mark.parametrize("named", ["r1_zer", "seed", "controls.other", None, 3, ["r1_zero"]])
def test_what_is_no_section_is_refused_by_the_key_that_names_it(named):
    """A misspelt stage, a plain setting, another arm, no text at all; in stages and in arms."""
    for sections, key in (
        ({"pilot": {"like": named}}, "pilot.like"),
        ({"controls": {"arm": {"like": named}, "other": {"like": "r1_zero"}}}, "controls.arm.like"),
    ):
        with pytest.raises(SettingsError, match=f"'{key}' is .* no section of the configuration"):
            resolved(**sections)


@pytest.mark.parametrize("controls", [None, 3, ["r1_zero"], {"arm": None}, {"arm": 3}])
def test_what_the_schema_refuses_later_is_left_as_it_is(controls):
    """The schema's sentence is the better one; here is nothing to merge."""
    assert resolved(controls=controls)["controls"] == controls


def test_resolving_twice_changes_nothing():
    once = resolved(dev2={"like": "r1_zero", "updates": 48}, r1={"like": "dev2"})
    again = copy.deepcopy(once)
    resolve(again)
    assert again == once


def test_every_stage_and_arm_of_the_default_configuration_gets_all_keys_of_its_kind():
    """Counted by hand in config.yaml: nine arms, each with the keys of r1_zero and `like`."""
    config = yaml.safe_load((CONFIG / "config.yaml").read_text(encoding="utf-8"))
    resolve(config)
    keys = set(config["r1_zero"])
    assert len(config["controls"]) == 9
    for section in (config["pilot"], config["dev2"], config["r1"], *config["controls"].values()):
        assert set(section) == keys | {"like"}
    hot, r1 = config["controls"]["hot_stage2"], config["r1"]
    assert {key for key in keys if hot[key] != r1[key]} == {"temperature"}
    assert r1["language_reward"] == 1.0 and r1["learning_rate"] == 1.0e-4
