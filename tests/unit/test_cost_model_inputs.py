# SPDX-License-Identifier: Apache-2.0
"""Claims about wrong inputs of the cost model, and about its program."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from r1repro.audit.attempt_records import read_attempts
from r1repro.audit.cost_model.inputs import CostInputsInvalid, read_inputs
from r1repro.audit.cost_model.scenarios import evaluate, settings_of

ROOT = Path(__file__).parents[2]
INPUTS = ROOT / "config/cost_model.yaml"
GONE = object()


def altered(tmp_path, key, value):
    """Write the committed inputs with one key replaced or taken away; return the path."""
    content = yaml.safe_load(INPUTS.read_text(encoding="utf-8"))
    part, names = content, key.split(".")
    for name in names[:-1]:
        part = part[int(name) if isinstance(part, list) else name]
    if value is GONE:
        del part[names[-1]]
    else:
        part[int(names[-1]) if isinstance(part, list) else names[-1]] = value
    path = tmp_path / "inputs.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("run.gpus", GONE, r"run\.gpus is missing; add it"),
        ("run.gpus.status", GONE, r"run\.gpus\.status is missing"),
        ("tail", GONE, r"tail is missing"),
        ("run.gpu", {"value": 1}, r"run\.gpu is not known; known are gpus,"),
        ("run.gpus.value", -512, r"run\.gpus\.value must be a whole number from 1, found -512"),
        ("run.gpus.value", 0, r"run\.gpus\.value must be a whole number from 1, found 0"),
        ("run.gpus.value", 512.5, r"run\.gpus\.value must be a whole number"),
        ("run.gpus.value", True, r"run\.gpus\.value must be a whole number"),
        ("run.gpus", 512, r"run\.gpus must be a section with keys, found 512"),
        ("run.gpus.status", "guessed", r"run\.gpus\.status is 'guessed'; write one of reported,"),
        ("run.gpus.source", "", r"run\.gpus\.source must be a text"),
        ("run.hours.value", float("nan"), r"run\.hours\.value must be a number above 0"),
        ("run.hours.value", float("inf"), r"run\.hours\.value must be a number above 0"),
        ("model.active_parameters.value", "37e9", r"needs a point and a sign, as in 37\.0e\+9"),
        ("model.total_parameters.value", 1.0e9, r"model\.total_parameters must exceed"),
        ("model.active_experts.value", 300, "more active experts"),
        ("spread.sigma.value", 0, r"spread\.sigma\.value must be a number above 0"),
        ("spread.runaway_share.value", 1.5, r"must be a number from 0 to 1, found 1\.5"),
        ("run.outputs_per_rollout.value", 8000, r"\(8000\) must be a multiple of outputs_per_up"),
        ("run.jump_step.value", 20000, r"run\.jump_step \(20000\) must not exceed steps"),
        ("run.steps.value", 20000, "must go from step 0 to 20000, but goes from 0 to 10400"),
        ("length_curve.columns", ["step", "p50"], r"length_curve\.columns must be \[step, mean\]"),
        ("length_curve.parts.0.rows.1", [400], r"must hold 2 numbers, not \[400\]"),
        ("length_curve.parts.0.rows.1", [0, 912], "goes back from step 0 to 0"),
        ("length_curve.parts.0.rows.1", [400, 0], "no length above 0 at step 400"),
        ("length_curve.factors", [0.8], r"length_curve\.factors must hold 1\.0"),
        ("scenarios.status", "fixed", r"scenarios\.status is 'fixed'"),
        ("scenarios.cases.C2", GONE, r"scenarios\.cases\.C2 is missing"),
        ("scenarios.cases.C1.accepted", 0.5, r"C1\.accepted must be at least 1, found 0\.5"),
        ("scenarios.cases.C1.weight_bytes", 4, r"C1\.weight_bytes must be 1 \(FP8\) or 2"),
        ("scenarios.cases.C1.train_utilisation", 0, r"C1\.train_utilisation must be above 0"),
        ("scenarios.cases.C1.overlap", "some", r"C1\.overlap must be a number from 0 to 1"),
        ("sensitivity.changes.sgima", [1], r"changes\.sgima is not an input; known are"),
        ("sensitivity.base", "C9", r"sensitivity\.base must be one of C1, C2, C3"),
        ("anchors.stack", "D", r"anchors\.stack must be one of"),
        ("tail.stream_rates", [], "must be a list with at least one entry"),
        ("iterations.rows.0.gpus", -1, r"iterations\.rows\[1\]\.gpus must be a whole number"),
        ("iterations.rows.0.model", "v9", r"deepseek_v3_256 names v9, no model here"),
        ("iterations.calibrated_on", "v9", r"calibrated_on must be one of deepseek_v3_256,"),
        ("iterations.stack", "C9", r"iterations\.stack must be one of C1, C2, C3"),
        ("distribution.ranges.sigma", GONE, r"distribution\.ranges\.sigma is missing"),
        ("distribution.ranges.sigma.shape", "normal", r"sigma\.shape must be one of uniform,"),
        ("distribution.ranges.sigma.values", [1.0, 0.5], r"sigma\.values must be 2 rising"),
        ("distribution.ranges.sigma.values", [0.5], r"sigma\.values must be 2 rising numbers"),
        ("distribution.ranges.sigma.source", "", r"ranges\.sigma\.source must be a text"),
        ("distribution.ranges.update_seconds.values", [0, 1], r"above 0 for the shape log_unif"),
        ("distribution.ranges.accepted.values", [0.5, 1, 2], r"accepted must be at least 1"),
    ],
)
def test_a_wrong_input_is_one_sentence_that_names_the_key(tmp_path, key, value, told):
    path = altered(tmp_path, key, value)
    with pytest.raises(CostInputsInvalid, match=told) as caught:
        read_inputs(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["run: [", "", "- 1", "\x00"])
def test_a_file_that_is_no_mapping_of_sections_is_refused(tmp_path, text):
    path = tmp_path / "inputs.yaml"
    path.write_text(text)
    with pytest.raises(CostInputsInvalid, match=r"inputs\.yaml"):
        read_inputs(path)
    with pytest.raises(CostInputsInvalid, match="cannot be read"):
        read_inputs(tmp_path / "absent.yaml")


def test_every_number_of_the_committed_file_has_a_source(tmp_path):
    """Each entry keeps its status and source for a reader who asks."""
    entries = read_inputs(INPUTS).entries
    assert {entry.status for entry in entries.values()} <= {
        "reported", "derived", "digitised", "estimate", "assumed",
    }  # fmt: skip
    assert entries["run.gpus"].value == 512
    assert all(entry.source for entry in entries.values())
    assert entries["run.prompt_tokens"].status == "assumed"


HEADER = "step,mean,p50,p90,p99,max\n"


def test_a_measured_length_table_replaces_curve_and_spread(tmp_path):
    """Longer tails at the same mean take longer; the assumed spread plays no part."""
    hours = []
    for longest in (9000, 30000):
        path = tmp_path / "lengths.csv"
        row = f"5000,3500,8500,9000,{longest}"
        path.write_text(f"{HEADER}0,{row}\n10400,{row}\n")
        inputs = read_inputs(INPUTS, path)
        result = evaluate(inputs, settings_of(inputs, "C1"))
        assert result.tokens == pytest.approx(10_400 * 512 * 5000, rel=1e-6)
        hours.append(result.rollout)
    assert hours[1] > 1.5 * hours[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("step,mean\n0,1\n", "lacks p50, p90, p99, max"),
        (HEADER, "lacks rows"),
        (HEADER + "0,a,1,1,1,1\n", "line 2 must hold numbers only"),
        (HEADER + "0,5,4,6,7,9\n", "must go from step 0 to 10400"),
        (HEADER + "0,5,6,4,7,9\n10400,5,4,6,7,9\n", "at step 0 must have p50 <= p90"),
        (HEADER + "0,5,4,6,7\n10400,5,4,6,7,9\n", "line 2 must hold numbers only"),
    ],
)
def test_a_wrong_length_table_is_refused(tmp_path, text, told):
    path = tmp_path / "lengths.csv"
    path.write_text(text)
    with pytest.raises(CostInputsInvalid, match=told):
        read_inputs(INPUTS, path)


def run_program(folder, inputs, *options):
    """Run the program as the rule does; return status, stdout and stderr."""
    command = [sys.executable, ROOT / "workflow/scripts/cost_model.py"]
    command += ["--settings", json.dumps({"scale": "mini", "seed": 1}), "--gpus", "0"]
    command += ["--code", "c", "--state", folder / "state", "--attempts", folder / "attempts"]
    command += ["--inputs", inputs, "--out", folder / "cost_model.csv", *options]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_the_program_prints_its_checks_first_and_writes_table_and_record(tmp_path):
    status, told, errors = run_program(tmp_path, INPUTS)
    assert (status, errors) == (0, "")
    assert told.startswith("check deepseek_decode_mtp: published 1850 tokens/s per GPU, model ")
    with open(tmp_path / "cost_model.csv", newline="", encoding="utf-8") as handle:
        table = list(csv.DictReader(handle))
    assert table[0]["case"] == "anchor deepseek_decode_mtp"
    (record,) = read_attempts(tmp_path / "attempts")
    assert (record.stage, record.completed) == ("cost_model", True)
    before = (tmp_path / "cost_model.csv").read_bytes()
    assert run_program(tmp_path, INPUTS)[0] == 0
    assert (tmp_path / "cost_model.csv").read_bytes() == before


def test_a_wrong_input_stops_the_program_with_one_line(tmp_path):
    status, _, errors = run_program(tmp_path, altered(tmp_path, "run.gpus.value", -1))
    assert status == 1
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert not (tmp_path / "cost_model.csv").exists()


def test_the_model_needs_no_torch():
    """numpy and YAML only; a fresh interpreter imports the whole model."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from r1repro.audit.cost_model import report\n"
        "heavy = {'torch', 'pandas', 'snakemake', 'jsonschema'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", program, str(ROOT / "workflow/scripts")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
