# SPDX-License-Identifier: Apache-2.0
"""Claims about the programs stage_cost and paper_cost, run as a rule runs them."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

from r1repro.audit.attempt_records import read_attempts

ROOT = Path(__file__).parents[2]
SETTINGS = {"scale": "mini", "seed": 1}
BEGIN = {
    "kind": "begin", "attempt_id": "a1", "time_utc": "2026-03-01T10:00:00.000Z", "elapsed_ms": 0,
    "stage": "r1_zero", "part": "", "scale": "mini", "purpose": "final", "device": "NVIDIA H800",
    "nodes": 64, "gpus_per_node": 8, "cpu_cores": 2,
}  # fmt: skip
END = {
    "kind": "end", "time_utc": "2026-03-09T16:00:00.000Z", "elapsed_ms": 198 * 3_600_000,
    "tokens_generated": 0, "tokens_trained": 0, "flop": 0, "exit_code": 0,
    "energy": {"microjoules": None, "source": "unknown"}, "wandb_run_id": None,
}  # fmt: skip


def call(program, folder, settings, *options):
    """Run a program with the common options; return status, stdout and stderr."""
    command = [sys.executable, ROOT / f"workflow/scripts/{program}.py"]
    command += ["--settings", json.dumps(settings), "--gpus", "0", "--code", "c"]
    command += ["--state", folder / "state", "--attempts", folder / "attempts", *options]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def stage_cost(folder, basis="h800_nature_2025"):
    """Run stage_cost over a folder's records."""
    return call(
        "stage_cost", folder, SETTINGS | {"cost": {"price_basis": [basis]}},
        "--prices", ROOT / "config/prices.yaml", "--out", folder / "cost_by_stage.csv",
        "--wandb", folder / "wandb", "--tracking", '{"mode": "off", "project": "r1repro"}',
    )  # fmt: skip


def paper_cost(folder, published):
    """Run paper_cost over a folder of published tables."""
    return call(
        "paper_cost", folder, SETTINGS,
        "--cost", published / "cost.csv", "--v3-cost", published / "v3_cost.csv",
        "--rl-data", published / "rl_data.csv",
        "--prices", ROOT / "config/prices.yaml", "--out", folder / "paper_cost.csv",
    )  # fmt: skip


def table(path):
    """Return the rows of a CSV."""
    with open(path, newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def test_stage_cost_prices_records_from_files_alone(tmp_path):
    """The published size as a record: 64 x 8 x 198 h at 2 USD are 202,752 USD."""
    path = tmp_path / "attempts/r1_zero/a1.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(BEGIN) + "\n" + json.dumps(END) + "\n")
    assert stage_cost(tmp_path)[0] == 0
    (row,) = table(tmp_path / "cost_by_stage.csv")
    assert (row["stage"], row["purpose"], row["attempts"]) == ("r1_zero", "final", "1")
    assert float(row["cost_usd"]) == 202752
    first = (tmp_path / "cost_by_stage.csv").read_bytes()
    assert stage_cost(tmp_path)[0] == 0
    assert (tmp_path / "cost_by_stage.csv").read_bytes() == first


def test_stage_cost_without_records_is_one_sentence_and_a_failed_attempt(tmp_path):
    status, _, errors = stage_cost(tmp_path)
    assert status == 1
    assert errors.startswith("error: there is no attempt record below")
    assert errors.count("\n") == 1
    assert [record.exit_code for record in read_attempts(tmp_path / "attempts")] == [1]
    assert not (tmp_path / "cost_by_stage.csv").exists()


def test_a_price_id_that_does_not_exist_is_one_sentence(tmp_path):
    status, _, errors = stage_cost(tmp_path, basis="h800_natur_2025")
    assert status == 1
    assert "did you mean 'h800_nature_2025'" in errors
    assert "Traceback" not in errors


def test_paper_cost_writes_the_table_and_its_record(tmp_path):
    published = ROOT / "results/published/nature"
    assert paper_cost(tmp_path, published)[0] == 0
    rows = table(tmp_path / "paper_cost.csv")
    assert rows[0]["recomputed"] == "101376"
    (record,) = read_attempts(tmp_path / "attempts")
    assert (record.stage, record.completed) == ("paper_cost", True)


def test_paper_cost_refuses_changed_evidence_and_keeps_the_old_table(tmp_path):
    published = Path(shutil.copytree(ROOT / "results/published/nature", tmp_path / "nature"))
    assert paper_cost(tmp_path, published)[0] == 0
    before = (tmp_path / "paper_cost.csv").read_bytes()
    changed = published / "rl_data.csv"
    changed.write_text(changed.read_text() + "\n")
    status, _, errors = paper_cost(tmp_path, published)
    assert status == 1
    assert "rl_data.csv is not the published evidence any more" in errors
    assert (tmp_path / "paper_cost.csv").read_bytes() == before


def test_the_audit_path_imports_neither_torch_nor_snakemake():
    """An auditor needs no training stack; each import below runs in a fresh interpreter."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from r1repro.audit import attempt_records, attempts, paper_cost, prices, published\n"
        "from r1repro.audit import stage_cost\n"
        "from r1repro import tracking\n"
        "heavy = {'torch', 'snakemake', 'transformers', 'wandb', 'numpy', 'jsonschema'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", program, str(ROOT / "workflow/scripts")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
