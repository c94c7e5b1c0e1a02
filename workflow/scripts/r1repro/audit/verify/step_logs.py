# SPDX-License-Identifier: Apache-2.0
"""What a stage of reinforcement learning logged of its steps, against what its attempts count.

share    of the peak of its GPUs below 2 %: less than any published synchronous run, so hours
         without work are billed, or the model is too small for what was held
phases   the seconds of the steps fit into the attempts; where one attempt made them all, the time
         outside of steps (start, checkpoints, end) is at most 15 % and 10 s, else it is told
counts   a row's tokens are its mean length times the outputs of an update; none is longer than
         allowed; all rows together are at least the last attempt's tokens, at most those of all

Both hold for a stage that was killed and resumed: what a checkpoint keeps is in the record of the
attempt before the checkpoint can be seen (`TrainingRun.save`).
"""

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.verify.findings import Report
from r1repro.audit.verify.folder import Run
from r1repro.audit.verify.peaks import gpu_peak

PHASES = ("seconds_rollout", "seconds_reference", "seconds_reward", "seconds_update")
COLUMNS = (*PHASES, "length_mean", "length_max", "max_response_tokens", "tokens_generated")
ROUNDING_SECONDS = 1.0
OUTSIDE_SHARE, OUTSIDE_SECONDS = 0.15, 10.0
LEAST_SHARE = 0.02


@dataclass(frozen=True)
class StepLog:
    """The rows of one metrics.csv as numbers, and the attempts of its stage, oldest first."""

    rows: list[dict[str, float]]
    attempts: list[dict]
    outputs_per_update: int | None  # None where no record tells the settings

    @property
    def seconds(self) -> float:
        return sum(row[phase] for row in self.rows for phase in PHASES)

    @property
    def counted_seconds(self) -> float:
        return sum(entry["elapsed_ms"] for entry in self.attempts) / 1000


def check(run: Run, report: Report) -> None:
    """Check every log of steps that has attempts."""
    paths = [*run.folder.glob("rl/*/metrics.csv"), *run.folder.glob("controls/*/metrics.csv")]
    for path in sorted(paths):
        stage, name = path.parent.name, run.name(path)
        attempts = [entry for entry in run.attempts if entry["stage"] == stage]
        try:
            rows = _rows(path)
        except (OSError, ValueError, TypeError, csv.Error) as error:
            what = f"a cell of its steps is no number ({error})"
            report.error("counts", name, "", what, f"head {name}")
            continue
        if not rows or not attempts:
            continue
        report.looked("logs of steps")
        log = StepLog(rows, attempts, _outputs_per_update(run, stage))
        found = (*_share(log), *_phases(log, stage), *_counts(log, stage))
        for level, check_name, what in found:
            tell = report.error if level == "error" else report.warning
            tell(check_name, name, "", what, f"head {name}")


def _rows(path: Path) -> list[dict[str, float]]:
    """Return the rows as numbers; none for a table of another kind, such as that of an SFT.

    Raises ValueError, TypeError, OSError or csv.Error for what cannot be read.
    """
    with open(path, encoding="utf-8", newline="") as handle:
        table = csv.DictReader(handle, strict=True)
        if not {*COLUMNS} <= {*(table.fieldnames or ())}:
            return []
        rows = [{name: float(row[name] or 0) for name in COLUMNS} for row in table]
    for row in rows:
        if not all(math.isfinite(value) for value in row.values()):
            raise ValueError("not finite")
    return rows


def _outputs_per_update(run: Run, stage: str) -> int | None:
    """Return questions times group size of the last record that tells them in whole numbers."""
    for file in reversed(run.records):
        settings = file.lines[0].get("settings")
        own = settings.get(stage) if isinstance(settings, dict) else None
        if file.record.stage == stage and isinstance(own, dict):
            factors = [own.get("questions_per_update"), own.get("group_size")]
            if all(type(factor) is int for factor in factors):
                return factors[0] * factors[1]
    return None


def _share(log: StepLog) -> Iterator[tuple[str, str, str]]:
    """Yield how little of its GPUs a stage used, as (level, check, what)."""
    could = 0.0
    for entry in log.attempts:
        gpus = entry["nodes"] * entry["gpus_per_node"]
        peak = gpu_peak(entry["device"]) if gpus else None
        if peak is None:
            return
        could += gpus * peak * entry["elapsed_ms"] / 1000
    did = sum(entry["flop"] for entry in log.attempts)
    if could and did / could < LEAST_SHARE:
        yield "warning", "share", f"it used {100 * did / could:.2g} % of the peak of its GPUs"


def _phases(log: StepLog, stage: str) -> Iterator[tuple[str, str, str]]:
    """Yield what the seconds of the steps contradict, as (level, check, what)."""
    steps, counted = log.seconds, log.counted_seconds
    if steps > counted + ROUNDING_SECONDS:
        what = f"its steps took {steps:.1f} s, the attempts of {stage} count {counted:.1f} s"
        yield "error", "phases", what
    outside = counted - steps
    if len(log.attempts) == 1 and outside > OUTSIDE_SECONDS + OUTSIDE_SHARE * counted:
        what = f"its steps took {steps:.1f} s of the {counted:.1f} s that {stage} counts"
        yield "warning", "phases", what


def _counts(log: StepLog, stage: str) -> Iterator[tuple[str, str, str]]:
    """Yield what the tokens of the steps contradict."""
    for number, row in enumerate(log.rows, start=1):
        tokens, longest = row["tokens_generated"], row["length_max"]
        if not row["length_mean"] <= longest <= row["max_response_tokens"]:
            what = f"update {number} has an output of {longest:.0f} tokens, of at most "
            yield "error", "counts", what + f"{row['max_response_tokens']:.0f}, or a longer mean"
        outputs = log.outputs_per_update
        if outputs and abs(row["length_mean"] * outputs - tokens) > 0.5:
            what = f"update {number} has {tokens:.0f} tokens, not {outputs} outputs of "
            yield "error", "counts", what + f"{row['length_mean']:g} tokens"
    logged = sum(row["tokens_generated"] for row in log.rows)
    least = log.attempts[-1]["tokens_generated"]
    most = sum(entry["tokens_generated"] for entry in log.attempts)
    if not least <= logged <= most:
        what = f"its steps generated {logged:.0f} tokens, the attempts of {stage} count "
        yield "error", "counts", what + (f"{most}" if logged > most else f"{least} in the last")
