# SPDX-License-Identifier: Apache-2.0
"""Benchmarks of others by configuration: what is planned, refused, and run offline."""

import csv
import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from clones import copy_repository, snakemake
from foreign_checkpoints import our_tokenizer, write_folder
from test_own_checkpoint import teach_the_form
from test_plan import EVALUATE, planned

from r1repro.files import sha256_file, write_jsonl_atomic

SMOKE = ("--configfile", "config/smoke.yaml", "own.yaml")
QUESTIONS = [{"q": f"What is {n}+{n}?", "a": f"it is #### {2 * n}"} for n in range(6)]
TABLE = "results/evaluate/given_tiny/{}/scores.csv"


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Path:
    """A clone with a folder, a benchmark of the lab's own, and a file that names both."""
    clone = copy_repository(tmp_path_factory.mktemp("lab"))
    teach_the_form(
        write_folder(clone / "tiny", "qwen2", our_tokenizer(), max_position_embeddings=512)
    )
    file = clone / "data/benchmarks/sums/sums.jsonl"
    write_jsonl_atomic(file, QUESTIONS)
    entry = {
        "title": "Sums", "licence": "ours", "source": "tests", "revision": "1", "url": None,
        "obtain": "make it", "file": file.name, "sha256": sha256_file(file), "rows": 6,
        "format": "json", "question": "q", "answer": "a", "answer_after": "####",
        "judge": "math", "category": "math",
    }  # fmt: skip
    (clone / "sources.yaml").write_text(yaml.safe_dump({"sums": entry}))
    own = {
        "checkpoint": "tiny",
        "benchmarks": ["sums", "lm_eval:r1repro"],
        "benchmark_data": {"sources": "sources.yaml"},
        "evaluate": {"samples": 4, "consensus": 4},
    }
    (clone / "own.yaml").write_text(yaml.safe_dump(own))
    return clone


@pytest.mark.workflow
def test_a_folder_is_evaluated_on_benchmarks_and_nothing_is_trained(lab):
    """Prompts, its score, and a job for each benchmark and task."""
    answer = snakemake(lab, "evaluate", "-n", *SMOKE)
    assert planned(answer.stdout) == {"prompts", "score", "questions", "benchmark", "harness"}
    assert "--tasks workflow/harness " in snakemake(lab, "evaluate", "-n", "-p", *SMOKE).stdout


@pytest.mark.workflow
def test_without_a_folder_the_base_and_the_ladder_are_measured(lab):
    """Six checkpoints on one benchmark, whose questions are read once."""
    answer = snakemake(lab, "evaluate", "-n", "--config", "benchmarks=[gsm8k]").stdout
    assert planned(answer) == EVALUATE | {"questions", "benchmark"}
    table = dict(line.split()[:2] for line in answer.splitlines() if len(line.split()) == 2)
    assert (table["benchmark"], table["questions"]) == ("6", "1")


REFUSED = {
    "misspelt": ("benchmarks=[gsm8]", "'gsm8' is no benchmark of config/benchmarks.yaml; did you"),
    "no task": ("benchmarks=['lm_eval:../x']", "'../x' is no name of a task"),
    "twice": ("benchmarks=[gsm8k,gsm8k]", "'benchmarks' must not name anything twice"),
    "no list": ("benchmarks=gsm8k", "'benchmarks' must be a list"),
    "no sources": (
        "benchmark_data={sources: none.yaml}", "'benchmark_data.sources': none.yaml is no file"),
}  # fmt: skip


@pytest.mark.workflow
@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_name_is_told_before_anything_runs(case, lab):
    """One sentence with the key."""
    setting, words = REFUSED[case]
    settings = [setting] if setting.startswith("benchmarks") else [setting, "benchmarks=[gsm8k]"]
    answer = snakemake(lab, "evaluate", "-n", "--config", *settings)
    assert answer.returncode == 1 and words in answer.stdout, answer.stdout


@pytest.mark.workflow
@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("lm_eval") is None or find_spec("math_verify") is None,
    reason="lm-evaluation-harness and math-verify are not installed: make harness",
)
def test_a_benchmark_and_a_task_of_the_harness_run_offline(lab, monkeypatch):
    """Scores with intervals, samples, and attempts with tokens; a second command does nothing."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    answer = snakemake(lab, "evaluate", *SMOKE)
    logs = "".join(log.read_text() for log in (lab / "logs").glob("*_tiny_*.log"))
    assert answer.returncode == 0, answer.stdout[-3000:] + logs[-3000:]
    with (lab / TABLE.format("sums")).open() as table:
        scores = {(row["category"], row["metric"]): row for row in csv.DictReader(table)}
    passed = scores["math", "pass@1"]
    assert passed["benchmark"] == "sums" and passed["n_prompts"] == "6"
    samples = (lab / "results/evaluate/given_tiny/sums/samples.jsonl").read_text().splitlines()
    right = [json.loads(line)["correct"] for line in samples]
    assert len(right) == 24
    assert float(passed["value"]) == pytest.approx(sum(right) / 24, abs=1e-6)
    with (lab / TABLE.format("lm_eval/r1repro")).open() as table:
        rows = {row["metric"]: row for row in csv.DictReader(table)}
    assert set(rows) == {"pass_at_1", "format_ok"} and rows["pass_at_1"]["n_prompts"] == "12"
    for stage, part in (("benchmark", "given_tiny.sums"), ("harness", "given_tiny.r1repro")):
        [record] = (lab / "results/attempts" / stage).glob("*.jsonl")
        lines = [json.loads(line) for line in record.read_text().splitlines()]
        assert lines[0]["part"] == part and lines[-1]["exit_code"] == 0
        assert lines[-1]["tokens_generated"] > 0 and lines[-1]["flop"] > 0
    assert "Nothing to be done" in snakemake(lab, "evaluate", "-n", *SMOKE).stdout
