# SPDX-License-Identifier: Apache-2.0
"""What effects read of one run: questions of a checkpoint, training figures, scores.

questions   evaluate/CHECKPOINT/questions.csv, one row a test question; reasoning questions are
            those of maths, code, STEM and logic
metrics     rl/STAGE/metrics.csv or controls/NAME/metrics.csv, one row an update; a cell is empty
            where an update has nothing to average
Tenth       the first and the last tenth of the updates, at least one each
"""

from collections.abc import Sequence
from dataclasses import dataclass

from r1repro.audit.claims.decide import mean
from r1repro.audit.claims.runs import MissingEvidence, Run

REASONING = ("math", "code", "stem", "logic")
MAIN_STAGES = ("r1_zero", "dev2", "r1", "pilot", "small_zero")
ACCURACY = "pass@1"


def number(text: str, place: str) -> float:
    """Return a cell as a finite number; raises MissingEvidence."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not -1e300 < value < 1e300:
        raise MissingEvidence(f"{place} holds {text[:20]!r} where a number is needed")
    return value


@dataclass(frozen=True)
class Questions:
    """The reasoning questions of one checkpoint."""

    place: str
    rows: list[dict[str, str]]

    def column(self, name: str) -> dict[str, float]:
        """Return prompt id -> value, for the questions that have one."""
        return {r["prompt_id"]: number(r[name], self.place) for r in self.rows if r[name] != ""}

    def mean(self, name: str = ACCURACY) -> float:
        """Return the mean over questions; raises MissingEvidence where no question has a value."""
        values = list(self.column(name).values())
        if not values:
            raise MissingEvidence(f"{self.place} has no value of {name}")
        return mean(values)


def questions(run: Run, checkpoint: str, *columns: str) -> Questions:
    """Return the reasoning questions of a checkpoint; raises MissingEvidence."""
    name = f"evaluate/{checkpoint}/questions.csv"
    needed = ("prompt_id", "category", ACCURACY, *columns)
    rows = [row for row in run.rows(name, *needed) if row["category"] in REASONING]
    if not rows:
        raise MissingEvidence(f"{run.place(name)} has no reasoning question")
    return Questions(run.place(name), rows)


def consensus_column(found: Questions) -> str:
    """Return the name of the majority-vote column, cons@K."""
    names = [name for name in found.rows[0] if name.startswith("cons@")]
    if len(names) != 1:
        raise MissingEvidence(f"{found.place} needs one column cons@K")
    return names[0]


def paired(first: Questions, second: Questions, column: str) -> list[float]:
    """Return second minus first, question by question; raises MissingEvidence unless they pair."""
    before, after = first.column(column), second.column(column)
    shared = [name for name in before if name in after]
    if not shared or (column == ACCURACY and before.keys() != after.keys()):
        raise MissingEvidence(f"{first.place} and {second.place} do not hold the same questions")
    return [after[name] - before[name] for name in shared]


def metrics_file(name: str, table: str = "metrics") -> str:
    """Return where the training figures of a stage or a control lie."""
    return f"{'rl' if name in MAIN_STAGES else 'controls'}/{name}/{table}.csv"


def series(run: Run, name: str, column: str) -> list[float]:
    """Return a training figure by update, without the updates that have none."""
    file = metrics_file(name)
    values = [
        number(row[column], run.place(file)) for row in run.rows(file, column) if row[column] != ""
    ]
    if not values:
        raise MissingEvidence(f"{run.place(file)} has no value of {column}")
    return values


def tenth(values: Sequence[float]) -> int:
    """Return how many updates a tenth is, at least one."""
    return max(1, len(values) // 10)


def first_tenth(values: Sequence[float]) -> float:
    """Return the mean over the first tenth."""
    return mean(values[: tenth(values)])


def last_tenth(values: Sequence[float]) -> float:
    """Return the mean over the last tenth."""
    return mean(values[-tenth(values) :])


def curve(run: Run, stage: str, *columns: str) -> list[dict[str, float]]:
    """Return the points of a learning curve with the asked columns; raises MissingEvidence."""
    name = f"rl/{stage}/curve.csv"
    rows = run.rows(name, "step", *columns)
    return [{c: number(row[c], run.place(name)) for c in ("step", *columns)} for row in rows]


def score(run: Run, checkpoint: str, metric: str, category: str) -> float:
    """Return one score of a checkpoint; raises MissingEvidence.

    The table of all checkpoints is read where the checkpoint's own has no such row: what compares
    checkpoints stands only there.
    """
    own, joint = f"evaluate/{checkpoint}/scores.csv", "evaluate/scores.csv"
    found, name = [], joint
    for name in (own, joint):
        if (run.folder / name).is_file() or name == joint:
            found = _score_cells(run, name, (checkpoint, metric, category))
        if found:
            break
    if len(found) != 1:
        raise MissingEvidence(
            f"{run.place(name)} has {len(found)} rows of {metric} of {checkpoint} on {category}"
        )
    return number(found[0], run.place(name))


def _score_cells(run: Run, name: str, wanted: tuple[str, str, str]) -> list[str]:
    """Return the values of one checkpoint, metric and category in a table of scores."""
    keys = ("checkpoint", "metric", "category")
    rows = run.rows(name, *keys, "value")
    return [row["value"] for row in rows if tuple(row[key] for key in keys) == wanted]
