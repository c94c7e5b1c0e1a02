# SPDX-License-Identifier: Apache-2.0
"""The outside validators themselves, on honest exports and on spoilt ones.

Each runs in an environment of its own, made from its lock under envs/checkers on first use; where
that cannot be done (no network, no Python 3.12) the test is skipped with uv's reason.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from exported_run import exported_run

from r1repro.audit.exports import outside

pytestmark = pytest.mark.checkers
ROOT = Path(__file__).resolve().parents[2]
CHECKERS = ROOT / "envs" / "checkers"
RULES = CHECKERS / "mlperf_open_grpo.yaml"
sys.path.append(str(CHECKERS))
from install import CheckerUnavailable, install  # noqa: E402


def environment(name: str) -> Path:
    """Return an environment, or skip with the reason."""
    try:
        return install(name)
    except CheckerUnavailable as error:
        pytest.skip(f"the environment of {name} cannot be made: {error}")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return exported_run(tmp_path_factory.mktemp("run"))


@pytest.fixture
def folder(made, tmp_path):
    """A copy of the exports that a test may spoil."""
    return Path(shutil.copytree(made.folder, tmp_path / "a run" / "exports"))


def replaced(path: Path, old: str, new: str, count: int = 1) -> Path:
    """Change a text in a file; it must be there."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, count), encoding="utf-8")
    return path


def spoilt_bill(path: Path) -> None:
    """Give three lines a currency that is none, a category that is none, a cost that is empty."""
    with open(path, encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    wrong = (("BillingCurrency", "ZZQ"), ("ChargeCategory", "Usagee"), ("BilledCost", ""))
    for row, (name, value) in zip(rows, wrong, strict=False):
        row[name] = value
    with open(path, "w", encoding="utf-8", newline="") as handle:
        table = csv.DictWriter(handle, rows[0].keys())
        table.writeheader()
        table.writerows(rows)


# MLPerf


def mlperf(path: Path) -> list[str]:
    """Check a log with our rule file."""
    return outside.mlperf(environment("mlperf"), path, RULES)


def test_the_compliance_checker_accepts_the_log(made):
    assert mlperf(made.folder / "mlperf" / "r1_zero.log") == []


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('"run_stop"', '"run_end"', "run_stop"),
        ('"seed"', '"sead"', "seed"),
        ('"eval_accuracy", "value": 0.75', '"eval_accuracy", "value": 1.75', "eval_accuracy"),
        ('"opt_name", "value": "adamw"', '"opt_name", "value": "sgd"', "opt_name"),
        ('"global_batch_size", "value": 32', '"global_batch_size", "value": 33', "num_generations"),
        ('"value": "open"', '"value": "closed"', "submission_division"),
        (":::MLLOG {", ":::MLLOG {{", "parsing errors"),
    ],
)
def test_the_compliance_checker_refuses_a_spoilt_log(old, new, key, folder):
    found = mlperf(replaced(folder / "mlperf" / "r1_zero.log", old, new))
    assert any("exit code 1" in line for line in found)
    assert key in "\n".join(found)


def test_a_key_twice_is_refused(folder):
    """The checker only warns of it, and so passes it, unless told otherwise."""
    path = folder / "mlperf" / "r1_zero.log"
    lines = path.read_text(encoding="utf-8").splitlines()
    (seed,) = [line for line in lines if '"key": "seed"' in line]
    path.write_text("\n".join([*lines, seed]), encoding="utf-8")
    assert "seed" in "\n".join(mlperf(path))


def packaged(name: str) -> list[dict]:
    """Return the rules of a file that the checker ships."""
    (path,) = environment("mlperf").glob(
        f"lib/python*/site-packages/mlperf_logging/compliance_checker/training_6.1.0/{name}"
    )
    rules = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)
    return [rule["KEY"] for rule in rules if "KEY" in rule]


def test_our_rules_ask_for_every_key_that_the_packaged_ones_ask_for():
    """As often or more strictly: common rules, open division, GRPO."""
    ours = {
        rule["KEY"]["NAME"]: rule["KEY"]
        for rule in yaml.load(RULES.read_text(encoding="utf-8"), yaml.BaseLoader)
        if "KEY" in rule
    }
    files = ("common.yaml", "open_common.yaml", "open_qwen35_397b_grpo.yaml")
    theirs = [rule for name in files for rule in packaged(name)]
    epochs = {"epoch_start", "epoch_stop"}  # the alternative to blocks, which ours must have
    assert {rule["NAME"] for rule in theirs} - epochs <= ours.keys()
    for rule in theirs:
        if rule["NAME"] in epochs:
            continue
        mine = ours[rule["NAME"]]["REQ"]
        assert mine in (rule["REQ"], "EXACTLY_ONE", "AT_LEAST_ONE"), rule["NAME"]
        assert mine == "EXACTLY_ONE" or rule["REQ"] != "EXACTLY_ONE", rule["NAME"]


def test_the_packaged_rules_refuse_four_values_and_nothing_else(made, tmp_path):
    """Read as the benchmark that MLPerf knows, the log fails on size and target of that one.

    The fourth is the name of the benchmark, which has to be put in for its rules to be read.
    """
    path = tmp_path / "run.log"
    path.write_bytes((made.folder / "mlperf" / "r1_zero.log").read_bytes())
    replaced(path, "r1repro_r1_zero_grpo", "qwen35_397b_grpo")
    replaced(path, '"value": 0.75', '"value": 0.65')
    answer = subprocess.run(
        [
            outside.python_of(environment("mlperf")), "-m", "mlperf_logging.compliance_checker",
            "--usage", "training", "--ruleset", "6.1.0", "--werror",
            "--log_output", str(tmp_path / "out.log"), str(path),
        ],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert answer.returncode == 1
    said = (tmp_path / "out.log").read_text(encoding="utf-8")
    refused = [
        line for line in said.splitlines() if line.startswith(("CHECK for", "Failed", "Req"))
    ]
    refused += [line for line in said.splitlines() if line.startswith("WARNING -  ")]
    named = " ".join(refused)
    for key in ("max_sequence_length", "eval_samples", "eval_accuracy"):
        assert key in named
    assert len(refused) == 3, refused


# RO-Crate


def crate_findings(path: Path) -> list[str]:
    """Validate a crate, offline."""
    return outside.ro_crate(environment("ro-crate"), path, CHECKERS / "ro_crate_cache.py")


def test_the_rocrate_library_reads_the_crate_back(made):
    """Files, main workflow and actions, as another program sees them."""
    program = (
        "import json, sys; from rocrate.rocrate import ROCrate; c = ROCrate(sys.argv[1]); "
        "print(json.dumps([c.mainEntity.id, len(c.data_entities), "
        "sum(e.type == 'CreateAction' for e in c.get_entities())]))"
    )
    python = outside.python_of(environment("ro-crate"))
    answer = subprocess.run(
        [python, "-c", program, str(made.folder / "ro-crate")], capture_output=True, text=True
    )
    files = [p for p in (made.folder / "ro-crate").rglob("*") if p.is_file()]
    assert json.loads(answer.stdout) == ["Snakefile", len(files) - 1, 11], answer.stderr


def test_roc_validator_names_each_fault_of_a_spoilt_crate(folder):
    """No main entity, an action without its tool, a file that is not there."""
    path = folder / "ro-crate" / "ro-crate-metadata.json"
    replaced(path, '"mainEntity"', '"mainThing"')
    replaced(
        path, '"instrument": {\n        "@id": "Snakefile"', '"tool": {\n        "@id": "Snakefile"'
    )
    replaced(path, '"@id": "run/claims/claims.csv",', '"@id": "run/claims/gone.csv",')
    found = "\n".join(crate_findings(folder / "ro-crate"))
    for fault in ("`mainEntity` property", "MUST have an instrument", "'run/claims/gone.csv'"):
        assert fault in found


def test_without_the_context_roc_validator_does_not_pass(made, tmp_path):
    """An empty cache offline is a failure, so a pass shows that the context was read."""
    empty = tmp_path / "cache"
    seed = CHECKERS / "ro_crate_cache.py"
    assert outside.ro_crate(environment("ro-crate"), made.folder / "ro-crate", seed, empty)


# in-toto


def statement_findings(path: Path) -> list[str]:
    """Validate the statements of a folder."""
    return outside.in_toto(environment("in-toto"), path, CHECKERS / "in_toto_inside.py")


def test_in_toto_accepts_every_statement(made):
    assert statement_findings(made.folder / "in-toto") == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v9"),
        ('"subject"', '"subjects"'),
        ("link/v0.3", "link/v0.9"),
        ('"materials"', '"material"'),
        ('"sha256":', '"": {}, "sha256":'),
    ],
)
def test_in_toto_refuses_a_spoilt_statement(old, new, folder):
    replaced(folder / "in-toto" / "r1_zero.json", old, new)
    found = statement_findings(folder / "in-toto")
    assert any(line.startswith("r1_zero.json: ") for line in found)


# all together


def check(*arguments: str) -> subprocess.CompletedProcess:
    """Run the program behind `make check-exports`."""
    return subprocess.run(
        [sys.executable, str(CHECKERS / "check.py"), *arguments],
        capture_output=True, text=True, env=os.environ,
    )  # fmt: skip


def test_one_command_says_which_check_failed(made, folder):
    """Exit code 0 on honest exports, 1 when one cell was changed, 2 without exports.

    Honest exports pass the 578 cases of focus-validator (one rule contradicts another and is
    allowed to fail), the compliance checker, 57 checks of roc-validator, and in-toto's classes.
    """
    for name in ("focus", "mlperf", "ro-crate", "in-toto"):
        environment(name)
    also = ("--attempts", str(made.attempts), "--prices", str(made.prices_file))
    good = check(str(folder), *also)
    assert (good.returncode, good.stdout.count("ok    ")) == (0, 10), good.stdout + good.stderr
    spoilt_bill(folder / "focus.csv")
    bad = check(str(folder), *also)
    assert bad.returncode == 1
    assert "FAIL  outside validator: focus\n" in bad.stdout
    for rule in ("BillingCurrency-C-006", "ConsumedQuantity-C-004", "BilledCost-C-003"):
        assert f"rule {rule}" in bad.stdout
    assert "FAIL  own exact checks: sums\n" in bad.stdout
    none = check(str(folder / "none"))
    assert (none.returncode, "make it with `snakemake exports`" in none.stderr) == (2, True)
