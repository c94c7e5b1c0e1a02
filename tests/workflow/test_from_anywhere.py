# SPDX-License-Identifier: Apache-2.0
"""The workflow runs from any folder and inside another workflow: code from here, results there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from clones import ROOT, copy_repository, snakemake

sys.path.append(str(ROOT / "envs" / "checkers"))
from install import CheckerUnavailable, install

pytestmark = pytest.mark.workflow
LAB = (ROOT / "docs/lab.md").read_text(encoding="utf-8")
# cheap stages that between them read programs, published tables, prices and settings of the clone
CHEAP = ("paper_cost", "economics", "cost_model", "prompts")
MADE = ("cost/paper_cost.csv", "cost/scopes.csv", "cost/cost_model.csv", "data/test.jsonl")
MODULE = re.search(r"^```snakemake\n(.*?)^```$", LAB, re.MULTILINE | re.DOTALL).group(1)
FOREIGN = """
configfile: "config.yaml"
module r1repro:
    snakefile: "CLONE/Snakefile"
    config: config
use rule * from r1repro
"""


@pytest.fixture(scope="module")
def origin(tmp_path_factory) -> Path:
    """A repository with one commit, as a lab would clone it, in a folder named with a space."""
    folder = copy_repository(tmp_path_factory.mktemp("origin"))
    git = ("git", "-c", "user.name=lab", "-c", "user.email=lab@example.org", "-C", str(folder))
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *command], check=True)
    return folder


@pytest.fixture
def elsewhere(tmp_path) -> Path:
    """An empty folder with the settings of the smoke scale as its own file."""
    folder = tmp_path / "some where"
    folder.mkdir()
    (folder / "config.yaml").write_bytes((ROOT / "config/smoke.yaml").read_bytes())
    return folder


def files_in(folder: Path) -> set[str]:
    """Return the files below a folder, without git's and Python's own."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in found if not {".git", "__pycache__"} & set(path.parts)}


def made_in(folder: Path, answer: subprocess.CompletedProcess) -> None:
    """Raise unless the cheap stages have left their results and records in a folder of results."""
    assert answer.returncode == 0, answer.stdout
    assert all((folder / name).stat().st_size for name in MADE), files_in(folder)
    assert {path.name for path in (folder / "attempts").iterdir()} >= set(CHEAP)


def test_another_folder_gets_the_results_and_the_clone_stays_as_it_was(origin, elsewhere):
    """`snakemake -s CLONE/Snakefile` and `snakemake -d FOLDER` write nothing into the clone."""
    before = files_in(origin)
    own = ("--configfile", str(elsewhere / "config.yaml"))
    made_in(elsewhere / "results", snakemake(elsewhere, *CHEAP, "-s", f"{origin}/Snakefile", *own))
    # the same stages again, told from the clone: nothing is left to do
    again = snakemake(origin, *CHEAP, "-d", str(elsewhere), *own)
    assert "Nothing to be done" in again.stdout, again.stdout
    whole = snakemake(origin, "-n", "-d", str(elsewhere), *own, "--config", "benchmarks=[gsm8k]")
    assert whole.returncode == 0, whole.stdout
    assert files_in(origin) == before


def test_settings_of_the_working_folder_are_laid_over_those_of_the_clone(origin, elsewhere):
    """config/config.yaml is read as Snakemake's users expect, and its problems name it."""
    (elsewhere / "config").mkdir()
    (elsewhere / "config/config.yaml").write_text("pathvars: {results: out}\nseed: many\n")
    answer = snakemake(elsewhere, "-n", "-s", f"{origin}/Snakefile")
    assert answer.returncode == 1
    assert "error: config/config.yaml, line 2: 'seed' must be a whole number" in answer.stdout
    (elsewhere / "config/config.yaml").write_text("pathvars: {results: out}\n")
    answer = snakemake(elsewhere, "-n", "prompts", "-s", f"{origin}/workflow/Snakefile")
    assert answer.returncode == 0, answer.stdout
    assert "out/data/test.jsonl" in answer.stdout, answer.stdout


def test_another_workflow_imports_it_as_a_module(origin, elsewhere):
    """Rules come renamed, in a subfolder, beside a rule of the other workflow that uses them."""
    own = f"""
rule ours:
    default_target: True
    input: {", ".join(f"rules.r1repro_{name}.output" for name in CHEAP)}
    output: "ours.txt"
    shell: "cat {{input}} | wc -c >{{output}}"
"""
    (elsewhere / "Snakefile").write_text(MODULE.replace("CLONE", str(origin)) + own)
    answer = snakemake(elsewhere, "-c2")
    made_in(elsewhere / "r1repro/results", answer)
    assert "(Rule: r1repro_prompts)" in answer.stdout  # Snakemake's own lines, not our display
    assert (elsewhere / "ours.txt").is_file()
    assert not (elsewhere / "results").exists()
    planned = snakemake(elsewhere, "-n", "--config", "sample=1")
    assert planned.returncode == 0  # keys of the other workflow are its own


def test_a_module_refuses_keys_that_are_not_its_own(origin, elsewhere):
    """Handed the whole configuration of another workflow, it names the unknown key."""
    (elsewhere / "Snakefile").write_text(FOREIGN.replace("CLONE", str(origin)))
    refused = snakemake(elsewhere, "-n", "-c2", "--config", "sample=1")
    assert "error: the configuration: 'sample' is not a known setting" in refused.stdout


def test_snakedeploy_deploys_it_from_a_hosted_repository(origin, elsewhere, monkeypatch):
    """As the catalog tells labs to: the rules are read from a host, here a local copy of one."""
    try:
        program = install("snakedeploy") / "bin" / "snakedeploy"
    except CheckerUnavailable as error:
        pytest.skip(f"the environment of snakedeploy cannot be made: {error}")
    host = "https://github.com/lab/r1repro"
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.file://{origin}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", host)
    monkeypatch.setenv("XDG_CACHE_HOME", str(elsewhere / "cache"))
    commit = subprocess.run(
        ["git", "-C", origin, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    target = elsewhere / "deployed"
    command = [program, "deploy-workflow", host, target, "--commit", commit]
    deployed = subprocess.run(command, capture_output=True, text=True)
    assert deployed.returncode == 0, deployed.stderr
    assert f'commit="{commit}"' in (target / "workflow/Snakefile").read_text(encoding="utf-8")
    own = target / "config/config.yaml"
    own.write_text(own.read_text(encoding="utf-8").replace("scale: mini", "scale: smoke"))
    assert yaml.safe_load(own.read_text(encoding="utf-8"))["scale"] == "smoke"
    made_in(target / "results", snakemake(target, *CHEAP))
    # the code that ran is that commit, and the records say so
    [record] = (target / "results/attempts/paper_cost").glob("*.jsonl")
    assert f'"{commit}"' in record.read_text(encoding="utf-8")
    assert os.listdir(target / "workflow") == ["Snakefile"]
