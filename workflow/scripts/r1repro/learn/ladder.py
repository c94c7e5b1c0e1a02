# SPDX-License-Identifier: Apache-2.0
"""The ladder of checkpoints: benchmarks beside the paper's, and tests between neighbours.

Source   Nature Table 2: R1-Zero, Dev1, Dev2, Dev3 and R1 on 21 benchmarks; bold at p < .01.
Choices  Each benchmark here says which rows of that table it stands for: the same kind of task,
         never the same difficulty. Rows that nothing here stands for are in `WITHOUT_A_ROW`.
         Means of questions are tested by a paired bootstrap, the majority vote (right or wrong a
         question) by McNemar's exact test; its interval is the bootstrap's. All tests of one
         table are one family, corrected by Holm's method; a difference is significant at .01
         after correction, and what is not is said so in the column `finding`.
         TEST_DRAWS is so high that the least p-value times the size of the family (13 benchmarks,
         5 pairs) stays below a third of that level.
"""

from dataclasses import dataclass
from pathlib import Path

from r1repro.errors import InputError
from r1repro.learn.resampling import Difference, holm, mcnemar, paired_bootstrap
from r1repro.learn.win_rate import METRIC as PREFERENCE
from r1repro.tables import read_table
from r1repro.tasks.problem import REASONING

LADDER = ("r1_zero", "dev1", "dev2", "dev3", "r1")
PAIRS = (("dev1", "dev2"), ("dev2", "dev3"), ("dev3", "r1"), ("r1_zero", "dev1"), ("r1_zero", "r1"))
LEVEL = 0.01
TEST_DRAWS = 20_000
BOOTSTRAP, MCNEMAR = "bootstrap", "mcnemar"
TEST_COLUMNS = (
    "benchmark", "lower", "upper", "test", "n", "difference", "ci_low", "ci_high", "p_value",
    "p_holm", "significant", "finding",
)  # fmt: skip
NO_ROW = "none in Table 2"
KNOWLEDGE = "knowledge, retrieval or coreference: nothing here asks for it"
WITHOUT_A_ROW = {
    "DROP": "reading a passage: nothing here has one",
    "SimpleQA": KNOWLEDGE,
    "FRAMES": KNOWLEDGE,
    "CLUEWSC": KNOWLEDGE,
    "C-SimpleQA": KNOWLEDGE,
}


@dataclass(frozen=True)
class Benchmark:
    """One row: where its score stands, and where its values of single questions stand.

    column  of questions.csv, or `preference` for preference.csv
    where   what a line of questions.csv must say
    """

    name: str
    paper_rows: str
    category: str
    metric: str
    column: str
    where: dict[str, str]
    unit: str = "share"


HARMLESS = {"category": "general", "set": "harmless"}
SAFETY = f"{NO_ROW} (the safety tables of Supplementary Information 4.3)"
# category: name, rows of the paper
BY_CATEGORY = {
    "math": ("Math", "AIME 2024; MATH-500; CNMO 2024"),
    "code": (
        "Code",
        "LiveCodeBench; Codeforces percentile; Codeforces rating; SWE-bench Verified; "
        "Aider-Polyglot",
    ),
    "stem": ("STEM", "GPQA Diamond; MMLU; MMLU-Redux; MMLU-Pro; C-Eval"),
    "logic": ("Logic", f"{NO_ROW} (logic prompts are in Supplementary Table 1)"),
}
GENERAL_ROWS = (
    Benchmark(
        "Instruction form",
        "IF-Eval",
        "general",
        "form_rate",
        "pass@1",
        {"category": "general", "set": "helpful"},
    ),
    Benchmark("Preference", "AlpacaEval2.0; ArenaHard", "general", PREFERENCE, PREFERENCE, {}),
    Benchmark(
        "Refusal of unsafe requests",
        SAFETY,
        "general",
        "refusal_unsafe",
        "refusal_rate",
        HARMLESS | {"unsafe": "yes"},
    ),
    Benchmark(
        "Over-refusal",
        SAFETY,
        "general",
        "over_refusal",
        "refusal_rate",
        HARMLESS | {"unsafe": "no"},
    ),
)
# metric of all reasoning questions: name, rows of the paper, unit
OF_ALL = {
    "language_consistency": (
        "Language consistency",
        f"{NO_ROW} (the ablation of the language reward in the supplement)",
        "share",
    ),
    "mean_length": ("Mean length", f"{NO_ROW} (the length curve of R1-Zero in Fig. 1)", "tokens"),
}


def benchmarks(samples: int, consensus: int) -> list[Benchmark]:
    """Return the rows of the ladder for the configured numbers of samples."""
    rows = [
        Benchmark(name, paper, category, "pass@1", "pass@1", {"category": category})
        for category, (name, paper) in BY_CATEGORY.items()
    ]
    for metric, paper in (
        ("pass@1", "the rows of Math, Code and STEM together"),
        (f"pass@{samples}", f"{NO_ROW} (pass@64 of AIME 2024 is in the supplement)"),
        (f"cons@{consensus}", f"{NO_ROW} (majority votes on AIME 2024 are in Fig. 1 and the text)"),
    ):
        rows.append(Benchmark(f"Reasoning {metric}", paper, "all", metric, metric, {}))
    rows += GENERAL_ROWS
    for metric, (name, paper, unit) in OF_ALL.items():
        rows.append(Benchmark(name, paper, "all", metric, metric, {}, unit))
    return rows


def ladder_rows(rows: list[Benchmark], scores: list[dict], checkpoints: list[str]) -> list[dict]:
    """Return ladder.csv: the cells of scores.csv, benchmark by benchmark.

    scores  the lines of evaluate/scores.csv as text
    A benchmark of which the test split has no question gets empty cells and n = 0.
    """
    known = {(s["checkpoint"], s["category"], s["metric"]): s for s in scores}
    empty = {"value": "", "ci_low": "", "ci_high": "", "n_prompts": 0}
    table = []
    for row in rows:
        for checkpoint in checkpoints:
            score = known.get((checkpoint, row.category, row.metric), empty)
            table.append(
                {
                    "benchmark": row.name,
                    "paper_rows": row.paper_rows,
                    "metric": row.metric,
                    "unit": row.unit,
                    "checkpoint": checkpoint,
                    "value": score["value"],
                    "ci_low": score["ci_low"],
                    "ci_high": score["ci_high"],
                    "n": score["n_prompts"],
                }
            )
    return table


def values_of(row: Benchmark, lines: list[dict]) -> dict[str, float]:
    """Return prompt id -> value of one checkpoint's questions, where there is one.

    lines  of questions.csv, or of preference.csv for the benchmark that stands there, as text
    """
    return {
        line["prompt_id"]: float(line[row.column])
        for line in lines
        if line[row.column] != "" and _concerns(row, line)
    }


def _concerns(row: Benchmark, line: dict) -> bool:
    if row.category == "all" and line["category"] not in REASONING:
        return False
    return all(line[name] == wanted for name, wanted in row.where.items())


@dataclass(frozen=True)
class Comparison:
    """One benchmark between two checkpoints: the values of the questions that both have."""

    row: Benchmark
    lower: str
    upper: str
    pairs: list[tuple[float, float]]

    @property
    def differences(self) -> list[float]:
        """Upper minus lower, by question."""
        return [upper - lower for lower, upper in self.pairs]

    @property
    def test(self) -> str:
        """McNemar's where a question is right or wrong, else the bootstrap."""
        return MCNEMAR if self.row.metric.startswith("cons@") else BOOTSTRAP


def compare(row: Benchmark, lower: str, upper: str, low: dict, high: dict) -> Comparison:
    """Pair two checkpoints' values by prompt; raises InputError where they share none."""
    shared = [prompt for prompt in low if prompt in high]
    if (low or high) and not shared:
        raise InputError(
            f"{lower} and {upper} have no question of '{row.name}' in common; make their tables "
            "again with `snakemake --forcerun score`"
        )
    return Comparison(row, lower, upper, [(low[prompt], high[prompt]) for prompt in shared])


def comparison_rows(
    comparisons: list[Comparison], seed: int, draws: int = TEST_DRAWS
) -> list[dict]:
    """Return ladder_tests.csv: one family of tests, in the order given."""
    found = _differences(comparisons, seed, draws)
    p_values = [_p_value(c, d) for c, d in zip(comparisons, found, strict=True)]
    tested = [i for i, d in enumerate(found) if d is not None]
    adjusted = dict(zip(tested, holm([p_values[i] for i in tested]), strict=True))
    return [
        _row(comparison, difference, p_values[i], adjusted.get(i))
        for i, (comparison, difference) in enumerate(zip(comparisons, found, strict=True))
    ]


def _differences(comparisons: list[Comparison], seed: int, draws: int) -> list[Difference | None]:
    """Test all comparisons over equally many questions together; None where there is none."""
    found: list[Difference | None] = [None] * len(comparisons)
    for size in sorted({len(c.pairs) for c in comparisons} - {0}):
        places = [i for i, c in enumerate(comparisons) if len(c.pairs) == size]
        columns = [comparisons[i].differences for i in places]
        for i, difference in zip(places, paired_bootstrap(columns, draws, seed), strict=True):
            found[i] = difference
    return found


def _p_value(comparison: Comparison, difference: Difference | None) -> float | None:
    if difference is None or comparison.test == BOOTSTRAP:
        return None if difference is None else difference.p_value
    lost = sum(change < 0 for change in comparison.differences)
    gained = sum(change > 0 for change in comparison.differences)
    return mcnemar(lost, gained)


def _row(comparison, difference: Difference | None, p_value, adjusted) -> dict:
    significant = adjusted is not None and adjusted < LEVEL
    if difference is None:
        finding = "no question"
    elif significant:
        finding = f"{comparison.upper} is {'higher' if difference.mean > 0 else 'lower'}"
    else:
        finding = "no significant difference"
    cells = {"difference": "", "ci_low": "", "ci_high": "", "p_value": "", "p_holm": ""}
    if difference is not None:
        cells = {
            "difference": round(difference.mean, 6),
            "ci_low": round(difference.low, 6),
            "ci_high": round(difference.high, 6),
            "p_value": f"{p_value:.6g}",
            "p_holm": f"{adjusted:.6g}",
        }
    row = cells | {
        "benchmark": comparison.row.name,
        "lower": comparison.lower,
        "upper": comparison.upper,
        "test": comparison.test,
        "n": len(comparison.pairs),
        "significant": "yes" if significant else "no",
        "finding": finding,
    }
    return {column: row[column] for column in TEST_COLUMNS}


def ladder_tables(
    questions: dict[str, Path], scores: Path, preference: Path, settings: dict
) -> tuple[list[dict], list[dict]]:
    """Return the rows of ladder.csv and ladder_tests.csv.

    questions  checkpoint -> its questions.csv, in the order of the ladder
    settings   `evaluate` (samples, consensus) and `seed`
    """
    evaluate = settings["evaluate"]
    rows = benchmarks(evaluate["samples"], evaluate["consensus"])
    ladder = ladder_rows(rows, read_table(scores).to_dict("records"), list(questions))
    lines = {name: read_table(path).to_dict("records") for name, path in questions.items()}
    preferred = read_table(preference).to_dict("records")
    comparisons = []
    for row in rows:
        values = {}
        for name in questions:
            found = lines[name]
            if row.column == PREFERENCE:
                found = [line for line in preferred if line["checkpoint"] == name]
            values[name] = values_of(row, found)
        for lower, upper in PAIRS:
            if lower in values and upper in values:
                comparisons.append(compare(row, lower, upper, values[lower], values[upper]))
    return ladder, comparison_rows(comparisons, settings["seed"])
