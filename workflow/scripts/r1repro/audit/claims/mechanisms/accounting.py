# SPDX-License-Identifier: Apache-2.0
"""The bill added up a second time, from the attempt records alone, in whole milliseconds.

Rule     exact agreement; a corrupted record is noticed
Second   This adds elapsed_ms x nodes x cores (and x GPUs) by stage from the lines themselves and
way      shares no code with the bill. The bill rounds each of its rows to 9 decimals, so a stage
         of n rows may differ by n halves of the last decimal, 1.8 microseconds each.
Time     Only attempts that began before the bill was made are in it.
Corrupt  One attempt after another is made one millisecond longer; every such change of a stage
         must be noticed as a disagreement.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

from r1repro.audit.claims.mechanisms.registry import Finding, by_seed, check
from r1repro.audit.claims.records import Record
from r1repro.audit.claims.runs import MissingEvidence, Run
from r1repro.audit.stage_cost import REPORTING

BILL = "cost/cost_by_stage.csv"
HALF = Fraction(1, 2 * 10**9)
MS_PER_HOUR = 3_600_000
Sums = dict[str, dict[str, int]]


def _spent(path: Path) -> dict[str, int]:
    """Return milliseconds of cores and of GPUs that a record's last whole line bills."""
    begin, last = None, None
    for piece in path.read_bytes().splitlines():
        try:
            last = json.loads(piece)
        except ValueError:
            break
        begin = begin or last
    if begin is None:
        raise MissingEvidence(f"{path} has no line")
    try:
        wall = last["elapsed_ms"] * begin["nodes"]
        spent = {
            "core_hours": wall * begin["cpu_cores"],
            "gpu_hours": wall * begin["gpus_per_node"],
        }
    except (KeyError, TypeError) as error:
        raise MissingEvidence(f"{path} lacks what the bill counts ({error})") from error
    return spent


def _billed_before(run: Run) -> list[Record]:
    """Return the records that the bill holds: all begun before it was made."""
    made = [
        record
        for record in run.records
        if record.completed and any(path.endswith(BILL) for path in record.outputs)
    ]
    if not made:
        raise MissingEvidence(f"{run.folder / 'attempts'} has no attempt that made {BILL}")
    return [
        record
        for record in run.records
        if record.started < made[-1].started and record.stage not in REPORTING
    ]


def _recomputed(run: Run) -> tuple[Sums, int]:
    """Return stage -> milliseconds of cores and GPUs, and the number of attempts."""
    sums: Sums = defaultdict(lambda: {"core_hours": 0, "gpu_hours": 0})
    records = _billed_before(run)
    for record in records:
        path = run.folder / "attempts" / record.stage / f"{record.id}.jsonl"
        for name, amount in _spent(path).items():
            sums[record.stage][name] += amount
    return dict(sums), len(records)


def disagreements(bill: list[dict[str, str]], sums: Sums) -> list[str]:
    """Return the stages whose hours in the bill are not those of the records."""
    wrong = []
    for stage in {row["stage"] for row in bill} | sums.keys():
        rows = [row for row in bill if row["stage"] == stage]
        for name in ("core_hours", "gpu_hours"):
            try:
                printed = sum((Fraction(row[name]) for row in rows), Fraction(0))
            except (ValueError, ZeroDivisionError):
                wrong.append(stage)
                continue
            exact = Fraction(sums.get(stage, {}).get(name, 0), MS_PER_HOUR)
            if abs(printed - exact) > len(rows) * HALF or (not rows and stage in sums):
                wrong.append(stage)
    return sorted(set(wrong))


def _unnoticed(bill: list[dict[str, str]], sums: Sums) -> list[str]:
    """Return the stages in which one millisecond more would not be noticed."""
    found = []
    for stage in sums:
        changed = {name: dict(values) for name, values in sums.items()}
        changed[stage]["core_hours"] += 1
        if stage not in disagreements(bill, changed):
            found.append(stage)
    return found


@check("consistent-cost-accounting", seeds=1)
def consistent_cost_accounting(runs: list[Run], parameters: Mapping) -> Finding:
    """Rule: exact agreement of bill and records in every run; a changed record is noticed."""

    def compared(run: Run) -> dict:
        bill = run.rows(BILL, "stage", "core_hours", "gpu_hours")
        sums, attempts = _recomputed(run)
        return {
            "wrong": disagreements(bill, sums),
            "unnoticed": _unnoticed(bill, sums),
            "attempts": attempts,
            "stages": len(sums),
        }

    found = by_seed(runs, compared)
    wrong = sorted({stage for value in found.values for stage in value["wrong"]})
    unnoticed = sorted({stage for value in found.values for stage in value["unnoticed"]})
    note = (
        f"stages that disagree, of {sum(found.column('stages'))} with "
        f"{sum(found.column('attempts'))} attempts; one millisecond more in a record is noticed "
        f"in all stages but {len(unnoticed)}"
    )
    if wrong:
        note += f"; disagreeing: {', '.join(wrong)}"
    return found.finding((float(len(wrong)), None, None), not wrong and not unnoticed, note)
