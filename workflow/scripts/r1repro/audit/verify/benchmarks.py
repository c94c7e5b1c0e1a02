# SPDX-License-Identifier: Apache-2.0
"""Attempts against what Snakemake timed: benchmarks/RULE.tsv, written when a job succeeds.

The job's wall time holds the start of Python, the imports (`process_seconds_before` of the
record) and the attempt. The file belongs to the last completed attempt of its stage.
missing   a benchmark without a completed attempt: work that is not billed
longer    an attempt longer than its whole job: impossible
shorter   a job that took much longer than imports and attempt: hours that may not be billed
Choices   10 s, a tenth of the job and six tenths of the imports are let pass for the start of shell
          and environment and for the end of Python: on an overloaded machine all of them grow
          with the imports (measured at 20 times the usual: up to half of them). Beyond, a warning.
"""

import csv
import math
from pathlib import Path

from r1repro.audit.verify.findings import Report
from r1repro.audit.verify.folder import Run

LONGER_SECONDS = 1.5  # clocks differ, and the job's clock stops first
START_SECONDS, START_SHARE, IMPORT_SHARE = 10.0, 0.1, 0.6
# rules that only copy tables together and record no attempt
WITHOUT_ATTEMPT = ("rm_accuracy", "gate")


def check(run: Run, report: Report) -> None:
    """Compare every benchmark file with the attempt it belongs to."""
    folder = run.folder / "benchmarks"
    if not folder.is_dir():
        report.note(f"{run.name('benchmarks')}: absent, so no time was compared with Snakemake's")
        return
    last: dict[str, int] = {}
    for number, entry in enumerate(run.attempts):
        if entry["outcome"] == "completed":
            last[_job(entry)] = number
    for path in sorted(folder.glob("*.tsv")):
        _compare(run, report, path, last)


def _job(entry: dict) -> str:
    """Return the name of the benchmark file of an attempt."""
    return f"{entry['stage']}_{entry['part']}" if entry["part"] else entry["stage"]


def _compare(run: Run, report: Report, path: Path, last: dict[str, int]) -> None:
    name, how = run.name(path), f"cat {run.name(path)}"
    seconds = _seconds(path)
    if seconds is None:
        report.error("benchmarks", name, "", "its column `s` holds no time", how)
        return
    if path.stem not in last:
        if path.stem not in WITHOUT_ATTEMPT:
            what = f"the job succeeded in {seconds:.1f} s, but no completed attempt is billed"
            report.error("benchmarks", name, "", what, how)
        return
    report.looked("benchmarks")
    entry = run.attempts[last[path.stem]]
    took = entry["elapsed_ms"] / 1000
    before = 0.0
    if run.records:
        before = run.records[last[path.stem]].lines[0].get("process_seconds_before") or 0.0
    record = entry["attempt_id"]
    if took > seconds + LONGER_SECONDS:
        what = f"attempt {record} of {took:.1f} s is longer than its job of {seconds:.1f} s"
        report.error("benchmarks", name, "", what, how)
    elif seconds - took - before > (START_SECONDS + START_SHARE * seconds + IMPORT_SHARE * before):
        what = f"the job took {seconds:.1f} s, attempt {record} counts {took:.1f} s of it"
        report.warning("benchmarks", name, "", what, how)


def _seconds(path: Path) -> float | None:
    """Return the wall time of a benchmark file, None where it has none."""
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            rows = list(csv.DictReader(handle, delimiter="\t"))
        seconds = float(rows[-1]["s"])
    except (OSError, ValueError, KeyError, IndexError, TypeError, csv.Error):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
