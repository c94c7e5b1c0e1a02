# SPDX-License-Identifier: Apache-2.0
"""What holds for all tests: their environment, their order, and what is said of skipped ones.

R1REPRO_COUNTS    a file that gets a line of JSON from each session: outcomes, reasons of skips
R1REPRO_PROMISED  set: the session fails if a test was skipped that every full machine can run
"""

import json
import os
import sys
from collections import Counter
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

# Two test processes share two cores, and the models here are too small for threads.
os.environ["OMP_NUM_THREADS"] = "1"
# Where this is set each of a thousand processes would compile what it imports anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Skipped on every machine.
NOT_PROMISED = ("this level says itself that it does not prevent it",)
# Files that share what takes long to make run in one process.
TOGETHER = {
    "test_full_disk.py": "test_smoke_run.py",  # the run at smoke scale
    "test_learn_parallel.py": "test_learn_trl.py",  # a process that has imported torch and TRL
    "test_preemption.py": "test_learn_trl.py",
}
# What takes longest comes first, so that both processes end at about the same time.
LONGEST = (
    "test_smoke_run.py", "test_full_disk.py",
    "test_learn_trl.py", "test_learn_parallel.py", "test_preemption.py",
    "test_one_stage.py", "test_documents.py", "test_benchmarks_run.py", "test_exports_checked.py",
    "test_own_checkpoint.py", "test_running.py", "test_from_anywhere.py", "test_plan.py",
)  # fmt: skip


class Groups(LoadFileScheduling):
    """Hand out files whole, those that belong together to one process."""

    def _split_scope(self, nodeid: str) -> str:
        name = Path(nodeid.partition("::")[0]).name
        return TOGETHER.get(name, name)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Groups:
    """Return what hands out the tests."""
    return Groups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by file, the longest first; within a file the order stays."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONGEST)))


def skips(reporter: pytest.TerminalReporter) -> Counter[str]:
    """Return how many tests were skipped for each reason."""
    reports = reporter.stats.get("skipped", [])
    return Counter(report.longrepr[2].removeprefix("Skipped: ") for report in reports)


def broken(found: Counter[str]) -> int:
    """Return how many tests were skipped though they were promised."""
    if not os.environ.get("R1REPRO_PROMISED"):
        return 0
    return sum(number for why, number in found.items() if not why.startswith(NOT_PROMISED))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was skipped, a line a reason; keep the counts where they are wanted."""
    if hasattr(terminalreporter.config, "workerinput"):
        return
    found = skips(terminalreporter)
    for why, number in found.most_common():
        terminalreporter.write_line(f"skipped {number}: {why}")
    if broken(found):
        terminalreporter.write_line(f"FAILED: {broken(found)} promised tests were skipped")
    if counts := os.environ.get("R1REPRO_COUNTS"):
        passed, failed, errors = (
            len(terminalreporter.stats.get(kind, [])) for kind in ("passed", "failed", "error")
        )
        line = {"passed": passed, "failed": failed + errors, "skipped": found}
        with open(counts, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where a promise was broken; the processes that run tests decide nothing."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not hasattr(session.config, "workerinput") and reporter and broken(skips(reporter)):
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
