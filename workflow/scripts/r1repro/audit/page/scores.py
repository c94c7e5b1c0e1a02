# SPDX-License-Identifier: Apache-2.0
"""The evaluation table: checkpoint x category x metric, with 95 % intervals.

Units   pass@k, cons@k and rates: shares between 0 and 1; mean_length: tokens of a response.
The category `all` is reasoning alone; general prompts have measures of their own.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from r1repro.audit.page.tables import Measured, Row, read_rows
from r1repro.audit.page.wording import interval
from r1repro.errors import InputError

COLUMNS = ("checkpoint", "category", "metric", "k", "n_prompts", "value", "ci_low", "ci_high")
COLUMNS += ("seed",)
# in the order of the recipe
CHECKPOINTS = ("base", "pilot", "r1_zero", "dev1", "dev2", "dev3", "r1", "small_base", "distill")
CHECKPOINTS += ("small_zero",)
ORDER_OF_CATEGORIES = ("all", "math", "code", "stem", "logic", "general")
CATEGORY_NAMES = {"all": "All", "math": "Math", "code": "Code", "stem": "STEM", "logic": "Logic"}
CATEGORY_NAMES["general"] = "General"
GENERAL = "general"
LENGTH = "mean_length"
SHARES = ("language_consistency", "refusal_unsafe", "over_refusal", "preference")


def ranged(score: Measured | None, scale: float = 100) -> str:
    """Return a value with its interval, shares in percent, or a dash."""
    if score is None:
        return "\u2013"
    return f"{scale * score.value:.1f} {interval(score.low, score.high, scale)}"


def in_order(names: Iterable[str], known: Sequence[str]) -> list[str]:
    """Return names in the order in which they are known, the others behind them."""
    return [n for n in known if n in names] + sorted(set(names) - set(known))


class Scores:
    """All scores of a run, asked for by checkpoint, category and metric."""

    def __init__(self, path: Path):
        """Read the table; raises InputError for duplicates, bad numbers or two kinds of cons@k."""
        self.path = path
        self.cells: dict[tuple[str, str, str], Measured] = {}
        for row in read_rows(path, COLUMNS):
            key = (row["checkpoint"], row["category"], row["metric"])
            if key in self.cells:
                raise InputError(f"{path}, line {row.line}: {' '.join(key)} stands there twice")
            if row["value"]:  # empty: no response said anything about it
                self.cells[key] = _score(row)
        votes = {metric for _, _, metric in self.cells if metric.startswith("cons@")}
        if len(votes) != 1:
            found = ", ".join(sorted(votes)) or "none"
            raise InputError(f"{path} must hold one majority-vote metric cons@k; found {found}")
        self.consensus = votes.pop()

    def get(self, checkpoint: str, category: str, metric: str) -> Measured:
        """Return one score; raises InputError when the table lacks it."""
        found = self.find(checkpoint, category, metric)
        if found is None:
            raise InputError(
                f"{self.path} lacks {metric} of {checkpoint} on {category}; "
                f"run `snakemake --forcerun scores`"
            )
        return found

    def find(self, checkpoint: str, category: str, metric: str) -> Measured | None:
        """Return one score, or None where this checkpoint was not measured in this way."""
        return self.cells.get((checkpoint, category, metric))

    def checkpoints(self) -> list[str]:
        """Return the checkpoints in the order of the recipe."""
        return in_order({key[0] for key in self.cells}, CHECKPOINTS)

    def groups(self) -> Iterator[tuple[str, list[tuple[str, list[Measured]]]]]:
        """Yield each checkpoint with its categories and the four scores of each."""
        names = ("pass@1", self.consensus, LENGTH, "format_rate")
        categories = in_order({key[1] for key in self.cells} - {GENERAL}, ORDER_OF_CATEGORIES)
        for checkpoint in self.checkpoints():
            measured = [
                (category, [self.get(checkpoint, category, name) for name in names])
                for category in categories
                if (checkpoint, category, "pass@1") in self.cells
            ]
            if measured:
                yield checkpoint, measured

    def measured(self, category: str, *metrics: str) -> list[str]:
        """Return the checkpoints that have any of these scores."""
        names = self.checkpoints()
        return [n for n in names if any((n, category, m) in self.cells for m in metrics)]


def _score(row: Row) -> Measured:
    metric = row["metric"]
    share = metric.startswith(("pass@", "cons@")) or metric.endswith("_rate") or metric in SHARES
    found = row.measured(share, "n_prompts")
    if metric == LENGTH and min(found) < 0:
        raise row.fault("value", "a length of at least 0")
    return found
