# SPDX-License-Identifier: Apache-2.0
"""The RL stage through TRL's GRPOTrainer and accelerate, for models beyond one device.

Same questions in the same order, same prompts, rewards, caps, reference resets, rows of metrics
and checkpoints as `reinforcement.py`; docs/engines.md lists what differs. TRL samples, pads and
trains; whatever decides the numbers of equations 1-3 is set or replaced here and in
`trl_trainer.py`. Started with torchrun, all processes run this class, and only the first has a
`run` and writes.

Choices  - TRL's own loss scales advantages by sample deviation + 1e-4; here `grpo.group_advantages`
           over whole groups, wherever their responses were sampled.
         - `loss_average: token` is TRL's "dapo" with the token count of the one update (TRL counts
           the whole rollout); its "bnpo" averages per process first, which is not one mean.
         - The old log-probabilities are the sampler's where it tells them (vLLM), as in the
           native engine; transformers' generation does not, there the trainer computes them.
         - TRL repeats a question before each of its responses, so `tokens_trained` counts it
           `group_size` times; padding is not counted.
"""

import copy
import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import save_file

from r1repro.errors import SettingsError
from r1repro.files import atomic_dir
from r1repro.learn.checkpoint import save_checkpoint
from r1repro.learn.compute import Compute
from r1repro.learn.experience import check_whole_rollouts
from r1repro.learn.flop import forward_flop, training_flop
from r1repro.learn.phases import QuestionOrder, reasoning_prompts
from r1repro.learn.tokenizer import encode_all
from r1repro.tasks.template import frame
from r1repro.termination import deferred, requested, stop

# Settings that only the native engine honours: name, value without effect, what is missing here.
NATIVE_ONLY = (
    ("algorithm", "grpo", "critic"),
    ("preference_from_update", None, "reward models"),
    ("preference_only", False, "reward models"),
    ("preference_by", "model", "reward models"),
    ("log_kl_to_start", False, "model of the start"),
)


@dataclass(frozen=True)
class Layout:
    """Where the responses of one rollout are: update by update, and dealt to the processes.

    A row is one response; rows are numbered update by update and group by group, as in the native
    engine. Each process gets an equal, contiguous part of every update, in `passes` equal
    forward and backward passes.
    """

    questions: int
    group: int
    updates: int
    epochs: int
    processes: int
    passes: int

    @property
    def rows_per_update(self) -> int:
        return self.questions * self.group

    @property
    def share(self) -> int:
        """Return the rows of one update that one process has."""
        return self.rows_per_update // self.processes

    def rows_of(self, process: int) -> list[int]:
        """Return the rows of a rollout that a process samples and trains on, in its order."""
        return [
            update * self.rows_per_update + process * self.share + place
            for update in range(self.updates)
            for place in range(self.share)
        ]

    def dealt(self) -> list[int]:
        """Return all rows of a rollout, process after process."""
        return [row for process in range(self.processes) for row in self.rows_of(process)]


def lay_out(stage: str, settings: dict, processes: int, at_once: int) -> Layout:
    """Return how a rollout is dealt to the processes, at most `at_once` responses in a pass.

    Raises SettingsError when it cannot be dealt equally.
    """
    rows = settings["questions_per_update"] * settings["group_size"]
    if rows % processes:
        raise SettingsError(
            f"{stage}: {rows} responses an update (questions_per_update x group_size) cannot be "
            f"dealt equally to {processes} processes; change one of them"
        )
    share = rows // processes
    in_pass = max(n for n in range(1, share + 1) if share % n == 0 and (n <= at_once or n == 1))
    return Layout(
        settings["questions_per_update"],
        settings["group_size"],
        settings["updates_per_rollout"],
        settings["inner_epochs"],
        processes,
        share // in_pass,
    )


def check_settings(stage: str, settings: dict, processes: int) -> None:
    """Refuse settings that this engine cannot honour.

    Raises SettingsError.
    """
    check_whole_rollouts(stage, settings)
    for name, harmless, what in NATIVE_ONLY:
        if settings[name] != harmless:
            raise SettingsError(
                f"{stage}.{name} is {settings[name]!r}, but the engine trl has no {what}; set "
                f"engine to native"
            )
    if settings["loss_average"] not in ("response", "token"):
        raise SettingsError(
            f"{stage}.loss_average must be response or token, not {settings['loss_average']!r}"
        )
    if settings["trl"]["vllm"] and importlib.util.find_spec("vllm") is None:
        raise SettingsError(
            f"{stage}.trl.vllm is true, but vLLM is not installed here; install it or set false"
        )
    if settings["trl"]["fsdp"] and processes == 1:
        raise SettingsError(
            f"{stage}.trl.fsdp is true, but there is one process, nothing to shard over; start "
            "several with torchrun or set false"
        )


class TrlReinforcement:
    """One RL stage from a starting policy over a set of prompts; the call of `Reinforcement`.

    sampler  None: TRL samples. Otherwise what gives the responses to all questions of a rollout,
             called with prompts (token ids), group size, `Sampling` and a seed for each prompt,
             as `generate` is; it is there to compare the engines on the same rollouts.

    After `train`, `model` of the leading process is the trained policy, whole.
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
        sampler=None,
        streams: str | None = None,
    ):
        self.compute = compute or Compute()
        self.world = self.compute.world
        check_settings(stage, settings, self.world.size)
        self.stage, self.model, self.tokenizer = stage, model, tokenizer
        self.prompts, self.sandbox = reasoning_prompts(stage, prompts), sandbox
        self.settings, self.seed, self.sampler = settings, seed, sampler
        # A model that is to be sharded comes on the CPU, also where the processes have GPUs.
        gpus = dist.is_initialized() and "nccl" in dist.get_backend()
        self.on_cpu = model.device.type == "cpu" and not gpus
        self.framed = [frame(prompt["question"]) for prompt in self.prompts]
        self.prompt_tokens = encode_all(tokenizer, self.framed)
        caps = settings["max_response_tokens"], settings["late_max_response_tokens"]
        self.longest = max(caps)
        padded = max(map(len, self.prompt_tokens)) + self.longest
        at_once = self.compute.tokens_per_pass // padded
        self.layout = lay_out(stage, settings, self.world.size, at_once)
        self.streams = streams or stage
        self.order = QuestionOrder(len(self.prompts), seed, self.streams)
        self.rows: list[dict] = []
        self.run, self.along = None, None

    def chosen(self, update: int) -> list[int]:
        """Return the questions of the rollout that begins at an update."""
        questions = self.settings["questions_per_update"]
        return self.order.take(update * questions, questions * self.layout.updates)

    def train(self, run, along: Path) -> list[dict]:
        """Run all updates, resuming from `run.state`; return a row of metrics per update.

        run     the stage's services in the leading process, None in the others
        along   folder that keeps a checkpoint for the learning curve every so many updates
        """
        from r1repro.learn.trl_state import restore
        from r1repro.learn.trl_trainer import make_trainer

        self.run, self.along = run, along
        saved = self.world.tell(run.state.latest() if run else None)
        if saved is not None:
            self.rows = json.loads((saved[1] / "extra.json").read_text(encoding="utf-8"))["rows"]
            print(f"resumed after update {saved[0]}", flush=True)
        done = len(self.rows)
        if done == 0:
            self._keep_for_curve(None)
        if done == self.settings["updates"]:
            return self.rows
        trained = self.model
        if self.settings["trl"]["fsdp"] and self.world.leads:
            self.model = copy.deepcopy(trained)  # a sharded policy cannot be written by itself
        trainer = make_trainer(self, trained, done)
        if saved is not None:
            trainer.before_training = lambda: restore(trainer, saved[1])
        with deferred():
            trainer.train()
        if self.world.leads:
            (along.parent / "trl").rmdir()  # TRL makes its folder and writes nothing into it
        return self.rows

    def record(self, trainer, row: dict) -> None:
        """Take one update's row, and keep what is due: for the curve, and for resuming.

        All processes call this, because sharded weights are collected from all of them.
        """
        from r1repro.learn.trl_state import collect

        settings = self.settings
        self.rows.append(row)
        done = len(self.rows)
        if self.run is not None:
            self.run.step(row, done, settings["updates"], **self._counted(row))
        if done % settings["updates_per_rollout"]:
            return
        self._keep_for_curve(trainer)
        ends = done < settings["updates"] and requested(self.world)
        if ends or done % settings["checkpoint_every_updates"] == 0:
            leads = self.world.leads
            training = collect(trainer.model, leads, trainer.optimizer)
            reference = collect(trainer.reference, leads)
            if leads:
                self.run.save(done, lambda folder: self._save(folder, training, reference))
        if ends:
            stop()

    def _save(self, folder: Path, training: dict, reference: dict) -> None:
        """Write the files that `save_training` writes."""
        (folder / "reference").mkdir()
        for place, tensors, extra in (
            (folder, training, {"rows": self.rows}),
            (folder / "reference", reference, {}),
        ):
            save_file(tensors, place / "training.safetensors")
            (place / "extra.json").write_text(json.dumps(extra, allow_nan=False), encoding="utf-8")

    def _keep_for_curve(self, trainer) -> None:
        """Write a checkpoint for the learning curve where one is due, and the last policy."""
        from r1repro.learn.trl_state import collect

        update, updates = len(self.rows), self.settings["updates"]
        if update % self.settings["curve_every_updates"] and update != updates:
            return
        if trainer is not None and self.settings["trl"]["fsdp"]:
            weights = collect(trainer.model, self.world.leads)
            if self.world.leads:
                load_weights(self.model, weights)
        target = self.along / f"step_{update:06d}"
        if self.world.leads and not target.exists():
            with atomic_dir(target) as folder:
                save_checkpoint(self.model, self.tokenizer, folder)

    def _counted(self, row: dict) -> dict[str, int]:
        """Count tokens and FLOP of one update: sampling, passes without gradient, training."""
        config, settings = self.model.config, self.settings
        sampled, trained = row["tokens_generated"], row["tokens_trained"]
        length = round(trained / self.layout.rows_per_update)  # of a mean question and response
        # Without gradient: the reference, and the old policy unless each rollout is used once.
        passes = (settings["kl_coefficient"] != 0) + (self.layout.updates * self.layout.epochs > 1)
        flop = forward_flop(config, sampled + passes * trained, length)
        flop += settings["inner_epochs"] * training_flop(config, trained, length)
        return {"tokens_generated": sampled, "tokens_trained": trained, "flop": flop}


def load_weights(model: torch.nn.Module, collected: dict[str, torch.Tensor]) -> None:
    """Give a whole model the weights that `collect` returned."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(collected[f"model/{name}"])


def work_offline() -> None:
    """Keep the libraries of this process from the network: no model hub, no telemetry."""
    import huggingface_hub.constants as hub

    for name in ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
        os.environ[name] = "1"
        setattr(hub, name, True)  # what has been imported no longer reads the environment
