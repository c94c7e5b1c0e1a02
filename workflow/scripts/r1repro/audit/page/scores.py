# SPDX-License-Identifier: Apache-2.0
"""The evaluation table: checkpoint x category x metric, with 95 % intervals.

Units   pass@1, cons@k, format_rate: shares between 0 and 1; mean_length: tokens of a response.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.page.tables import Row, read_rows
from r1repro.errors import InputError

COLUMNS = ("checkpoint", "category", "metric", "k", "n_prompts", "value", "ci_low", "ci_high")
COLUMNS += ("seed",)
ORDER_OF_CHECKPOINTS = ("base", "dev1", "r1_zero", "dev2", "dev3", "r1")
ORDER_OF_CATEGORIES = ("all", "math", "code", "stem", "logic")
CATEGORY_NAMES = {"all": "All", "math": "Math", "code": "Code", "stem": "STEM", "logic": "Logic"}
LENGTH = "mean_length"


@dataclass(frozen=True)
class Score:
    """One measured value with its 95 % interval."""

    value: float
    low: float
    high: float
    prompts: int
    samples: int
    seed: int


def _in_order(names: set[str], known: tuple[str, ...]) -> list[str]:
    return [n for n in known if n in names] + sorted(names - set(known))


class Scores:
    """All scores of a run, asked for by checkpoint, category and metric."""

    def __init__(self, path: Path):
        """Read the table; raises InputError for duplicates, bad numbers or two kinds of cons@k."""
        self.path = path
        self.cells: dict[tuple[str, str, str], Score] = {}
        for row in read_rows(path, COLUMNS):
            key = (row.text("checkpoint"), row.text("category"), row.text("metric"))
            if key in self.cells:
                raise InputError(f"{path}, line {row.line}: {' '.join(key)} stands there twice")
            self.cells[key] = _score(row)
        votes = {metric for _, _, metric in self.cells if metric.startswith("cons@")}
        if len(votes) != 1:
            found = ", ".join(sorted(votes)) or "none"
            raise InputError(f"{path} must hold one majority-vote metric cons@k; found {found}")
        self.consensus = votes.pop()

    def get(self, checkpoint: str, category: str, metric: str) -> Score:
        """Return one score; raises InputError when the table lacks it."""
        key = (checkpoint, category, metric)
        if key not in self.cells:
            raise InputError(
                f"{self.path} lacks {metric} of {checkpoint} on {category}; "
                f"run `snakemake --forcerun scores`"
            )
        return self.cells[key]

    def checkpoints(self) -> list[str]:
        """Return the checkpoints in the order of the recipe."""
        return _in_order({key[0] for key in self.cells}, ORDER_OF_CHECKPOINTS)

    def categories(self) -> list[str]:
        """Return the categories, all together first."""
        return _in_order({key[1] for key in self.cells}, ORDER_OF_CATEGORIES)

    def lines(self) -> Iterator[tuple[str, str, dict[str, Score]]]:
        """Yield checkpoint, category and the four scores of each line of the page's table."""
        names = {
            "pass": "pass@1",
            "cons": self.consensus,
            "length": LENGTH,
            "format": "format_rate",
        }
        for checkpoint in self.checkpoints():
            for category in self.categories():
                if (checkpoint, category, "pass@1") in self.cells:
                    scores = {k: self.get(checkpoint, category, m) for k, m in names.items()}
                    yield checkpoint, category, scores


def _score(row: Row) -> Score:
    is_length = row.text("metric") == LENGTH
    read = row.number if is_length else row.share
    value, low, high = read("value"), read("ci_low"), read("ci_high")
    if is_length and min(value, low) < 0:
        raise row.fault("value", "a length of at least 0")
    if not low <= high:
        raise row.fault("ci_high", f"an end not below ci_low ({low})")
    whole = [row.whole(c) for c in ("n_prompts", "k", "seed")]
    return Score(value, low, high, *whole)
