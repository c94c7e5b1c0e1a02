# SPDX-License-Identifier: Apache-2.0
"""The ladder of checkpoints, R1-Zero to R1, beside the rows of the paper's Table 2.

Units   `unit` share: between 0 and 1, shown in percent; any other unit is shown as it is.
Source  ours: results/evaluate/ladder.csv and ladder_tests.csv. Theirs: Nature Table 2, committed as
        results/published/nature/stages_benchmarks.csv.
Choices `paper_rows` names rows of Table 2, separated by semicolons, or says in words that there is
        none. Every line says whose it is, and the paper's lines stand on a ground of their own. A
        step between neighbours is marked only where its paired test is significant. An empty value
        is a benchmark without a question in this test split.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from r1repro.audit.page.answers import harmless
from r1repro.audit.page.tables import Measured, Row, read_rows
from r1repro.audit.page.wording import MINUS, interval

STEPS = ("r1_zero", "dev1", "dev2", "dev3", "r1")
COLUMNS = ("benchmark", "paper_rows", "metric", "unit", "checkpoint", "value", "ci_low", "ci_high")
COLUMNS += ("n",)
TESTED = ("benchmark", "lower", "upper")
NUMBERS = ("difference", "ci_low", "ci_high", "p_value")
HOLM = "p_holm"  # p-value after Holm's correction, where the table has it
YES, NO = ("true", "yes", "1"), ("false", "no", "0")
DASH = "\u2013"
HIGHER, LOWER, SAME, UNTESTED = "higher", "lower", "same", ""
ALL_REASONING = "reasoning"  # how the name of the benchmark begins that stands for all of it


@dataclass(frozen=True)
class Benchmark:
    """One line of the ladder; `paper_rows` as named in Table 2, else `counterpart` in words."""

    name: str
    metric: str
    unit: str
    paper_rows: list[str]
    counterpart: str
    values: dict[str, Measured | None]

    @property
    def scale(self) -> int:
        """Return the factor that brings values into the unit in which they are shown."""
        return 100 if self.unit == "share" else 1

    def show(self, number: float | None) -> str:
        """Return a value or a difference of this benchmark in its unit."""
        return DASH if number is None else f"{self.scale * number:.1f}".replace("-", MINUS)

    @property
    def shown_unit(self) -> str:
        """Return the unit in which values are shown."""
        return {"share": "%", "percent": "%"}.get(self.unit, self.unit)


@dataclass(frozen=True)
class Test:
    """One paired test between two checkpoints; without a difference there was no question."""

    row: Row
    benchmark: Benchmark
    outcome: str  # which way the step goes, if the test says that it goes anywhere

    def number(self, column: str) -> float | None:
        """Return a number of the table, None where it has none or lacks the column."""
        return self.row.number_or_none(column) if column in self.row.cells else None


@dataclass(frozen=True)
class Ladder:
    """The whole ladder with its tests and the paper's rows by name."""

    benchmarks: list[Benchmark]
    tests: list[Test]
    paper: dict[str, tuple[str, dict[str, str]]]  # row -> (metric, checkpoint -> printed value)

    @property
    def main(self) -> Benchmark:
        """Return the benchmark of all reasoning, or the first where there is none such."""
        whole = [b for b in self.benchmarks if b.name.lower().startswith(ALL_REASONING)]
        return [*whole, *self.benchmarks][0]

    def without(self) -> list[str]:
        """Return the rows of Table 2 that no benchmark of this run stands for."""
        named = {row for benchmark in self.benchmarks for row in benchmark.paper_rows}
        return [row for row in self.paper if row not in named]

    def step(self, benchmark: str, upper: str) -> str:
        """Return how a checkpoint compares with the one at its left."""
        place = STEPS.index(upper)
        step = [benchmark, STEPS[place - 1], upper]
        found = (t.outcome for t in self.tests if [t.row[c] for c in TESTED] == step)
        return next(found, UNTESTED) if place else UNTESTED


def read_ladder(ladder: Path, tests: Path, published: Path) -> Ladder:
    """Read the three tables.

    Raises InputError for a checkpoint outside the ladder, a cell twice, a benchmark that changes
    its metric between lines, a row of Table 2 that does not exist beside one that does, or a test
    of no benchmark.
    """
    paper = {
        row["benchmark"]: (row["metric"], {name: row[name] for name in STEPS})
        for row in read_rows(published, ("benchmark", "metric", *STEPS))
    }
    found: dict[str, Benchmark] = {}
    for row in read_rows(ladder, COLUMNS):
        _add(found, row, paper, published)
    columns = (*TESTED, "test", *NUMBERS, "significant")
    tested = [_test(row, found) for row in read_rows(tests, columns)]
    return Ladder(list(found.values()), tested, paper)


def _add(found: dict[str, Benchmark], row: Row, paper: dict, published: Path) -> None:
    name, checkpoint = row["benchmark"], row["checkpoint"]
    if not name:
        raise row.fault("benchmark", "a name")
    if checkpoint not in STEPS:
        raise row.fault("checkpoint", f"one of {', '.join(STEPS)}")
    rows = [part.strip() for part in row["paper_rows"].split(";")]
    unknown = [part for part in rows if part not in paper]
    if 0 < len(unknown) < len(rows):
        raise row.fault("paper_rows", f"rows of {published} ({unknown[0][:40]!r} is none)")
    counterpart = row["paper_rows"] if unknown else ""
    line = Benchmark(name, row["metric"], row["unit"], [] if unknown else rows, counterpart, {})
    known = found.setdefault(name, line)
    if replace(known, values={}) != line:
        raise row.fault("metric", f"the metric, unit and paper_rows of the other lines of {name}")
    if checkpoint in known.values:
        raise row.fault("checkpoint", f"one line for each checkpoint of {name}")
    known.values[checkpoint] = row.measured(line.unit == "share") if row["value"] else None


def _test(row: Row, found: dict[str, Benchmark]) -> Test:
    if row["benchmark"] not in found:
        raise row.fault("benchmark", "a benchmark of the ladder")
    for column in ("lower", "upper"):
        if row[column] not in STEPS:
            raise row.fault(column, f"one of {', '.join(STEPS)}")
    said = row["significant"].lower()
    if said not in YES + NO:
        raise row.fault("significant", "true or false")
    for column in {*NUMBERS, HOLM} & set(row.cells):
        row.number_or_none(column)
    difference = row.number_or_none("difference")
    outcome = UNTESTED if difference is None else SAME
    if difference is not None and said in YES:
        outcome = HIGHER if difference > 0 else LOWER
    return Test(row, found[row["benchmark"]], outcome)


def groups(ladder: Ladder) -> list[dict]:
    """Return each benchmark with its cells, then the rows of the paper that it stands for."""
    found = []
    for benchmark in ladder.benchmarks:
        papers = [
            {"name": row, "metric": metric, "cells": [harmless(cells[s]) or DASH for s in STEPS]}
            for row in benchmark.paper_rows
            for metric, cells in [ladder.paper[row]]
        ]
        cells = [_cell(ladder, benchmark, step) for step in STEPS]
        found.append({"benchmark": benchmark, "cells": cells, "papers": papers})
    return found


def _cell(ladder: Ladder, benchmark: Benchmark, step: str) -> dict[str, str]:
    value = benchmark.values.get(step)
    if value is None:
        return {"value": DASH, "range": "", "outcome": UNTESTED}
    return {
        "value": benchmark.show(value.value),
        "range": interval(value.low, value.high, benchmark.scale),
        "outcome": ladder.step(benchmark.name, step),
    }
