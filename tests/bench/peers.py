# SPDX-License-Identifier: Apache-2.0
"""TRL's GRPOTrainer and transformers' generate as contestants, set up as a good user would.

All cores, no gradient checkpointing (TRL's default pays memory with time, and here memory is
plenty), no logging, saving or evaluation, prompts in the native engine's order, the same judge.
Precision "bfloat16" is TRL's own `bf16` (autocast, float32 weights) and, for generate, bfloat16
weights. Nothing of the native engine's deterministic mode applies.
"""

import contextlib
import os
import tempfile
import time

from memory import Peak
from native import question_order, synchronise
from shapes import Work

MOST_ROUNDS = 100  # for how many rollouts a trainer gets prompts
# Responses in one pass of TRL where all of an update would not fit into a GPU's memory.
MICRO_BATCH = {"tail_100m": 32, "tail_500m": 16}


def _quiet() -> None:
    """Keep libraries off the network and off the terminal; use every core."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import datasets
    import torch
    import transformers

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    datasets.disable_progress_bars()


def trainer_arguments(work: Work, folder: str, steps: int, precision: str) -> dict:
    """Translate the settings; every name is a field of GRPOConfig."""
    settings = work.settings
    portion = min(work.responses_per_update, MICRO_BATCH.get(work.name, work.responses_per_update))
    portions = work.responses_per_update // portion
    return {
        "output_dir": folder,
        "use_cpu": work.device == "cpu",
        "max_steps": steps,
        "per_device_train_batch_size": portion,
        "gradient_accumulation_steps": portions,
        "steps_per_generation": portions * settings["updates_per_rollout"],
        "num_iterations": settings["inner_epochs"],
        "num_generations": settings["group_size"],
        "max_completion_length": settings["max_response_tokens"],
        "temperature": settings["temperature"],
        "top_p": 1.0,
        "top_k": 0,
        "beta": settings["kl_coefficient"],
        "epsilon": settings["clip_epsilon"],
        "loss_type": {"response": "grpo", "token": "bnpo"}[settings["loss_average"]],
        "scale_rewards": "group",
        "learning_rate": settings["learning_rate"],
        "lr_scheduler_type": "constant",
        "adam_beta1": settings["betas"][0],
        "adam_beta2": settings["betas"][1],
        "weight_decay": settings["weight_decay"],
        "max_grad_norm": settings["gradient_clip_norm"],
        "seed": work.seed,
        "bf16": precision == "bfloat16",
        "gradient_checkpointing": False,
        "shuffle_dataset": False,
        "dataloader_pin_memory": False,
        "report_to": "none",
        "logging_strategy": "no",
        "save_strategy": "no",
        "eval_strategy": "no",
        "disable_tqdm": True,
    }


class Rewards:
    """The project's rewards as TRL calls them; keeps the last batch's lengths and its time."""

    __name__ = "rewards"

    def __init__(self, work: Work, sandbox):
        self.work, self.sandbox = work, sandbox
        self.lengths: list[int] = []
        self.prompt_lengths: list[int] = []
        self.tokens_of: dict[str, int] = {}
        self.seconds = 0.0

    def __call__(self, prompts, completions, completion_ids, number, **_) -> list[float]:
        from r1repro.learn.rewards import reward
        from r1repro.tasks.judge import judge

        started = time.perf_counter()
        self.lengths = [len(ids) for ids in completion_ids]
        self.prompt_lengths = [self.tokens_of[prompt] for prompt in prompts]
        asked = [self.work.prompts[i] for i in number]
        verdicts = judge(asked, completions, self.sandbox)
        judged = zip(verdicts, asked, completions, strict=True)
        totals = [reward(*one, self.work.settings).total for one in judged]
        self.seconds = time.perf_counter() - started
        return totals


@contextlib.contextmanager
def trainer(work: Work, order: list[int], precision: str, callbacks=()):
    """Make a GRPOTrainer that asks the questions in this order; yields it and its rewards."""
    _quiet()
    import datasets
    import torch
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
    from trl import GRPOConfig, GRPOTrainer

    from r1repro.tasks.sandbox import open_sandbox
    from r1repro.tasks.template import frame

    steps = len(order) // work.settings["questions_per_update"]
    rows = {"prompt": [frame(work.prompts[i]["question"]) for i in order], "number": order}
    with tempfile.TemporaryDirectory() as folder, open_sandbox(work.sandbox) as sandbox:
        rewards = Rewards(work, sandbox)
        model = AutoModelForCausalLM.from_pretrained(work.checkpoint, dtype=torch.float32)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(work.checkpoint)
        asked = sorted(set(rows["prompt"]))
        sizes = [len(ids) for ids in tokenizer(asked)["input_ids"]]
        rewards.tokens_of = dict(zip(asked, sizes, strict=True))
        yield (
            GRPOTrainer(
                model=model,
                reward_funcs=rewards,
                args=GRPOConfig(**trainer_arguments(work, folder, steps, precision)),
                train_dataset=datasets.Dataset.from_dict(rows),
                processing_class=tokenizer,
                callbacks=list(callbacks),
            ),
            rewards,
        )


def _timed(owner, name: str, seconds: dict, phase: str) -> None:
    """Add up the time that calls of a method take."""
    method = getattr(owner, name)

    def call(*args, **kwargs):
        started = time.perf_counter()
        try:
            return method(*args, **kwargs)
        finally:
            seconds[phase] = seconds.get(phase, 0.0) + time.perf_counter() - started

    setattr(owner, name, call)


def _train_in_turns(work: Work, turns, precision: str, order: list[int], given=None) -> None:
    """Call `train` once; a round is one rollout and all updates on it.

    given  completion ids that replace sampling, in the order of the prompts
    """
    _quiet()
    from transformers import TrainerCallback

    seconds: dict[str, float] = {}
    each = work.settings["updates_per_rollout"]

    class TakeTurns(TrainerCallback):
        def on_train_begin(self, args, state, control, **_):
            self.next_turn(control)

        def on_step_end(self, args, state, control, **_):
            if state.global_step % each == 0:
                synchronise(work.device)
                whole = time.perf_counter() - turns.started
                turns.report(
                    updates=each,
                    tokens=sum(rewards.lengths),
                    groups=_groups(rewards.prompt_lengths, rewards.lengths, made.num_generations),
                    rollout=seconds["rollout"],
                    reward=rewards.seconds,
                    reference=seconds["experience"] - seconds["rollout"] - rewards.seconds,
                    update=whole - seconds["experience"],
                    bytes=0 if self.peak is None else self.peak.added(),
                )
                self.next_turn(control)

        def next_turn(self, control):
            seconds.clear()
            again = turns.wait()
            self.peak = Peak(work.device) if again else None
            control.should_training_stop = not again

    with trainer(work, order, precision, [TakeTurns()]) as (made, rewards):
        if given is not None:
            made._generate_single_turn = lambda *_, **__: (given, None)
        _timed(made, "_generate_single_turn", seconds, "rollout")
        _timed(made, "_generate_and_score_completions", seconds, "experience")
        made.train()


def _groups(prompts: list[int], lengths: list[int], size: int) -> list[tuple[int, list[int]]]:
    """Return (tokens of the question, tokens of each response) by group."""
    return [(prompts[i], lengths[i : i + size]) for i in range(0, len(lengths), size)]


def updates(work: Work, turns, precision: str) -> None:
    """A round is one rollout and all updates on it."""
    each = work.settings["updates_per_rollout"]
    _train_in_turns(work, turns, precision, question_order(work, 0, each * MOST_ROUNDS))


def step(given: tuple[Work, list[int], list], turns, precision: str) -> None:
    """The same on one given rollout; only the share `update` of a round is of interest."""
    work, chosen, groups = given
    completions = [response.tokens for group in groups for response in group]
    _train_in_turns(work, turns, precision, chosen * MOST_ROUNDS, completions)


def rollout(work: Work, turns, precision: str) -> None:
    """A round is one call of transformers' generate for the prompts of a rollout."""
    _quiet()
    import torch
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

    from r1repro.tasks.template import frame

    settings, done = work.settings, 0
    tokenizer = PreTrainedTokenizerFast.from_pretrained(work.checkpoint, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(work.checkpoint, dtype=getattr(torch, precision))
    model = model.to(work.device).eval()
    end = tokenizer.eos_token_id
    while turns.wait():
        chosen = question_order(work, done, settings["updates_per_rollout"])
        texts = [frame(work.prompts[i]["question"]) for i in chosen]
        asked = tokenizer(texts, return_tensors="pt", padding=True).to(work.device)
        torch.manual_seed(done)
        with torch.inference_mode():
            made = model.generate(
                input_ids=asked["input_ids"],
                attention_mask=asked["attention_mask"],
                num_return_sequences=settings["group_size"],
                max_new_tokens=settings["max_response_tokens"],
                do_sample=True,
                temperature=settings["temperature"],
                top_k=0,
                top_p=1.0,
                use_cache=True,
                eos_token_id=end,
                pad_token_id=tokenizer.pad_token_id,
            )
        rows = made[:, asked["input_ids"].shape[1] :].tolist()
        done += settings["updates_per_rollout"]
        lengths = [row.index(end) + 1 if end in row else len(row) for row in rows]
        asked_lengths = asked["attention_mask"].sum(dim=1).tolist()
        each_prompt = [n for n in asked_lengths for _ in range(settings["group_size"])]
        turns.report(
            tokens=sum(lengths), groups=_groups(each_prompt, lengths, settings["group_size"])
        )
