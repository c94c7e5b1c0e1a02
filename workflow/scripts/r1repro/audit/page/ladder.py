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

from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.page.answers import harmless
from r1repro.audit.page.tables import Row, read_rows
from r1repro.audit.page.wording import MINUS, interval

STEPS = ("r1_zero", "dev1", "dev2", "dev3", "r1")
COLUMNS = ("benchmark", "paper_rows", "metric", "unit", "checkpoint", "value", "ci_low", "ci_high")
COLUMNS += ("n",)
TEST_COLUMNS = ("benchmark", "lower", "upper", "test", "difference", "ci_low", "ci_high")
TEST_COLUMNS += ("p_value", "significant")
HOLM = "p_holm"  # p-value after Holm's correction, where the table has it
YES, NO = ("true", "yes", "1"), ("false", "no", "0")
DASH = "\u2013"
HIGHER, LOWER, SAME, UNTESTED = "higher", "lower", "same", ""
ALL_REASONING = "reasoning"  # how the name of the benchmark begins that stands for all of it


@dataclass(frozen=True)
class Value:
    """One measured cell of the ladder."""

    value: float
    low: float
    high: float
    questions: int


@dataclass(frozen=True)
class Benchmark:
    """One line of the ladder; `paper_rows` as named in Table 2, else `counterpart` in words."""

    name: str
    metric: str
    unit: str
    paper_rows: list[str]
    counterpart: str
    values: dict[str, Value | None]

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
    """One paired test between two checkpoints of a benchmark; None: there was no question."""

    benchmark: str
    lower: str
    upper: str
    test: str
    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None
    p_holm: float | None
    significant: bool

    @property
    def outcome(self) -> str:
        """Return which way the step goes, if the test says that it goes anywhere."""
        if self.difference is None:
            return UNTESTED
        if not self.significant:
            return SAME
        return HIGHER if self.difference > 0 else LOWER


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

    def compared(self) -> list[dict]:
        """Return each test with its benchmark."""
        by_name = {benchmark.name: benchmark for benchmark in self.benchmarks}
        return [{"test": test, "benchmark": by_name[test.benchmark]} for test in self.tests]

    def outcomes(self) -> list[str]:
        """Return how each test came out that had a question."""
        return [test.outcome for test in self.tests if test.outcome != UNTESTED]

    def without(self) -> list[str]:
        """Return the rows of Table 2 that no benchmark of this run stands for."""
        named = {row for benchmark in self.benchmarks for row in benchmark.paper_rows}
        return [row for row in self.paper if row not in named]

    def step(self, benchmark: str, upper: str) -> str:
        """Return how a checkpoint compares with the one at its left."""
        lower = STEPS[STEPS.index(upper) - 1] if STEPS.index(upper) else None
        for test in self.tests:
            if (test.benchmark, test.lower, test.upper) == (benchmark, lower, upper):
                return test.outcome
        return UNTESTED


def _flag(row: Row, column: str) -> bool:
    text = row[column].lower()
    if text not in YES + NO:
        raise row.fault(column, "true or false")
    return text in YES


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
    measured = [_test(row, found) for row in read_rows(tests, TEST_COLUMNS)]
    return Ladder(list(found.values()), measured, paper)


def _add(found: dict[str, Benchmark], row: Row, paper: dict, published: Path) -> None:
    name, checkpoint = row["benchmark"], row["checkpoint"]
    if not name:
        raise row.fault("benchmark", "a name")
    if checkpoint not in STEPS:
        raise row.fault("checkpoint", f"one of {', '.join(STEPS)}")
    rows = _paper_rows(row, paper, published)
    counterpart = "" if rows else row["paper_rows"]
    line = Benchmark(name, row["metric"], row["unit"], rows, counterpart, {})
    known = found.setdefault(name, line)
    described = (line.metric, line.unit, line.paper_rows, line.counterpart)
    if (known.metric, known.unit, known.paper_rows, known.counterpart) != described:
        raise row.fault("metric", f"the metric, unit and paper_rows of the other lines of {name}")
    if checkpoint in known.values:
        raise row.fault("checkpoint", f"one line for each checkpoint of {name}")
    known.values[checkpoint] = _value(row, line.unit)


def _paper_rows(row: Row, paper: dict, published: Path) -> list[str]:
    parts = [part.strip() for part in row["paper_rows"].split(";")]
    unknown = [part for part in parts if part not in paper]
    if 0 < len(unknown) < len(parts):
        raise row.fault("paper_rows", f"rows of {published} ({unknown[0][:40]!r} is none)")
    return [] if unknown else parts


def _value(row: Row, unit: str) -> Value | None:
    if not row["value"]:
        return None
    read = row.share if unit == "share" else row.number
    value = Value(*(read(c) for c in ("value", "ci_low", "ci_high")), row.whole("n"))
    if value.low > value.high:
        raise row.fault("ci_high", f"an end not below ci_low ({value.low})")
    return value


def _test(row: Row, found: dict[str, Benchmark]) -> Test:
    if row["benchmark"] not in found:
        raise row.fault("benchmark", "a benchmark of the ladder")
    for column in ("lower", "upper"):
        if row[column] not in STEPS:
            raise row.fault(column, f"one of {', '.join(STEPS)}")
    return Test(
        *(row[c] for c in ("benchmark", "lower", "upper", "test")),
        *(row.number_or_none(c) for c in ("difference", "ci_low", "ci_high", "p_value")),
        row.number_or_none(HOLM) if HOLM in row.cells else None,
        _flag(row, "significant"),
    )


def groups(ladder: Ladder) -> list[dict]:
    """Return each benchmark with its cells, then the rows of the paper that it stands for."""
    return [
        {
            "benchmark": benchmark,
            "cells": [_cell(ladder, benchmark, step) for step in STEPS],
            "papers": [
                {"name": row, "metric": ladder.paper[row][0], "cells": _printed(ladder, row)}
                for row in benchmark.paper_rows
            ],
        }
        for benchmark in ladder.benchmarks
    ]


def _cell(ladder: Ladder, benchmark: Benchmark, step: str) -> dict[str, str]:
    value = benchmark.values.get(step)
    if value is None:
        return {"value": DASH, "range": "", "outcome": UNTESTED}
    return {
        "value": benchmark.show(value.value),
        "range": interval(value.low, value.high, benchmark.scale),
        "outcome": ladder.step(benchmark.name, step),
    }


def _printed(ladder: Ladder, row: str) -> list[str]:
    return [harmless(ladder.paper[row][1][step]) or DASH for step in STEPS]
