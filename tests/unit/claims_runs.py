# SPDX-License-Identifier: Apache-2.0
"""Small hand-made runs behind the claims, for their tests; not a test itself.

A table is written as columns; what is not named has a plain value. Ten questions, five of maths and
five of logic; twenty updates; five points of a curve.
"""

import csv
import functools
import json
from pathlib import Path

from r1repro.audit.claims.cells import Tables
from r1repro.audit.claims.definitions import read_claims
from r1repro.audit.claims.judge import judge
from r1repro.audit.claims.rows import Row
from r1repro.audit.claims.runs import open_runs

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results/published/nature"
QUESTIONS, UPDATES = 10, 20
SEEDS = (1, 2, 3)
MAIN = ("r1_zero", "dev2", "r1", "pilot", "small_zero")


def write_csv(path: Path, columns: dict[str, list]) -> None:
    """Write columns of equal length as a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as handle:
        table = csv.writer(handle, lineterminator="\n")
        table.writerow(columns)
        table.writerows(zip(*columns.values(), strict=True))


def spread_out(value, count: int) -> list:
    """Return a list as it is, a number repeated."""
    return list(value) if isinstance(value, list | tuple) else [value] * count


def questions(checkpoint: str, **columns) -> tuple[str, dict]:
    """Return a table of questions; `pass1` and `cons` stand for pass@1 and cons@16.

    The last row is a general question, which no check of reasoning may count.
    """
    usual = {"pass1": 0.5, "cons": 0.5, "mean_length": 20, "format_rate": 1.0}
    usual |= {"language_consistency": 1.0}
    names = {"pass1": "pass@1", "cons": "cons@16"}
    found = {
        "checkpoint": [checkpoint] * (QUESTIONS + 1),
        "prompt_id": [f"q{i}" for i in range(QUESTIONS + 1)],
        "category": ["math"] * 5 + ["logic"] * 5 + ["general"],
    }
    for name, value in (usual | columns).items():
        found[names.get(name, name)] = [*spread_out(value, QUESTIONS), 0]
    return f"evaluate/{checkpoint}/questions.csv", found


def metrics(name: str, **columns) -> tuple[str, dict]:
    """Return training figures of a stage or a control."""
    usual = {"length_mean": 20, "language_consistency": 1.0, "reward_accuracy": 0.5}
    found = {"update": list(range(UPDATES))}
    found |= {key: spread_out(value, UPDATES) for key, value in (usual | columns).items()}
    return f"{'rl' if name in MAIN else 'controls'}/{name}/metrics.csv", found


def attempt(run: Path, stage: str, *, seed: int = 1, flop: int = 0, outputs=None, number=1) -> Path:
    """Write the record of one attempt that completed; later numbers began later."""
    path = run / "attempts" / stage / f"a{number}-{stage}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    begin = {
        "kind": "begin", "attempt_id": path.stem, "stage": stage, "part": "", "seed": seed,
        "scale": "mini", "device": "a CPU", "git_commit": "c0ffee", "elapsed_ms": 0,
        "time_utc": f"2026-03-01T10:00:{number:02}.000Z", "nodes": 1, "gpus_per_node": 0,
        "cpu_cores": 2, "purpose": "final",
    }  # fmt: skip
    end = {
        "kind": "end", "time_utc": f"2026-03-01T10:01:{number:02}.000Z", "elapsed_ms": 60_000,
        "exit_code": 0, "flop": flop, "outputs": outputs or {}, "tokens_generated": 0,
        "tokens_trained": 0,
    }  # fmt: skip
    path.write_text(f"{json.dumps(begin)}\n{json.dumps(end)}\n", encoding="utf-8")
    return path


def make_run(folder: Path, seed: int, *tables: tuple[str, dict]) -> Path:
    """Write a run as a folder whose name tells the seed."""
    run = folder / f"seed_{seed}"
    run.mkdir(parents=True, exist_ok=True)
    for name, columns in tables:
        write_csv(run / name, columns)
    return run


@functools.cache
def all_definitions() -> dict:
    """Return the claims of config/claims.yaml by id."""
    found = read_claims(ROOT / "config/claims.yaml", Tables(PUBLISHED))
    return {claim.id: claim for claim in found}


def rows_of(name: str, folders: list[Path], present: Path | None = None) -> list[Row]:
    """Return the rows of the experiments of one claim over some runs."""
    (run,) = open_runs([present]) if present else (None,)
    found = judge([all_definitions()[name]], Tables(PUBLISHED), open_runs(folders), run)
    return [row for row in found if row.agrees_with == "experiment"]
