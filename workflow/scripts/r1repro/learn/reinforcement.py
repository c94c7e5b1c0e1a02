# SPDX-License-Identifier: Apache-2.0
"""The RL stage: rollouts, rewards, reference pass and GRPO updates, resumable at each rollout.

One rollout samples the questions of several updates at once from the current policy; its
responses are split into one minibatch per update, for one or more inner epochs, as in the paper
(8,192 responses, 16 minibatches, one epoch). The reference model is replaced by the policy every
`reference_reset_updates`; the cap on length rises at `late_from_update`.
"""

import copy
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from r1repro.errors import SettingsError
from r1repro.files import atomic_dir
from r1repro.learn import grpo
from r1repro.learn.checkpoint import load_training, save_checkpoint, save_training
from r1repro.learn.flop import forward_flop, training_flop
from r1repro.learn.optimisation import Optimiser, adamw, warmup_then_constant
from r1repro.learn.packing import Packed, Sequence, pack
from r1repro.learn.policy import token_logprobs
from r1repro.learn.rewards import reward
from r1repro.learn.rollout import Response, Sampling, generate
from r1repro.learn.setup import derive_rng, derive_seed
from r1repro.learn.tokenizer import decode, encode_all
from r1repro.learn.transformer import Transformer
from r1repro.tasks.judge import judge
from r1repro.tasks.template import frame

# These happen between rollouts, so their spacing must hold whole rollouts.
WHOLE_ROLLOUTS = (
    "updates",
    "reference_reset_updates",
    "checkpoint_every_updates",
    "curve_every_updates",
    "late_from_update",
)


@dataclass
class Minibatch:
    """What one update learns from; per-token tensors follow `packed.owner`."""

    packed: Packed
    responses: int
    old_logprobs: torch.Tensor
    advantages: torch.Tensor
    reference_logprobs: torch.Tensor | None
    statistics: dict


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


class Reinforcement:
    """One RL stage from a starting policy over a set of prompts."""

    def __init__(self, stage, model, tokenizer, prompts, sandbox, settings, seed):
        for name in WHOLE_ROLLOUTS:
            if settings[name] % settings["updates_per_rollout"]:
                raise SettingsError(
                    f"{stage}.{name} is {settings[name]}, which is not a multiple of "
                    f"updates_per_rollout ({settings['updates_per_rollout']}); change one of them"
                )
        self.stage, self.model, self.tokenizer = stage, model, tokenizer
        self.settings, self.seed, self.sandbox = settings, seed, sandbox
        self.prompts = prompts
        self.prompt_tokens = encode_all(tokenizer, [frame(p["question"]) for p in prompts])
        self.device = model.lm_head.weight.device
        self.transformer = Transformer(model)
        self.reference = copy.deepcopy(model).requires_grad_(False)
        self.optimiser = Optimiser([adamw(list(model.parameters()), settings)])
        self.order = QuestionOrder(len(prompts), seed, stage)
        self.rows: list[dict] = []

    # ---- resume -------------------------------------------------------------------------------

    def _restore(self, state) -> None:
        """Continue from the newest undamaged checkpoint, if there is one."""
        saved = state.latest()
        if saved is None:
            return
        moments, extra = load_training(saved[1], self.model)
        self.optimiser.restore(moments)
        self.rows = extra["rows"]
        load_training(saved[1] / "reference", self.reference)
        print(f"resumed after update {saved[0]}", flush=True)

    def _save(self, folder: Path) -> None:
        save_training(folder, self.model, self.optimiser.moments(), {"rows": self.rows})
        (folder / "reference").mkdir()
        save_training(folder / "reference", self.reference, {}, {})

    # ---- the loop -----------------------------------------------------------------------------

    def train(self, run, along: Path) -> list[dict]:
        """Run all updates, resuming from `run.state`; return a row of metrics per update.

        run     the stage's services: `state`, and `step(row, done, total, **counted)`
        along   folder that keeps a checkpoint for the learning curve every so many updates
        """
        self._restore(run.state)
        settings = self.settings
        if not self.rows:
            self._keep_for_curve(along, 0)
        while len(self.rows) < settings["updates"]:
            done = len(self.rows)
            if done and done % settings["reference_reset_updates"] == 0:
                self.reference.load_state_dict(self.model.state_dict())
            for row in self._rollout_and_update(done):
                self.rows.append(row)
                run.step(row, len(self.rows), settings["updates"], **self._counted(row))
            self._keep_for_curve(along, len(self.rows))
            if len(self.rows) % settings["checkpoint_every_updates"] == 0:
                run.state.save(len(self.rows), self._save)
        return self.rows

    def _keep_for_curve(self, along: Path, update: int) -> None:
        every = self.settings["curve_every_updates"]
        target = along / f"step_{update:06d}"
        if (update % every == 0 or update == self.settings["updates"]) and not target.exists():
            with atomic_dir(target) as folder:
                save_checkpoint(self.model, self.tokenizer, folder)

    def _counted(self, row: dict) -> dict[str, int]:
        """Count tokens and FLOP of one update: sampling, reference pass and training."""
        config, row_tokens = self.model.config, self.settings["row_tokens"]
        sampled, trained = row["tokens_generated"], row["tokens_trained"]
        flop = forward_flop(config, sampled + trained, row_tokens)
        flop += self.settings["inner_epochs"] * training_flop(config, trained, row_tokens)
        return {"tokens_generated": sampled, "tokens_trained": trained, "flop": flop}

    def cap(self, update: int) -> int:
        """Return the maximum response length at an update; it rises once, as in the paper."""
        late = update >= self.settings["late_from_update"]
        return self.settings["late_max_response_tokens" if late else "max_response_tokens"]

    def _rollout_and_update(self, update: int):
        settings, seconds = self.settings, {}
        clock = time.monotonic()
        questions = settings["questions_per_update"] * settings["updates_per_rollout"]
        chosen = self.order.take(update * settings["questions_per_update"], questions)
        sampling = Sampling(
            settings["temperature"], 1.0, self.cap(update), self.tokenizer.eos_token_id
        )
        seed = derive_seed(self.seed, self.stage, "rollout", update)
        prompts = [self.prompt_tokens[i] for i in chosen]
        groups = generate(self.transformer, prompts, settings["group_size"], sampling, seed)
        clock = _lap(seconds, "rollout", clock)
        parts = self._rewards(chosen, groups)
        clock = _lap(seconds, "reward", clock)
        per_update = settings["questions_per_update"]
        minibatches = [
            self._minibatch(chosen[i : i + per_update], groups[i : i + per_update], parts[i:])
            for i in range(0, questions, per_update)
        ]
        for minibatch in minibatches:
            minibatch.reference_logprobs = self._reference(minibatch)
        clock = _lap(seconds, "reference", clock)
        share = {f"seconds_{k}": v / len(minibatches) for k, v in seconds.items()}
        for epoch in range(settings["inner_epochs"]):
            for number, minibatch in enumerate(minibatches):
                started = time.monotonic()
                metrics = self._update(minibatch, update + number)
                if epoch < settings["inner_epochs"] - 1:
                    continue
                shown = {**minibatch.statistics, **metrics, **share}
                shown["seconds_update"] = time.monotonic() - started
                yield self._row(update, number, sampling, shown)

    def _rewards(self, chosen: list[int], groups: list[list[Response]]):
        """Judge every response; return the reward parts by group."""
        size = self.settings["group_size"]
        prompts = [self.prompts[i] for i in chosen for _ in range(size)]
        texts = [decode(self.tokenizer, r.tokens) for group in groups for r in group]
        parts = [reward(v, self.settings) for v in judge(prompts, texts, self.sandbox)]
        return [parts[i : i + size] for i in range(0, len(parts), size)]

    def _minibatch(self, chosen, groups, parts) -> Minibatch:
        parts = parts[: len(groups)]
        totals = torch.tensor([[part.total for part in group] for group in parts])
        advantages = grpo.group_advantages(totals, self.settings["advantage_std"]).flatten()
        size = self.settings["group_size"]
        sequences = [
            Sequence(
                self.prompt_tokens[prompt],
                [response.tokens for response in group],
                list(range(number * size, (number + 1) * size)),
            )
            for number, (prompt, group) in enumerate(zip(chosen, groups, strict=True))
        ]
        packed = pack(sequences, self.settings["row_tokens"]).to(self.device)
        flat = [response for group in groups for response in group]
        old = _by_owner(packed.owner, [response.logprobs for response in flat])
        statistics = _statistics(flat, parts, totals, self.prompt_tokens, chosen)
        owner_advantage = advantages.to(self.device)[packed.owner]
        return Minibatch(packed, len(flat), old, owner_advantage, None, statistics)

    @torch.no_grad()
    def _reference(self, minibatch: Minibatch) -> torch.Tensor:
        temperature = self.settings["temperature"]
        return token_logprobs(Transformer(self.reference), minibatch.packed, temperature)[0]

    def _update(self, minibatch: Minibatch, update: int) -> dict:
        settings = self.settings
        logprobs, entropy = token_logprobs(
            self.transformer, minibatch.packed, settings["temperature"]
        )
        weights = grpo.token_weights(
            minibatch.packed.owner, minibatch.responses, settings["loss_average"]
        )
        loss, logged = grpo.loss(
            logprobs,
            minibatch.old_logprobs,
            minibatch.reference_logprobs,
            minibatch.advantages,
            weights,
            settings["clip_epsilon"],
            settings["kl_coefficient"],
        )
        loss.backward()
        factor = warmup_then_constant(update, settings["warmup_updates"])
        norm = self.optimiser.step(factor, settings["gradient_clip_norm"])
        gap = (logprobs.detach() - minibatch.old_logprobs).abs().max()
        return {
            "loss": loss.item(),
            "kl": logged["kl"].item(),
            "entropy": entropy.mean().item(),
            "clipped_fraction": logged["clipped_fraction"].item(),
            "gradient_norm": norm,
            "learning_rate": settings["learning_rate"] * factor,
            "logprob_gap": gap.item(),
        }

    def _row(self, first_update: int, number: int, sampling: Sampling, shown: dict) -> dict:
        """Order one update's metrics as in metrics.csv.

        `sampling_logprob_gap` is meaningful on the first minibatch of a rollout, where the
        policy has not moved yet; on later ones it is left empty.
        """
        gap = shown.pop("logprob_gap")
        first = number == 0 and self.settings["inner_epochs"] == 1
        row = {
            "update": first_update + number + 1,
            "rollout": first_update // self.settings["updates_per_rollout"] + 1,
            **shown,
            "sampling_logprob_gap": gap if first else "",
            "max_response_tokens": sampling.max_tokens,
        }
        return {k: round(v, 8) if isinstance(v, float) else v for k, v in row.items()}


def _lap(seconds: dict, name: str, since: float) -> float:
    now = time.monotonic()
    seconds[name] = now - since
    return now


def _by_owner(owner: torch.Tensor, values: list[list[float]]) -> torch.Tensor:
    """Lay out per-response token values in the order of the packed targets."""
    cursor = [0] * len(values)
    flat = []
    for who in owner.tolist():
        flat.append(values[who][cursor[who]])
        cursor[who] += 1
    return torch.tensor(flat, device=owner.device)


def _statistics(flat, parts, totals, prompt_tokens, chosen) -> dict:
    """Describe the responses of one minibatch."""
    lengths = torch.tensor([len(response.tokens) for response in flat], dtype=torch.float64)
    every = [part for group in parts for part in group]
    generated = int(lengths.sum())
    return {
        "reward": totals.mean().item(),
        "reward_accuracy": sum(part.accuracy for part in every) / len(every),
        "reward_format": sum(part.format for part in every) / len(every),
        "zero_variance_groups": int((totals == totals[:, :1]).all(dim=1).sum()),
        "length_mean": lengths.mean().item(),
        "length_p50": lengths.quantile(0.5).item(),
        "length_p90": lengths.quantile(0.9).item(),
        "length_max": int(lengths.max()),
        "truncated_fraction": sum(not response.finished for response in flat) / len(flat),
        "tokens_generated": generated,
        "tokens_trained": generated + sum(len(prompt_tokens[i]) for i in chosen),
    }
