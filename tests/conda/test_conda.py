# SPDX-License-Identifier: Apache-2.0
"""The smoke scale with `--sdm conda`: each rule in an environment of its own, made from its file.

The command `conda` is a test front end over py-rattler, the channel is built here (README.md says
what that shows and what not). `make test-conda` runs this file; `make test` does not.
"""

import re
from pathlib import Path

import pytest
from clones import copy_repository, snakemake
from conda_world import (
    ENVIRONMENT_FILES,
    FRONT_END,
    SECONDS_OF_A_RUN,
    Missing,
    World,
    build_world,
    companions,
    public,
    records,
    run,
    same_python,
)
from rules import DERIVED, RULES, TARGETS

pytestmark = [pytest.mark.conda, pytest.mark.slow, pytest.mark.timeout(3600)]

SMOKE = ("--configfile", "config/smoke.yaml")
CONDA_OF = {rule.name: Path(rule.conda).name for rule in RULES}
WITHOUT_A_RECORD = {"rm_accuracy"}  # it copies two numbers into a table and opens no attempt


def environment_file(rule: str) -> str:
    """Return the name of a rule's environment file; a rule made by `use rule` inherits."""
    while rule not in CONDA_OF:
        rule = DERIVED[rule]
    return CONDA_OF[rule]


def rules_that_ran(said: str) -> set[str]:
    """Return the rules of Snakemake's table of jobs, without targets."""
    table = said.split("Job stats:")[1].split("total")[0]
    return set(re.findall(r"^(\w+)\s+\d+$", table, re.MULTILINE)) - TARGETS - {"all"}


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    """The front end, the channel and an empty folder for environments."""
    try:
        return build_world(tmp_path_factory.mktemp("conda"))
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def finished(world) -> tuple[Path, str]:
    """A clone in which the whole chain ran, and what Snakemake said."""
    clone = copy_repository(world.folder)
    # with -p Snakemake's own lines stay, its table of jobs among them
    answer = world.snakemake(clone, *SMOKE, "-p")
    assert answer.returncode == 0, answer.stdout[-4000:]
    return clone, answer.stdout


def test_the_chain_runs_to_its_report_in_environments_made_from_its_files(world, finished):
    """One environment for each file, solved from the channel, none left over or half made."""
    clone, said = finished
    assert (clone / "results/report.html").is_file()
    assert (clone / "results/claims/claims.csv").is_file()
    named = {environment_file(rule) for rule in rules_that_ran(said)}
    assert ENVIRONMENT_FILES.keys() - named == {"harness.yaml"}  # of rules that are asked for
    assert said.count("Creating conda environment") == len(named)
    assert world.prefixes().keys() == named
    for prefix in world.prefixes().values():
        python, pip = (next((prefix / "conda-meta").glob(f"{p}-*.json")) for p in ("python", "pip"))
        for record in (python, pip):
            assert (world.folder / "channels/conda-forge").as_uri() in record.read_text()


def test_every_rule_ran_with_the_interpreter_and_the_packages_of_its_file(world, finished):
    """Each attempt tells all that was installed where it ran: the pins of its rule, no more."""
    clone, said = finished
    prefixes, seen = world.prefixes(), set()
    for begin in records(clone / "results"):
        name = environment_file(begin["stage"])
        told, wanted = begin["environment"], ENVIRONMENT_FILES[name]
        assert told["kind"] == "conda", begin["stage"]
        assert Path(told["interpreter"]) == prefixes[name] / "bin/python", begin["stage"]
        assert told["python"] == wanted.conda_version("python")
        packages = {n: public(version) for n, version in told["packages"].items()}
        for companion in companions(packages):
            del packages[companion]
        assert packages == wanted.pins(), begin["stage"]
        seen.add(begin["stage"])
    assert seen == rules_that_ran(said) - WITHOUT_A_RECORD


@pytest.mark.parametrize("name", ENVIRONMENT_FILES)
def test_an_environment_is_complete_and_consistent(world, finished, name):
    """pip itself finds nothing missing and no two packages at odds."""
    python = world.environment(name) / "bin/python"
    answer = run([python, "-m", "pip", "check"], env=world.variables)
    assert answer.returncode == 0, answer.stdout
    assert "No broken requirements found" in answer.stdout


def test_an_environment_cannot_see_the_packages_of_another(world, finished):
    """torch is importable where it is pinned and nowhere else; nor is Snakemake, which runs all."""
    for name, prefix in world.prefixes().items():
        for module in ("torch", "snakemake"):
            code = f"import importlib.util as u; print(u.find_spec({module!r}) is not None)"
            answer = run([prefix / "bin/python", "-c", code], env=world.variables)
            assert answer.stdout.strip() == str(module in ENVIRONMENT_FILES[name].pins())


def test_the_report_shows_the_environment_of_every_attempt(finished):
    """The digests that the records give are those on the page."""
    from r1repro.audit.environment import environment_digest
    from r1repro.audit.stage_cost import REPORTING

    clone, _ = finished
    page = (clone / "results/report.html").read_text(encoding="utf-8")
    labels = set()
    for begin in records(clone / "results"):
        if begin["stage"] not in REPORTING:
            told = begin["environment"]
            labels.add(f"conda {environment_digest(told['python'], told['packages'])[:8]}")
    assert len(labels) >= 3
    for label in labels:
        assert page.count(label) >= 2, label  # in the table and in the list below it


def test_a_second_run_makes_no_environment_and_no_result_anew(world, finished):
    """Environments are kept as results are."""
    clone, _ = finished
    answer = world.snakemake(clone, *SMOKE)
    assert answer.returncode == 0, answer.stdout
    assert "Nothing to be done" in answer.stdout
    assert "Creating conda environment" not in answer.stdout


def test_conda_users_and_pip_users_get_the_same_bytes(world, finished, tmp_path):
    """The data of the same settings, made with and without conda."""
    if not same_python():
        pytest.skip("this Python or torch is another than the environments', so bytes may differ")
    clone, _ = finished
    other = copy_repository(tmp_path)
    plain = snakemake(other, "data", *SMOKE, seconds=SECONDS_OF_A_RUN)
    assert plain.returncode == 0, plain.stdout
    made = {p.relative_to(other) for p in (other / "results/data").iterdir() if p.is_file()}
    assert len(made) >= 10
    for path in made:
        assert (other / path).read_bytes() == (clone / path).read_bytes(), path


def test_a_package_that_an_environment_lacks_fails_the_rule(world, finished, tmp_path):
    """The rule runs in its environment and nowhere else: what is not in the file is not found."""
    clone = copy_repository(tmp_path)
    file = clone / "envs/cost.yaml"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if "- pyyaml==" not in line and "- wandb==" not in line]
    assert len(kept) == len(lines) - 2
    file.write_text("".join(kept), encoding="utf-8")
    answer = world.snakemake(clone, "results/cost/paper_cost.csv", *SMOKE)
    assert answer.returncode != 0
    assert "No module named 'yaml'" in (clone / "logs/paper_cost.log").read_text(encoding="utf-8")


def test_pip_itself_installs_the_same_as_uv(world, finished, tmp_path):
    """conda calls pip; the front end calls uv for speed. One environment is made both ways."""
    name = "report.yaml"
    prefix = tmp_path / "by pip"
    answer = world.conda(
        "env", "create", "--file", ENVIRONMENT_FILES[name].path, "--prefix", prefix,
        TEST_CONDA_UV="",
    )  # fmt: skip
    assert answer.returncode == 0, answer.stdout
    listed = [
        run([folder / "bin/python", "-m", "pip", "list", "--format=freeze"], env=world.variables)
        for folder in (prefix, world.prefixes()[name])
    ]
    assert listed[0].stdout == listed[1].stdout
    assert "numpy==" in listed[0].stdout


def test_a_version_that_the_channel_lacks_is_not_replaced_by_another(world, tmp_path):
    """The pins are solved, not skipped: an interpreter that is not there stops the run."""
    clone = copy_repository(tmp_path)
    file = clone / "envs/cost.yaml"
    text = file.read_text(encoding="utf-8")
    version = ENVIRONMENT_FILES["cost.yaml"].conda_version("python")
    file.write_text(text.replace(f"python={version}", "python=3.10.1"), encoding="utf-8")
    answer = world.snakemake(clone, "results/cost/paper_cost.csv", *SMOKE)
    assert answer.returncode != 0
    assert "Could not create conda environment" in answer.stdout
    assert "python" in answer.stdout and "3.10.1" in answer.stdout
    assert not (clone / "results/cost").exists()


def test_the_front_end_says_what_it_is_and_refuses_what_it_does_not_know(world):
    """Nobody may take it for conda."""
    answer = world.conda("install", "numpy")
    assert answer.returncode == 1
    assert "test front end of conda" in answer.stdout
    assert "not conda" in (FRONT_END / "bin/conda").read_text(encoding="utf-8")
