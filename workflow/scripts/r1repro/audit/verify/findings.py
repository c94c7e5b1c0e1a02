# SPDX-License-Identifier: Apache-2.0
"""What a verification found: findings, and what could not be looked at.

error    it cannot be so if the records are true and whole
warning  it can be so, and somebody should look
note     no finding: what was seen or could not be checked, for whoever reads the result
"""

import json
from collections import Counter
from dataclasses import asdict, dataclass, field

MOST_SHOWN = 200


@dataclass(frozen=True)
class Finding:
    """One thing that does not hold; `record` is a line, an attempt, a row or a job."""

    level: str
    check: str
    file: str
    record: str
    what: str
    how: str

    def line(self) -> str:
        """Return the finding as one line for a person."""
        parts = (self.level, self.file, self.record, f"{self.what} [{self.check}]")
        text = ": ".join(part for part in parts if part)
        return " ".join(f"{text}; see: {self.how}".split())


@dataclass
class Report:
    """Findings and notes of a verification, in the order of the checks."""

    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    checked: Counter = field(default_factory=Counter)  # how many things each check looked at

    def error(self, check: str, file: str, record: str, what: str, how: str) -> None:
        """Add what cannot be so."""
        self.findings.append(Finding("error", check, file, record, what, how))

    def warning(self, check: str, file: str, record: str, what: str, how: str) -> None:
        """Add what somebody should look at."""
        self.findings.append(Finding("warning", check, file, record, what, how))

    def note(self, text: str) -> None:
        """Add what is no finding."""
        self.notes.append(text)

    def looked(self, check: str, number: int = 1) -> None:
        """Count what a check looked at."""
        self.checked[check] += number

    def text(self) -> str:
        """Return everything for a terminal."""
        lines = [finding.line() for finding in self.findings[:MOST_SHOWN]]
        if len(self.findings) > MOST_SHOWN:
            lines.append(f"and {len(self.findings) - MOST_SHOWN} more; --json has all")
        lines += [f"note: {note}" for note in self.notes]
        looked = ", ".join(f"{name} {number}" for name, number in self.checked.items())
        lines.append(f"looked at: {looked or 'nothing'}")
        count = Counter(finding.level for finding in self.findings)
        told = f"{count['error']} errors, {count['warning']} warnings"
        lines.append("all holds" if not self.findings else told)
        return "\n".join(lines) + "\n"

    def json(self) -> str:
        """Return everything for a machine."""
        content = {
            "holds": not self.findings,
            "findings": [asdict(finding) for finding in self.findings],
            "notes": self.notes,
            "checked": dict(self.checked),
        }
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
