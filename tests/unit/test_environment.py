# SPDX-License-Identifier: Apache-2.0
"""The environment of an attempt: what the record tells, and how the page tells it apart."""

import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import page_tables
import pytest

from r1repro.audit import environment
from r1repro.audit.attempts import open_attempt
from r1repro.audit.page import environments, history
from r1repro.errors import InputError

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"
NORMAL = environment._normal


def test_the_packages_are_those_that_the_metadata_tells():
    """Read from folder names in a millisecond, they equal what importlib.metadata finds."""
    found = environment.read_environment()["packages"]
    told = {}
    for package in importlib.metadata.distributions():
        if str(package._path).endswith(".dist-info"):
            told.setdefault(NORMAL(package.metadata["Name"]), package.version)
    assert found == told
    assert "pytest" in found


def test_the_first_folder_on_the_path_counts_and_what_is_missing_is_no_error(tmp_path):
    """As Python imports; names are compared as an index does; an archive is no folder."""
    for folder in ("a/Foo_Bar-1.0.dist-info", "b/foo.bar-2.0.dist-info", "b/zz-3.1+cpu.dist-info"):
        (tmp_path / folder).mkdir(parents=True)
    path = [str(tmp_path / name) for name in ("a", "b", "none", "lib.zip")]
    assert environment.installed_packages(path) == {"foo-bar": "1.0", "zz": "3.1+cpu"}


def test_the_digest_is_of_the_sorted_lines():
    """Anybody can compute it with sha256sum; another version or interpreter changes it."""
    lines = b"python==3.11.7\nnumpy==2.4.6\npyyaml==6.0.3"
    packages = {"pyyaml": "6.0.3", "numpy": "2.4.6"}
    assert environment.environment_digest("3.11.7", packages) == hashlib.sha256(lines).hexdigest()
    others = {
        environment.environment_digest(python, packages | {"numpy": numpy})
        for python in ("3.11.7", "3.11.8")
        for numpy in ("2.4.6", "2.4.7")
    }
    assert len(others) == 4


def test_a_conda_environment_a_virtual_one_and_neither_are_told_apart(tmp_path):
    """conda-meta marks the first; a prefix of its own the second."""
    base = Path("/usr")
    assert environment.kind_of(tmp_path, base) == "venv"
    (tmp_path / "conda-meta").mkdir()
    assert environment.kind_of(tmp_path, base) == "conda"
    assert environment.kind_of(base, base) == "system"


@pytest.mark.parametrize("home", ["", "/nowhere"])
def test_a_real_virtual_environment_tells_itself(tmp_path, home):
    """Its interpreter is shown relative to the working folder; without a home nothing fails."""
    venv.create(tmp_path / "mine", symlinks=True)
    code = "import json; from r1repro.audit.environment import read_environment as r;"
    code += "print(json.dumps(r()))"
    variables = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "HOME")}
    answer = subprocess.run(
        [str(tmp_path / "mine/bin/python"), "-c", code],
        cwd=tmp_path,
        env=variables | {"PYTHONPATH": str(SCRIPTS)} | ({"HOME": home} if home else {}),
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(answer.stdout)
    assert told["kind"] == "venv"
    assert told["interpreter"] == "mine/bin/python"
    assert told["packages"] == {}
    assert told["python"] == ".".join(map(str, sys.version_info[:3]))


def test_the_home_of_a_user_is_not_in_the_record(monkeypatch, tmp_path):
    """The same interpreter below two homes has one name."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert environment._shown(tmp_path / "conda/envs/x/bin/python") == "~/conda/envs/x/bin/python"
    assert environment._shown(Path("/usr/bin/python3")) == "/usr/bin/python3"


def test_an_attempt_records_its_environment_in_its_first_line(tmp_path):
    """A killed attempt tells it too."""
    given = {"scale": "mini", "settings": {}, "seed": 1, "gpus": 0, "code_digest": "c" * 64}
    with open_attempt(tmp_path, "gate", inputs=[], purpose="final", **given):
        (path,) = tmp_path.rglob("*.jsonl")
        begin = json.loads(path.read_text().splitlines()[0])
    assert begin["environment"] == environment.read_environment()


def record(folder: Path, number: int, stage: str, **changes) -> None:
    """Write one finished attempt."""
    lines = page_tables.attempt_lines(stage, number, 0, **changes)
    page_tables.write_lines(folder / stage / f"{lines[0]['attempt_id']}.jsonl", lines)


def told(interpreter: str, **packages: str) -> dict:
    """Return an environment as a record holds it."""
    return {
        "kind": "conda",
        "interpreter": interpreter,
        "python": "3.11.7",
        "packages": packages,
    }


def test_the_page_shows_the_environment_of_every_attempt(tmp_path):
    """Two places with the same packages are one environment; an old record tells none."""
    record(tmp_path, 0, "prompts", environment=told("a/bin/python", numpy="2.4.6"))
    record(tmp_path, 2, "base", environment=told("b/bin/python", torch="2.13.0", numpy="2.4.6"))
    record(tmp_path, 4, "corpus", environment=told("c/bin/python", numpy="2.4.6"))
    record(tmp_path, 6, "dev1")
    attempts = history.read_attempts(tmp_path)
    html = page_tables.section("attempts", attempts=attempts, finished=attempts)
    _, heads, rows = page_tables.table(html, "Attempts")
    cells = [row[heads.index("Environment")] for row in rows]
    small = hashlib.sha256(b"python==3.11.7\nnumpy==2.4.6").hexdigest()[:8]
    large = hashlib.sha256(b"python==3.11.7\nnumpy==2.4.6\ntorch==2.13.0").hexdigest()[:8]
    assert cells == [f"conda {small}", f"conda {large}", f"conda {small}", "not recorded"]
    assert environments.lines([(a.name, a.environment) for a in attempts]) == [
        f"conda {small}: Python 3.11.7 at a/bin/python, 1 package: prompts, corpus",
        f"conda {large}: Python 3.11.7 at b/bin/python, 2 packages: base",
        "not recorded: dev1",
    ]


def test_one_environment_for_all_stands_in_the_caption(tmp_path):
    """As every other column in which all lines agree."""
    for number, stage in ((0, "prompts"), (2, "base")):
        record(tmp_path, number, stage, environment=told("a/bin/python", numpy="2.4.6"))
    attempts = history.read_attempts(tmp_path)
    html = page_tables.section("attempts", attempts=attempts, finished=attempts)
    caption, heads, _ = page_tables.table(html, "Attempts")
    assert "Environment" not in heads
    assert "environment conda " in caption


@pytest.mark.parametrize(
    "damage",
    [
        "text",
        {"kind": "conda"},
        told("a", numpy="1") | {"packages": ["numpy"]},
        told("a", numpy="1") | {"packages": {"numpy": 1}},
        told("a", numpy="1") | {"python": None},
    ],
)
def test_a_damaged_environment_is_refused_with_its_file(tmp_path, damage):
    """The sentence names the record."""
    record(tmp_path, 0, "prompts", environment=damage)
    with pytest.raises(InputError, match=r"prompts/.*\.jsonl \(begin\)"):
        history.read_attempts(tmp_path)
