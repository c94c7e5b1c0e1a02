# SPDX-License-Identifier: Apache-2.0
"""What the terminal shows at the end: at most 30 lines of ASCII and 100 columns."""

import textwrap
from pathlib import Path

from r1repro.audit.page import bill, claims, history, ladder, paper_bill, prose
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


def _headline_lines(evidence: Evidence) -> list[str]:
    """Return a line for each headline claim: its verdicts, its name and its first effect."""
    headline = claims.of_tier(evidence.claims, "headline")
    width = max((len(plain(claim.name)) for claim in headline), default=0)
    lines = []
    for claim in headline:
        words = ", ".join(verdict.word for verdict in claim.verdicts)
        effect = next((check for check in claim.checks if check.drawing), None)
        found = effect.obtained if effect else ""
        run = f"; this run {effect.this_run}" if effect and effect.this_run else ""
        lines.append(plain(f"  {claim.name:<{width}}  {words:<23} {found}{run}")[:WIDTH].rstrip())
    return lines


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
    lines += _headline_lines(evidence)
    entries = [
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
