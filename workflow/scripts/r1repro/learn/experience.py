# SPDX-License-Identifier: Apache-2.0
"""From questions to minibatches: order, responses, rewards, and what an update learns from.

The engines share this file: they ask the same questions in the same order, judge responses by the
same rules and describe them by the same figures.
"""

from dataclasses import dataclass

import torch

from r1repro.errors import SettingsError
from r1repro.learn.packing import Packed
from r1repro.learn.rewards import Reward, reward
from r1repro.learn.rollout import Response
from r1repro.learn.setup import derive_rng
from r1repro.learn.tokenizer import decode
from r1repro.tasks.judge import judge

# These happen between rollouts, so their spacing must hold whole rollouts.
WHOLE_ROLLOUTS = (
    "updates",
    "reference_reset_updates",
    "checkpoint_every_updates",
    "curve_every_updates",
    "late_from_update",
)


def check_whole_rollouts(stage: str, settings: dict) -> None:
    """Raise SettingsError when something that happens between rollouts would fall into one."""
    for name in WHOLE_ROLLOUTS:
        if settings[name] % settings["updates_per_rollout"]:
            raise SettingsError(
                f"{stage}.{name} is {settings[name]}, which is not a multiple of "
                f"updates_per_rollout ({settings['updates_per_rollout']}); change one of them"
            )


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


@dataclass
class Portion:
    """One pass of a minibatch: packed rows and, per predicted token, what the loss needs."""

    packed: Packed
    old_logprobs: torch.Tensor
    weights: torch.Tensor
    advantages: torch.Tensor | None = None
    reference_logprobs: torch.Tensor | None = None


def cap(settings: dict, update: int) -> int:
    """Return the maximum response length at an update; it rises once, as in the paper."""
    late = update >= settings["late_from_update"]
    return settings["late_max_response_tokens" if late else "max_response_tokens"]


def judge_responses(
    prompts: list[dict], responses: list[list[int]], tokenizer, sandbox, settings: dict
) -> list[Reward]:
    """Return the reward of each response (token ids) to its prompt."""
    texts = [decode(tokenizer, tokens) for tokens in responses]
    return [reward(verdict, settings) for verdict in judge(prompts, texts, sandbox)]


def by_token(packed: Packed, values: list[list[float]]) -> torch.Tensor:
    """Lay out the token values of each response in the order of the packed targets."""
    lengths = torch.tensor([len(row) for row in values])
    first = lengths.cumsum(0) - lengths
    flat = torch.tensor([value for row in values for value in row])
    return flat.to(packed.owner.device)[first.to(packed.owner.device)[packed.owner] + packed.place]


def statistics(
    responses: list[Response], parts: list[Reward], group_size: int, prompt_tokens: int
) -> dict:
    """Describe the responses of one minibatch; `prompt_tokens` counts each question once."""
    lengths = torch.tensor([len(response.tokens) for response in responses], dtype=torch.float64)
    totals = torch.tensor([part.total for part in parts]).view(-1, group_size)
    generated = int(lengths.sum())
    return {
        "reward": totals.mean().item(),
        "reward_accuracy": sum(part.accuracy for part in parts) / len(parts),
        "reward_format": sum(part.format for part in parts) / len(parts),
        "zero_variance_groups": int((totals == totals[:, :1]).all(dim=1).sum()),
        "length_mean": lengths.mean().item(),
        "length_p50": lengths.quantile(0.5).item(),
        "length_p90": lengths.quantile(0.9).item(),
        "length_max": int(lengths.max()),
        "truncated_fraction": sum(not response.finished for response in responses) / len(responses),
        "tokens_generated": generated,
        "tokens_trained": generated + prompt_tokens,
    }


def metrics_row(
    settings: dict, first_update: int, number: int, max_tokens: int, shown: dict
) -> dict:
    """Order one update's metrics as in metrics.csv.

    `logprob_gap` becomes `sampling_logprob_gap`, which is meaningful on the first minibatch of a
    rollout, where the policy has not moved yet; on later ones it is left empty.
    """
    gap = shown.pop("logprob_gap")
    first = number == 0 and settings["inner_epochs"] == 1
    row = {
        "update": first_update + number + 1,
        "rollout": first_update // settings["updates_per_rollout"] + 1,
        **shown,
        "sampling_logprob_gap": gap if first else "",
        "max_response_tokens": max_tokens,
    }
    return {k: round(v, 8) if isinstance(v, float) else v for k, v in row.items()}
