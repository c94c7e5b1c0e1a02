# SPDX-License-Identifier: Apache-2.0
"""Clones for the tests of the workflow, and the run at smoke scale that some of them share."""

from pathlib import Path

import pytest
from clones import ROOT, copy_repository, repository_files, snakemake, snakemake_command
from smoke_runs import Runs, run_both

__all__ = ["ROOT", "copy_repository", "repository_files", "snakemake", "snakemake_command"]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh copy of the repository."""
    return copy_repository(tmp_path)


@pytest.fixture(scope="module")
def shared_clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository for tests that change nothing in it."""
    return copy_repository(tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """The whole chain at smoke scale, killed on the way, and a part of it left alone."""
    return run_both(tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("alone"))
