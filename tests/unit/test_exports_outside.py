# SPDX-License-Identifier: Apache-2.0
"""Claims about the wrappers: the validator's report decides, whatever its exit code says.

The validators here are stand-ins that leave any report and any exit code; the real ones run in
tests/checkers.
"""

import json
import sys
from pathlib import Path

import pytest

from r1repro.audit.exports import outside

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
'''
import sys
from pathlib import Path
arguments = sys.argv[1:]
text = Path({text!r}).read_text()
option = next((o for o in ("--output-destination", "--log_output", "-o") if o in arguments), None)
target = arguments[arguments.index(option) + 1] if option else arguments[-1]
if text != "nothing":
    Path(target).write_text(text)
sys.exit({code})
"""


def environment(folder: Path, report: str, code: int) -> Path:
    """Make an environment whose validators write `report` and end with `code`."""
    bin_folder = folder / "bin"
    bin_folder.mkdir(parents=True)
    (folder / "lib" / "python3.12" / "site-packages").mkdir(parents=True)
    (folder / "report").write_text(report, encoding="utf-8")
    text = PROGRAM.format(python=sys.executable, text=str(folder / "report"), code=code)
    for name in ("focus-validator", "rocrate-validator", "python"):
        (bin_folder / name).write_text(text, encoding="utf-8")
        (bin_folder / name).chmod(0o755)
    return folder


def junit(*failed: str, count: int = outside.FOCUS_CASES, kind: str = "failure") -> str:
    """Return a report of `count` cases, some failed."""
    cases = [f'<testcase name="{name} :: x"><{kind}/></testcase>' for name in failed]
    cases += ['<testcase name="good :: x"/>'] * (count - len(cases))
    return f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>"


CONTRADICTION = "InvoiceId-C-005-C"
FOCUS = {
    "all well": (junit(CONTRADICTION), 0, None),
    "failures with exit code 0": (junit(CONTRADICTION, "BilledCost-C-003-M"), 0, "BilledCost-C-"),
    "errors with exit code 0": (junit("ListCost-C-001-M", kind="error"), 0, "ListCost-C-001-M"),
    "only the known rule is allowed": (junit("InvoiceId-C-004-C"), 0, "InvoiceId-C-004-C"),
    "a look-alike is not": (junit(f"x{CONTRADICTION}"), 0, "InvoiceId"),
    "a good report with exit code 1": (junit(), 1, "exit code 1"),
    "no report": ("nothing", 0, "left no report"),
    "half a report": (junit()[:500], 0, "left no report"),
    "nothing was checked": (junit(count=0), 0, "made 0 checks"),
    "fewer checks": (junit(count=400), 0, "made 400 checks"),
}


def told(found: list[str], expected: str | None) -> bool:
    """Say whether findings are what is expected: none, or one that says so."""
    return not found if expected is None else expected in "\n".join(found)


@pytest.mark.parametrize("name", FOCUS)
def test_the_report_of_focus_validator_decides(name, tmp_path):
    report, code, expected = FOCUS[name]
    made = environment(tmp_path, report, code)
    assert told(outside.focus(made, tmp_path / "focus.csv"), expected)


MLPERF = {
    "all well": ("INFO - Running\nINFO - SUCCESS\n", 0, None),
    "a warning": ("WARNING -  twice\nINFO - SUCCESS\n", 0, "WARNING -  twice"),
    "failed with exit code 0": ("ERROR - FAILED\n", 0, "ERROR - FAILED"),
    "success with exit code 1": ("INFO - SUCCESS\n", 1, "exit code 1"),
    "no log": ("nothing", 0, "does not end in SUCCESS"),
}


@pytest.mark.parametrize("name", MLPERF)
def test_the_log_of_the_compliance_checker_decides(name, tmp_path):
    report, code, expected = MLPERF[name]
    made = environment(tmp_path, report, code)
    rules = ROOT / "envs/checkers/mlperf_open_grpo.yaml"
    assert told(outside.mlperf(made, tmp_path / "run.log", rules), expected)


def crate_report(**changes) -> str:
    """Return a report of roc-validator."""
    counted = {"total_passed_checks": outside.RO_CRATE_CHECKS, "total_failed_checks": 0}
    whole = {"passed": True, "issues": [], "statistics": counted | changes.pop("statistics", {})}
    return json.dumps(whole | changes)


RO_CRATE = {
    "all well": (crate_report(), 0, None),
    "an issue": (crate_report(issues=[{"message": "no instrument"}]), 0, "no instrument"),
    "not passed": (crate_report(passed=False), 0, "did not pass"),
    "a failed check": (crate_report(statistics={"total_failed_checks": 1}), 0, "1 failed"),
    "fewer checks": (crate_report(statistics={"total_passed_checks": 3}), 0, "3 checks passed"),
    "passed with exit code 1": (crate_report(), 1, "exit code 1"),
    "no report": ("nothing", 0, "left no report"),
    "another report": ("[]", 0, "left no report"),
}


@pytest.mark.parametrize("name", RO_CRATE)
def test_the_report_of_roc_validator_decides(name, tmp_path):
    report, code, expected = RO_CRATE[name]
    made = environment(tmp_path, report, code)
    found = outside.ro_crate(made, tmp_path, ROOT / "envs/checkers/ro_crate_cache.py", tmp_path)
    assert told(found, expected)


IN_TOTO = {
    "all well": ('{"a.json": null}', 0, None),
    "an error with exit code 0": ('{"a.json": "ParseError"}', 0, "a.json: ParseError"),
    "a statement left out": ("{}", 0, "looked at 0 of 1"),
    "well with exit code 1": ('{"a.json": null}', 1, "exit code 1"),
    "no report": ("nothing", 0, "left no report"),
}


@pytest.mark.parametrize("name", IN_TOTO)
def test_the_report_on_statements_decides(name, tmp_path):
    report, code, expected = IN_TOTO[name]
    made = environment(tmp_path / "environment", report, code)
    statements = tmp_path / "statements"
    statements.mkdir()
    (statements / "a.json").write_text("{}")
    found = outside.in_toto(made, statements, ROOT / "envs/checkers/in_toto_inside.py")
    assert told(found, expected)


def test_no_statement_at_all_is_a_finding(tmp_path):
    made = environment(tmp_path / "environment", "{}", 0)
    (tmp_path / "statements").mkdir()
    found = outside.in_toto(made, tmp_path / "statements", ROOT / "x.py")
    assert found == ["the validator looked at 0 of 0 statements"]


def test_a_validator_that_never_ends_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(outside, "SECONDS", 1)
    made = environment(tmp_path, junit(), 0)
    (made / "bin" / "focus-validator").write_text("#!/bin/sh\nexec sleep 60\n")
    found = outside.focus(made, tmp_path / "focus.csv")
    assert "exit code None: no answer within 1 s" in found[0]
