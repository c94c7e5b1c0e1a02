# SPDX-License-Identifier: Apache-2.0
"""What a response is rewarded for, part by part; the total is the sum of the parts.

    reasoning prompt  R = accuracy + format + language
    general prompt    R = format + preference,  preference = preference_reward x sigmoid(score)

Source   Nature Methods. R1-Zero: accuracy 1 or 0 plus format, with equal weights. First RL stage:
         plus target-language words / all words of the reasoning, added directly. Second RL stage:
         general prompts get the score of a reward model plus format.
Choices  - The size of the format reward and the scale of a reward model's score are not reported:
           both are settings, and a score goes through a sigmoid, so that it is between 0 and 1
           like the rules.
         - The reasoning is what stands between the think tags of a whole response; a response
           that breaks the form, or whose reasoning holds no word, earns no language reward.
         - General prompts earn no language reward. The rule that checks a general response is
           kept beside the reward and never enters it: it tells reward hacking.
"""

import math
from dataclasses import dataclass, replace

from r1repro.tasks.judge import Verdict
from r1repro.tasks.language import language_share
from r1repro.tasks.template import reasoning_of

GENERAL = "general"


@dataclass(frozen=True)
class Reward:
    """The parts of one response's reward and, unrewarded, what was measured beside them.

    consistency  share of target-language words in the reasoning, None where there is no word
    checked      whether a general response is right by rule (1 or 0), None for reasoning prompts
    """

    accuracy: float
    format: float
    language: float = 0.0
    preference: float = 0.0
    consistency: float | None = None
    checked: float | None = None

    @property
    def total(self) -> float:
        """The reward that enters equation 3."""
        return self.accuracy + self.format + self.language + self.preference

    @property
    def general(self) -> bool:
        """Say whether the prompt is a general one."""
        return self.checked is not None


def reward(verdict: Verdict, prompt: dict, response: str, settings: dict) -> Reward:
    """Turn a verdict into the parts that rules can give, with the configured sizes."""
    form = settings["format_reward"] if verdict.format_ok else 0.0
    share = language_share(reasoning_of(response), prompt["language"])
    if prompt["category"] == GENERAL:
        return Reward(0.0, form, consistency=share, checked=float(verdict.correct))
    return Reward(
        accuracy=settings["accuracy_reward"] if verdict.correct else 0.0,
        format=form,
        language=settings["language_reward"] * (share or 0.0),
        consistency=share,
    )


def with_preference(part: Reward, score: float | None, settings: dict) -> Reward:
    """Add what a reward model's score is worth; None: the prompt is none of its kind."""
    if score is None:
        return part
    return replace(part, preference=settings["preference_reward"] * sigmoid(score))


def add_preferences(
    parts: list[list[Reward]], scores: list[list[float | None]] | None, settings: dict
) -> list[list[Reward]]:
    """Add the scores of reward models to what rules gave, group by group; None: there are none."""
    if scores is None:
        return parts
    return [
        [with_preference(*pair, settings) for pair in zip(group, found, strict=True)]
        for group, found in zip(parts, scores, strict=True)
    ]


def sigmoid(score: float) -> float:
    """Return 1 / (1 + e^-score) for a score of any size."""
    return 1 / (1 + math.exp(-score)) if score >= 0 else 1 - sigmoid(-score)
