# SPDX-License-Identifier: Apache-2.0
"""Claims about the MLPerf logs: recorded values only, a clock that is never paused."""

import inspect
import json
import re

import pytest
import torch
from exported_run import CURVE, HOUR, METRICS, Exported, attempt, exported_run, write_run

from r1repro.audit.attempt_records import read_attempts
from r1repro.audit.exports.checks.mlperf import (
    mlperf_against_records,
    mlperf_findings,
    read_log,
)
from r1repro.audit.exports.folder import REASONING as CATEGORIES
from r1repro.audit.exports.mlperf import FIXED, decay_schedule, last_run
from r1repro.audit.exports.record_files import record_files
from r1repro.errors import InputError
from r1repro.learn import optimisation, reinforcement
from r1repro.tasks.problem import REASONING


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return exported_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def log(run):
    return run.folder / "mlperf" / "r1_zero.log"


@pytest.fixture(scope="module")
def lines(log):
    found, wrong = read_log(log)
    assert wrong == []
    return found


def values(lines, key):
    """Return all values of a key."""
    return [line["value"] for line in lines if line["key"] == key]


def files_of(run):
    """Return the record files by attempt."""
    return record_files(run.attempts, read_attempts(run.attempts))


def test_the_settings_of_the_record_are_the_values_of_the_log(lines):
    """4 questions x 8 responses are a batch of 32; 3 + 2 questions x 4 samples are 20."""
    expected = {
        "global_batch_size": 32, "num_prompts_per_step": 4, "num_generations_per_prompt": 8,
        "micro_batch_size": 4, "max_sequence_length": 256, "max_steps": 10, "seed": 1,
        "train_samples": 100, "eval_samples": 20, "opt_base_learning_rate": 1e-4,
        "opt_adamw_beta_2": 0.95, "opt_learning_rate_warmup_steps": 2,
        "opt_learning_rate_decay_schedule": "constant",
        "generation_validation_rollout_temperature": 0.6,
        "lowest_numerical_precision_in_linear": "fp32", "submission_division": "open",
        "submission_platform": "1 x 8 x NVIDIA H800", "cache_clear": False,
    }  # fmt: skip
    assert {key: values(lines, key) for key in expected} == {
        key: [value] for key, value in expected.items()
    }


def test_nothing_pretends_to_be_a_submission(lines):
    (org,) = values(lines, "submission_org")
    assert "no submission" in org
    assert values(lines, "submission_benchmark") == ["r1repro_r1_zero_grpo"]
    assert not values(lines, "submission_poc_name")


def test_the_clock_runs_from_the_killed_attempt_to_the_end_of_the_last(lines):
    """10:10 to 11:50: 0.5 h, ten minutes of waiting, and 1 h; loading took 2.5 s before."""
    time = {line["key"]: line["time_ms"] for line in lines if line["key"] != "eval_accuracy"}
    assert time["run_stop"] - time["run_start"] == 100 * 60_000
    assert time["run_start"] - time["init_start"] == 2500
    blocks = [line for line in lines if line["key"] in ("block_start", "block_stop")]
    assert [line["metadata"]["attempt_id"] for line in blocks] == ["a03", "a03", "a04", "a04"]
    assert blocks[1]["time_ms"] - blocks[0]["time_ms"] == HOUR // 2
    assert [line["metadata"]["samples_count"] for line in blocks] == [0, 4 * 32, 4 * 32, 10 * 32]


def test_the_accuracies_are_those_of_the_curve_with_their_samples(lines):
    points = [line for line in lines if line["key"] == "eval_accuracy"]
    assert [(p["value"], p["metadata"]["samples_count"]) for p in points] == [
        (0.125, 0),
        (0.75, 320),
    ]


def test_what_no_setting_says_is_what_the_code_does():
    """The optimiser's epsilon is torch's own; sampling in training cuts no tail."""
    defaults = inspect.signature(torch.optim.AdamW).parameters
    weights = [torch.zeros(2, 2, requires_grad=True)]
    settings = {"learning_rate": 1e-4, "betas": [0.9, 0.95], "weight_decay": 0.0}
    optimiser = optimisation.adamw(weights, settings)
    assert type(optimiser).__name__.lower() == FIXED["opt_name"]
    assert optimiser.defaults["eps"] == defaults["eps"].default == FIXED["opt_adamw_epsilon"]
    sampling = re.search(
        r'settings\["temperature"\], ([0-9.]+), cap\(', inspect.getsource(reinforcement)
    )
    assert float(sampling[1]) == FIXED["generation_training_rollout_top_p"]
    assert CATEGORIES == REASONING


def test_the_schedule_is_read_off_the_rates_that_were_used():
    assert decay_schedule([0.5, 1.0, 1.0], 1) == "constant"
    assert decay_schedule([0.5, 1.0, 0.9], 1) == "not constant"


def test_an_attempt_with_other_settings_is_not_part_of_the_run(tmp_path):
    """It stays in the bill, but its clock is not this run's."""
    write_run(tmp_path)
    folder = tmp_path / "results" / "attempts"
    changed = {"gpus_per_node": 8, "exit_code": None, "config_digest": "0" * 64}
    attempt(folder, "a03", "r1_zero", 10, HOUR // 2, **changed)
    files = record_files(folder, read_attempts(folder))
    found = last_run("r1_zero", files.values(), files["a05"])
    assert [file.record.attempt_id for file in found] == ["a04"]


def test_the_run_is_the_one_whose_checkpoints_were_scored(tmp_path):
    """A later rerun with the same results was not scored again: the curve is of the first."""
    write_run(tmp_path)
    folder = tmp_path / "results" / "attempts"
    old = record_files(folder, read_attempts(folder))["a04"]
    attempt(folder, "b04", "r1_zero", 300, HOUR, gpus_per_node=8, outputs=old.outputs)
    files = record_files(folder, read_attempts(folder))
    found = last_run("r1_zero", files.values(), files["a05"])
    assert [file.record.attempt_id for file in found] == ["a03", "a04"]


def test_a_curve_of_checkpoints_nobody_made_stops_the_export(tmp_path):
    write_run(tmp_path)
    folder = tmp_path / "results" / "attempts"
    attempt(folder, "a05", "curve", 120, 1000, part="r1_zero", inputs={"x": "0" * 64})
    with pytest.raises(InputError, match="who made and scored the checkpoints of r1_zero"):
        from exported_run import Exported

        Exported(tmp_path).write()


def test_a_precision_without_a_name_is_not_guessed(tmp_path):
    run = exported_run(tmp_path)
    path = run.attempts / "r1_zero" / "a04.jsonl"
    path.write_text(path.read_text().replace('"float32"', '"float8"'), encoding="utf-8")
    run.folder = tmp_path / "again"
    with pytest.raises(InputError, match="precision 'float8'"):
        run.write()


def test_an_honest_log_has_no_finding(run, log):
    assert mlperf_findings(log) == []
    assert mlperf_against_records(log, files_of(run).values()) == []
    assert METRICS.count("\n") == 11  # a header and ten updates
    assert CURVE.count("\n") == 3


def test_where_the_age_of_a_process_is_unknown_the_log_begins_with_its_record(tmp_path):
    """As on macOS; nothing is made up, and the log has no finding."""
    write_run(tmp_path)
    for path in tmp_path.glob("results/attempts/*/*.jsonl"):
        text = path.read_text(encoding="utf-8")
        assert '"process_seconds_before": 2.5' in text
        path.write_text(
            text.replace('"process_seconds_before": 2.5', '"process_seconds_before": null')
        )
    run = Exported(tmp_path)
    run.write()
    lines, _ = read_log(run.folder / "mlperf" / "r1_zero.log")
    init, begun = (
        [x["time_ms"] for x in lines if x["key"] == key] for key in ("init_start", "run_start")
    )
    assert init == begun
    assert mlperf_findings(run.folder / "mlperf" / "r1_zero.log") == []


def change(lines, key, **changes):
    """Change the last line with a key."""
    line = [line for line in lines if line["key"] == key][-1]
    for name, value in changes.items():
        if isinstance(value, dict):
            line[name] |= value
        else:
            line[name] = value


MUTATIONS = {
    "a shorter run": (lambda ls: change(ls, "run_stop", time_ms=0), "time runs backwards"),
    "no stop": (lambda ls: ls.pop([x["key"] for x in ls].index("run_stop")), "run_stop"),
    "fewer samples": (
        lambda ls: change(ls, "run_stop", metadata={"samples_count": 1}), "run_stop has 1 samples",
    ),
    "a larger batch": (lambda ls: change(ls, "global_batch_size", value=64), "is 640"),
    "a GPU less": (
        lambda ls: change(ls, "block_start", metadata={"gpus_per_node": 7}),
        "gpus_per_node of a04 is not as recorded",
    ),
    "another record": (
        lambda ls: change(ls, "block_start", metadata={"record_sha256": "0"}),
        "the record of a04 has another SHA-256",
    ),
    "an attempt of nobody": (
        lambda ls: change(ls, "block_stop", metadata={"attempt_id": "z"}), "without a record",
    ),
    "a block a second short": (
        lambda ls: change(ls, "block_stop", time_ms=ls[-5]["time_ms"] - 1000),
        "a04 is not as long as its record, 3600000 ms",
    ),
    "an accuracy that is no number": (
        lambda ls: change(ls, "eval_accuracy", value=float("nan")), "not a line of a log",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_changed_line_is_found_and_named(name, run, log, tmp_path):
    mutate, told = MUTATIONS[name]
    lines, _ = read_log(log)
    mutate(lines)
    path = tmp_path / "r1_zero.log"
    text = "".join(f":::MLLOG {json.dumps(line)}\n" for line in lines)
    path.write_text(text, encoding="utf-8")
    found = mlperf_findings(path) + mlperf_against_records(path, files_of(run).values())
    assert told in "\n".join(found)
