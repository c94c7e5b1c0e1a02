# SPDX-License-Identifier: Apache-2.0
"""The three wings, the names of programs, and what the digest of code follows."""

import ast
import importlib.metadata
import shutil
import sys
from pathlib import Path

import pytest
from clones import repository_files
from rules import RULES

from r1repro import provenance
from r1repro.provenance import SCRIPTS, code_digest, code_files, imported_names

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = SCRIPTS / "r1repro"
TRAINING = {"torch", "transformers", "tokenizers", "safetensors", "numpy"}


def wing(name: str) -> list[Path]:
    """Return the files of a wing."""
    files = sorted((PACKAGE / name).rglob("*.py"))
    assert files
    return files


def top_names(path: Path) -> set[str]:
    """Return the first part of each name a file imports."""
    return {name.split(".")[0] for name in imported_names(path)}


@pytest.mark.parametrize("path", wing("tasks"), ids=lambda path: path.name)
def test_tasks_knows_no_torch(path):
    """Prompts, solvers, verifiers and the sandbox run without training libraries."""
    assert not top_names(path) & TRAINING
    assert not any(name.startswith("r1repro.learn") for name in imported_names(path))


@pytest.mark.parametrize("path", wing("audit"), ids=lambda path: path.name)
def test_audit_knows_neither_torch_nor_the_other_wings(path):
    """The bill can be recomputed by someone who trusts neither tasks nor learn."""
    heavy = TRAINING | {"snakemake", "wandb"}
    if path.parent.name == "cost_model":  # draws of what the published run may have cost
        heavy -= {"numpy"}
    assert not top_names(path) & heavy
    others = ("r1repro.learn", "r1repro.tasks")
    assert not any(name.startswith(others) for name in imported_names(path))


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.name)
def test_what_the_wings_share_knows_no_torch(path):
    """A module at the top of the package may be imported from any wing."""
    if path.name in ("stage.py", "evaluate.py"):  # they tie the wings for programs
        return
    assert not top_names(path) & TRAINING


def test_no_program_is_named_like_an_installed_distribution():
    """The folder of a program comes first on Python's path and would hide the library."""
    programs = {path.stem for path in SCRIPTS.glob("*.py")}
    owned = {name.lower() for name in importlib.metadata.packages_distributions()}
    assert not programs & (owned | set(sys.stdlib_module_names))


def test_every_program_is_a_rule():
    """Programs without a rule would run nowhere; an auditor runs `audit` by hand."""
    programs = {path.stem for path in SCRIPTS.glob("*.py")} - {"audit"}
    assert programs == {rule.program for rule in RULES}


@pytest.mark.parametrize("path", sorted(SCRIPTS.rglob("*.py")), ids=lambda path: path.name)
def test_the_digest_misses_no_import(path):
    """What the pattern finds holds all that the syntax tree holds."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                folder = path.parents[node.level - 1].relative_to(SCRIPTS)
                origin = ".".join([*folder.parts, *filter(None, [node.module])])
            found.add(origin)
            found.update(f"{origin}.{alias.name}" for alias in node.names)
    assert found <= imported_names(path)


@pytest.fixture
def scripts(tmp_path):
    """Two programs: one imports a module that imports another, one imports nothing."""
    (tmp_path / "scripts/r1repro").mkdir(parents=True)
    (tmp_path / "scripts/first.py").write_text("from r1repro import middle\n")
    (tmp_path / "scripts/second.py").write_text("import json\n")
    (tmp_path / "scripts/r1repro/__init__.py").write_text("")
    (tmp_path / "scripts/r1repro/middle.py").write_text("def f():\n    import r1repro.far\n")
    (tmp_path / "scripts/r1repro/far.py").write_text("ANSWER = 42\n")
    (tmp_path / "scripts/r1repro/unused.py").write_text("ANSWER = 42\n")
    return tmp_path / "scripts"


def digest_after(scripts: Path, program: str) -> str:
    """Return the digest without what was remembered of earlier files."""
    for remembered in (provenance._file_of, imported_names, code_files):
        remembered.cache_clear()
    return code_digest(program, scripts=scripts)


def test_an_edit_two_imports_away_changes_the_digest(scripts):
    """So the stage reruns although its program is the same."""
    before = digest_after(scripts, "first"), digest_after(scripts, "second")
    (scripts / "r1repro/far.py").write_text("ANSWER = 43\n")
    assert digest_after(scripts, "first") != before[0]
    assert digest_after(scripts, "second") == before[1]


def test_an_edit_of_another_module_changes_nothing(scripts):
    """So a stage does not rerun for code it cannot reach."""
    before = digest_after(scripts, "first")
    (scripts / "r1repro/unused.py").write_text("ANSWER = 43\n")
    assert digest_after(scripts, "first") == before


def test_a_checkout_with_other_line_endings_has_the_same_digest(scripts):
    """Two machines compare their records."""
    before = digest_after(scripts, "first")
    (scripts / "r1repro/far.py").write_bytes(b"ANSWER = 42\r\n")
    assert digest_after(scripts, "first") == before


def test_the_digest_of_rl_holds_the_files_the_sandbox_starts(tmp_path):
    """They run in another process and are imported by nobody."""
    names = {path.name for path in code_files("reinforce")}
    assert {"zygote.py", "runner.py"} <= names
    copy = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / "r1repro/tasks/sandbox/inside/zygote.py").open("a") as file:
        file.write("\n# another line\n")
    assert code_digest("reinforce", scripts=copy) != code_digest("reinforce")
    assert code_digest("pretrain", scripts=copy) == code_digest("pretrain")


SOURCES = [name for name in repository_files() if name.endswith((".py", ".smk", "Snakefile"))]


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_file_names_its_licence_and_stays_short(name):
    """SPDX first; 400 lines at most, so that one sitting suffices."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    if not lines:
        return
    first = lines[1] if lines[0].startswith("#!") else lines[0]
    assert first == "# SPDX-License-Identifier: Apache-2.0"
    assert len(lines) <= 400


@pytest.mark.parametrize("name", [name for name in SOURCES if name.endswith(".py")])
def test_a_function_stays_readable(name):
    """65 lines at most, docstring included."""
    for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 65, f"{name}: {node.name}"
