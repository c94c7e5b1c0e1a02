# SPDX-License-Identifier: Apache-2.0
"""Claims about the ladder: what each row stands for, who is compared, what is called different."""

import pytest

from r1repro.errors import InputError
from r1repro.learn.ladder import (
    LADDER,
    LEVEL,
    PAIRS,
    TEST_DRAWS,
    WITHOUT_A_ROW,
    Comparison,
    benchmarks,
    compare,
    comparison_rows,
    ladder_tables,
)
from r1repro.learn.resampling import mcnemar
from r1repro.tables import csv_text, read_table

ROWS = benchmarks(16, 16)
SETTINGS = {"seed": 1, "evaluate": {"samples": 16, "consensus": 16}}
# Nature Table 2, its 21 rows
PAPER = {
    "MMLU", "MMLU-Redux", "MMLU-Pro", "DROP", "IF-Eval", "GPQA Diamond", "SimpleQA", "FRAMES",
    "AlpacaEval2.0", "ArenaHard", "LiveCodeBench", "Codeforces percentile", "Codeforces rating",
    "SWE-bench Verified", "Aider-Polyglot", "AIME 2024", "MATH-500", "CNMO 2024", "CLUEWSC",
    "C-Eval", "C-SimpleQA",
}  # fmt: skip


def named(row):
    """Return the paper's rows that a benchmark names; a sentence names none."""
    return set(row.paper_rows.split("; ")) & PAPER


def by_name(name):
    return next(row for row in ROWS if row.name == name)


def test_each_row_of_the_papers_table_is_stood_for_once_or_said_not_to_be():
    found = [name for row in ROWS for name in named(row)]
    assert sorted([*found, *WITHOUT_A_ROW]) == sorted(PAPER)


def test_a_benchmark_names_whole_rows_or_says_that_there_is_none():
    for row in ROWS:
        whole = set(row.paper_rows.split("; ")) <= PAPER
        assert whole or row.paper_rows.startswith(("none in Table 2", "the rows of")), row


def test_the_resamples_suffice_for_a_verdict_after_correction():
    """Otherwise not even a difference on every question could be significant."""
    assert len(ROWS) * len(PAIRS) / (TEST_DRAWS + 1) < LEVEL / 3
    assert {name for pair in PAIRS for name in pair} == set(LADDER)


def pairs_of(row, lows, highs):
    return Comparison(row, "dev1", "dev2", list(zip(lows, highs, strict=True)))


def test_a_clear_difference_is_named_and_a_small_one_is_said_to_be_none():
    math, code = by_name("Math"), by_name("Code")
    rows = comparison_rows(
        [
            pairs_of(math, [0.25] * 40, [1.0] * 40),
            pairs_of(code, [0.5, 0.25, 0.75, 0.5], [0.5, 0.5, 0.75, 0.25]),
            pairs_of(math, [1.0] * 40, [0.25] * 40),
        ],
        seed=1,
        draws=2000,
    )
    assert [r["finding"] for r in rows] == [
        "dev2 is higher",
        "no significant difference",
        "dev2 is lower",
    ]
    assert [r["significant"] for r in rows] == ["yes", "no", "yes"]
    assert [r["difference"] for r in rows] == [0.75, 0.0, -0.75]
    assert float(rows[0]["p_holm"]) == pytest.approx(3 * float(rows[0]["p_value"]), rel=1e-4)


def test_a_difference_that_only_an_uncorrected_test_would_call_one_is_none():
    """p = .0078 of eight questions gained is below .01 alone and above it among two tests."""
    votes = by_name("Reasoning cons@16")
    gained = pairs_of(votes, [0.0] * 8 + [1.0] * 20, [1.0] * 28)
    even = pairs_of(votes, [1.0] * 28, [1.0] * 28)
    alone, (first, _) = comparison_rows([gained], 1, 500), comparison_rows([gained, even], 1, 500)
    assert alone[0]["significant"] == "yes"
    assert first["p_value"] == alone[0]["p_value"] == f"{mcnemar(0, 8):.6g}"
    assert (first["significant"], first["finding"]) == ("no", "no significant difference")


def test_the_majority_vote_is_tested_by_mcnemar_and_means_by_the_bootstrap():
    tests = {row.name: pairs_of(row, [0.0], [1.0]).test for row in ROWS}
    assert [name for name, test in tests.items() if test == "mcnemar"] == ["Reasoning cons@16"]


def test_questions_are_paired_by_their_id():
    found = compare(
        by_name("Math"), "a", "b", {"q1": 0.0, "q2": 1.0, "q3": 0.5}, {"q2": 0, "q1": 1}
    )
    assert found.pairs == [(0.0, 1), (1.0, 0)]


def test_tables_of_different_questions_are_refused():
    with pytest.raises(InputError, match="dev1 and r1 have no question of 'Math' in common"):
        compare(by_name("Math"), "dev1", "r1", {"q1": 0.0}, {"q2": 0.0})


def question(checkpoint, name, category, value, **more):
    """Return a line of questions.csv."""
    return {
        "checkpoint": checkpoint,
        "prompt_id": name,
        "category": category,
        "set": "",
        "pass@1": value,
        "pass@16": float(value > 0),
        "cons@16": float(value > 0.5),
        "mean_length": 10 + 10 * value,
        "language_consistency": None,
        "refusal_rate": None,
        "unsafe": None,
    } | more


@pytest.fixture
def tables(tmp_path):
    """Two checkpoints: four reasoning questions, a helpful, an unsafe and a look-alike prompt."""
    paths, scores = {}, []
    for checkpoint, level in (("r1_zero", 0.25), ("dev1", 0.75)):
        lines = [
            question(checkpoint, category, category, level)
            for category in ("math", "code", "stem", "logic")
        ]
        lines += [
            question(checkpoint, "h", "general", level, set="helpful", refusal_rate=0.0),
            question(
                checkpoint, "u", "general", 1, set="harmless", refusal_rate=level, unsafe="yes"
            ),
            question(
                checkpoint, "l", "general", 0, set="harmless", refusal_rate=0.125, unsafe="no"
            ),
        ]
        paths[checkpoint] = tmp_path / f"{checkpoint}.csv"
        paths[checkpoint].write_text(csv_text(lines), encoding="utf-8")
        score = {"checkpoint": checkpoint, "category": "math", "metric": "pass@1", "k": 16}
        score |= {"n_prompts": 1, "value": f"{level}0", "ci_low": level, "ci_high": level}
        scores.append(score)
    (tmp_path / "scores.csv").write_text(csv_text(scores), encoding="utf-8")
    preference = [
        {"checkpoint": "r1_zero", "prompt_id": "h", "samples": 16, "preference": 0.5},
        {"checkpoint": "dev1", "prompt_id": "h", "samples": 16, "preference": 0.875},
    ]
    (tmp_path / "preference.csv").write_text(csv_text(preference), encoding="utf-8")
    return paths, tmp_path / "scores.csv", tmp_path / "preference.csv"


def test_the_ladder_copies_the_scores_and_shows_what_is_missing(tables):
    """A cell keeps its text; a benchmark without question has n = 0 and is not dropped."""
    ladder, _ = ladder_tables(*tables, SETTINGS)
    cells = {(row["benchmark"], row["checkpoint"]): row for row in ladder}
    assert len(cells) == len(ROWS) * 2
    assert cells["Math", "r1_zero"]["value"] == "0.250"
    assert (cells["Preference", "dev1"]["value"], cells["Preference", "dev1"]["n"]) == ("", 0)
    assert cells["Mean length", "dev1"]["unit"] == "tokens"
    assert cells["Math", "dev1"]["paper_rows"] == "AIME 2024; MATH-500; CNMO 2024"


def test_each_benchmark_is_tested_on_its_own_questions(tables):
    """Differences by hand, dev1 minus r1_zero."""
    _, tests = ladder_tables(*tables, SETTINGS)
    found = {row["benchmark"]: (row["n"], row["difference"]) for row in tests}
    assert {(row["lower"], row["upper"]) for row in tests} == {("r1_zero", "dev1")}
    assert found == {
        "Math": (1, 0.5),
        "Code": (1, 0.5),
        "STEM": (1, 0.5),
        "Logic": (1, 0.5),
        "Reasoning pass@1": (4, 0.5),
        "Reasoning pass@16": (4, 0.0),
        "Reasoning cons@16": (4, 1.0),
        "Instruction form": (1, 0.5),
        "Preference": (1, 0.375),
        "Refusal of unsafe requests": (1, 0.5),
        "Over-refusal": (1, 0.0),
        "Language consistency": (0, ""),
        "Mean length": (4, 5.0),
    }
    silent = next(row for row in tests if row["benchmark"] == "Language consistency")
    assert (silent["finding"], silent["significant"], silent["p_value"]) == (
        "no question",
        "no",
        "",
    )


def test_the_ladder_is_the_same_each_time(tables, tmp_path):
    first, again = ladder_tables(*tables, SETTINGS), ladder_tables(*tables, SETTINGS)
    assert first == again
    (tmp_path / "out.csv").write_text(csv_text(first[1]), encoding="utf-8")
    assert len(read_table(tmp_path / "out.csv")) == len(ROWS)
