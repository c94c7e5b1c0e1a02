# SPDX-License-Identifier: Apache-2.0
"""TRL's GRPOTrainer with this project's questions, rewards, advantages, caps and rows.

Imported only when the engine is used: TRL, accelerate and datasets take seconds to load.

Shapes   one rollout has `Layout.updates` x `Layout.rows_per_update` responses; a process holds
         those of `Layout.rows_of`, padded: questions on their left, responses on their right
"""

import copy
import math
import time
import warnings

import torch
from accelerate import PartialState
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin, gather
from datasets import Dataset
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import Sampler
from transformers import PrinterCallback, TrainerCallback
from trl import GRPOConfig, GRPOTrainer
from trl.models import prepare_fsdp
from trl.trainer.utils import add_fused_lm_head, split_tensor_dict

from r1repro.learn import grpo
from r1repro.learn.experience import cap, judge_responses, metrics_row, statistics
from r1repro.learn.optimisation import adamw, warmup_then_constant
from r1repro.learn.rewards import Reward
from r1repro.learn.rollout import Response, Sampling
from r1repro.learn.setup import derive_seed

PARTS = ("rollout", "reference", "reward")  # of the seconds before an update
# what each process tells the others of its responses
JUDGED = ("tokens", "ended", "accuracy", "format", "language", "consistency")
AVERAGES = ("kl", "entropy", "clip_ratio/region_mean")  # over tokens


class Questions(Sampler):
    """The numbers of the questions in the order in which accelerate deals them to processes.

    TRL draws a batch for each of its passes and uses the one with which a rollout begins.
    """

    def __init__(self, stage, done: int):
        self.stage, self.done = stage, done

    def __iter__(self):
        layout, settings = self.stage.layout, self.stage.settings
        rows = layout.dealt()
        for update in range(self.done, settings["updates"], layout.updates):
            chosen = self.stage.chosen(update)
            for _ in range(layout.updates * layout.epochs * layout.passes):
                yield from (chosen[row // layout.group] for row in rows)

    def __len__(self) -> int:
        layout = self.stage.layout
        updates = self.stage.settings["updates"] - self.done
        return updates * layout.epochs * layout.passes * layout.updates * layout.rows_per_update


class AtStart(TrainerCallback):
    """Calls a function once everything is spread over the processes."""

    def __init__(self, function):
        self.function = function

    def on_train_begin(self, args, state, control, **_objects):
        self.function()


def make_trainer(stage, model, done: int) -> "RecipeTrainer":
    """Return a trainer for the updates of a stage that are left after `done`."""
    # A name that transformers is about to change, also where TRL uses it.
    warnings.filterwarnings("ignore", ".*gradient_checkpointing.*", FutureWarning)
    trainer = RecipeTrainer(stage, model, done)
    trainer.remove_callback(PrinterCallback)
    return trainer


def make_config(stage, done: int) -> GRPOConfig:
    """Translate the settings of the stage for TRL."""
    settings, layout = stage.settings, stage.layout
    fsdp = settings["trl"]["fsdp"]
    return GRPOConfig(
        # how much of what
        num_generations=layout.group,
        per_device_train_batch_size=layout.share // layout.passes,
        gradient_accumulation_steps=layout.passes,
        steps_per_generation=layout.updates * layout.passes,
        num_iterations=layout.epochs,
        max_steps=(settings["updates"] - done) * layout.epochs,
        shuffle_dataset=False,
        # equations 1-3; the reference is added by RecipeTrainer
        loss_type={"response": "grpo", "token": "dapo"}[settings["loss_average"]],
        epsilon=settings["clip_epsilon"],
        beta=0.0,
        use_bias_correction_kl=False,
        disable_dropout=True,
        # sampling
        temperature=settings["temperature"],
        max_completion_length=stage.longest,
        use_vllm=settings["trl"]["vllm"],
        vllm_mode="colocate",
        vllm_importance_sampling_correction=False,
        # optimisation; the optimiser itself is made by RecipeTrainer
        learning_rate=settings["learning_rate"],
        max_grad_norm=settings["gradient_clip_norm"],
        bf16=stage.compute.precision == "bfloat16",
        gradient_checkpointing=False,
        use_cache=True,  # or checkpoints would say that the model is to be used without
        # processes
        ddp_find_unused_parameters=False,
        use_cpu=stage.on_cpu,
        fsdp=True if fsdp else None,
        fsdp_config={"version": 2, "activation_checkpointing": True} if fsdp else None,
        seed=derive_seed(stage.seed, stage.stage, "trl") % 2**32,
        # what it writes and says: nothing; `stage` keeps the records
        output_dir=str(stage.along.parent / "trl"),
        save_strategy="no",
        report_to=[],
        logging_steps=1,
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        log_level="error",
    )


class RecipeTrainer(GRPOTrainer):
    """GRPOTrainer where questions, rewards, advantages and rows are those of the native engine.

    before_training   called once all is spread over the processes; None: nothing
    reference         the reference model of equation 2
    """

    def __init__(self, stage, model, done: int):
        self.stage, self.done, self.layout = stage, done, stage.layout
        self.before_training = None
        self.seconds: dict[str, float] = {}
        reference = copy.deepcopy(model).requires_grad_(False).eval()
        questions = {"prompt": stage.framed, "number": list(range(len(stage.framed)))}
        super().__init__(
            model,
            reward_funcs=self._rewards,
            args=make_config(stage, done),
            train_dataset=Dataset.from_dict(questions),
            processing_class=stage.tokenizer,
            callbacks=[AtStart(lambda: self.before_training and self.before_training())],
        )
        # TRL loads its reference anew from the model's name on disk; ours is what it is given.
        self.reference = self._spread(reference)
        if stage.settings["kl_coefficient"]:
            self.beta, self.ref_model = stage.settings["kl_coefficient"], self.reference
        self.tokens_of = dict(zip(stage.framed, stage.prompt_tokens, strict=True))
        self.eos_token_ids = [stage.tokenizer.eos_token_id]

    def _spread(self, model):
        """Put a model that is not trained where the policy is."""
        add_fused_lm_head(model, temperature=self.temperature)
        if self.is_fsdp_enabled:
            # TRL shards the reference as one piece, which then must fit one device as a whole.
            precision = self.accelerator.state.fsdp_plugin.mixed_precision_policy
            for block in model.modules():
                if type(block).__name__ in model._no_split_modules:
                    fully_shard(block, mp_policy=precision or MixedPrecisionPolicy())
            return prepare_fsdp(model, self.accelerator)
        return self.accelerator.prepare_model(model, evaluation_mode=True)

    def create_accelerator_and_postprocess(self) -> None:
        super().create_accelerator_and_postprocess()
        if self.args.fsdp_plugin_args is not None and not self.is_fsdp_enabled:
            # accelerate shards on GPUs only and would say nothing; on CPUs it works all the same.
            state = self.accelerator.state
            state.fsdp_plugin = FullyShardedDataParallelPlugin(**self.args.fsdp_plugin_args)
            state.distributed_type = PartialState().distributed_type = DistributedType.FSDP
            self.is_fsdp_enabled = True

    # ---- what Trainer asks for ------------------------------------------------------------------

    def _get_train_sampler(self, dataset=None) -> Sampler:
        return Questions(self.stage, self.done)

    def create_optimizer(self, model=None):
        self.optimizer = adamw(list((model or self.model).parameters()), self.stage.settings)
        return self.optimizer

    def create_scheduler(self, num_training_steps, optimizer=None):
        warmup = self.stage.settings["warmup_updates"]
        self.lr_scheduler = LambdaLR(
            optimizer or self.optimizer,
            lambda step: warmup_then_constant(self._place(step)[0], warmup),
        )
        return self.lr_scheduler

    def _place(self, step: int) -> tuple[int, int, int]:
        """Return update, its number in the rollout and the inner epoch of an optimiser step.

        All are counted from 0; `step` counts from where this run began or resumed.
        """
        rollout, within = divmod(step, self.layout.updates * self.layout.epochs)
        epoch, number = divmod(within, self.layout.updates)
        return self.done + rollout * self.layout.updates + number, number, epoch

    # ---- one rollout ----------------------------------------------------------------------------

    def _prepare_inputs(self, generation_batch):
        """Sample where a rollout begins, and return what the next pass trains on.

        TRL shuffles the responses of a rollout here; each update has questions of its own.
        """
        steps = self.args.steps_per_generation
        if self._step % (steps * self.num_iterations) == 0:
            rollout = self._generate_and_score_completions(generation_batch)
            self._buffered_inputs = self._split(rollout)
        if self._step % self.layout.passes == 0:
            self._update_began = time.monotonic()
        return self._buffered_inputs[self._step % steps]

    def _split(self, rollout: dict) -> list[dict]:
        """Cut a rollout into passes and tell each how many tokens its whole update has."""
        layout = self.layout
        passes = layout.updates * layout.passes
        local = rollout["completion_mask"].view(passes, -1).sum(dim=1)
        tokens = self.accelerator.reduce(local, reduction="sum")
        of_update = tokens.view(layout.updates, layout.passes).sum(dim=1)
        self.tokens_of_pass = tokens.tolist()
        parts = split_tensor_dict(rollout, passes)
        for i, part in enumerate(parts):
            # TRL divides this by the number of updates, because it means the whole rollout.
            part["num_items_in_batch"] = of_update[i // layout.passes] * layout.updates
        return parts

    def _generate_and_score_completions(self, inputs):
        """Sample, judge and score one rollout, with the advantages of equation 3."""
        update = self._place(self.state.global_step)[0]
        if update and update % self.stage.settings["reference_reset_updates"] == 0:
            replace_weights(self.reference, self.model)
        began = time.monotonic()
        output = super()._generate_and_score_completions(inputs)
        spent = time.monotonic() - began
        self.seconds["reference"] = spent - self.seconds["rollout"] - self.seconds["reward"]
        self.gap = self._use_sampled_logprobs(output)
        dealt = self.layout.dealt()
        table = torch.empty(len(dealt), len(JUDGED), dtype=torch.float64)
        table[dealt] = gather(self.judged).cpu()
        parts = [_reward_of(row) for row in table.tolist()]
        totals = torch.tensor([part.total for part in parts]).view(-1, self.layout.group)
        advantages = grpo.group_advantages(totals, self.stage.settings["advantage_std"]).flatten()
        mine = self.layout.rows_of(self.accelerator.process_index)
        output["advantages"] = advantages[mine].to(self.accelerator.device)
        self.statistics = self._describe(update, table, parts)
        return output

    def _tokenize_prompts(self, prompts: list[str]):
        return [self.tokens_of[prompt] for prompt in prompts], None, {}

    def _generate_single_turn(self, prompt_ids, *others, **named):
        """Sample under the cap and the seed of this rollout."""
        began = time.monotonic()
        stage, rank = self.stage, self.accelerator.process_index
        update = self._place(self.state.global_step)[0]
        most = cap(stage.settings, update)
        seed = derive_seed(stage.seed, stage.streams, "rollout", update)
        if stage.sampler is not None:
            sampling = Sampling(self.temperature, 1.0, most, self.eos_token_ids[0])
            asked = [stage.prompt_tokens[i] for i in stage.chosen(update)]
            seeds = [derive_seed(seed, number) for number in range(len(asked))]
            groups = stage.sampler(asked, self.layout.group, sampling, seeds)
            flat = [response for group in groups for response in group]
            own = [flat[row] for row in self.layout.rows_of(rank)]
            sampled = [r.tokens for r in own], [r.logprobs for r in own]
        elif self.use_vllm:
            self.vllm_generation.max_completion_length = most
            sampled = super()._generate_single_turn(prompt_ids, *others, **named)
        else:
            # The processes sample different rows, so each has a stream of its own.
            torch.manual_seed(derive_seed(seed, rank) if rank else seed)
            for name, value in (("max_new_tokens", most), ("eos_token_id", self.eos_token_ids)):
                self.generation_kwargs[name] = value
                setattr(self.generation_config, name, value)
            sampled = self._generate_in_parts(prompt_ids, *others, **named)
        self.seconds["rollout"] = time.monotonic() - began
        return sampled

    def _generate_in_parts(self, prompt_ids, *others, **named):
        """Let transformers sample so many responses at once as the settings say."""
        size, tokens = self.stage.compute.responses_at_once, []
        for first in range(0, len(prompt_ids), size):
            part = prompt_ids[first : first + size]
            tokens += super()._generate_single_turn(part, *others, **named)[0]
        return tokens, None

    def _rewards(self, completion_ids, number, **_columns) -> list[float]:
        """Judge the responses of this process; TRL's reward function."""
        began = time.monotonic()
        stage = self.stage
        asked = [stage.prompts[i] for i in number]
        parts = judge_responses(
            asked, completion_ids, stage.tokenizer, stage.sandbox, stage.settings
        )
        self.judged = torch.tensor(
            [
                [len(ids), ids[-1] in self.eos_token_ids, *_numbers_of(part)]
                for ids, part in zip(completion_ids, parts, strict=True)
            ],
            dtype=torch.float64,
            device=self.accelerator.device,
        )
        self.seconds["reward"] = time.monotonic() - began
        return [part.total for part in parts]

    def _use_sampled_logprobs(self, output: dict) -> float | str:
        """Compare with the policy that sampled, where the sampler tells its log-probabilities.

        Returns the largest gap between sampler and trainer in the first update, or an empty text.
        """
        sampled = output.pop("sampling_per_token_logps", None)
        if sampled is None:
            return ""
        trainers = output.get("old_per_token_logps")
        if trainers is None:
            output["old_per_token_logps"] = sampled
            return ""
        sampled = torch.where(sampled.isnan(), trainers, sampled)  # vLLM can fail to tell some
        gap = ((trainers - sampled) * output["completion_mask"])[: self.layout.share].abs().max()
        output["old_per_token_logps"] = sampled
        return gather(gap).max().item()

    def _describe(self, update: int, table: torch.Tensor, parts: list[Reward]) -> list[dict]:
        """Return the statistics of the responses of each update, as the native engine does."""
        chosen, layout = self.stage.chosen(update), self.layout
        # Only the number of tokens is asked for; the tokens stay with their process.
        flat = [Response(range(int(n)), [], bool(ended)) for n, ended, *_ in table.tolist()]
        described = []
        for number in range(layout.updates):
            rows = range(number * layout.rows_per_update, (number + 1) * layout.rows_per_update)
            asked = sum(len(self.stage.prompt_tokens[chosen[r // layout.group]]) for r in rows)
            here = slice(rows.start, rows.stop)
            described.append(statistics(flat[here], parts[here], layout.group, asked))
        return described

    # ---- one update -----------------------------------------------------------------------------

    def log(self, logs: dict, start_time: float | None = None) -> None:
        """Make the row of an update out of what TRL logs after each optimiser step."""
        if self.layout.passes > 1:
            self._weigh_passes()
        super().log(logs, start_time)
        if "grad_norm" not in logs:  # the summary at the end of training
            return
        update, number, epoch = self._place(self.state.global_step - 1)
        if epoch == self.layout.epochs - 1:
            self.stage.record(self, self._row(update, number, logs))

    def _weigh_passes(self) -> None:
        """Make TRL's means over the passes of an update means over its tokens."""
        metrics, last = self._metrics["train"], self._step % self.args.steps_per_generation
        last = last or self.args.steps_per_generation
        weights = self.tokens_of_pass[last - self.layout.passes : last]
        for name in AVERAGES:
            if len(metrics[name]) == len(weights):
                total = sum(v * w for v, w in zip(metrics[name], weights, strict=True))
                metrics[name] = [total / sum(weights)]

    def _row(self, update: int, number: int, logs: dict) -> dict:
        """Order one update's metrics as in metrics.csv."""
        shown = {
            **self.statistics[number],
            "loss": logs["loss"],
            "kl": logs["kl"] if self.beta else "",
            "entropy": logs["entropy"],
            "clipped_fraction": logs["clip_ratio/region_mean"],
            "gradient_norm": logs["grad_norm"],
            "learning_rate": logs["learning_rate"],
            "logprob_gap": self.gap,
            "value_loss": "",
            **{f"seconds_{k}": self.seconds[k] / self.layout.updates for k in PARTS},
            "seconds_update": time.monotonic() - self._update_began,
        }
        first = update - number
        settings = self.stage.settings
        return metrics_row(settings, first, number, cap(settings, first), shown)


@torch.no_grad()
def replace_weights(reference: torch.nn.Module, policy: torch.nn.Module) -> None:
    """Let the policy replace the reference; both are spread alike."""
    for old, new in zip(reference.parameters(), policy.parameters(), strict=True):
        old.copy_(new)


def _numbers_of(part: Reward) -> list[float]:
    share = math.nan if part.consistency is None else part.consistency
    return [part.accuracy, part.format, part.language, share]


def _reward_of(row: list[float]) -> Reward:
    *parts, share = row[2:]
    return Reward(*parts, consistency=None if math.isnan(share) else share)
