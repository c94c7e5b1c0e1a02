# SPDX-License-Identifier: Apache-2.0
"""From responses to minibatches: rewards, figures, and what an update learns from.

The engines share this file: they judge responses by the same rules and describe them by the same
figures. Which questions they ask is in `phases.py`.
"""

from dataclasses import dataclass

import torch

from r1repro.errors import SettingsError
from r1repro.learn.packing import Packed
from r1repro.learn.rewards import Reward, reward
from r1repro.learn.rollout import Response
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


@dataclass
class Portion:
    """One pass of a minibatch: packed rows and, per predicted token, what the loss needs.

    values, returns  of a critic, where there is one
    """

    packed: Packed
    old_logprobs: torch.Tensor
    weights: torch.Tensor
    advantages: torch.Tensor | None = None
    reference_logprobs: torch.Tensor | None = None
    values: torch.Tensor | None = None
    returns: torch.Tensor | None = None


def cap(settings: dict, update: int) -> int:
    """Return the maximum response length at an update; it rises once, as in the paper."""
    late = update >= settings["late_from_update"]
    return settings["late_max_response_tokens" if late else "max_response_tokens"]


def judge_responses(
    prompts: list[dict], responses: list[list[int]], tokenizer, sandbox, settings: dict
) -> list[Reward]:
    """Return what rules reward in each response (token ids) to its prompt."""
    texts = [decode(tokenizer, tokens) for tokens in responses]
    judged = zip(judge(prompts, texts, sandbox), prompts, texts, strict=True)
    return [reward(verdict, prompt, text, settings) for verdict, prompt, text in judged]


def by_token(packed: Packed, values: list[list[float]]) -> torch.Tensor:
    """Lay out the token values of each response in the order of the packed targets."""
    lengths = torch.tensor([len(row) for row in values])
    first = lengths.cumsum(0) - lengths
    flat = torch.tensor([value for row in values for value in row])
    return flat.to(packed.owner.device)[first.to(packed.owner.device)[packed.owner] + packed.place]


def mean_or_blank(values: list[float]) -> float | str:
    """Return the mean, or an empty cell where there is nothing to average."""
    return sum(values) / len(values) if values else ""


def statistics(
    responses: list[Response],
    parts: list[Reward],
    group_size: int,
    prompt_tokens: int,
    kl_to_start: float | str = "",
) -> dict:
    """Describe the responses of one minibatch; `prompt_tokens` counts each question once.

    A part of the reward is averaged over the prompts that can earn it: accuracy and language over
    reasoning prompts, preference and the unrewarded check over general ones. A cell is empty where
    a minibatch has no such prompt.
    """
    lengths = torch.tensor([len(response.tokens) for response in responses], dtype=torch.float64)
    totals = torch.tensor([part.total for part in parts]).view(-1, group_size)
    generated = int(lengths.sum())
    return {
        "reward": totals.mean().item(),
        "reward_accuracy": mean_or_blank([p.accuracy for p in parts if not p.general]),
        "reward_format": sum(part.format for part in parts) / len(parts),
        "reward_language": mean_or_blank([p.language for p in parts if not p.general]),
        "reward_preference": mean_or_blank([p.preference for p in parts if p.general]),
        "general_checked": mean_or_blank([p.checked for p in parts if p.general]),
        "language_consistency": mean_or_blank(
            [p.consistency for p in parts if p.consistency is not None]
        ),
        "zero_variance_groups": int((totals == totals[:, :1]).all(dim=1).sum()),
        "length_mean": lengths.mean().item(),
        "length_p50": lengths.quantile(0.5).item(),
        "length_p90": lengths.quantile(0.9).item(),
        "length_max": int(lengths.max()),
        "truncated_fraction": sum(not response.finished for response in responses) / len(responses),
        "tokens_generated": generated,
        "tokens_trained": generated + prompt_tokens,
        "kl_to_start": kl_to_start,
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
