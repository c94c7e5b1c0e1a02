# SPDX-License-Identifier: Apache-2.0
"""Which prompts are asked when: reasoning prompts first, general ones among them later.

Source   Nature Methods: the second RL stage runs 1,700 updates; general prompts and preference
         rewards come in only for the last 400.
Choices  From `preference_from_update` on all prompts are shuffled together, so that either kind is
         asked in proportion to its number. Each phase has its own shuffles, derived from (seed,
         stage, pass): nothing is carried along. A stage that never uses preferences drops the
         general prompts.
"""

from r1repro.errors import InputError, SettingsError
from r1repro.learn.rewards import GENERAL
from r1repro.learn.setup import derive_rng


class QuestionOrder:
    """The questions of each update: a fresh shuffle per pass over the prompts, from the seed."""

    def __init__(self, count: int, seed: int, stage: str):
        self.count, self.seed, self.stage = count, seed, stage

    def take(self, first: int, number: int) -> list[int]:
        """Return the prompts of draws first .. first + number - 1."""
        chosen: list[int] = []
        while len(chosen) < number:
            epoch, place = divmod(first + len(chosen), self.count)
            order = list(range(self.count))
            derive_rng(self.seed, self.stage, "order", epoch).shuffle(order)
            chosen += order[place : place + number - len(chosen)]
        return chosen


def reasoning_prompts(stage: str, prompts: list[dict]) -> list[dict]:
    """Return the prompts that rules can judge.

    Raises InputError when there is none.
    """
    found = [prompt for prompt in prompts if prompt["category"] != GENERAL]
    if not found:
        raise InputError(f"stage '{stage}' was given no reasoning prompt to ask")
    return found


def check_phases(stage: str, settings: dict) -> None:
    """Refuse settings of the two phases that contradict each other.

    Raises SettingsError.
    """
    start = settings["preference_from_update"]
    if start is None:
        if settings["preference_only"]:
            raise SettingsError(
                f"{stage}.preference_only is true, but preference_from_update is null: no general "
                "prompt would ever be asked; set preference_from_update to 0"
            )
        return
    if not 0 <= start < settings["updates"]:
        raise SettingsError(
            f"{stage}.preference_from_update is {start}, but the updates are counted 0 to "
            f"{settings['updates'] - 1}; give one of them, or null for never"
        )
    if start % settings["updates_per_rollout"]:
        raise SettingsError(
            f"{stage}.preference_from_update is {start}, which is not a multiple of "
            f"updates_per_rollout ({settings['updates_per_rollout']}); change one of them"
        )
    if settings["preference_only"] and start:
        raise SettingsError(
            f"{stage}.preference_only asks general prompts alone from the start; set "
            f"preference_from_update to 0 instead of {start}"
        )


class Phases:
    """The prompts of one stage, and which of them each rollout asks.

    prompts   those that are ever asked: reasoning prompts in their order, then general ones
    """

    def __init__(self, stage: str, prompts: list[dict], settings: dict, seed: int, streams: str):
        """Divide the prompts; `streams` names the random numbers, as a rule after the stage.

        Raises SettingsError for contradictions and InputError when a phase has nothing to ask.
        """
        check_phases(stage, settings)
        self.each, self.in_rollout = (
            settings["questions_per_update"],
            settings["questions_per_update"] * settings["updates_per_rollout"],
        )
        self.begin = settings["preference_from_update"]
        general = [prompt for prompt in prompts if prompt["category"] == GENERAL]
        if self.begin is not None and not general:
            raise InputError(
                f"stage '{stage}' asks general prompts from update {self.begin} on, but was given "
                "none; raise data.prompts_per_category.general or set preference_from_update to "
                "null"
            )
        self.general = general if self.begin is not None else []
        only = settings["preference_only"]
        reasoning = [] if only else reasoning_prompts(stage, prompts)
        self.prompts = reasoning + self.general
        self.early = QuestionOrder(len(reasoning), seed, streams)
        self.late = QuestionOrder(len(self.prompts), seed, f"{streams}/general")

    def take(self, update: int) -> list[int]:
        """Return the prompts, by their place in `prompts`, of the rollout that begins there."""
        if self.begin is None or update < self.begin:
            return self.early.take(update * self.each, self.in_rollout)
        return self.late.take((update - self.begin) * self.each, self.in_rollout)
