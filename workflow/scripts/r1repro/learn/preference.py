# SPDX-License-Identifier: Apache-2.0
"""Who scores general prompts in RL: reward models, each of its own set of prompts, or the rule.

Source   Nature Methods: each general prompt belongs to the helpful or to the safety data; its
         responses are scored by the reward model of that set.
Choices  The models may have another tokenizer than the policy: responses reach them as text. The
         rule is a control: a reward that says what it means cannot be hacked.
"""

from pathlib import Path

import torch

from r1repro.errors import InputError, SettingsError
from r1repro.learn.compute import Compute
from r1repro.learn.flop import scoring_flop
from r1repro.learn.reward_model import (
    READS,
    RewardModel,
    Scorer,
    load_reward_model,
    score_texts,
    texts_to_score,
)
from r1repro.learn.rewards import GENERAL
from r1repro.tasks.preference import utility

# The option of the program that names each set's model.
OPTIONS = {"helpful": "--rm-helpful", "harmless": "--rm-safety"}


def set_of(prompt: dict) -> str | None:
    """Return the set of a general prompt, None for a reasoning prompt.

    Raises InputError for a general prompt of no known set.
    """
    if prompt["category"] != GENERAL:
        return None
    name = prompt["check"].get("set")
    if name not in READS:
        raise InputError(
            f"a general prompt ({prompt['question']!r}) is of the set {name!r}; it must be one of: "
            f"{', '.join(READS)}"
        )
    return name


class Preferences:
    """Scores of responses to general prompts."""

    def __init__(self, models: dict[str, RewardModel], compute: Compute):
        """Take the reward model of each set."""
        self.models, self.compute = models, compute
        self.scorers = {name: Scorer(model.scored, compute) for name, model in models.items()}

    def check(self, stage: str, prompts: list[dict]) -> None:
        """Raise SettingsError unless the set of every general prompt has its model."""
        for name in sorted({set_of(prompt) for prompt in prompts} - {None, *self.models}):
            raise SettingsError(
                f"stage '{stage}' asks general prompts of the set '{name}' and has no reward model "
                f"for them; give its folder with {OPTIONS[name]}"
            )

    def scores(self, prompts: list[dict], responses: list[str]) -> tuple[list[float | None], int]:
        """Return the score of each response, None for reasoning prompts, and the FLOP spent."""
        found: list[float | None] = [None] * len(prompts)
        flop = 0
        for name, model in self.models.items():
            places = [i for i, prompt in enumerate(prompts) if set_of(prompt) == name]
            read = READS[name]
            texts = texts_to_score(
                model.tokenizer,
                [prompts[i]["question"] for i in places],
                [read(responses[i]) for i in places],
            )
            scored = score_texts(self.scorers[name], texts, self.compute)
            for place, score in zip(places, scored, strict=True):
                found[place] = score
            tokens = sum(map(len, texts))
            mean = round(tokens / len(texts)) if texts else 0
            flop += scoring_flop(model.scored.config, tokens, mean)
        return found, flop


class Rule:
    """The points that the judge behind the reward models saw through a haze, seen clearly."""

    # between an answer that is only well-formed and polite (3) and one that is only right (5)
    EVEN = 4.0

    def check(self, stage: str, prompts: list[dict]) -> None:
        """Raise InputError for a general prompt of no known set."""
        for prompt in prompts:
            set_of(prompt)

    def scores(self, prompts: list[dict], responses: list[str]) -> tuple[list[float | None], int]:
        """Return points above `EVEN` of each response, None for reasoning prompts, and 0 FLOP."""
        pairs = zip(prompts, responses, strict=True)
        return [utility(*pair) - self.EVEN if set_of(pair[0]) else None for pair in pairs], 0


def open_preferences(
    folders: dict[str, Path | None], compute: Compute, device: torch.device
) -> Preferences:
    """Load the reward model of each set that has a folder."""
    return Preferences(
        {
            name: load_reward_model(folder, device)
            for name, folder in folders.items()
            if folder is not None
        },
        compute,
    )


def needed_preferences(
    stage: str, preferences: Preferences | Rule | None, general: list[dict]
) -> Preferences | Rule | None:
    """Return who scores if general prompts are asked, else None.

    Raises SettingsError when they are and a model is missing.
    """
    if not general:
        return None
    if preferences is None:
        raise SettingsError(
            f"stage '{stage}' asks general prompts and was given no reward model; give "
            f"{' and '.join(OPTIONS.values())}, or set preference_from_update to null"
        )
    preferences.check(stage, general)
    return preferences
