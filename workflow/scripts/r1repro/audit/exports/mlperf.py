# SPDX-License-Identifier: Apache-2.0
"""An MLPerf log (`:::MLLOG` lines) of one RL stage: training rules 6.1, open division, GRPO.

Source    github.com/mlcommons/training_policies and the checker `mlperf_logging`, ruleset 6.1.0.
          Its open GRPO rules fix one model (65,536 tokens, 251 evaluation samples, accuracy above
          0.69, a benchmark's name from a list); an honest log of another run fails those. No value
          here is bent to pass: envs/checkers/mlperf_open_grpo.yaml has every other rule of theirs.
Run       The last attempt that completed before its checkpoints were scored, and the attempts
          before it that were cut off and that it continued: same settings and code, after the
          previous completed one. The clock starts with the first and is never paused; waiting
          between attempts counts.
Times     init_start is the start of the first process (where the system does not say when that was,
          as macOS, the begin of its record), run_start the begin of its record (so loading counts
          as run), run_stop the end of the last attempt. Begin is the wall clock,
          everything after it in an attempt the steady one. One block an attempt.
Evaluated After training, by the stage `curve`, from the checkpoints kept on the way: these lines
          come after run_stop and carry the training samples of their checkpoint.
          `eval_accuracy` is pass@1 over `eval_samples` responses. There is no target accuracy:
          status success means that all planned updates were done.
Fixed     What no setting says and the code fixes is in FIXED; the tests compare it with the code.
          The decay schedule is read off the learning rates that were used.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from r1repro.audit.exports.record_files import RecordFile, ended, started
from r1repro.errors import InputError

PRECISION_NAMES = {"float32": "fp32", "bfloat16": "bfloat16"}
FIXED = {
    "opt_name": "adamw",
    "opt_adamw_epsilon": 1e-08,
    "generation_training_rollout_top_p": 1.0,
    "tensor_parallelism": 1,
    "pipeline_parallelism": 1,
    "context_parallelism": 1,
    "expert_parallelism": 1,
}
NOT_A_SUBMISSION = "none: this is no submission to MLPerf"


@dataclass(frozen=True)
class Run:
    """What one log is made of; `attempts` in order, `curve` the attempt that scored them."""

    stage: str
    attempts: tuple[RecordFile, ...]
    curve: RecordFile
    points: tuple[dict[str, str], ...]
    learning_rates: tuple[float, ...]
    train_prompts: int
    questions: int

    @property
    def settings(self) -> dict:
        """Return the settings of the stage."""
        return self.attempts[-1].begin["settings"][self.stage]

    @property
    def batch(self) -> int:
        """Return the responses in one update."""
        return self.settings["questions_per_update"] * self.settings["group_size"]


def last_run(stage: str, files: Iterable[RecordFile], curve: RecordFile) -> tuple[RecordFile, ...]:
    """Return the attempts behind the checkpoints that `curve` scored; empty where there are none.

    The final one is the last that completed before and made a file that `curve` read.
    """
    ordered = sorted(
        (file for file in files if file.record.stage == stage),
        key=lambda file: (file.record.started_utc, file.record.attempt_id),
    )
    read = set(curve.inputs.values())
    while ordered:
        final = ordered.pop()
        before = ended(final.record) <= started(curve.record)
        if before and final.record.completed and read & set(final.outputs.values()):
            break
    else:
        return ()
    found = [final]
    for file in reversed(ordered):
        same = ("config_digest", "code_digest", "scale")
        if file.record.completed:
            break
        if all(file.begin[name] == final.begin[name] for name in same):
            found.append(file)
    return tuple(reversed(found))


def _milliseconds(moment) -> int:
    return round(moment.timestamp() * 1000)


def _line(time_ms: int, key: str, value, kind: str = "POINT_IN_TIME", **metadata) -> dict:
    return {
        "namespace": "",
        "time_ms": time_ms,
        "event_type": kind,
        "key": key,
        "value": value,
        "metadata": metadata,
    }


def decay_schedule(rates: Sequence[float], warmup: int) -> str:
    """Return `constant` if all rates after warm-up are one, else `not constant`."""
    return "constant" if len(set(rates[warmup:])) <= 1 else "not constant"


def _platform(file: RecordFile) -> str:
    record = file.record
    each = f"{record.gpus_per_node} x" if record.gpus_per_node else f"{record.cpu_cores} cores of"
    return f"{record.nodes} x {each} {record.device}"


def _identity(run: Run, root: str) -> dict[str, object]:
    begin = run.attempts[-1].begin
    values = {
        "submission_org": NOT_A_SUBMISSION,
        "submission_division": "open",
        "submission_status": "research",
        "submission_platform": _platform(run.attempts[-1]),
        "submission_benchmark": f"r1repro_{run.stage}_{run.settings['algorithm']}",
        "config_filename": f"{run.attempts[-1].path}#settings",
        "seed": begin["seed"],
        "scale": begin["scale"],
        "git_commit": begin["git_commit"],
        "code_digest": begin["code_digest"],
        "config_digest": begin["config_digest"],
    }
    return values | ({"ledger_root": root} if root else {})


def _precision(run: Run) -> str:
    name = run.attempts[-1].last.get("precision")
    if name not in PRECISION_NAMES:
        raise InputError(
            f"the record {run.attempts[-1].path} says precision {name!r}, which MLPerf has no name "
            f"for; run the stage {run.stage} again with this version, then make the exports"
        )
    return PRECISION_NAMES[name]


def _hyperparameters(run: Run) -> dict[str, object]:
    stage, compute = run.settings, run.attempts[-1].begin["settings"]["compute"]
    evaluate = run.curve.begin["settings"]["evaluate"]
    precision = _precision(run)
    return FIXED | {
        "algorithm": stage["algorithm"],
        "global_batch_size": run.batch,
        "num_prompts_per_step": stage["questions_per_update"],
        "num_generations_per_prompt": stage["group_size"],
        "micro_batch_size": max(compute["tokens_per_pass"] // stage["row_tokens"], 1),
        "max_sequence_length": stage["row_tokens"],
        "max_steps": stage["updates"],
        "init_checkpoint_step": 0,
        "train_samples": run.train_prompts,
        "eval_samples": run.questions * evaluate["samples"],
        "opt_base_learning_rate": stage["learning_rate"],
        "opt_adamw_beta_1": stage["betas"][0],
        "opt_adamw_beta_2": stage["betas"][1],
        "opt_adamw_weight_decay": stage["weight_decay"],
        "opt_gradient_clip_norm": stage["gradient_clip_norm"],
        "opt_learning_rate_warmup_steps": stage["warmup_updates"],
        "opt_learning_rate_decay_schedule": decay_schedule(
            run.learning_rates, stage["warmup_updates"]
        ),
        "generation_training_rollout_temperature": stage["temperature"],
        "generation_validation_rollout_temperature": evaluate["temperature"],
        "generation_validation_rollout_top_p": evaluate["top_p"],
        **{f"lowest_numerical_precision_in_{part}": precision for part in ("linear", "attn")},
        "lowest_numerical_precision_in_comm": precision,
    }


def _block(run: Run, file: RecordFile, done: int) -> tuple[list[dict], int]:
    """Return the lines of one attempt and the samples known to be done at its end."""
    record = file.record
    begin, stop = _milliseconds(started(record)), _milliseconds(ended(record))
    lines = [
        _line(
            begin, "block_start", None, "INTERVAL_START",
            samples_count=done, attempt_id=record.attempt_id, record_sha256=file.sha256,
            nodes=record.nodes, gpus_per_node=record.gpus_per_node, cpu_cores=record.cpu_cores,
        )
    ]  # fmt: skip
    for line in file.lines[1:]:
        if line.get("step") is not None:
            done = line["step"] * run.batch
            step = {"step": line["step"], "samples_count": done, "kind": line["kind"]}
            lines.append(_line(begin + line["elapsed_ms"], "tracked_stats", step))
    lines.append(
        _line(
            stop, "block_stop", None, "INTERVAL_END",
            samples_count=done, attempt_id=record.attempt_id, exit_code=record.exit_code,
        )
    )  # fmt: skip
    return lines, done


def _evaluation(run: Run) -> Iterator[dict]:
    begin, stop = _milliseconds(started(run.curve.record)), _milliseconds(ended(run.curve.record))
    seen = int(run.points[-1]["step"]) * run.batch
    about = {"samples_count": seen, "attempt_id": run.curve.record.attempt_id}
    yield _line(begin, "eval_start", None, "INTERVAL_START", **about)
    for point in run.points:
        step = int(point["step"])
        value = float(point["pass1"])
        yield _line(stop, "eval_accuracy", value, samples_count=step * run.batch, step=step)
    yield _line(stop, "eval_stop", None, "INTERVAL_END", **about)


def mlperf_lines(run: Run, root: str = "") -> list[dict]:
    """Return the lines of a log in order; raises InputError where a needed value is not recorded.

    `root` is the root of the ledger, if it was sealed.
    """
    first, last = run.attempts[0], run.attempts[-1]
    run_start = _milliseconds(started(first.record))
    imports = timedelta(seconds=first.begin["process_seconds_before"] or 0)
    init_start = _milliseconds(started(first.record) - imports)
    lines = [
        _line(init_start, "cache_clear", False, reason="caches of the system are left alone"),
        _line(init_start, "init_start", None, "INTERVAL_START"),
    ]
    values = _identity(run, root) | _hyperparameters(run)
    lines += [_line(run_start, key, value) for key, value in values.items()]
    lines.append(_line(run_start, "init_stop", None, "INTERVAL_END"))
    lines.append(_line(run_start, "run_start", None, "INTERVAL_START"))
    done = 0
    for file in run.attempts:
        block, done = _block(run, file, done)
        lines += block
    stop = _milliseconds(ended(last.record))
    lines.append(
        _line(
            stop, "run_stop", None, "INTERVAL_END", status="success", samples_count=done,
            meaning="all planned updates were done; there was no target accuracy",
        )
    )  # fmt: skip
    return lines + list(_evaluation(run))


def mlperf_text(lines: Sequence[dict]) -> str:
    """Return the log as text."""
    return "".join(f":::MLLOG {json.dumps(line, ensure_ascii=False)}\n" for line in lines)


def read_points(path: Path, *columns: str) -> tuple[dict[str, str], ...]:
    """Return the rows of a table of the run; raises InputError without rows or these columns."""
    with open(path, encoding="utf-8", newline="") as handle:
        rows = tuple(csv.DictReader(handle))
    if not rows or any(row.get(name) in (None, "") for row in rows for name in columns):
        raise InputError(f"{path} must have rows with {', '.join(columns)}; make it again")
    return rows
