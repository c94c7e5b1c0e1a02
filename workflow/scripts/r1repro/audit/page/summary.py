# SPDX-License-Identifier: Apache-2.0
"""What the terminal shows at the end: at most 30 lines of ASCII and 100 columns.

The template calls `entry` for each label, and `whole` for a line as it is.
"""

import textwrap
from html import unescape
from pathlib import Path

from r1repro.audit.page import document
from r1repro.audit.page.wording import plain

TEMPLATE = "summary.txt.jinja"
WIDTH = 100
LABEL = 11


def build(evidence: dict, report: Path) -> str:
    """Return the summary with a line end; the page's path is its last line, never cut."""
    lines = []

    def entry(label: str, most: int = 1, *, caller) -> str:
        """Add a label and its text, wrapped below itself and cut."""
        lines.extend(
            textwrap.wrap(
                plain(unescape(caller())),
                width=WIDTH,
                initial_indent=label.ljust(LABEL),
                subsequent_indent=" " * LABEL,
                break_on_hyphens=False,
                max_lines=most,
                placeholder=" ...",
            )
        )
        return ""

    def whole(text: str) -> str:
        lines.append(plain(text)[:WIDTH].rstrip())
        return ""

    document.render(TEMPLATE, evidence | {"entry": entry, "whole": whole})
    return "\n".join([*lines, f"{'page':<{LABEL}}{report.as_posix()}"]) + "\n"
