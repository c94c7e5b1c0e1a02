# SPDX-License-Identifier: Apache-2.0
"""Tasks of lm-evaluation-harness on a checkpoint folder, by the harness's own model and metrics.

The folder is loaded as everywhere here (safetensors only, its code is never run) and handed to the
harness, which encodes, generates and counts by itself: its numbers are those of the harness, and
where a task of ours is asked they check `evaluate` from outside.

Choices  A task keeps its own decoding, prompts and number of examples. Only the longest response to
         tasks of this project (OWN) is evaluate.max_response_tokens, as in `evaluate`.
         Tasks that run what a model writes are refused, as the harness refuses them by default.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from r1repro.errors import InputError, reason_of
from r1repro.learn.checkpoint import load_model, load_tokenizer
from r1repro.learn.setup import derive_seed

OWN = "r1repro"
BATCH = {"cpu": 16, "cuda": 64}
COLUMNS = (
    "checkpoint", "benchmark", "task", "metric", "filter", "n_prompts", "value", "stderr",
    "higher_is_better", "version",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What the harness found, the tokens it generated, and the tokens that the model processed."""

    results: dict
    generated: int
    processed: int


def check_installed() -> None:
    """Raise InputError unless the harness can be imported."""
    if find_spec("lm_eval") is None:
        raise InputError(
            "lm-evaluation-harness is not installed; run `make harness`, which installs it beside "
            "the locked packages"
        )


def run_task(task: str, folder: Path, test: Path, tasks: Iterable[Path], settings: dict, device):
    """Evaluate a checkpoint folder on one task, or group of tasks, of the harness.

    test   prompt file of this run, for tasks of this project
    tasks  folders of task files that are looked at beside the harness's own

    Returns the Outcome, the model and its tokenizer. Raises InputError when there is no such task,
    when its data cannot be had, and when it does not fit the model.
    """
    check_installed()
    model, tokenizer = load_model(folder, device), load_tokenizer(folder)
    return evaluate_task(task, model, tokenizer, test, tasks, settings), model, tokenizer


def evaluate_task(task, model, tokenizer, test, tasks, settings) -> Outcome:
    """Evaluate a loaded model on one task; as `run_task`."""
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    # the harness's own tasks are thousands of files: they are read when no folder has the task
    for defaults in (False, True):
        manager = TaskManager(
            include_path=[str(path) for path in tasks],
            include_defaults=defaults,
            metadata={"test": str(test)},
        )
        if task in manager.task_index:
            break
    else:
        raise InputError(
            f"lm-evaluation-harness has no task {task!r}; `python -m lm_eval ls tasks` lists its "
            "own, and benchmark_data.tasks names a folder with further ones"
        )
    longest = {"max_gen_toks": settings["evaluate"]["max_response_tokens"]}
    processed = [0]

    def count(_model, args, kwargs):
        tokens = kwargs["input_ids"] if "input_ids" in kwargs else args[0]
        processed[0] += tokens.numel()

    hook = model.register_forward_pre_hook(count, with_kwargs=True)
    try:
        found = simple_evaluate(
            model=HFLM(pretrained=model, tokenizer=tokenizer, batch_size=BATCH[model.device.type]),
            tasks=[task],
            task_manager=manager,
            gen_kwargs=longest if task.startswith(OWN) else None,
            bootstrap_iters=settings["evaluate"]["bootstrap"],
            **seeds(settings["seed"]),
        )
    except (OSError, ValueError, KeyError, RuntimeError, AssertionError) as error:
        raise InputError(
            f"the task {task!r} cannot be run: {reason_of(error)}; if its data are missing, run it "
            "once where there is a network and bring that machine's Hugging Face cache (HF_HOME) "
            "here, or give task files with local data in benchmark_data.tasks"
        ) from error
    finally:
        hook.remove()
    samples = [sample for rows in found["samples"].values() for sample in rows]
    texts = [text for sample in samples for reply in sample["resps"] for text in reply]
    written = [text for text in texts if isinstance(text, str)]  # likelihoods generate nothing
    generated = sum(len(ids) for ids in tokenizer(written)["input_ids"]) if written else 0
    return Outcome(found, generated, processed[0])


def seeds(seed: int) -> dict[str, int]:
    """Return the seeds of everything that the harness draws."""
    names = ("random_seed", "numpy_random_seed", "torch_random_seed", "fewshot_random_seed")
    return {name: derive_seed(seed, "harness", name) % 2**32 for name in names}


def score_rows(checkpoint: str, task: str, found: dict) -> list[dict]:
    """Return the rows of scores.csv: a line for each task, metric and filter, numbers as found."""
    rows = []
    for name, values in found["results"].items():
        for key, value in values.items():
            metric, _, chosen = key.partition(",")
            if not chosen or metric.endswith("_stderr"):
                continue
            error = values.get(f"{metric}_stderr,{chosen}")
            rows.append(
                {
                    "checkpoint": checkpoint,
                    "benchmark": f"lm_eval:{task}",
                    "task": name,
                    "metric": metric,
                    "filter": chosen,
                    "n_prompts": found["n-samples"].get(name, {}).get("effective", ""),
                    "value": round(value, 6),
                    "stderr": round(error, 6) if isinstance(error, float) else "",
                    "higher_is_better": found["higher_is_better"].get(name, {}).get(metric, ""),
                    "version": found["versions"].get(name, ""),
                }
            )
    return rows


def sample_rows(found: dict) -> list[dict]:
    """Return the lines of samples.jsonl: what was asked, said and counted, task by task."""
    return [
        json.loads(json.dumps({"task": task, **sample}, default=str))
        for task, samples in found["samples"].items()
        for sample in samples
    ]
