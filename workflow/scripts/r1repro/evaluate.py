# SPDX-License-Identifier: Apache-2.0
"""What the evaluation programs share: attempt, sandbox, device, and scoring of one folder."""

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.attempts import Attempt, open_attempt
from r1repro.learn.checkpoint import load_model, load_tokenizer
from r1repro.learn.compute import open_compute
from r1repro.learn.evaluation import Sample, question_values, sample_all, score_rows
from r1repro.learn.flop import forward_flop
from r1repro.learn.setup import prepare_device
from r1repro.progress import Progress
from r1repro.tasks.problem import CATEGORIES
from r1repro.tasks.sandbox import Sandbox, open_sandbox


@dataclass
class EvaluationRun:
    """The services of one evaluation program."""

    stage: str
    args: Namespace
    attempt: Attempt
    sandbox: Sandbox

    def sample(self, label: str, folder: Path, prompts: list[dict]) -> list[list[Sample]]:
        """Sample and judge a checkpoint folder on prompts; one list of samples per prompt."""
        settings = self.args.settings
        device = prepare_device(self.stage, self.args.gpus, settings["require_gpu"])
        model, tokenizer = load_model(folder, device), load_tokenizer(folder)
        compute = open_compute(settings["compute"], device)
        self.attempt.precision = compute.precision_of(model)

        def count(tokens: int) -> None:
            flop = forward_flop(model.config, tokens, settings["evaluate"]["max_response_tokens"])
            self.attempt.count(tokens_generated=tokens, flop=flop)

        progress = Progress(f"{self.stage} {label}", len(prompts), "questions")
        groups: list[list[Sample]] = []
        for group in sample_all(
            compute,
            model,
            tokenizer,
            prompts,
            self.sandbox,
            settings["evaluate"],
            settings["seed"],
            self.stage,
            count,
        ):
            groups.append(group)
            progress.update(len(groups))
        progress.close()
        return groups


@contextmanager
def evaluation_run(
    stage: str, args: Namespace, inputs: list[Path], part: str = ""
) -> Iterator[EvaluationRun]:
    """Open attempt and sandbox of an evaluation program."""
    settings = args.settings
    with (
        open_attempt(
            args.attempts,
            stage,
            scale=settings["scale"],
            settings=settings,
            seed=settings["seed"],
            gpus=args.gpus,
            code_digest=args.code,
            inputs=inputs,
            purpose="final",
            planned_device="H800",
            part=part,
        ) as attempt,
        open_sandbox(settings["sandbox"]) as sandbox,
    ):
        print(f"sandbox: {sandbox.protection}", flush=True)
        yield EvaluationRun(stage, args, attempt, sandbox)


def score_checkpoint(
    run: EvaluationRun, name: str, folder: Path, prompts: list[dict]
) -> tuple[list[list[Sample]], list[dict]]:
    """Return all samples of a checkpoint and the rows of its score table."""
    groups = run.sample(name, folder, prompts)
    settings = run.args.settings
    return groups, score_rows(name, groups, settings["evaluate"], settings["seed"])


def curve_prompts(prompts: list[dict], per_category: int) -> list[dict]:
    """Return the first prompts of each category of the test split."""
    return [
        prompt
        for category in CATEGORIES
        for prompt in [p for p in prompts if p["category"] == category][:per_category]
    ]


def curve_row(
    run: EvaluationRun, folder: Path, prompts: list[dict], number: int, total: int
) -> dict:
    """Return one point of the learning curve from a folder named step_NNNNNN."""
    step = int(folder.name.removeprefix("step_"))
    groups = run.sample(f"point {number + 1} of {total}", folder, prompts)
    consensus = run.args.settings["evaluate"]["consensus"]
    values = [question_values(group, consensus) for group in groups]

    def mean(metric: str) -> float:
        return round(sum(value[metric] for value in values) / len(values), 6)

    return {
        "step": step,
        "pass1": mean("pass@1"),
        f"cons{consensus}": mean(f"cons@{consensus}"),
        "mean_length": mean("mean_length"),
    }
