# SPDX-License-Identifier: Apache-2.0
"""The Makefile's promises that can be tried without installing anything."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT


def make(folder: Path, *arguments: str, path: str = "") -> subprocess.CompletedProcess:
    """Run make in a folder without the variables of an outer make."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    if path:
        environment["PATH"] = path
    return subprocess.run(
        ["make", *arguments], cwd=folder, capture_output=True, text=True, env=environment
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a space in its name that holds the Makefile and what it reads."""
    target = tmp_path / "a clone"
    target.mkdir()
    for name in ("Makefile", "requirements.in", "requirements.lock"):
        shutil.copy(ROOT / name, target)
    return target


def test_help_lists_every_target_a_reader_needs(folder):
    """`make` alone is `make help`."""
    answer = make(folder)
    assert answer.returncode == 0
    for target in ("reproduce", "test", "lint", "lock", "set-aside", "clean"):
        assert f"make {target} " in answer.stdout
    assert answer.stdout == make(folder, "help").stdout


def test_an_old_python_is_refused_with_one_sentence(folder, tmp_path):
    """The sentence says which version there is and how to name another."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "cat", "cksum", "sed", "make", "env", "echo"):
        (tools / name).symlink_to(shutil.which(name))
    old = tools / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = "--version" ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
    old.chmod(0o755)
    answer = make(folder, "setup", path=str(tools))
    assert answer.returncode != 0
    assert "error: Python 3.11 or later is needed but python3 is Python 3.9.2" in answer.stderr
    assert "make PYTHON=" in answer.stderr
    assert not (folder / ".venv").exists()


@pytest.mark.parametrize(
    ("machine", "version", "refused"),
    [("x86_64", "15.1", True), ("arm64", "13.6", True), ("arm64", "14.5", False)],
)
def test_a_mac_that_torch_has_no_build_for_is_refused_with_one_sentence(
    folder, tmp_path, machine, version, refused
):
    """Before anything is installed; one that has a build goes on to make .venv."""
    (tmp_path / "sitecustomize.py").write_text(
        "import platform\nplatform.system = lambda: 'Darwin'\n"
        f"platform.machine = lambda: {machine!r}\n"
        f"platform.mac_ver = lambda: ({version!r}, ('', '', ''), {machine!r})\n"
    )
    mac = tmp_path / "python3"
    mac.write_text(
        f'#!/bin/sh\n[ "$2" = venv ] && exit 1\n'
        f"PYTHONPATH='{tmp_path}' exec '{sys.executable}' \"$@\"\n"
    )
    mac.chmod(0o755)
    answer = make(folder, "setup", f"PYTHON={mac}")
    assert answer.returncode != 0
    assert ("needs a Mac with Apple silicon, macOS 14 or later" in answer.stderr) is refused
    assert ("cannot make a virtual environment" in answer.stderr) is not refused
    assert not (folder / ".venv").exists()


def test_an_installed_environment_is_not_installed_again(folder):
    """The stamp is the checksum of lock and Makefile: equal means nothing to do."""
    stamp = subprocess.run(
        "cat requirements.lock requirements.in Makefile | cksum",
        shell=True,
        cwd=folder,
        capture_output=True,
        text=True,
    ).stdout
    (folder / ".venv").mkdir()
    (folder / ".venv/installed").write_text(stamp)
    answer = make(folder, "setup")
    assert answer.returncode == 0
    assert answer.stdout == ""
    assert [path.name for path in (folder / ".venv").iterdir()] == ["installed"]


def test_setting_aside_deletes_nothing(folder):
    """Results and logs move, committed evidence stays."""
    (folder / "results/published").mkdir(parents=True)
    (folder / "results/published/cost.csv").write_text("evidence")
    (folder / "results/README.md").write_text("readme")
    (folder / "results/rl").mkdir()
    (folder / "results/rl/weights").write_text("weights")
    (folder / "logs").mkdir()
    (folder / "logs/base.log").write_text("log")
    assert make(folder, "set-aside").returncode == 0
    (aside,) = (folder / "set-aside").iterdir()
    assert (aside / "results/rl/weights").read_text() == "weights"
    assert (aside / "logs/base.log").read_text() == "log"
    assert sorted(path.name for path in (folder / "results").iterdir()) == [
        "README.md",
        "published",
    ]


def test_only_lock_renews_locks():
    """Every other target reads what is locked, so that it works without a package index."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipes = re.findall(r"^([a-z][a-z-]*):[^\n]*\n((?:\t[^\n]*\n)*)", text, re.MULTILINE)
    assert len(recipes) > 20
    locks = re.compile(r"envs/lock\w*\.py|install\.py --lock")
    assert [name for name, recipe in recipes if locks.search(recipe)] == ["lock"]


@pytest.mark.parametrize("failing", [None, "test", "test-slurm", "test-conda", "test-harness"])
def test_continuous_integration_exits_as_the_tests_do(tmp_path, failing):
    """.ci/run calls each test command and does not hide its failure."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci/run")
    (tmp_path / "Makefile").write_text(f"%:\n\t@[ $@ != '{failing}' ]\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    answer = subprocess.run(["bash", ".ci/run"], cwd=tmp_path, env=environment)
    assert (answer.returncode == 0) is (failing is None)
