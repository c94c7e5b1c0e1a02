# SPDX-License-Identifier: Apache-2.0
"""Rewards of R1-Zero: accuracy and format, by rule, with no learnt model.

Source   Nature Methods: accuracy 1 or 0 plus format, with equal weights. The size of the format
         reward is not reported; it is a setting.
"""

from dataclasses import dataclass

from r1repro.tasks.judge import Verdict


@dataclass(frozen=True)
class Reward:
    """The parts of one response's reward and their sum."""

    accuracy: float
    format: float

    @property
    def total(self) -> float:
        """The reward that enters equation 3."""
        return self.accuracy + self.format


def reward(verdict: Verdict, settings: dict) -> Reward:
    """Turn a verdict into the reward parts with the configured sizes."""
    return Reward(
        accuracy=settings["accuracy_reward"] if verdict.correct else 0.0,
        format=settings["format_reward"] if verdict.format_ok else 0.0,
    )
