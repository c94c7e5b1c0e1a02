# SPDX-License-Identifier: Apache-2.0
"""The outside validators, each run in an environment of its own.

An answer holds only if the validator's own report says so: the exit code of focus-validator is 0
with failures, a validator that crashes early reports nothing, and one that looked at nothing
finds nothing. So each report is read, the number of checks must be what a whole run makes, and any
exit code but 0 is a failure as well.

focus     focus-validator 2.2.1: JUnit XML, FOCUS_CASES cases. ALLOWED is the one contradiction of
          the rules: InvoiceId must be empty without an invoice (C-004) and must not be empty
          (C-005); no invoice exists, so C-005 fails, and nothing else may.
mlperf    mlperf_logging: its log must end in SUCCESS and hold no warning.
ro-crate  roc-validator 0.13.0: JSON, RO_CRATE_CHECKS checks. The JSON-LD context comes from the
          `rocrate` package through the validator's HTTP cache; it is offline.
in-toto   in-toto-attestation: parsed strictly and validated by its own classes.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

FOCUS_CASES = 578
FOCUS_CRITERIA = (
    "ACCOUNT_NAMING_SUPPORTED", "USAGE_MEASUREMENT_SUPPORTED", "UNIT_PRICING_SUPPORTED",
    "SUB_ACCOUNT_SUPPORTED", "RESOURCE_TYPE_ASSIGNMENT_SUPPORTED",
    "BILLING_BASED_ON_PROVISIONED_RESOURCES_SUPPORTED", "REGION_SUPPORTED", "TAGGING_SUPPORTED",
    "PUBLIC_PRICE_LIST_SUPPORTED",
)  # fmt: skip
ALLOWED = ("InvoiceId-C-005-C",)
RO_CRATE_CHECKS = 57
RO_CRATE_PROFILE = "workflow-run-crate-0.5"
SECONDS = 180


def _run(command: list[str], cwd: Path) -> tuple[int | None, str]:
    """Return exit code (None after SECONDS) and the end of what was said."""
    try:
        answer = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, errors="replace", timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return None, f"no answer within {SECONDS} s"
    return answer.returncode, (answer.stdout + answer.stderr).strip()[-300:]


def _exit_finding(code: int | None, said: str) -> list[str]:
    return [] if code == 0 else [f"the validator ended with exit code {code}: {said}"]


def python_of(environment: Path) -> Path:
    """Return the interpreter of an environment."""
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _site_packages(environment: Path) -> Path:
    (folder,) = environment.glob("lib/python*/site-packages")
    return folder


def focus_report(xml: Path) -> list[str]:
    """Return the failures that focus-validator's XML reports, the allowed one left out."""
    try:
        cases = list(ElementTree.parse(xml).iter("testcase"))
    except (OSError, ElementTree.ParseError) as error:
        return [f"the validator left no report ({error})"]
    found = []
    if len(cases) != FOCUS_CASES:
        found.append(f"the validator made {len(cases)} checks, a whole run makes {FOCUS_CASES}")
    for case in cases:
        name = case.get("name", "without a name")
        bad = case.find("failure") is not None or case.find("error") is not None
        if bad and name.split(" ")[0] not in ALLOWED:
            found.append(f"rule {name}")
    return found


def focus(environment: Path, table: Path) -> list[str]:
    """Validate a FOCUS file; return findings."""
    with tempfile.TemporaryDirectory() as folder:
        xml = Path(folder) / "focus.xml"
        command = [
            str(environment / "bin" / "focus-validator"), "--data-file", str(table.resolve()),
            "--block-download", "--validate-version", "1.2", "--focus-dataset", "CostAndUsage",
            "--applicability-criteria", ",".join(FOCUS_CRITERIA),
            "--output-type", "unittest", "--output-destination", str(xml),
        ]  # fmt: skip
        # it opens its list of currencies relative to the working directory
        code, said = _run(command, _site_packages(environment))
        return _exit_finding(code, said) + focus_report(xml)


def mlperf_report(log: Path) -> list[str]:
    """Return what the compliance checker's own log says against a log."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    found = (
        [] if text.rstrip().endswith("SUCCESS") else ["the checker's log does not end in SUCCESS"]
    )
    entries = [entry for entry in text.split("\n") if entry.startswith(("WARNING", "ERROR"))]
    return found + entries


def mlperf(environment: Path, log: Path, rules: Path) -> list[str]:
    """Check an MLPerf log against a rule file; return findings."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "checker.log"
        command = [
            str(python_of(environment)), "-m", "mlperf_logging.compliance_checker",
            "--usage", "training", "--ruleset", "6.1.0", "--werror",
            "--config", str(rules.resolve()), "--log_output", str(out), str(log.resolve()),
        ]  # fmt: skip
        code, said = _run(command, Path(folder))
        return _exit_finding(code, said) + mlperf_report(out)


def ro_crate_report(report: Path) -> list[str]:
    """Return what roc-validator's JSON says against a crate."""
    try:
        answer = json.loads(report.read_text(encoding="utf-8"))
        issues, counted = answer["issues"], answer["statistics"]
        found = [str(issue.get("message", issue)) for issue in issues]
        failed = counted["total_failed_checks"]
        if counted["total_passed_checks"] != RO_CRATE_CHECKS or failed:
            found.append(
                f"{counted['total_passed_checks']} checks passed and {failed} failed; "
                f"a whole run passes {RO_CRATE_CHECKS}"
            )
        return found if answer["passed"] is True or found else ["the crate did not pass"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return [f"the validator left no report ({error!r})"]


def ro_crate(environment: Path, crate: Path, seed: Path, cache: Path | None = None) -> list[str]:
    """Validate a crate offline; return findings. `seed` is the program that fills the cache."""
    with tempfile.TemporaryDirectory() as folder:
        report, copy = Path(folder) / "report.json", Path(folder) / "crate"
        # the validator takes a folder for a URL and finds nothing where its name holds a space
        shutil.copytree(crate, copy)
        if cache is None:
            cache = Path(folder) / "cache"
            code, said = _run(
                [str(python_of(environment)), str(seed.resolve()), str(cache)], Path(folder)
            )
            if code != 0:
                return _exit_finding(code, said)
        command = [
            str(environment / "bin" / "rocrate-validator"), "-y", "--disable-color", "validate",
            "-p", RO_CRATE_PROFILE, "-l", "required", "--no-paging",
            "--offline", "--cache-path", str(cache), "-f", "json", "-o", str(report),
            str(copy),
        ]  # fmt: skip
        code, said = _run(command, Path(folder))
        return _exit_finding(code, said) + ro_crate_report(report)


def in_toto(environment: Path, folder: Path, inside: Path) -> list[str]:
    """Validate the statements of a folder; return findings. `inside` runs in the environment."""
    names = sorted(path.name for path in folder.glob("*.json"))
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        command = [str(python_of(environment)), str(inside.resolve()), str(folder.resolve())]
        code, said = _run([*command, str(report)], Path(scratch))
        try:
            answers = json.loads(report.read_text(encoding="utf-8"))
            found = [f"{name}: {what}" for name, what in answers.items() if what is not None]
        except (OSError, ValueError, AttributeError) as error:
            return [*_exit_finding(code, said), f"the validator left no report ({error!r})"]
    if sorted(answers) != names or not names:
        found.append(f"the validator looked at {len(answers)} of {len(names)} statements")
    return _exit_finding(code, said) + found
