# SPDX-License-Identifier: Apache-2.0
"""What the terminal shows at the end: at most 19 lines of ASCII and 100 columns."""

import textwrap
from pathlib import Path

from r1repro.audit.page import bill, claims, history, ladder, paper_bill, prose, verdicts
from r1repro.audit.page.inputs import Evidence
from r1repro.audit.page.wording import count, percent, plain, rounded

WIDTH = 100
LABEL = 11


def _entry(label: str, text: str, lines: int = 1) -> list[str]:
    """Return a label and its text, wrapped below itself and cut after so many lines.

    The text is made plain first.
    """
    indent = " " * LABEL
    return textwrap.wrap(
        plain(text),
        width=WIDTH,
        initial_indent=plain(label)[: LABEL - 1].ljust(LABEL),
        subsequent_indent=indent,
        break_on_hyphens=False,
        max_lines=lines,
        placeholder=" ...",
    )


def _result_lines(evidence: Evidence) -> list[str]:
    results = verdicts.key_results(evidence.scores, evidence.kind)
    name_width = max(len(plain(r.name)) for r in results)
    lines = []
    for result in results:
        text = (
            f"{plain(result.name):<{name_width}} {plain(result.measured):>7} "
            f"{plain(result.interval):<14} {plain(result.expected)}"
        )
        lines.append(f"{result.verdict:<{LABEL}}{text}"[:WIDTH].rstrip())
    return lines


def _verdict_sentence(evidence: Evidence) -> str:
    results = verdicts.key_results(evidence.scores, evidence.kind)
    if evidence.kind != verdicts.SCALE_WITH_EXPECTATIONS:
        return f"none: expectations were stated for scale mini, this run has scale {evidence.kind}"
    found = [r.verdict for r in results]
    names = (verdicts.PASS, verdicts.WARN, verdicts.FAIL)
    return ", ".join(f"{found.count(name)} {name}" for name in names)


def build(evidence: Evidence, report: Path) -> str:
    """Return the summary with a line end; the page's path is its last line, never cut."""
    done = evidence.finished
    sums = bill.total(evidence.costs.bill)
    first, last = evidence.curve.points[0], evidence.curve.points[-1]
    headline, _ = prose.headline(evidence.scale, evidence.own_base)
    entries = [
        ("r1repro", f"{headline} (scale {evidence.scale}, seed {evidence.seed})", 1),
        ("run", f"{history.period(done)}, commit {history.commits(done)}", 1),
        ("machine", "; ".join(history.machines(done)), 1),
        ("claims", claims.counts_sentence(evidence.claims), 2),
        ("ladder", ladder.headline(evidence.ladder), 1),
    ]
    lines = [line for entry in entries for line in _entry(*entry)]
    lines += _result_lines(evidence)
    entries = [
        ("expected", _verdict_sentence(evidence), 1),
        (
            "curve",
            f"pass@1 {percent(first.pass1)} at update {count(first.step)}, "
            f"{percent(last.pass1)} at {count(last.step)}; "
            f"{first.mean_length:.1f} to {last.mean_length:.1f} tokens",
            1,
        ),
        (
            "cost",
            f"{count(sums.attempts)} attempts ({count(sums.unsuccessful)} failed), "
            f"{rounded(sums.hours, 3)} h, {rounded(sums.core_hours, 3)} core-hours, "
            f"{rounded(sums.gpu_hours, 3)} GPU-hours",
            1,
        ),
        ("", f"money: {bill.cost_sentence(sums)}; energy: {bill.energy_sentence(sums)}", 2),
        ("paper", paper_bill.short_sentence(evidence.costs.paper_bill), 1),
    ]
    if evidence.head is not None:
        sealed = f"{count(evidence.head.size)} lines under the root {evidence.head.root}"
        entries.append(("ledger", sealed, 1))
    lines += [line for entry in entries for line in _entry(*entry)]
    lines.append(f"{'page':<{LABEL}}{report.as_posix()}")
    return "\n".join(lines) + "\n"
