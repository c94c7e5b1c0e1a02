# SPDX-License-Identifier: Apache-2.0
"""Each row of docs/checklists.md has a verdict, and evidence or a reason.

That its links lead to files and headings, `test_documents.py` shows, as for every document.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/checklists.md").read_text(encoding="utf-8")
VERDICTS = {"met", "partly", "not met", "n/a"}
FAIR = "F1 F1.1 F1.2 F2 F3 F4 A1 A1.1 A1.2 A2 I1 I2 R1 R1.1 R1.2 R2 R3"


def numbered(letters: str, count: int) -> list[str]:
    """Return ids such as N1 to N10."""
    return [f"{letters}{number + 1}" for number in range(count)]


CRITERIA = {
    "ACM badges": [*numbered("AV", 3), *numbered("FU", 17), "RU1", *numbered("RE", 6)],
    "Nature: code and software": numbered("N", 10),
    "NeurIPS paper checklist": numbered("", 16),
    "FAIR4RS 1.0": FAIR.split(),
    "Snakemake workflow catalog": numbered("G", 13),
}


def rows(checklist: str) -> list[list[str]]:
    """Return the cells of each row of a checklist's table."""
    (section,) = re.findall(rf"^## {checklist}\n(.*?)^## ", TEXT, re.MULTILINE | re.DOTALL)
    table = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


@pytest.mark.parametrize("checklist", CRITERIA)
def test_every_criterion_has_one_row(checklist):
    """None is left out, none comes twice."""
    assert [row[0] for row in rows(checklist)] == CRITERIA[checklist]


@pytest.mark.parametrize(
    "row", [row for name in CRITERIA for row in rows(name)], ids=lambda row: row[0]
)
def test_a_row_has_a_verdict_and_what_supports_it(row):
    """What is met at least in part names a file or a make target; the rest has a reason."""
    _, criterion, verdict, where = row
    assert criterion
    assert verdict in VERDICTS
    targets = re.findall(r"`make ([\w-]+)`", where)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(f"\n{target}:" in makefile for target in targets), targets
    files = re.findall(r"\]\(([^)#]+)[^)]*\)", where)
    assert all((ROOT / "docs" / file).exists() for file in files), files
    if verdict in ("met", "partly"):
        assert files or targets or "](#" in where
    else:
        assert where
