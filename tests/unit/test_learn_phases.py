# SPDX-License-Identifier: Apache-2.0
"""Claims about which prompts are asked when."""

import pytest
from tiny_stage import PROMPTS, SETTINGS

from r1repro.errors import InputError, SettingsError
from r1repro.learn.phases import Phases, QuestionOrder, reasoning_prompts

GENERAL = [
    {"question": f"Say {i}.", "category": "general", "language": "en", "check": {"set": "helpful"}}
    for i in range(3)
]
MIXED = [GENERAL[0], *PROMPTS[:2], GENERAL[1], *PROMPTS[2:], GENERAL[2]]


def phases(seed=1, prompts=MIXED, streams="r1", **settings):
    return Phases("r1", prompts, SETTINGS | settings, seed, streams)


def kinds(one, update):
    return [one.prompts[i]["category"] for i in one.take(update)]


def test_only_reasoning_prompts_are_asked_before_and_both_kinds_after():
    """8 updates of 2 questions, 2 updates a rollout; general prompts from update 4 on."""
    one = phases(preference_from_update=4)
    assert kinds(one, 0) + kinds(one, 2) == ["math"] * 8
    late = [i for update in (4, 6) for i in one.take(update)]
    assert sorted(late) == list(range(8))  # one pass over all eight prompts
    assert {"math", "general"} == set(kinds(one, 4) + kinds(one, 6))


def test_a_stage_without_preferences_asks_what_it_asks_without_general_prompts():
    """Same questions, same order: r1_zero does not notice general prompts in its file."""
    with_them, without = phases(), Phases("r1", PROMPTS, SETTINGS, 1, "r1")
    assert with_them.prompts == without.prompts == PROMPTS and not with_them.general
    order = QuestionOrder(5, 1, "r1")
    for update in (0, 2, 4, 6):
        assert with_them.take(update) == without.take(update) == order.take(2 * update, 4)


def test_the_questions_of_an_update_depend_on_seed_streams_and_draw_alone():
    """Asked for first or last, by this stage or another with its streams."""
    one, again = phases(preference_from_update=4), phases(preference_from_update=4)
    last_first = [again.take(update) for update in (6, 4, 2, 0)]
    assert [one.take(update) for update in (0, 2, 4, 6)] == last_first[::-1]
    assert phases(seed=2, preference_from_update=4).take(4) != one.take(4)
    other = phases(streams="r1_zero", preference_from_update=4)
    assert other.take(0) == QuestionOrder(5, 1, "r1_zero").take(0, 4)


def test_the_control_asks_general_prompts_alone_from_the_start():
    one = phases(preference_from_update=0, preference_only=True)
    assert one.prompts == GENERAL and kinds(one, 0) == ["general"] * 4


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"preference_from_update": 3}, "not a multiple of updates_per_rollout"),
        ({"preference_from_update": 8}, "counted 0 to 7"),
        ({"preference_from_update": -2}, "counted 0 to 7"),
        ({"preference_only": True}, "preference_from_update is null"),
        ({"preference_only": True, "preference_from_update": 4}, "set preference_from_update to 0"),
    ],
)
def test_phases_that_contradict_each_other_are_refused(settings, sentence):
    with pytest.raises(SettingsError, match=sentence):
        phases(**settings)


def test_a_phase_without_its_prompts_is_refused():
    with pytest.raises(InputError, match="asks general prompts from update 4"):
        phases(prompts=PROMPTS, preference_from_update=4)
    with pytest.raises(InputError, match="no reasoning prompt"):
        reasoning_prompts("r1_zero", GENERAL)
