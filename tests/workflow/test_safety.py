# SPDX-License-Identifier: Apache-2.0
"""Nothing of ours runs what it reads: no eval, no pickle, no shell string made of settings."""

import ast
import re
from pathlib import Path

import pytest
from clones import copy_repository, snakemake

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = sorted((ROOT / "workflow").rglob("*.py"))
RULES = [ROOT / "Snakefile", *sorted((ROOT / "workflow").rglob("*.smk"))]
# the sandbox runs hostile programs by purpose, in a process of its own
RUNS_PROGRAMS = {"workflow/scripts/r1repro/tasks/sandbox/inside/runner.py": {"compile", "exec"}}
FORBIDDEN_CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "torch.load", "torch.save",
    "yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "numpy.load", "pandas.read_pickle",
    "pandas.eval", "subprocess.getoutput", "subprocess.getstatusoutput",
}  # fmt: skip
FORBIDDEN_FLAGS = {"shell", "allow_pickle", "trust_remote_code"}
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
# whole numbers and one word that Snakemake itself makes
UNQUOTED = {"threads", "resources.gpu", "resources.mpi", "resources.nodes", "resources.tasks"}


def name_of(node: ast.AST) -> str:
    """Return a called name as it is written, for instance os.system."""
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def faults(source: str) -> set[str]:
    """Return what a program calls or imports that it must not."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = name_of(node.func)
            if called in FORBIDDEN_CALLS:
                found.add(called)
            for keyword in node.keywords:
                allowed = getattr(keyword.value, "value", True) is False
                if keyword.arg in FORBIDDEN_FLAGS and not allowed:
                    found.add(keyword.arg)
            if called == "yaml.load":
                loaders = [ast.unparse(k.value) for k in node.keywords if k.arg == "Loader"]
                if len(loaders) != 1:
                    found.add("yaml.load")
        modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found |= {m for m in modules if m.split(".")[0] in FORBIDDEN_MODULES}
    return found


@pytest.mark.parametrize(
    "source",
    ["eval(x)", "import pickle", "subprocess.run(a, shell=True)", "torch.load(p)", "yaml.load(t)",
     "from marshal import loads", "os.system(c)", "f(trust_remote_code=flag)"],
)  # fmt: skip
def test_the_search_finds_what_is_forbidden(source):
    assert faults(source)


def test_no_program_runs_or_unpickles_what_it_reads():
    found = {
        path.relative_to(ROOT).as_posix(): faults(path.read_text(encoding="utf-8"))
        for path in PROGRAMS
    }
    assert {k: v for k, v in found.items() if v} == RUNS_PROGRAMS


def unsafe_loaders(sources):
    """Loaders that `yaml.load` and its like are given and that no safe one is behind."""
    everything = "\n".join(sources)
    given = set(re.findall(r"yaml\.\w+\([^\n]*Loader=(\w+(?:\.\w+)*)", everything))
    return {
        loader
        for loader in given
        if not loader.endswith("SafeLoader")
        and not re.search(
            rf"^{loader} = .*SafeLoader\)?$|^class {loader}\(.*SafeLoader", everything, re.MULTILINE
        )
    }


def test_every_yaml_loader_is_a_safe_one():
    """YAML is only read with a safe loader, or with a name that stands for one."""
    assert not unsafe_loaders(path.read_text(encoding="utf-8") for path in PROGRAMS)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("yaml.load(text, Loader=yaml.SafeLoader)", False),
        ("yaml.compose(text, Loader=LOADER)\nLOADER = yaml.CSafeLoader", False),
        ("yaml.load(text, Loader=yaml.FullLoader)", True),
        ("yaml.compose(text, Loader=LOADER)\nLOADER = yaml.Loader", True),
        ("yaml.load(text, Loader=LOADER)", True),
    ],
)
def test_the_search_tells_safe_loaders_from_others(source, found):
    assert bool(unsafe_loaders([source])) == found


def test_every_value_in_a_shell_command_is_quoted():
    """`{input.x:q}`: a path with a quote or a line break stays one word."""
    seen = 0
    for path in RULES:
        text = path.read_text(encoding="utf-8")
        for block in re.findall(r'shell:\s+r?"""(.*?)"""', text, re.DOTALL):
            for value in re.findall(r"(?<!\{)\{([^{}]+)\}(?!\})", block):
                seen += 1
                assert value.endswith(":q") or value in UNQUOTED, f"{path.name}: {{{value}}}"
    assert seen > 100


@pytest.mark.workflow
def test_a_folder_with_quotes_and_other_scripts_in_its_name_works(tmp_path):
    """What lies in such a folder is made as anywhere else: the data and the bill of the paper."""
    folder = tmp_path / 'it\'s "mine" $HOME; été 研究 & co'
    folder.mkdir()
    clone = copy_repository(folder)
    answer = snakemake(clone, "paper_cost", "prompts", "--configfile", "config/smoke.yaml")
    assert answer.returncode == 0, answer.stdout[-2000:]
    assert (clone / "results/data/train.jsonl").is_file()
    assert (clone / "results/cost/paper_cost.csv").is_file()
