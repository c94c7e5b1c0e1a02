# SPDX-License-Identifier: Apache-2.0
"""The rules files as text: which rules there are and what each one says."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGETS = {"data", "prepare", "rl", "controls", "evaluate", "cost", "verdicts", "report"}


@dataclass(frozen=True)
class Rule:
    """One rule that runs a program."""

    name: str
    text: str

    @property
    def program(self) -> str:
        """The program's name without folder and ending."""
        return re.search(r'program=f"\{CODE\}/scripts/(\w+)\.py"', self.text)[1]

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


def read_rules() -> tuple[list[Rule], dict[str, str]]:
    """Return the rules of all rules files without targets, and those made by `use rule`.

    The latter as name -> name of the rule that they repeat with other files and settings.
    """
    found, derived = [], {}
    for path in sorted((ROOT / "workflow/rules").glob("*.smk")):
        text = path.read_text(encoding="utf-8")
        blocks = re.split(r"^(?=(?:use )?rule \w+)", text, flags=re.MULTILINE)
        for block in blocks:
            if match := re.match(r"use rule (\w+) as (\w+) with:\n", block):
                derived[match[2]] = match[1]
            elif match := re.match(r"rule (\w+):\n", block):
                found.append(Rule(match[1], block))
    return [rule for rule in found if rule.name not in TARGETS], derived


RULES, DERIVED = read_rules()
