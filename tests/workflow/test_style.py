# SPDX-License-Identifier: Apache-2.0
"""The checkers of style have nothing to say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
CHECKS = {
    "ruff": [str(BIN / "ruff"), "check", "."],
    "ruff format": [str(BIN / "ruff"), "format", "--check", "."],
    "snakefmt": [str(BIN / "snakefmt"), "--check", "Snakefile", "workflow"],
    "snakemake lint": [sys.executable, "-m", "snakemake", "--lint"],
}


@pytest.mark.workflow
@pytest.mark.parametrize("name", CHECKS)
def test_a_checker_of_style_is_content(name):
    """The same commands as `make lint`."""
    path = os.pathsep.join([str(BIN), os.environ["PATH"]])  # snakefmt calls shfmt
    answer = subprocess.run(
        CHECKS[name],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"PATH": path},
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
