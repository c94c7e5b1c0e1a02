# SPDX-License-Identifier: Apache-2.0
"""One lock holds every version; the environments of the rules hold what these import, no more.

What a program imports is found here from the syntax trees, and what a package needs by name alone,
so that `make envs` is compared with something that it did not make.
"""

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from clones import copy_repository
from rules import RULES

from r1repro.provenance import SCRIPTS

ROOT = Path(__file__).resolve().parents[2]
FIRST = (ROOT / "requirements.lock").read_text(encoding="utf-8")
SECOND = (ROOT / "requirements-harness.lock").read_text(encoding="utf-8")
LOCK = FIRST + SECOND
# a module of the second lock, which need not be installed, and its package
BESIDE = {"lm_eval": "lm-eval"}


def normal(name: str) -> str:
    """Return a package name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked_blocks() -> dict[str, list[str]]:
    """Return package -> its lines in the lock (one block per version)."""
    blocks: dict[str, list[str]] = {}
    for block in re.split(r"\n(?=\S)", LOCK):
        if match := re.match(r"([A-Za-z0-9._-]+)==(\S+)", block):
            blocks.setdefault(normal(match[1]), []).append(block)
    return blocks


def locked_version(name: str) -> set[str]:
    """Return every version the lock has of a package."""
    return {block.split("==")[1].split()[0] for block in locked_blocks()[normal(name)]}


def environment_pins(path: Path) -> dict[str, str]:
    """Return package -> version of an environment file without Python and pip."""
    listed = yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"]
    pins = [entry.replace("=", "==") for entry in listed[2:] if isinstance(entry, str)]
    pins += next(entry["pip"] for entry in listed if isinstance(entry, dict))
    return {normal(pin.split("==")[0]): pin.split("==")[1].split(";")[0].strip() for pin in pins}


OWNERS = cache(importlib.metadata.packages_distributions)


@cache
def imports_of(path: Path) -> tuple[frozenset[str], frozenset[Path]]:
    """Return the packages and the modules of ours that a file imports."""
    packages, ours = set(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            top = name.split(".")[0]
            if top == "r1repro":
                parts = [SCRIPTS.joinpath(*name.split(".")[:n]) for n in (1, 2, 3, 4, 5)]
                files = [f for p in parts for f in (p.with_suffix(".py"), p / "__init__.py")]
                ours |= {file for file in files if file.is_file()}
            elif top not in sys.stdlib_module_names:
                packages |= {normal(owner) for owner in OWNERS().get(top) or [BESIDE[top]]}
    return frozenset(packages), frozenset(ours)


@cache
def imported_packages(program: str) -> set[str]:
    """Return the packages a program and the modules of ours behind it import."""
    waiting, seen, packages = [SCRIPTS / f"{program}.py"], set(), set()
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            others, ours = imports_of(path)
            packages |= others
            waiting += ours
    return packages


def possible_needs(package: str) -> set[str]:
    """Return every name in the requirements of an installed package, whatever its condition."""
    try:
        requirements = importlib.metadata.requires(package) or []
    except importlib.metadata.PackageNotFoundError:
        return set()
    return {normal(re.match(r"[A-Za-z0-9._-]+", text)[0]) for text in requirements}


ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))
RULES_OF = {
    path.name: [rule for rule in RULES if Path(rule.conda).name == path.name]
    for path in ENVIRONMENTS
}


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_the_pins_of_an_environment_are_the_lock(path):
    """conda users and pip users run the same versions; where the lock has two, one of them."""
    for name, version in environment_pins(path).items():
        assert version in locked_version(name), name


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_an_environment_names_every_version_exactly_and_no_other_channel(path):
    """A range, a wildcard or the channel `defaults` would give another environment next year."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert content["channels"] == ["conda-forge", "nodefaults"]
    plain = [entry for entry in content["dependencies"] if isinstance(entry, str)]
    assert [entry.split("=")[0] for entry in plain][:2] == ["python", "pip"]
    assert all(re.fullmatch(r"[a-z]+=\d+(\.\d+)+", entry) for entry in plain)
    pins = next(entry["pip"] for entry in content["dependencies"] if isinstance(entry, dict))
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+( ; [\w ._'=!<>()]+)?", pin) for pin in pins)
    assert "+" not in "".join(pins)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_environment_of_a_rule_holds_what_its_program_imports(rule):
    """An import that the environment lacks would fail only on a user's cluster."""
    pins = environment_pins((ROOT / "workflow/rules" / rule.conda).resolve())
    assert imported_packages(rule.program) <= pins.keys(), rule.name


@pytest.mark.parametrize(
    "path", [path for path in ENVIRONMENTS if path.stem != "harness"], ids=lambda path: path.stem
)
def test_an_environment_holds_nothing_that_its_rules_do_not_import(path):
    """Each package is imported by a program of these rules, or a package of the file needs it."""
    imported = set().union(*(imported_packages(rule.program) for rule in RULES_OF[path.name]))
    pins = environment_pins(path)
    reached, waiting = set(), list(imported)
    while waiting:
        package = waiting.pop()
        if package in pins and package not in reached:
            reached.add(package)
            waiting += possible_needs(package)
    assert pins.keys() == reached


def test_every_environment_is_used():
    """A file that no rule names would be tested by nobody."""
    named = {Path(rule.conda).name for rule in RULES}
    assert named == {path.name for path in ENVIRONMENTS}


def test_only_what_trains_or_samples_has_torch():
    """An auditor recomputes the bill, and a reader remakes the page, without it."""
    holding = [path.stem for path in ENVIRONMENTS if "torch" in environment_pins(path)]
    assert holding == ["harness", "train"]
    assert {"lm-eval", "math-verify"} <= environment_pins(ROOT / "envs/harness.yaml").keys()


def environments_program(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run envs/environments.py of a copy."""
    command = [sys.executable, "envs/environments.py", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_the_environments_are_what_make_envs_writes():
    """Nobody edited one by hand, and the lock and the imports have not moved on without them."""
    answer = environments_program(ROOT, "--check")
    assert answer.returncode == 0, answer.stderr


def test_an_environment_follows_its_program_and_the_lock(tmp_path):
    """A new import brings the package and what it needs; the check says so before."""
    copy = copy_repository(tmp_path)
    gate = copy / "workflow/scripts/gate.py"
    gate.write_text(gate.read_text(encoding="utf-8") + "\nimport jinja2\n", encoding="utf-8")
    said = environments_program(copy, "--check")
    assert said.returncode == 1
    assert "envs/cost.yaml differs from requirements.lock" in said.stderr
    assert "Traceback" not in said.stderr
    before = environment_pins(copy / "envs/cost.yaml")
    assert environments_program(copy).returncode == 0
    after = environment_pins(copy / "envs/cost.yaml")
    assert {"jinja2", "markupsafe"} <= after.keys() - before.keys()
    assert environments_program(copy, "--check").returncode == 0


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        (
            "gate.py",
            "import nowhere_to_be_found",
            "imports nowhere_to_be_found, which no installed",
        ),
        ("gate.py", "import uv", "requirements.lock lacks uv"),
    ],
)
def test_what_the_lock_lacks_is_told_in_one_sentence(tmp_path, name, text, sentence):
    """The sentence says where the import stands; no file is touched."""
    if "uv" in text.split() and find_spec("uv") is None:
        pytest.skip("uv is not installed here")
    copy = copy_repository(tmp_path)
    (copy / "workflow/scripts" / name).write_text(f"{text}\n", encoding="utf-8")
    before = {path.name: os.stat(path).st_mtime_ns for path in (copy / "envs").glob("*.yaml")}
    said = environments_program(copy)
    assert said.returncode == 1
    assert sentence in said.stderr and "Traceback" not in said.stderr
    after = {path.name: os.stat(path).st_mtime_ns for path in (copy / "envs").glob("*.yaml")}
    assert before == after


def test_every_package_of_the_lock_has_its_hashes():
    """A package without a hash could be anything."""
    for name, blocks in locked_blocks().items():
        assert all("--hash=sha256:" in block for block in blocks), name


def test_the_lock_has_no_local_label_no_address_and_no_companion_of_cuda():
    """Other machines could not resolve the first two; the third is gigabytes for nothing."""
    versions = re.findall(r"^[A-Za-z0-9._-]+==(\S+)", LOCK, re.MULTILINE)
    assert versions
    assert not [version for version in versions if "+" in version]
    assert "://" not in LOCK
    assert not [name for name in locked_blocks() if name.startswith(("nvidia-", "cuda-"))]


def test_the_harness_adds_packages_and_changes_none():
    """`make harness` installs the second lock beside the first.

    In both is what the first has for other machines only, as colorama for Windows.
    """
    first, second = (
        dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+(?: ; [^\\]+)?)", text, re.MULTILINE))
        for text in (FIRST, SECOND)
    )
    assert second.keys() >= {"lm-eval", "math-verify"}
    for name in first.keys() & second.keys():
        version, _, marker = first[name].partition(" ; ")
        assert "win32" in marker and second[name] == version, name


@pytest.mark.parametrize("file", ["requirements.in", "requirements-harness.in"])
def test_everything_asked_for_is_locked(file):
    """What is asked for and the locks are renewed together."""
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, _, version = line.partition("==")
        assert version in ("", *locked_version(name)), name
