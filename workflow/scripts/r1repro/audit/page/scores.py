# SPDX-License-Identifier: Apache-2.0
"""The evaluation table: checkpoint x category x metric, with 95 % intervals.

Units   pass@k, cons@k and rates: shares between 0 and 1; mean_length: tokens of a response.
The category `all` is reasoning alone; general prompts have measures of their own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.page.tables import Row, read_rows
from r1repro.errors import InputError

COLUMNS = ("checkpoint", "category", "metric", "k", "n_prompts", "value", "ci_low", "ci_high")
COLUMNS += ("seed",)
# What each checkpoint is, in the order of the recipe.
CHECKPOINTS = {
    "base": "where everything starts; the paper's is DeepSeek-V3-Base",
    "pilot": "the R1-Zero recipe on the smaller base first",
    "r1_zero": "RL from the base, rules only",
    "dev1": "base, fine-tuned on the cold start",
    "dev2": "RL from dev1, language reward added",
    "dev3": "base, fine-tuned on samples of dev2 and general data",
    "r1": "RL from dev3, preference rewards in its last part",
    "small_base": "a smaller base",
    "distill": "the smaller base, fine-tuned on the data of dev3",
    "small_zero": "RL from the smaller base",
}
ORDER_OF_CATEGORIES = ("all", "math", "code", "stem", "logic", "general")
CATEGORY_NAMES = {
    "all": "All",
    "math": "Math",
    "code": "Code",
    "stem": "STEM",
    "logic": "Logic",
    "general": "General",
}
GENERAL = "general"
LENGTH = "mean_length"
SHARES = ("language_consistency", "refusal_unsafe", "over_refusal", "preference")


@dataclass(frozen=True)
class Score:
    """One measured value with its 95 % interval."""

    value: float
    low: float
    high: float
    prompts: int
    samples: int
    seed: int


def _in_order(names: set[str], known: Iterable[str]) -> list[str]:
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
            if row.text("value"):  # empty: no response said anything about it
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

    def find(self, checkpoint: str, category: str, metric: str) -> Score | None:
        """Return one score, or None where this checkpoint was not measured in this way."""
        return self.cells.get((checkpoint, category, metric))

    def checkpoints(self) -> list[str]:
        """Return the checkpoints in the order of the recipe."""
        return _in_order({key[0] for key in self.cells}, CHECKPOINTS)

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
                if category != GENERAL and (checkpoint, category, "pass@1") in self.cells:
                    scores = {k: self.get(checkpoint, category, m) for k, m in names.items()}
                    yield checkpoint, category, scores


def _is_share(metric: str) -> bool:
    return metric.startswith(("pass@", "cons@")) or metric.endswith("_rate") or metric in SHARES


def _score(row: Row) -> Score:
    metric = row.text("metric")
    read = row.share if _is_share(metric) else row.number
    value, low, high = read("value"), read("ci_low"), read("ci_high")
    if metric == LENGTH and min(value, low) < 0:
        raise row.fault("value", "a length of at least 0")
    if not low <= high:
        raise row.fault("ci_high", f"an end not below ci_low ({low})")
    whole = [row.whole(c) for c in ("n_prompts", "k", "seed")]
    return Score(value, low, high, *whole)
