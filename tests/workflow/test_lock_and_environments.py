# SPDX-License-Identifier: Apache-2.0
"""One lock holds every version: the environments of the rules agree with it."""

import re
import sys
from pathlib import Path

import pytest
import yaml
from rules import RULES

from r1repro.provenance import foreign_packages

ROOT = Path(__file__).resolve().parents[2]
FIRST = (ROOT / "requirements.lock").read_text(encoding="utf-8")
SECOND = (ROOT / "requirements-harness.lock").read_text(encoding="utf-8")
LOCK = FIRST + SECOND
# What an import is called where the package has another name.
PACKAGE_OF = {"yaml": "pyyaml", "jinja2": "jinja2", "reasoning_gym": "reasoning-gym"}
# Names that come with a package which is listed.
COMES_WITH = {"markupsafe": "jinja2", "huggingface_hub": "transformers"}


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
    """Return package -> version of an environment file's pip section."""
    listed = yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"]
    pins = next(entry["pip"] for entry in listed if isinstance(entry, dict))
    return {normal(pin.split("==")[0]): pin.split("==")[1] for pin in pins}


ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_the_pins_of_an_environment_are_the_lock(path):
    """conda users and pip users run the same versions."""
    for name, version in environment_pins(path).items():
        assert locked_version(name) == {version}, name


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_environment_of_a_rule_holds_what_its_program_imports(rule):
    """An import that the environment lacks would fail only on a user's cluster."""
    pins = environment_pins((ROOT / "workflow/rules" / rule.conda).resolve())
    for name in foreign_packages(rule.program) - sys.stdlib_module_names:
        package = COMES_WITH.get(name) or PACKAGE_OF.get(name, normal(name))
        assert package in pins, f"{rule.name} imports {name}"


def test_every_environment_is_used():
    """A file that no rule names would be tested by nobody."""
    named = {Path(rule.conda).name for rule in RULES}
    assert named == {path.name for path in ENVIRONMENTS}


def test_the_environment_of_the_cost_has_no_torch():
    """An auditor recomputes the bill without training libraries."""
    assert "torch" not in environment_pins(ROOT / "envs/cost.yaml")
    assert "torch" not in environment_pins(ROOT / "envs/report.yaml")


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
    """`make harness` installs the second lock beside the first."""
    names = [
        set(re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)) for text in (FIRST, SECOND)
    ]
    assert names[1] >= {"lm-eval", "math-verify"}
    assert not names[0] & names[1]


@pytest.mark.parametrize("file", ["requirements.in", "requirements-harness.in"])
def test_everything_asked_for_is_locked(file):
    """What is asked for and the locks are renewed together."""
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, _, version = line.partition("==")
        assert version in ("", *locked_version(name)), name
