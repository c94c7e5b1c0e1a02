# SPDX-License-Identifier: Apache-2.0
"""Dockerfile is what Snakemake writes of the environments, on a base image of one release.

Snakemake asks a command `conda` for its platform; the test front end of tests/conda answers.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from clones import copy_repository

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))


def containerize(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run envs/containerize.py of a copy with the front end on the path."""
    path = os.pathsep.join([os.environ["PATH"], str(ROOT / "tests/conda/front_end/bin")])
    command = [sys.executable, "envs/containerize.py", *arguments]
    environment = os.environ | {"PATH": path}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


@pytest.mark.workflow
def test_the_dockerfile_is_what_snakemake_writes_now(tmp_path):
    """Made again it has the same text; with another pin it has not, and the check says so."""
    copy = copy_repository(tmp_path)
    answer = containerize(copy, "--check")
    assert answer.returncode == 0, answer.stderr
    file = copy / "envs/cost.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "      - six==1.17.0\n", encoding="utf-8")
    answer = containerize(copy, "--check")
    assert answer.returncode == 1
    assert "run `make dockerfile`" in answer.stderr
    assert (copy / "Dockerfile").read_text(encoding="utf-8") == DOCKERFILE
    assert containerize(copy).returncode == 0
    assert "six==1.17.0" in (copy / "Dockerfile").read_text(encoding="utf-8")


def test_the_base_image_is_of_one_release():
    """`latest` would be another image next month."""
    bases = re.findall(r"^FROM (\S+)$", DOCKERFILE, re.MULTILINE)
    assert len(bases) == 1
    assert re.fullmatch(r"condaforge/miniforge3:\d+\.\d+\.\d+-\d+", bases[0])


def test_the_image_holds_every_environment_and_takes_nothing_else_along():
    """Each file is copied and made; .dockerignore keeps results, secrets and .venv out of it."""
    copied = re.findall(r"^COPY (\S+) (\S+)$", DOCKERFILE, re.MULTILINE)
    assert [source for source, _ in copied] == [f"envs/{path.name}" for path in ENVIRONMENTS]
    for _, target in copied:
        prefix = target.removesuffix("/environment.yaml")
        assert f"conda env create --prefix {prefix} --file {target}" in DOCKERFILE
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert [line for line in kept if not line.startswith("#")] == ["*", "!envs/*.yaml"]


STAND_IN = """\
#!/bin/sh
# Stands in for Apptainer: notes how it was called, then runs the command without a container.
echo "$@" >> "$SEEN"
if [ "$1" = "--version" ]; then echo "apptainer version 1.3.4"; exit 0; fi
if [ "$2" = "--version" ]; then exit 0; fi
while [ "$1" != "-c" ] && [ $# -gt 0 ]; do shift; done
exec bash -c "$2"
"""


@pytest.mark.workflow
def test_a_rule_looks_for_its_environment_in_the_image(tmp_path):
    """`container` names the image; the prefix that is activated in it is that of Dockerfile."""
    copy = copy_repository(tmp_path)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("singularity", "apptainer"):
        (tools / name).write_text(STAND_IN, encoding="utf-8")
        (tools / name).chmod(0o755)
    # not where it lies: a conda with a blank in its path is refused
    front_end = shutil.copytree(ROOT / "tests/conda/front_end", tmp_path / "front_end")
    path = os.pathsep.join([str(tools), str(front_end / "bin"), os.environ["PATH"]])
    (copy / "r1repro.sif").write_text("")
    answer = subprocess.run(
        [sys.executable, "-m", "snakemake", "results/cost/paper_cost.csv", "--config",
         "container=r1repro.sif", "--sdm", "conda", "apptainer"],
        cwd=copy, capture_output=True, text=True,
        env=os.environ | {"PATH": path, "SEEN": str(tmp_path / "seen")},
    )  # fmt: skip
    called = tmp_path / "seen"
    assert called.is_file(), answer.stdout + answer.stderr
    seen = called.read_text(encoding="utf-8")
    prefix = re.search(r"COPY envs/cost.yaml (\S+)/environment.yaml", DOCKERFILE)[1]
    assert "r1repro.sif" in seen, answer.stdout + answer.stderr
    assert prefix in seen, seen
