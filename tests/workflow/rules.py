# SPDX-License-Identifier: Apache-2.0
"""The rules files as text: which rules there are and what each one says."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGETS = {"data", "prepare", "rl", "evaluate", "cost", "verdicts", "report"}


@dataclass(frozen=True)
class Rule:
    """One rule that runs a program."""

    name: str
    text: str

    @property
    def program(self) -> str:
        """The program's name without folder and ending."""
        return re.search(r'program="workflow/scripts/(\w+)\.py"', self.text)[1]

    @property
    def conda(self) -> str:
        """The environment file, relative to the rules file."""
        return re.search(r'conda:\n\s+"([^"]+)"', self.text)[1]

    @property
    def header(self) -> str:
        """Everything before the command."""
        return self.text.split("shell:")[0]

    @property
    def shell(self) -> str:
        """The command."""
        return self.text.split("shell:")[1]


def read_rules() -> list[Rule]:
    """Return the rules of all rules files, without the named targets."""
    found = []
    for path in sorted((ROOT / "workflow/rules").glob("*.smk")):
        parts = re.split(r"^rule (\w+):\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        found += [Rule(name, text) for name, text in zip(parts[1::2], parts[2::2], strict=True)]
    return [rule for rule in found if rule.name not in TARGETS]


RULES = read_rules()
