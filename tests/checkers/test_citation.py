# SPDX-License-Identifier: Apache-2.0
"""CITATION.cff is valid by cffconvert, and names the version that CHANGELOG.md calls the newest.

cffconvert needs an old jsonschema, so it has an environment of its own under envs/checkers.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.checkers
ROOT = Path(__file__).resolve().parents[2]
CITATION = ROOT / "CITATION.cff"
sys.path.append(str(ROOT / "envs" / "checkers"))
from install import CheckerUnavailable, install  # noqa: E402


def validated(path: Path) -> subprocess.CompletedProcess:
    """Validate a citation file, or skip with the reason why cffconvert is not to be had."""
    try:
        program = install("cffconvert") / "bin" / "cffconvert"
    except CheckerUnavailable as error:
        pytest.skip(f"the environment of cffconvert cannot be made: {error}")
    return subprocess.run(
        [program, "--validate", "-i", path], cwd=path.parent, capture_output=True, text=True
    )


def test_cffconvert_accepts_the_citation():
    """Schema 1.2.0, with a date."""
    answer = validated(CITATION)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "valid according to schema version 1.2.0" in answer.stdout


@pytest.mark.parametrize(
    ("pattern", "new"),
    [
        (r"^title: .*\n", ""),
        (r"^(date-released: ).*$", r"\g<1>last autumn"),
        (r"^version: ", "versoin: "),
        (r"10\.1038/", "doi:10.1038/"),
    ],
)
def test_cffconvert_refuses_a_spoilt_citation(pattern, new, tmp_path):
    """No title, a date that is none, an unknown key, a DOI with a prefix."""
    text, changed = re.subn(pattern, new, CITATION.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert changed == 1
    (tmp_path / "CITATION.cff").write_text(text, encoding="utf-8")
    answer = validated(tmp_path / "CITATION.cff")
    assert answer.returncode != 0
    assert "ValidationError" in answer.stderr, answer.stderr


def test_the_citation_names_the_newest_version_and_its_day():
    """The newest numbered section of CHANGELOG.md is `## VERSION (DAY)` of CITATION.cff."""
    cited = yaml.safe_load(CITATION.read_text(encoding="utf-8"))
    sections = re.findall(
        r"^## (\d\S*) \((.+)\)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sections, "CHANGELOG.md has no section `## VERSION (DAY)`"
    assert (cited["version"], str(cited["date-released"])) == sections[0]
