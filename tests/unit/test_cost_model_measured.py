# SPDX-License-Identifier: Apache-2.0
"""Claims about predicting measured stages; the numbers are done by hand here."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from r1repro.audit.attempt_records import AttemptRecord, read_attempts
from r1repro.audit.cost_model.inputs import CostInputsInvalid
from r1repro.audit.cost_model.measured import Case, compare, predict, read_own_run

ROOT = Path(__file__).parents[2]
INPUTS = ROOT / "config/cost_model_mini.yaml"
WEIGHTS = 4 * (4 * 96 * 96 + 3 * 96 * 256) + 765 * 96
PEAK = 166.4e9


@pytest.fixture(scope="module")
def own():
    """Return the committed description of the miniature."""
    return read_own_run(INPUTS)


def record(**changes):
    """Return a completed attempt of the miniature."""
    fields = {
        "attempt_id": "a1", "stage": "base", "part": "", "scale": "mini", "purpose": "final",
        "device": "cpu", "nodes": 1, "gpus_per_node": 0, "cpu_cores": 2,
        "started_utc": "2026-03-01T10:00:00.000Z", "elapsed_ms": 100_000, "exit_code": 0,
        "tokens_trained": 3_000_000,
    }  # fmt: skip
    return AttemptRecord(**(fields | changes))


def test_the_sizes_are_those_of_the_configuration(own):
    """The description must follow config.yaml, or it predicts another model."""
    model = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))["model"]
    content = yaml.safe_load(INPUTS.read_text(encoding="utf-8"))["model"]
    assert content["hidden"]["value"] == model["hidden_size"]
    assert content["layers"]["value"] == model["layers"]
    assert content["intermediate"]["value"] == model["intermediate_size"]
    assert own.model.active == WEIGHTS == 515_808
    assert own.model.attention_training == 4 * 96 * 4


def test_training_is_flop_over_peak_by_hand(own):
    """3 x (2 x 515,808 + 1,536 x 64) FLOP a token on two cores at 32 %, and the fixed time."""
    flop = 3_000_000 * 3 * (2 * WEIGHTS + 1536 * 64)
    (line,) = compare(own, [record(flop=2 * flop)])
    expected = flop / (2 * PEAK * 0.32) + 1.5
    assert float(line.predicted_seconds) == pytest.approx(expected, abs=1e-3)
    assert float(line.ratio) == pytest.approx(expected / 100, abs=1e-3)
    assert (line.measured_seconds, line.flop_ratio, line.note) == ("100.000", "0.5000", "")


def test_sampling_is_waves_of_steps_by_hand(own):
    """Nearly equal lengths: every wave is about 20 steps of 256 streams on one core."""
    case = Case("sampling", devices=1, outputs_at_once=256, mean=20.0, prompt=30.0, cap=10**6)
    flat = own.spread.__class__(1e-3, 0.0, 0.8, 0.9, 0.9, 256)
    flat_own = own.__class__(**(vars(own) | {"spread": flat}))
    seconds, flop = predict(flat_own, case, 10 * 256 * 20, 0)
    bandwidth, cache = 10.0e9 * 0.5, 2 * 96 * 4 * 4
    step = WEIGHTS * 4 / bandwidth + 256 * 40 * cache / bandwidth
    step += 256 * (2 * WEIGHTS + 1536 * 40) / (PEAK * 0.3) + 0.002
    assert seconds == pytest.approx(10 * 20 * step, rel=0.01)
    assert flop == pytest.approx(10 * 256 * (2 * WEIGHTS * 20 + 1536 * 50**2 / 2), rel=0.01)


def test_reinforcement_is_sampling_and_training_and_a_forward_pass(own):
    """The parts add up; twice the tokens take twice as long."""
    case = own.cases["r1_zero"]
    sampled, trained = (predict(own, case, *tokens)[0] for tokens in ((9000, 0), (0, 9000)))
    forward = 9000 * (2 * WEIGHTS + 1536 * (case.prompt + case.mean) / 2)
    assert trained == pytest.approx(forward * (3 / 0.32 + 1 / 0.15) / (2 * PEAK))
    assert predict(own, case, 9000, 9000)[0] == pytest.approx(sampled + trained)
    assert predict(own, case, 18000, 18000)[0] == pytest.approx(2 * (sampled + trained))


def test_completed_attempts_of_a_stage_add_up_and_failed_ones_are_left_out(own):
    records = [
        record(), record(attempt_id="a2", elapsed_ms=50_000),
        record(attempt_id="a3", exit_code=1), record(attempt_id="a4", exit_code=None),
        record(attempt_id="a5", stage="prompts", tokens_trained=0),
    ]  # fmt: skip
    (line,) = compare(own, records)
    assert (line.stage, line.attempts, line.measured_seconds) == ("base", "2", "150.000")
    assert line.tokens_trained == "6000000"


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"scale": "smoke"}, "the inputs describe the scale mini, this is smoke"),
        ({"gpus_per_node": 1}, "the inputs describe another kind of device"),
        ({"nodes": 2}, "the inputs describe another kind of device"),
        ({"stage": "distill"}, "the inputs do not describe this stage"),
    ],
)
def test_what_the_file_does_not_describe_is_listed_without_a_prediction(own, changes, note):
    (line,) = compare(own, [record(**changes)])
    assert (line.predicted_seconds, line.ratio, line.flop_ratio) == ("unknown",) * 3
    assert (line.measured_seconds, line.note) == ("100.000", note)


def test_no_attempts_are_no_lines(own):
    assert compare(own, []) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("gpus_per_node: 0", "gpus_per_node: -1", "gpus_per_node must be a whole number from 0"),
        ("kind: sampling", "kind: dreaming", r"\.kind must be one of supervised, sampling"),
        ("context: 128", "context: 0", r"\.context must be a whole number from 1, found 0"),
        ("context: 128", "contxt: 128", r"\.context is missing"),
        ("value: 0.32", "value: 0", r"stack\.train_utilisation must be above 0"),
        ("value: 166.4e+9", "value: -1.0", r"hardware\.peak\.value must be a number above 0"),
        ("status: derived", "status: known", "is 'known'; write one of reported"),
        ("scale: mini", "scale:", "scale must be a text"),
    ],
)
def test_a_wrong_description_is_one_sentence_that_names_the_key(tmp_path, old, new, told):
    path, text = tmp_path / "own.yaml", INPUTS.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(CostInputsInvalid, match=told) as caught:
        read_own_run(path)
    assert "\n" not in str(caught.value)


def test_the_program_writes_the_table_and_its_record(tmp_path):
    """Run as the rule runs it, over one record of a base stage."""
    begin = {
        "kind": "begin", "attempt_id": "b1", "time_utc": "2026-03-01T10:00:00.000Z",
        "elapsed_ms": 0, "stage": "base", "part": "", "scale": "mini", "purpose": "final",
        "device": "cpu", "nodes": 1, "gpus_per_node": 0, "cpu_cores": 2,
    }  # fmt: skip
    end = {
        "kind": "end", "time_utc": "2026-03-01T10:01:40.000Z", "elapsed_ms": 100_000,
        "tokens_generated": 0, "tokens_trained": 3_000_000, "flop": 10**13, "exit_code": 0,
    }  # fmt: skip
    path = tmp_path / "attempts/base/b1.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(begin) + "\n" + json.dumps(end) + "\n")
    command = [sys.executable, ROOT / "workflow/scripts/cost_model_measured.py"]
    command += ["--settings", json.dumps({"scale": "mini", "seed": 1}), "--gpus", "0"]
    command += ["--code", "c", "--state", tmp_path / "state", "--attempts", tmp_path / "attempts"]
    command += ["--inputs", INPUTS, "--out", tmp_path / "measured.csv"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    with open(tmp_path / "measured.csv", newline="", encoding="utf-8") as handle:
        (row,) = csv.DictReader(handle)
    names = ["stage", "predicted_seconds", "measured_seconds", "ratio"]
    assert list(row)[:4] == names
    assert float(row["ratio"]) == pytest.approx(float(row["predicted_seconds"]) / 100, abs=1e-3)
    stages = {record.stage for record in read_attempts(tmp_path / "attempts")}
    assert stages == {"base", "cost_model_measured"}
