# SPDX-License-Identifier: Apache-2.0
"""The RL stage: rollouts, rewards, reference pass and GRPO updates, resumable at each rollout.

One rollout samples the questions of several updates at once from the current policy; its
responses are split into one minibatch per update, for one or more inner epochs, as in the paper
(8,192 responses, 16 minibatches, one epoch). Rules judge the responses while the reference model
and the reward models run over them, as in the paper's infrastructure. The reference is replaced by
the policy every `reference_reset_updates`; the cap on length rises at `late_from_update`; which
prompts are asked when is in `phases.py`.

Choices  `log_kl_to_start` asks how far the policy has gone from the model the stage began with: the
         mean of equation 2 per sampled token, for the policy that sampled. It costs a forward pass
         of its own once the reference is no longer that model.
"""

import copy
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from r1repro.files import atomic_dir
from r1repro.learn import grpo
from r1repro.learn.checkpoint import check_room, load_training, save_checkpoint, save_training
from r1repro.learn.compute import Compute
from r1repro.learn.experience import (
    Portion,
    by_token,
    cap,
    check_whole_rollouts,
    judge_responses,
    metrics_row,
    statistics,
)
from r1repro.learn.flop import forward_flop, update_flop
from r1repro.learn.footprint import Held
from r1repro.learn.gradients import accumulate
from r1repro.learn.optimisation import Optimiser, adamw, warmup_then_constant
from r1repro.learn.packing import Sequence, lay_out, micro_batches, pack_rows, row_length
from r1repro.learn.phases import Phases
from r1repro.learn.policy import as_attention_wants, token_logprobs
from r1repro.learn.preference import needed_preferences
from r1repro.learn.rewards import Reward, add_preferences
from r1repro.learn.rollout import Response, Sampling, generate
from r1repro.learn.setup import derive_seed
from r1repro.learn.tokenizer import decode, encode_all
from r1repro.tasks.template import frame
from r1repro.termination import deferred, requested, stop


@dataclass
class Minibatch:
    """What one update learns from: this process's portions, and all responses' figures."""

    portions: list[Portion]
    first_response: int
    responses: list[Response]
    prompt_tokens: int
    kl_to_start: float | str = ""


class Reinforcement:
    """One RL stage from a starting policy over a set of prompts.

    preferences  reward models for general prompts; None where none is ever asked
    streams      names the random numbers of questions and samples; None: the stage does. Two
                 stages with the same streams differ in what their settings differ in
    """

    def __init__(
        self,
        stage,
        model,
        tokenizer,
        prompts,
        sandbox,
        settings,
        seed,
        compute: Compute | None = None,
        preferences=None,
        streams: str | None = None,
    ):
        check_whole_rollouts(stage, settings)
        self.streams = streams or stage
        self.stage, self.model, self.tokenizer = stage, model, tokenizer
        self.settings, self.seed, self.sandbox = settings, seed, sandbox
        self.compute = compute or Compute()
        self.phases = Phases(stage, prompts, settings, seed, self.streams)
        self.preferences = needed_preferences(stage, preferences, self.phases.general)
        self.prompts = self.phases.prompts
        self.prompt_tokens = encode_all(tokenizer, [frame(p["question"]) for p in self.prompts])
        longest = settings["late_max_response_tokens"]
        check_room(model, self.prompt_tokens, longest, settings["row_tokens"])
        self.reference = copy.deepcopy(model).requires_grad_(False)
        self.optimiser = Optimiser([adamw(list(model.parameters()), settings)])
        self.policy = self.compute.transformer(model)
        self.reference_policy = self.compute.transformer(self.reference)
        self.start_policy = None
        if settings["log_kl_to_start"]:
            start = copy.deepcopy(model).requires_grad_(False)
            self.start_policy = self.compute.transformer(start)
        self.rows: list[dict] = []
        self.flop_beside: dict[int, int] = {}  # by update: reward models, start, critic

    # ---- resume -------------------------------------------------------------------------------

    def _restore(self, run) -> None:
        """Continue from the newest undamaged checkpoint, if there is one."""
        saved = self.compute.world.tell(run.state.latest() if run else None)
        if saved is None:
            return
        self._load(saved[1])
        print(f"resumed after update {saved[0]}", flush=True)

    def _load(self, folder: Path) -> None:
        moments, extra = load_training(folder, self.model)
        self.optimiser.restore(moments)
        self.rows = extra["rows"]
        load_training(folder / "reference", self.reference)
        self.policy.refresh()
        self.reference_policy.refresh()

    def _save(self, folder: Path) -> None:
        save_training(folder, self.model, self.optimiser.moments(), {"rows": self.rows})
        (folder / "reference").mkdir()
        save_training(folder / "reference", self.reference, {}, {})

    def held(self) -> Held:
        """Return what an update has in memory, to be counted."""
        return Held(
            [self.model, self.reference], [self.policy, self.reference_policy], [self.optimiser]
        )

    # ---- the loop -----------------------------------------------------------------------------

    def train(self, run, along: Path) -> list[dict]:
        """Run all updates, resuming from `run.state`; return a row of metrics per update.

        run     the stage's services: `state`, and `step(row, done, total, **counted)`; None in a
                process that does not lead
        along   folder that keeps a checkpoint for the learning curve every so many updates
        """
        self._restore(run)
        settings = self.settings
        if not self.rows:
            self._keep_for_curve(along, 0)
        with deferred():
            while len(self.rows) < settings["updates"]:
                self._rollout(run)
                done = len(self.rows)
                self._keep_for_curve(along, done)
                ends = done < settings["updates"] and requested(self.compute.world)
                due = ends or done % settings["checkpoint_every_updates"] == 0
                if run is not None and due:
                    run.save(done, self._save)
                if ends:
                    stop()
        return self.rows

    def _rollout(self, run) -> None:
        """Take one rollout and its updates; the policy becomes the reference where that is due."""
        settings, done = self.settings, len(self.rows)
        if done and done % settings["reference_reset_updates"] == 0:
            self.reference.load_state_dict(self.model.state_dict())
            self.reference_policy.refresh()
        for row in self._rollout_and_update(done):
            self.rows.append(row)
            if run is not None:
                run.step(row, len(self.rows), settings["updates"], **self._counted(row))

    def _keep_for_curve(self, along: Path, update: int) -> None:
        every = self.settings["curve_every_updates"]
        target = along / f"step_{update:06d}"
        wanted = update % every == 0 or update == self.settings["updates"]
        if self.compute.world.leads and wanted and not target.exists():
            with atomic_dir(target) as folder:
                save_checkpoint(self.model, self.tokenizer, folder)

    def _counted(self, row: dict) -> dict[str, int]:
        """Count tokens and FLOP of one update: sampling, reference pass, training, and the rest."""
        flop = update_flop(self.model.config, row, self.settings)
        return {
            "tokens_generated": row["tokens_generated"],
            "tokens_trained": row["tokens_trained"],
            "flop": flop + self.flop_beside.get(row["update"], 0),
        }

    def _rollout_and_update(self, update: int):
        settings, seconds = self.settings, {}
        clock = time.monotonic()
        questions = settings["questions_per_update"] * settings["updates_per_rollout"]
        chosen = self.phases.take(update)
        groups = self._sample(chosen, update)
        clock = _lap(seconds, "rollout", clock)
        with ThreadPoolExecutor(1, "judge") as judge:
            judged = judge.submit(self._judge, chosen, groups)
            per_update = settings["questions_per_update"]
            minibatches = [
                self._minibatch(chosen, groups, range(i, i + per_update))
                for i in range(0, questions, per_update)
            ]
            self._inference_pass(minibatches, update)
            scores = self._prefer(chosen, groups, update)
            clock = _lap(seconds, "reference", clock)
            mine = add_preferences(judged.result(), scores, settings)
            parts = self.compute.world.gather(mine)
        size = settings["group_size"]
        shown = [self._reward(minibatch, parts, size) for minibatch in minibatches]
        clock = _lap(seconds, "reward", clock)
        share = {f"seconds_{k}": v / len(minibatches) for k, v in seconds.items()}
        for epoch in range(settings["inner_epochs"]):
            for number, minibatch in enumerate(minibatches):
                started = time.monotonic()
                metrics = self._update(minibatch, update + number)
                if epoch < settings["inner_epochs"] - 1:
                    continue
                row = {**shown[number], **metrics, **share}
                row["seconds_update"] = time.monotonic() - started
                yield metrics_row(settings, update, number, cap(settings, update), row)

    def _sample(self, chosen: list[int], update: int) -> list[list[Response]]:
        """Sample a group of responses to each question; each process samples its share."""
        settings, world = self.settings, self.compute.world
        sampling = Sampling(
            settings["temperature"], 1.0, cap(settings, update), self.tokenizer.eos_token_id
        )
        seed = derive_seed(self.seed, self.streams, "rollout", update)
        mine = generate(
            self.policy,
            world.share([self.prompt_tokens[i] for i in chosen]),
            settings["group_size"],
            sampling,
            world.share([derive_seed(seed, number) for number in range(len(chosen))]),
            self.compute.lanes,
            self.compute.responses_at_once,
        )
        return world.gather(mine)

    def _judge(self, chosen: list[int], groups: list[list[Response]]) -> list[list[Reward]]:
        """Judge this process's share of the responses; return the reward parts by group."""
        pairs = self.compute.world.share(list(zip(chosen, groups, strict=True)))
        size = self.settings["group_size"]
        prompts = [self.prompts[i] for i, _ in pairs for _ in range(size)]
        responses = [response.tokens for _, group in pairs for response in group]
        parts = judge_responses(prompts, responses, self.tokenizer, self.sandbox, self.settings)
        return [parts[i : i + size] for i in range(0, len(parts), size)]

    def _prefer(self, chosen: list[int], groups, update: int) -> list[list[float | None]] | None:
        """Let the reward models score this process's share of the responses, by group."""
        if self.preferences is None:
            return None
        pairs = self.compute.world.share(list(zip(chosen, groups, strict=True)))
        size, updates = self.settings["group_size"], self.settings["updates_per_rollout"]
        prompts = [self.prompts[i] for i, _ in pairs for _ in range(size)]
        texts = [decode(self.tokenizer, r.tokens) for _, group in pairs for r in group]
        scores, flop = self.preferences.scores(prompts, texts)
        total = sum(self.compute.world.collect([flop]))
        for number in range(updates):
            self._count_beside(update + number, total // updates)
        return [scores[i : i + size] for i in range(0, len(scores), size)]

    def _count_beside(self, update: int, flop: int) -> None:
        """Note FLOP of an update (from 0) that its row of metrics does not tell."""
        self.flop_beside[update + 1] = self.flop_beside.get(update + 1, 0) + flop

    def _minibatch(self, chosen, groups, numbers: range) -> Minibatch:
        """Pack the responses to some questions; rows are dealt out to the processes."""
        settings, size = self.settings, self.settings["group_size"]
        responses = [response for number in numbers for response in groups[number]]
        sequences = [
            Sequence(
                self.prompt_tokens[chosen[number]],
                [response.tokens for response in groups[number]],
                list(range(place * size, (place + 1) * size)),
            )
            for place, number in enumerate(numbers)
        ]
        lengths = torch.tensor([len(response.tokens) for response in responses])
        old = [response.logprobs for response in responses]
        sequences = as_attention_wants(self.policy, sequences)
        room = row_length(sequences, settings["row_tokens"], self._row_cost)
        mine = self.compute.world.share(pack_rows(sequences, room))
        portions = []
        for some in micro_batches(mine, room, self.compute.tokens_per_pass):
            packed = lay_out(some, room).to(self.policy.device)
            weights = grpo.token_weights(packed.owner, lengths, settings["loss_average"])
            portions.append(Portion(packed, by_token(packed, old), weights))
        prompt_tokens = sum(len(self.prompt_tokens[chosen[number]]) for number in numbers)
        return Minibatch(portions, numbers.start * size, responses, prompt_tokens)

    def _row_cost(self, tokens: int, row_tokens: int) -> int:
        """FLOP of a forward pass over packed rows: a mask is computed whole, not half."""
        return forward_flop(self.model.config, tokens, 2 * row_tokens)

    def _inference_pass(self, minibatches: list[Minibatch], update: int) -> None:
        """Run the models that do not learn over a rollout."""
        portions = [portion for minibatch in minibatches for portion in minibatch.portions]
        for portion, logprobs in zip(
            portions, self._logprobs_under(self.reference_policy, portions), strict=True
        ):
            portion.reference_logprobs = logprobs
        if self.start_policy is None:
            return
        reference_is_start = update < self.settings["reference_reset_updates"]
        for number, minibatch in enumerate(minibatches):
            policy = None if reference_is_start else self.start_policy
            minibatch.kl_to_start = self._kl_to_start(minibatch, policy, update + number)

    def _logprobs_under(self, policy, portions: list[Portion]):
        """Yield the log-probabilities of each portion's tokens."""

        def run(portion: Portion) -> torch.Tensor:
            with torch.no_grad():  # lanes are threads of their own
                return token_logprobs(policy, portion.packed, self.settings["temperature"])[0]

        return self.compute.lanes.map(run, portions)

    def _kl_to_start(self, minibatch: Minibatch, start, update: int) -> float:
        """Return the mean divergence from the start per token; start None: the reference is it."""
        tokens = sum(len(response.tokens) for response in minibatch.responses)
        known = [portion.reference_logprobs for portion in minibatch.portions]
        if start is not None:
            known = self._logprobs_under(start, minibatch.portions)
            seen = tokens + minibatch.prompt_tokens
            mean = round(seen / len(minibatch.responses))
            self._count_beside(update, forward_flop(self.model.config, seen, mean))
        total = sum(
            grpo.divergence(portion.old_logprobs, logprobs).sum().item()
            for portion, logprobs in zip(minibatch.portions, known, strict=True)
        )
        return max(sum(self.compute.world.collect([total])), 0.0) / tokens  # rounding aside

    def _reward(self, minibatch: Minibatch, parts: list[list[Reward]], size: int) -> dict:
        """Set the advantages of a minibatch; return what its row says of the responses."""
        first = minibatch.first_response // size
        mine = parts[first : first + len(minibatch.responses) // size]
        self._set_advantages(minibatch, torch.tensor([[p.total for p in group] for group in mine]))
        flat = [part for group in mine for part in group]
        return statistics(
            minibatch.responses, flat, size, minibatch.prompt_tokens, minibatch.kl_to_start
        )

    def _set_advantages(self, minibatch: Minibatch, rewards: torch.Tensor) -> None:
        """Give every token of a response its advantage; rewards (questions, group)."""
        advantages = grpo.group_advantages(rewards, self.settings["advantage_std"]).flatten()
        for portion in minibatch.portions:
            portion.advantages = advantages.to(self.policy.device)[portion.packed.owner]

    def _update(self, minibatch: Minibatch, update: int) -> dict:
        settings, compute = self.settings, self.compute

        def loss_of(portion: Portion) -> tuple[torch.Tensor, dict[str, float]]:
            logprobs, entropy = token_logprobs(
                self.policy, portion.packed, settings["temperature"], with_entropy=True
            )
            loss, logged = grpo.loss(
                logprobs,
                portion.old_logprobs,
                portion.reference_logprobs,
                portion.advantages,
                portion.weights,
                settings["clip_epsilon"],
                settings["kl_coefficient"],
            )
            return loss, {
                "loss": loss.item(),
                "kl": logged["kl"].sum().item(),
                "entropy": entropy.sum().item(),
                "clipped": logged["clipped"].sum().item(),
                "gap": (logprobs.detach() - portion.old_logprobs).abs().max().item(),
            }

        figures = accumulate(
            self.policy.working, minibatch.portions, loss_of, compute.lanes, compute.world
        )
        factor = warmup_then_constant(update, settings["warmup_updates"])
        norm = self.optimiser.step(factor, settings["gradient_clip_norm"])
        self.policy.refresh()
        tokens = sum(len(response.tokens) for response in minibatch.responses)
        total = {name: sum(figure[name] for figure in figures) for name in figures[0]}
        return {
            "loss": total["loss"],
            "kl": total["kl"] / tokens,
            "entropy": total["entropy"] / tokens,
            "clipped_fraction": total["clipped"] / tokens,
            "gradient_norm": norm,
            "learning_rate": settings["learning_rate"] * factor,
            "logprob_gap": max(figure["gap"] for figure in figures),
            "value_loss": "",
        }


def _lap(seconds: dict, name: str, since: float) -> float:
    now = time.monotonic()
    seconds[name] = now - since
    return now
