# SPDX-License-Identifier: Apache-2.0
"""What the evaluation programs share: attempt, kept samples, sandbox, scoring of one folder."""

import re
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from transformers import AutoConfig

from r1repro.audit.attempts import Attempt, open_attempt
from r1repro.errors import InputError
from r1repro.files import sha256_path
from r1repro.learn.checkpoint import load_model, load_tokenizer
from r1repro.learn.compute import open_compute
from r1repro.learn.evaluation import question_rows, sample_all, score_rows
from r1repro.learn.flop import forward_flop, update_flop
from r1repro.learn.learning_curve import GREEDY, point, tercile_cuts
from r1repro.learn.measures import Sample
from r1repro.learn.setup import prepare_device
from r1repro.progress import Progress
from r1repro.state import StageState, fingerprint
from r1repro.tables import read_table
from r1repro.tasks.judge import judge
from r1repro.tasks.sandbox import Sandbox, open_sandbox


@dataclass
class EvaluationRun:
    """The services of one evaluation program."""

    stage: str
    args: Namespace
    attempt: Attempt
    state: StageState
    sandbox: Sandbox | None
    judge: Callable = judge

    def kept(self, series: str) -> Callable[[int, Callable[[], list[dict]]], list[dict]]:
        """Return what gives a portion of samples: kept by an earlier attempt, or made and kept.

        It is kept unless what it cost could not be put on the attempt's record.
        """

        def portion(number: int, make: Callable[[], list[dict]]) -> list[dict]:
            name = f"{series}_{number:06d}"
            rows = self.state.portion(name)
            if rows is None:
                rows = make()
                if self.attempt.heartbeat():
                    self.state.keep_portion(name, rows)
            return rows

        return portion

    def sample(
        self, label: str, folder: Path, prompts: list[dict], **decoding: float
    ) -> list[list[Sample]]:
        """Sample and judge a checkpoint folder on prompts; one list of samples per prompt.

        label     says what is sampled, and is another one in each call
        decoding  settings of `evaluate` that differ for this call
        """
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
            settings["evaluate"] | decoding,
            settings["seed"],
            self.stage,
            count,
            self.judge,
            self.kept(re.sub(r"\W+", "_", label)),
        ):
            groups.append(group)
            progress.update(len(groups))
        return groups


def open_evaluation(stage: str, args: Namespace, inputs: list[Path], part: str = ""):
    """Open the attempt of an evaluation program."""
    settings = args.settings
    return open_attempt(
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
    )


@contextmanager
def evaluation_run(
    stage: str,
    args: Namespace,
    inputs: list[Path],
    part: str = "",
    sandboxed: bool = True,
    judge: Callable = judge,
) -> Iterator[EvaluationRun]:
    """Lock what was kept, open attempt and sandbox; drop what was kept once all is closed."""
    digests = {path.as_posix(): sha256_path(path) for path in inputs}
    identity = fingerprint(args.settings, args.code, digests)
    with StageState(args.state, identity) as state:
        with (
            open_evaluation(stage, args, inputs, part) as attempt,
            open_sandbox(args.settings["sandbox"]) if sandboxed else nullcontext() as sandbox,
        ):
            if sandbox is not None:
                print(f"sandbox: {sandbox.protection}", flush=True)
            yield EvaluationRun(stage, args, attempt, state, sandbox, judge)
        state.clear()


def score_checkpoint(
    run: EvaluationRun, name: str, folder: Path, prompts: list[dict]
) -> tuple[list[list[Sample]], list[dict], list[dict]]:
    """Return a checkpoint's samples, the rows of its questions and those of its score table."""
    groups = run.sample(name, folder, prompts)
    settings = run.args.settings
    questions = question_rows(name, groups, settings["evaluate"]["consensus"])
    return groups, questions, score_rows(name, questions, settings["evaluate"], settings["seed"])


def curve_rows(run: EvaluationRun, folders: list[Path], prompts: list[dict]) -> list[dict]:
    """Return the points of a learning curve from folders named step_NNNNNN."""
    cuts = tercile_cuts([prompt["level"] for prompt in prompts])
    consensus, rows = run.args.settings["evaluate"]["consensus"], []
    for number, folder in enumerate(folders, start=1):
        label = f"point {number} of {len(folders)}"
        sampled = run.sample(label, folder, prompts)
        greedy = run.sample(f"{label}, greedy", folder, prompts, **GREEDY)
        step = int(folder.name.removeprefix("step_"))
        flop = flop_until(run, folder, step)
        rows.append(point(step, flop, sampled, greedy, cuts, consensus))
    return rows


def flop_until(run: EvaluationRun, folder: Path, step: int) -> int:
    """Return what a stage had computed up to an update, from its metrics and settings.

    Raises InputError when the metrics end before that update.
    """
    args = run.args
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    rows = read_table(args.metrics).to_dict("records")[:step]
    if len(rows) < step:
        raise InputError(
            f"{args.metrics} has {len(rows)} updates where {folder} is of update {step}; make both "
            "again with the rule of their stage"
        )
    return sum(
        update_flop(
            config,
            {
                "tokens_generated": int(row["tokens_generated"]),
                "tokens_trained": int(row["tokens_trained"]),
                "length_mean": float(row["length_mean"]),
            },
            args.settings[args.stage],
        )
        for row in rows
    )
