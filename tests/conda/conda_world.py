# SPDX-License-Identifier: Apache-2.0
"""What the tests of this folder stand on: the front end's tools, the channel, Snakemake with both.

Everything lies in one temporary folder. What cannot be had here (another system than Linux, no
package index, no CPython of the pinned version) ends in `Missing`, whose text becomes the reason of
a skipped test.
"""

import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests/conda"
FRONT_END = HERE / "front_end"
SECONDS_OF_A_RUN = 2400  # a minute or two on two idle cores; a guard, not a measure
SECONDS_OF_A_TOOL = 900


class Missing(Exception):
    """Something that these tests need cannot be had on this machine."""


def run(command: list, **options) -> subprocess.CompletedProcess:
    """Run a tool; stdout and stderr together."""
    return subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        **({"timeout": SECONDS_OF_A_TOOL} | options),
    )


def plain_environment() -> dict[str, str]:
    """Return the variables of this process, without those that bend Python or conda.

    uv does not read pip's variables; it gets what the user set for pip, as in the Makefile.
    """
    bent = ("PYTHON", "CONDA", "MAMBA", "VIRTUAL_ENV", "MAKE", "MFLAGS")
    variables = {k: v for k, v in os.environ.items() if not k.startswith(bent)}
    if variables.get("PIP_FIND_LINKS"):
        variables.setdefault("UV_FIND_LINKS", ",".join(variables["PIP_FIND_LINKS"].split()))
    if variables.get("PIP_INDEX_URL"):
        variables.setdefault("UV_DEFAULT_INDEX", variables["PIP_INDEX_URL"])
    return variables


@dataclass(frozen=True)
class EnvironmentFile:
    """One envs/NAME.yaml, read here by other means than the program that wrote it."""

    path: Path

    @property
    def content(self) -> dict:
        """Return the file as YAML."""
        return yaml.safe_load(self.path.read_text(encoding="utf-8"))

    def conda_version(self, package: str) -> str:
        """Return the version of python, pip or another package from the channel."""
        return self.from_conda()[package]

    def from_conda(self) -> dict[str, str]:
        """Return package -> version of what comes from the channel."""
        listed = [entry for entry in self.content["dependencies"] if isinstance(entry, str)]
        return dict(entry.split("=") for entry in listed)

    def pins(self) -> dict[str, str]:
        """Return package -> version of everything that must be installed on this machine, no more.

        A condition is one on the platform; uv's list of platforms is not needed to decide it.
        """
        from packaging.requirements import Requirement

        pip = next(e["pip"] for e in self.content["dependencies"] if isinstance(e, dict))
        requirements = [Requirement(line) for line in pip]
        full = self.conda_version("python")
        own = {"python_full_version": full, "python_version": full.rpartition(".")[0]}
        wanted = [r for r in requirements if r.marker is None or r.marker.evaluate(own)]
        pins = {r.name.lower(): str(r.specifier).removeprefix("==") for r in wanted}
        return pins | {n: v for n, v in self.from_conda().items() if n != "python"}


ENVIRONMENT_FILES = {
    path.name: EnvironmentFile(path) for path in sorted((ROOT / "envs").glob("*.yaml"))
}


def pinned_python() -> Path:
    """Return an interpreter of the version that the environments pin; raises Missing."""
    version = ENVIRONMENT_FILES["cost.yaml"].conda_version("python")
    answer = run([sys.executable, "-m", "uv", "python", "find", "--no-project", "--system",
                  "--no-python-downloads", version], env=plain_environment())  # fmt: skip
    found = Path(answer.stdout.strip())
    if answer.returncode or not found.is_file():
        raise Missing(
            f"the environments pin CPython {version}, which is not here to be put into a channel; "
            f"`uv python install {version}` brings it"
        )
    return found


@dataclass(frozen=True)
class World:
    """The folder, with the front end ready to be called."""

    folder: Path
    variables: dict[str, str]

    @property
    def environments(self) -> Path:
        """Return the folder that Snakemake makes environments in."""
        return self.folder / "environments"

    def snakemake(self, clone: Path, *arguments: str) -> subprocess.CompletedProcess:
        """Run Snakemake of this Python in a clone, with conda environments."""
        own = ["--sdm", "conda", "--conda-prefix", self.environments]
        command = [sys.executable, "-m", "snakemake", *arguments, *own]
        return run(command, cwd=clone, env=self.variables, timeout=SECONDS_OF_A_RUN)

    def conda(self, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess:
        """Call the front end."""
        return run([self.folder / "front_end/bin/conda", *arguments],
                   env=self.variables | variables)  # fmt: skip

    def environment(self, name: str) -> Path:
        """Return the environment of a file; one that no rule of the chain names is made first."""
        made = self.prefixes()
        if name in made:
            return made[name]
        prefix = self.folder / "apart" / name.removesuffix(".yaml")
        if not prefix.is_dir():
            file = ENVIRONMENT_FILES[name].path
            answer = self.conda("env", "create", "--file", file, "--prefix", prefix)
            assert answer.returncode == 0, answer.stdout
        return prefix

    def made_from(self, prefix: Path) -> str:
        """Return the name of the file that an environment was made from: equal content."""
        copy = prefix.with_name(prefix.name + ".yaml").read_bytes()
        return next(n for n, f in ENVIRONMENT_FILES.items() if f.path.read_bytes() == copy)

    def prefixes(self) -> dict[str, Path]:
        """Return environment file -> folder of the environment that was made from it."""
        made = [p for p in self.environments.iterdir() if (p / "conda-meta").is_dir()]
        known = [f.path.read_bytes() for f in ENVIRONMENT_FILES.values()]
        made = [p for p in made if p.with_name(p.name + ".yaml").read_bytes() in known]
        return {self.made_from(prefix): prefix for prefix in made}


def subdir() -> str:
    """Return the platform as the front end tells it; raises Missing where it knows none."""
    answer = run([FRONT_END / "bin/conda", "info", "--json"],
                 env=plain_environment() | {"TEST_CONDA_PYTHON": sys.executable})  # fmt: skip
    if answer.returncode:
        raise Missing(answer.stdout.strip() or "the front end of conda does not run here")
    return json.loads(answer.stdout)["platform"]


def build_world(folder: Path) -> World:
    """Install the tools, build the channel; raises Missing."""
    platform_name = subdir()
    python = pinned_python()
    tools = folder / "tools"
    uv = [sys.executable, "-m", "uv"]
    variables = plain_environment()
    steps = (
        [*uv, "venv", "--quiet", "--no-project", "--python", sys.executable, tools],
        [*uv, "pip", "install", "--quiet", "--python", tools / "bin/python",
         "-r", HERE / "requirements.txt"],
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder,
         f"pip=={ENVIRONMENT_FILES['cost.yaml'].conda_version('pip')}"],
    )  # fmt: skip
    for step in steps:
        answer = run(step, env=variables)
        if answer.returncode:
            raise Missing(f"the package index does not give what is needed: {answer.stdout[-600:]}")
    (wheel,) = folder.glob("pip-*.whl")
    channels = folder / "channels"
    # Snakemake sources conda's `activate` without quotes: its path must hold no blank
    shutil.copytree(FRONT_END, folder / "front_end")
    build = [tools / "bin/python", HERE / "channel.py", "--python", python, "--pip-wheel", wheel,
             "--compiled", *compile_packages(python, folder / "compiled"),
             "--subdir", platform_name, "--to", channels]  # fmt: skip
    answer = run(build, env=variables)
    assert answer.returncode == 0, answer.stdout
    variables |= {
        "PATH": os.pathsep.join([str(folder / "front_end/bin"), variables["PATH"]]),
        "TEST_CONDA_PYTHON": str(tools / "bin/python"),
        "TEST_CONDA_CHANNELS": str(channels),
        "TEST_CONDA_UV": uv_program(),
        "WANDB_MODE": "offline",
    }
    return World(folder, variables)


def compile_packages(python: Path, folder: Path) -> list[Path]:
    """Build what the environments take from the channel besides Python and pip; raises Missing."""
    wanted = {n: v for f in ENVIRONMENT_FILES.values() for n, v in f.from_conda().items()}
    built = []
    for name in sorted(wanted.keys() - {"python", "pip"}):
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps",
                   "--python", python, "--target", folder / name,
                   f"{name}=={wanted[name]}"]  # fmt: skip
        answer = run(command, env=plain_environment())
        if answer.returncode:
            raise Missing(
                f"{name} cannot be built for the channel (it needs a C compiler and Python's "
                f"headers): {answer.stdout[-600:]}"
            )
        built.append(folder / name)
    return built


def uv_program() -> str:
    """Return the path of uv's own program."""
    found = Path(sys.executable).with_name("uv")
    return str(found) if found.is_file() else shutil.which("uv") or ""


def public(version: str) -> str:
    """Return a version without its local label: 2.13.0+cpu is the CPU build of 2.13.0."""
    return version.partition("+")[0]


def same_python() -> bool:
    """Say whether this process runs the interpreter and the torch build of the environments."""
    pinned = ENVIRONMENT_FILES["train.yaml"]
    return (
        platform.python_version() == pinned.conda_version("python")
        and public(importlib.metadata.version("torch")) == pinned.pins()["torch"]
    )


def records(results: Path) -> list[dict]:
    """Return the first line of every attempt."""
    paths = sorted((results / "attempts").rglob("*.jsonl"))
    return [json.loads(path.read_text(encoding="utf-8").splitlines()[0]) for path in paths]


def companions(packages: dict[str, str]) -> set[str]:
    """Return what torch's CUDA build brought: its metadata pins it, the lock leaves it out."""
    return {name for name in packages if re.match(r"(nvidia-|cuda-|triton$)", name)}
