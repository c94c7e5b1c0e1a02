# SPDX-License-Identifier: Apache-2.0
"""Proximal Policy Optimisation, as the control of GRPO: a critic instead of a group.

    (1)  delta_t = r_t + gamma V_{t+1} - V_t,   V behind the last token = 0
    (2)  A_t     = delta_t + gamma lambda A_{t+1}                       (generalised advantages)
    (3)  R_t     = A_t + V_t                                            (what the critic learns)
    (4)  J       = E[ min(rho_t A_t, clip(rho_t, 1-eps, 1+eps) A_t) - beta D_t ]
    (5)  L       = E[ 1/2 (V_t - R_t)^2 ]                               (loss of the critic)

Shapes   values, advantages, returns (responses, tokens) or per predicted token of packed rows;
         V_t is read before token t, from the question and the tokens before it
Source   (1, 2) Schulman et al., arXiv:1506.02438, equations 10 and 16; (4) Schulman et al.,
         arXiv:1707.06347, equation 7. The paper compares GRPO with PPO at lambda 1.0 and 0.95.
Choices  - gamma is 1; the reward of a response is paid at its last token, r_t = 0 before it, also
           when the cap on length ended the response.
         - Advantages are whitened over the batch, i.e. over all tokens of one update: mean 0,
           deviation 1 (population); returns are not.
         - The divergence to the reference stays in the loss, as in GRPO, and not in the reward:
           the two then differ in their advantages alone.
         - The critic is a second transformer that begins as a copy of the policy with a head at
           zero; its loss is not clipped; it takes one step for each of the policy's, with its own
           rate and the same warm-up, clipping of gradients and weights of tokens.
"""

import copy
from pathlib import Path

import torch

from r1repro.errors import SettingsError
from r1repro.learn.checkpoint import load_training, save_training
from r1repro.learn.experience import Portion
from r1repro.learn.flop import scoring_flop
from r1repro.learn.footprint import Held
from r1repro.learn.gradients import accumulate
from r1repro.learn.optimisation import Optimiser, adamw, warmup_then_constant
from r1repro.learn.reinforcement import Minibatch, Reinforcement
from r1repro.learn.reward_model import ScoredModel, Scorer


def generalised_advantages(
    values: torch.Tensor, lengths: torch.Tensor, rewards: torch.Tensor, smoothing: float
) -> torch.Tensor:
    """Equations 1 and 2 at gamma 1, zeros behind the end of a response.

    values     (responses, tokens), whatever stands behind the end
    lengths    tokens of each response; rewards  of each response, (responses,)
    smoothing  lambda
    """
    advantages = torch.zeros_like(values)
    following = torch.zeros_like(rewards)  # A_{t+1}
    for t in range(values.shape[1] - 1, -1, -1):
        last = lengths == t + 1
        value_after = torch.zeros_like(rewards)
        if t + 1 < values.shape[1]:
            value_after = torch.where(lengths > t + 1, values[:, t + 1], value_after)
        delta = torch.where(last, rewards, 0.0) + value_after - values[:, t]
        following = torch.where(lengths > t, delta + smoothing * following, 0.0)
        advantages[:, t] = following
    return advantages


def token_advantages(
    portion: Portion, lengths: torch.Tensor, rewards: torch.Tensor, smoothing: float
) -> torch.Tensor:
    """Return the advantages of a portion's predicted tokens before whitening."""
    owner, place = portion.packed.owner, portion.packed.place
    values = portion.values.new_zeros(len(lengths), int(lengths.max()))
    values[owner, place] = portion.values
    return generalised_advantages(values, lengths, rewards, smoothing)[owner, place]


def value_loss(values: torch.Tensor, returns: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Equation 5 on one minibatch or a part of it; weights per token, 1 in sum over the whole."""
    return 0.5 * (weights * (values - returns) ** 2).sum()


def check_ppo(stage: str, settings: dict) -> None:
    """Raise SettingsError for settings of PPO that mean nothing."""
    smoothing, rate = settings["ppo"]["lambda"], settings["ppo"]["critic_learning_rate"]
    if not 0 <= smoothing <= 1:
        raise SettingsError(f"{stage}.ppo.lambda is {smoothing}; it must be between 0 and 1")
    if not rate > 0:
        raise SettingsError(f"{stage}.ppo.critic_learning_rate is {rate}; it must be above 0")


class ProximalReinforcement(Reinforcement):
    """One RL stage by PPO: questions, rewards, reference and rows are GRPO's."""

    def __init__(self, stage, model, tokenizer, prompts, sandbox, settings, *others, **named):
        check_ppo(stage, settings)
        super().__init__(stage, model, tokenizer, prompts, sandbox, settings, *others, **named)
        self.critic = ScoredModel(copy.deepcopy(model))
        self.scorer = Scorer(self.critic, self.compute)
        own_rate = {"learning_rate": settings["ppo"]["critic_learning_rate"]}
        self.critic_optimiser = Optimiser(
            [adamw(list(self.critic.parameters()), settings | own_rate)]
        )

    def _load(self, folder: Path) -> None:
        super()._load(folder)
        moments, _ = load_training(folder / "critic", self.critic)
        self.critic_optimiser.restore(moments)
        self.scorer.refresh()

    def _save(self, folder: Path) -> None:
        super()._save(folder)
        (folder / "critic").mkdir()
        save_training(folder / "critic", self.critic, self.critic_optimiser.moments(), {})

    def held(self) -> Held:
        """Return what an update has in memory: GRPO's, the critic and its moments."""
        return super().held().with_also(self.critic, self.scorer, self.critic_optimiser)

    def _inference_pass(self, minibatches: list[Minibatch], update: int) -> None:
        """Also value every token before the policy and the critic move."""
        super()._inference_pass(minibatches, update)
        portions = [portion for minibatch in minibatches for portion in minibatch.portions]

        def run(portion: Portion) -> torch.Tensor:
            with torch.no_grad():  # lanes are threads of their own
                return self.scorer.before(portion.packed)

        for portion, values in zip(portions, self.compute.lanes.map(run, portions), strict=True):
            portion.values = values
        for number, minibatch in enumerate(minibatches):
            seen, mean = _tokens_seen(minibatch)
            passes = 1 + 3 * self.settings["inner_epochs"]  # a backward pass costs two forward
            flop = passes * scoring_flop(self.critic.config, seen, mean)
            self._count_beside(update + number, flop)

    def _set_advantages(self, minibatch: Minibatch, rewards: torch.Tensor) -> None:
        """Equations 1 to 3 on the rewards (questions, group), then whitening over the batch."""
        device, smoothing = self.policy.device, self.settings["ppo"]["lambda"]
        lengths = torch.tensor([len(r.tokens) for r in minibatch.responses], device=device)
        flat = rewards.flatten().to(device)
        for portion in minibatch.portions:
            portion.advantages = token_advantages(portion, lengths, flat, smoothing)
            portion.returns = portion.advantages + portion.values
        mean, deviation = self._moments([portion.advantages for portion in minibatch.portions])
        for portion in minibatch.portions:
            portion.advantages = (portion.advantages - mean) / deviation

    def _moments(self, parts: list[torch.Tensor]) -> tuple[float, float]:
        """Return mean and deviation over all tokens of all processes; equal ones deviate by 1."""
        mine = torch.cat(parts).double() if parts else torch.zeros(0, dtype=torch.float64)
        world = self.compute.world
        count = sum(world.collect([mine.numel()]))
        mean = sum(world.collect([mine.sum().item()])) / count
        square = sum(world.collect([((mine - mean) ** 2).sum().item()])) / count
        return mean, square**0.5 or 1.0

    def _update(self, minibatch: Minibatch, update: int) -> dict:
        """Step the policy on equation 4 as GRPO does, then the critic on equation 5."""
        row = super()._update(minibatch, update)

        def loss_of(portion: Portion) -> tuple[torch.Tensor, dict[str, float]]:
            loss = value_loss(self.scorer.before(portion.packed), portion.returns, portion.weights)
            return loss, {"loss": loss.item()}

        figures = accumulate(
            self.scorer.working,
            minibatch.portions,
            loss_of,
            self.compute.lanes,
            self.compute.world,
        )
        factor = warmup_then_constant(update, self.settings["warmup_updates"])
        self.critic_optimiser.step(factor, self.settings["gradient_clip_norm"])
        self.scorer.refresh()
        return row | {"value_loss": sum(figure["loss"] for figure in figures)}


def _tokens_seen(minibatch: Minibatch) -> tuple[int, int]:
    """Return the tokens of a minibatch, each question once, and those of a mean response."""
    seen = minibatch.prompt_tokens + sum(len(r.tokens) for r in minibatch.responses)
    return seen, round(seen / len(minibatch.responses))
