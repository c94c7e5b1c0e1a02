# SPDX-License-Identifier: Apache-2.0
"""The promises of Makefile and .ci/run that can be tried without installing anything."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from clones import ROOT


def make(folder: Path, *arguments: str, path: str = "") -> subprocess.CompletedProcess:
    """Run make in a folder without the variables of an outer make, `make test PYTHON=...` too."""
    outer = ("MAKE", "MFLAGS", "PYTHON=")
    environment = {k: v for k, v in os.environ.items() if not f"{k}=".startswith(outer)}
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


def mark_as_installed(folder: Path) -> None:
    """Give a folder an environment that counts as installed."""
    stamp = subprocess.run(
        "cat requirements.lock requirements.in Makefile | cksum",
        shell=True,
        cwd=folder,
        capture_output=True,
        text=True,
    ).stdout
    (folder / ".venv").mkdir()
    (folder / ".venv/installed").write_text(stamp)


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
    mark_as_installed(folder)
    answer = make(folder, "setup")
    assert answer.returncode == 0
    assert answer.stdout == ""
    assert [path.name for path in (folder / ".venv").iterdir()] == ["installed"]


def test_the_seeds_of_the_full_run_are_those_of_its_configuration(folder):
    """The first lies in results, each other in a folder of its own; without any nothing runs."""
    mark_as_installed(folder)
    (folder / "config").mkdir()
    configuration = folder / "config/full.yaml"
    configuration.write_text("# which\nseeds: [4, 7, 9]\n")
    assert "for seed in 4 7 9;" in make(folder, "-n", "reproduce-full").stdout
    published = make(folder, "-n", "evidence").stdout
    assert re.search(r"publish\.py results\W+results/seeds/7 results/seeds/9\W+--to", published)
    configuration.write_text("seeds:\n- 4\n")
    refused = make(folder, "reproduce-full")
    assert refused.returncode != 0 and refused.stdout == ""
    assert "error: config/full.yaml needs a line like 'seeds: [1, 2, 3]'" in refused.stderr


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


COUNTED = '{"passed": 5, "failed": 0, "skipped": {"no browser": 2}}'
FAKE = """\
Makefile setup-tests: ;
%:
\t@echo '{counted}' >> "$$R1REPRO_COUNTS"
\t@[ $@ != '{failing}' ]
"""


@pytest.mark.parametrize("failing", ["none", "test", "test-slurm", "test-conda"])
def test_continuous_integration_exits_as_the_tests_do(tmp_path, failing):
    """.ci/run calls each test command, hides no failure, and adds up what they counted."""
    folder = tmp_path / "a clone"
    shutil.copytree(ROOT / ".ci", folder / ".ci")
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/python").symlink_to(sys.executable)
    (folder / "tests").mkdir()
    (folder / "tests/debian_packages.py").write_text("")  # nothing is installed by a test
    (folder / "Makefile").write_text(FAKE.format(counted=COUNTED, failing=failing))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    run = ["bash", str(folder / ".ci/run")]
    answer = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (answer.returncode == 0) is (failing == "none")
    said = answer.stdout.splitlines()
    assert said[-1] == "15 passed, 0 failed, 6 skipped"
    assert said[-3:-1] == ["ran 15 tests in 3 commands; skipped 6", "  skipped 6: no browser"]


def test_a_command_that_dies_before_it_counts_fails_continuous_integration(tmp_path):
    """Two of three sessions have told what they ran."""
    counts = tmp_path / "counts"
    counts.write_text(f"{COUNTED}\n" * 2)
    command = [sys.executable, ROOT / ".ci/summary.py", counts, "3"]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 1
    assert "error: 2 of 3 test commands came to their end" in answer.stdout


SKIPPING = """\
import pytest
def test_one(): pytest.skip("no such program")
@pytest.mark.parametrize("n", range(3))
def test_more(n): pytest.skip("this level says itself that it does not prevent it: of course")
"""


@pytest.mark.parametrize(("promised", "processes"), [(False, "0"), (True, "2")])
def test_a_promised_test_that_is_skipped_fails_the_session(tmp_path, promised, processes):
    """Only where it is promised; what no machine can run is no promise. Each reason has a line."""
    shutil.copy(ROOT / "tests/conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("")
    (tmp_path / "test_it.py").write_text(SKIPPING)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("R1REPRO", "PYTEST"))}
    environment |= {"R1REPRO_COUNTS": str(tmp_path / "counts")}
    command = [sys.executable, "-m", "pytest", "-n", processes, "-p", "no:cacheprovider"]
    answer = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment | ({"R1REPRO_PROMISED": "1"} if promised else {}),
        capture_output=True,
        text=True,
    )
    assert answer.returncode == int(promised), answer.stdout
    assert "skipped 1: no such program" in answer.stdout
    assert ("FAILED: 1 promised tests were skipped" in answer.stdout) is promised
    [line] = (tmp_path / "counts").read_text().splitlines()
    assert json.loads(line)["skipped"]["no such program"] == 1


PRETENDED = """\
#!/bin/sh
case "$1" in
    -c) echo "3.99 (of a test)";;
    --version) echo "Python 3.99";;
    *) exit 1;;
esac
"""


def test_a_python_that_is_named_is_used_or_refused(folder, tmp_path):
    """An environment made with another Python is made anew; what is no Python is one sentence."""
    refused = make(folder, "setup", "PYTHON=/nowhere/python3")
    assert refused.returncode != 0
    assert "error: PYTHON=/nowhere/python3 is no Python 3.11 or later" in refused.stderr
    mark_as_installed(folder)
    (folder / ".venv/bin").mkdir()
    theirs, ours = tmp_path / "python3.99", folder / ".venv/bin/python"
    for python in (theirs, ours):
        python.write_text(PRETENDED)
        python.chmod(0o755)
    same = make(folder, "setup", f"PYTHON={theirs}")
    assert (same.returncode, same.stdout) == (0, ""), same.stderr
    ours.write_text(PRETENDED.replace("3.99", "3.98"))
    other = make(folder, "setup", f"PYTHON={theirs}")
    assert "Making .venv with Python 3.99" in other.stdout
    assert f"error: {theirs} cannot make a virtual environment" in other.stderr
