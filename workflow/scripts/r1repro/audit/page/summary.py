# SPDX-License-Identifier: Apache-2.0
"""What the terminal shows at the end: at most 30 lines of ASCII and 100 columns.

The template calls `entry` for each label; the headline claims follow that of the ladder.
"""

import textwrap
from html import unescape
from pathlib import Path

from r1repro.audit.page import document
from r1repro.audit.page.wording import plain

TEMPLATE = "summary.txt.jinja"
WIDTH = 100
LABEL = 11


def _entry(label: str, text: str, lines: int) -> list[str]:
    """Return a label and its text, made plain, wrapped below itself and cut."""
    return textwrap.wrap(
        plain(text),
        width=WIDTH,
        initial_indent=plain(label)[: LABEL - 1].ljust(LABEL),
        subsequent_indent=" " * LABEL,
        break_on_hyphens=False,
        max_lines=lines,
        placeholder=" ...",
    )


def _headline_lines(claims) -> list[str]:
    """Return a line for each headline claim: its verdicts, its name and its first effect."""
    headline = [claim for claim in claims if claim.tier == "headline"]
    width = max((len(plain(claim.name)) for claim in headline), default=0)
    lines = []
    for claim in headline:
        words = ", ".join(verdict.word for verdict in claim.verdicts)
        texts = next((check.texts for check in claim.checks if check.drawing), None)
        found = texts["obtained"] if texts else ""
        run = " ".join(filter(None, (texts["this_run"], texts["this_run_is"]))) if texts else ""
        found += f"; this run {run}" if run else ""
        lines.append(plain(f"  {claim.name:<{width}}  {words:<23} {found}")[:WIDTH].rstrip())
    return lines


def build(evidence: dict, report: Path) -> str:
    """Return the summary with a line end; the page's path is its last line, never cut."""
    lines = []

    def entry(label: str, most: int = 1, *, caller) -> str:
        lines.extend(_entry(label, unescape(caller()), most))
        if label == "ladder":
            lines.extend(_headline_lines(evidence["claims"]))
        return ""

    document.render(TEMPLATE, evidence | {"entry": entry})
    return "\n".join([*lines, f"{'page':<{LABEL}}{report.as_posix()}"]) + "\n"
