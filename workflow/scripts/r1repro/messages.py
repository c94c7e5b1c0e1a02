# SPDX-License-Identifier: Apache-2.0
"""What the terminal shows when a run ends: the summary, or which stage failed and why."""

import re
from collections.abc import Iterable
from pathlib import Path

FAILED = re.compile(r"^Error in (?:local)?rule (?P<rule>\S+):$")
LOG = re.compile(r"^    log: (?P<log>.+?)(?: \(check log file.*)?$")


def summary_text(summary: Path, report: Path) -> str:
    """Return the summary if it belongs to the report that stands beside it, else one line."""
    if not summary.is_file() or not report.is_file():
        return "Done. The report is made by `snakemake` or `snakemake report`."
    return "\n" + summary.read_text(encoding="utf-8").rstrip() + "\n"


def failed_logs(lines: Iterable[str]) -> dict[str, str]:
    """Return log -> rule for each failed job that a Snakemake log tells of, in order."""
    logs, rule = {}, None
    for line in lines:
        if match := FAILED.match(line.rstrip("\n")):
            rule = match["rule"]
        elif rule and (match := LOG.match(line.rstrip("\n"))):
            logs[match["log"]] = rule
            rule = None
    return logs


def last_error(log: Path) -> str:
    """Return the last line that says `error`, else how the log ends.

    A stage that was killed, or whose shell was, had no time for an error.
    """
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "it wrote no log"
    spoken = [line.strip() for line in lines if line.strip()]
    errors = [line for line in spoken if line.startswith("error:")]
    if errors or any(line.startswith("Traceback") for line in spoken):
        return (errors or spoken)[-1]
    if not spoken:
        return "its log is empty"
    return f"it stopped without saying why, as if killed; its log ends with: {spoken[-1]}"


def failure_text(snakemake_logs: Iterable[str]) -> str:
    """Return one block per failed stage: its name, its error, its log, what to do."""
    blocks = []
    for path in snakemake_logs:
        with open(path, encoding="utf-8", errors="replace") as lines:
            for log, rule in failed_logs(lines).items():
                stage = Path(log).stem
                blocks.append(
                    f"\nStage '{stage}' ({rule}) failed: {last_error(Path(log))}\n  log: {log}"
                )
    if not blocks:
        return "\nThe run stopped before a stage failed; Snakemake says above why."
    return "\n".join(blocks) + "\nRun the same command again to continue from the last checkpoint."
