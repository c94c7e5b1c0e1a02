# SPDX-License-Identifier: Apache-2.0
"""Times over all attempts: nothing at once that one device cannot do, nothing in the future.

What one attempt tells of its own times is checked where it is read: `ledger.reader` for lines of
the ledger, here for records without a ledger.
"""

import time

from r1repro.audit.ledger.part import Part
from r1repro.audit.ledger.reader import Reader
from r1repro.audit.verify.findings import Report
from r1repro.audit.verify.folder import Run, seen

FUTURE_MS = 86_400_000


def sums_of(run: Run, report: Report) -> Part:
    """Return the sums of the ledger; without one those of the records, their times checked."""
    if run.ledger is not None:
        return run.ledger.part
    part = Part()
    reader = Reader(part, ())
    for number, entry in enumerate(run.attempts):
        found = seen(entry)
        if found is None:
            continue
        reader.check_times(number, found)
        part.settle(number, found)
    for found in part.faults:
        tell = report.error if found.level == "error" else report.warning
        record = run.attempts[found.index]["record"]
        tell(found.check, run.name(record), "", found.what, f"tail -n 1 {run.name(record)}")
    return part


def check(run: Run, report: Report) -> None:
    """Check what held a device at the same time."""
    run.sums = part = sums_of(run, report)
    file = run.name(run.ledger_path if run.ledger is not None else "attempts")
    for found in part.occupancy.gpu_overlaps():
        host, gpus = found.what
        what = f"GPU {gpus.split()[0]} of {host} is held twice for {found.by_ms / 1000:.1f} s"
        pair = f"{_place(run, found.first)} and {_place(run, found.second)}"
        report.error("overlap", file, pair, what, _how(run, found.first, found.second))
    for found in part.occupancy.work_overlaps():
        host, stage, work, *_ = found.what
        name = f"{stage} {work}".strip()
        what = f"{name} runs beside itself on {host} for {found.by_ms / 1000:.1f} s"
        pair = f"{_place(run, found.first)} and {_place(run, found.second)}"
        report.error("overlap", file, pair, what, _how(run, found.first, found.second))
    now = time.time() * 1000
    if part.occupancy.latest() > now + FUTURE_MS:
        what = "an attempt ends more than a day from now"
        report.error("times", file, "", what, "date -u")


def _place(run: Run, number: int) -> str:
    if run.ledger is not None:
        return f"line {number + 1}"
    return run.attempts[number]["attempt_id"]


def _how(run: Run, first: int, second: int) -> str:
    if run.ledger is not None:
        return f"sed -n '{first + 1}p;{second + 1}p' {run.name(run.ledger_path)}"
    files = [run.name(run.attempts[number]["record"]) for number in (first, second)]
    return f"head -n 1 {' '.join(files)}"
