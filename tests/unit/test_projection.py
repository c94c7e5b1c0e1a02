# SPDX-License-Identifier: Apache-2.0
"""Claims about carrying a measured speed to the published run; numbers are done by hand here."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from r1repro.audit.attempt_records import AttemptRecord
from r1repro.audit.cost_model.flop import run_flop
from r1repro.audit.cost_model.inputs import read_inputs
from r1repro.audit.economics.inputs import Carrying, read_economics
from r1repro.audit.economics.projection import Target, carried, projection, target_of

ROOT = Path(__file__).parents[2]
KNOWN = read_economics(ROOT / "config/economics.yaml")
# 1e20 to 4e20 FLOP for 1e9 tokens: 2e11 FLOP a token
TARGET = Target((1e20, 2e20, 4e20), 1e9, 1e15, 100_000, Decimal(2))


def record(**changes) -> AttemptRecord:
    """Return an RL attempt of 100 s on four H100: 8e16 FLOP for 4e5 tokens, 2e11 a token."""
    fields = {
        "attempt_id": "a1", "stage": "r1_zero", "part": "", "scale": "node", "purpose": "final",
        "device": "NVIDIA H100 80GB HBM3", "nodes": 1, "gpus_per_node": 4, "cpu_cores": 16,
        "started_utc": "2026-03-01T10:00:00.000Z", "elapsed_ms": 100_000, "exit_code": 0,
        "tokens_generated": 400_000, "tokens_trained": 500_000, "flop": 8 * 10**16,
    }  # fmt: skip
    return AttemptRecord(**(fields | changes))


def rows(*records):
    """Return the rows by method."""
    return {row.method: row for row in projection(records, TARGET, KNOWN, [])}


def test_the_same_flop_per_token_carries_the_utilisation_over():
    """2e14 FLOP/s a device is 20.22 % of 989e12; 2e20 FLOP at that share of 1e15 take 274.7 h."""
    row = rows(record())["same_utilisation"]
    share = 2e14 / 989e12
    assert float(row.utilisation) == pytest.approx(share, abs=1e-4)
    assert float(row.device_hours) == pytest.approx(2e20 / (share * 1e15) / 3600, rel=1e-5)
    assert row.decades == "0.00"
    # no decade away: only the length curve is uncertain
    assert float(row.device_hours_low) == pytest.approx(float(row.device_hours) / 2, rel=1e-5)
    assert float(row.device_hours_high) == pytest.approx(2 * float(row.device_hours), rel=1e-5)
    assert float(row.usd) == pytest.approx(2 * float(row.device_hours), rel=1e-5)


def test_the_same_device_is_tokens_per_second_scaled_by_flop_per_token():
    """1,000 tokens/s a device at equal FLOP per token: 1e9 tokens take 277.8 device-hours."""
    row = rows(record())["same_device"]
    assert row.tokens_per_second_per_device == "1000"
    assert float(row.device_hours) == pytest.approx(1e9 / 1000 / 3600, rel=1e-5)
    # half the FLOP per token at the same speed: half the work was done, so twice the hours
    row = rows(record(flop=4 * 10**16))["same_device"]
    assert float(row.device_hours) == pytest.approx(2e9 / 1000 / 3600, rel=1e-5)
    assert row.usd == "unknown"  # no preferred price names the device


def test_the_interval_grows_with_the_distance():
    """A thousandth of the FLOP per token is three decades: 1.5 x 1.5 x 1.5 each way."""
    near, far = rows(record())["same_device"], rows(record(flop=8 * 10**13))["same_device"]
    assert far.decades == "3.00"
    width = [float(r.device_hours_high) / float(r.device_hours) for r in (near, far)]
    assert width == pytest.approx([2, 2 * 1.5**3], rel=1e-4)


@pytest.mark.parametrize(
    ("share", "factor", "ends"),
    [
        (0.10, 2.0, (0.05, 0.20)),
        (0.10, 100.0, (0.02, 0.25)),  # never below the least nor above the most
        (0.01, 3.0, (0.01, 0.03)),  # measured outside: the measured end stays
        (0.40, 3.0, (0.4 / 3, 0.40)),
    ],
)
def test_utilisation_stays_within_what_has_been_seen(share, factor, ends):
    assert carried(share, factor, Carrying(1.5, 0.02, 0.25)) == pytest.approx(ends)


def test_an_unknown_device_keeps_its_speed_and_has_no_share_of_a_peak():
    found = rows(record(device="Some GPU"))
    row = found["same_utilisation"]
    assert (row.utilisation, row.device_hours, row.usd) == ("unknown",) * 3
    assert "peak of the device unknown" in row.note
    assert float(found["same_device"].device_hours) > 0


def test_a_stage_that_only_trains_is_listed_and_not_projected():
    (row,) = projection([record(stage="base", tokens_generated=0)], TARGET, KNOWN, [])
    assert (row.device_hours, row.decades) == ("unknown", "unknown")
    assert row.note == "did not both sample and train"
    assert row.tokens_per_second_per_device == "1250"


def test_failed_attempts_and_those_that_counted_nothing_are_left_out():
    assert projection([record(exit_code=1), record(flop=0)], TARGET, KNOWN, []) == []


def test_attempts_of_a_stage_add_up_per_device():
    twice = [record(), record(attempt_id="a2", elapsed_ms=300_000)]
    row = rows(*twice)["same_device"]
    assert (row.attempts, row.seconds, row.devices) == ("2", "400.000", "4")
    assert row.tokens_per_second_per_device == "500"


def test_the_target_is_the_published_run_of_the_cost_model():
    inputs = read_inputs(ROOT / "config/cost_model.yaml")
    target = target_of(inputs, Decimal(2))
    assert target.flop[1] == run_flop(inputs, 1.0).total
    assert target.flop[0] < target.flop[1] < target.flop[2]
    assert target.reported_gpu_hours == 101_000
    # the reported hours, taken as a measurement, project onto themselves
    spent = 101_000 * 3_600_000
    own = record(
        device="NVIDIA H800", nodes=1, gpus_per_node=1, elapsed_ms=spent,
        tokens_generated=round(target.tokens), flop=round(target.flop[1]),
    )  # fmt: skip
    (row, _) = projection([own], target, KNOWN, [])
    assert float(row.device_hours) == pytest.approx(101_000, rel=1e-5)
    assert float(row.ratio_to_reported) == pytest.approx(1, rel=1e-3)


def test_the_program_projects_a_folder_that_someone_sent(tmp_path):
    """One attempt in a folder by itself, which stays as it was."""
    begin = {
        "kind": "begin", "attempt_id": "b1", "time_utc": "2026-03-01T10:00:00.000Z",
        "elapsed_ms": 0, "stage": "r1_zero", "part": "", "scale": "node", "purpose": "final",
        "device": "NVIDIA H200", "nodes": 1, "gpus_per_node": 1, "cpu_cores": 2,
    }  # fmt: skip
    end = {
        "kind": "end", "time_utc": "2026-03-01T10:01:40.000Z", "elapsed_ms": 100_000,
        "tokens_generated": 10**6, "tokens_trained": 10**6, "flop": 10**16, "exit_code": 0,
    }  # fmt: skip
    sent = tmp_path / "sent/r1_zero/b1.jsonl"
    sent.parent.mkdir(parents=True)
    sent.write_text(json.dumps(begin) + "\n" + json.dumps(end) + "\n")
    settings = {"scale": "node", "seed": 1, "cost": {"price_basis": []}}
    command = [sys.executable, ROOT / "workflow/scripts/projection.py", "--gpus", "0"]
    command += ["--settings", json.dumps(settings), "--code", "c", "--state", tmp_path / "state"]
    command += ["--attempts", tmp_path / "own", "--inputs", ROOT / "config/cost_model.yaml"]
    command += ["--economics", ROOT / "config/economics.yaml", "--out", tmp_path / "out.csv"]
    command += ["--prices", ROOT / "config/prices.yaml", "--measured"]
    done = subprocess.run([*map(str, command), str(tmp_path / "sent")], capture_output=True,
                          text=True, timeout=60)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out.csv").read_text().count("\n") == 3
    assert [p.name for p in (tmp_path / "sent").rglob("*.jsonl")] == ["b1.jsonl"]
    done = subprocess.run([*map(str, command), str(tmp_path / "absent")], capture_output=True,
                          text=True, timeout=60)  # fmt: skip
    assert done.returncode == 1
    assert "is no folder of attempts" in done.stderr and done.stderr.count("\n") == 1
