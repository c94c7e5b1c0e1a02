# SPDX-License-Identifier: Apache-2.0
"""Renew requirements-harness.lock, what lm-evaluation-harness and math-verify need beside the lock,
and envs/harness.yaml, the conda environment of the rules that need them.

Choices  Versions of requirements.lock stay; the second lock holds only what is not in it, so that
         `make harness` adds packages and changes none.
Usage    python envs/lock_harness.py    (called by `make lock` after lock.py; needs uv, the index)
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from environments import (
    APART,
    FROM_CONDA,
    PYTHON,
    conda_section,
    imported_packages,
    read_environments,
)
from lock import COMPANION, LOCK, PACKAGE, ROOT, SOURCE, split_packages

HARNESS_SOURCE = ROOT / "requirements-harness.in"
HARNESS_LOCK = ROOT / "requirements-harness.lock"
HEADER = """\
# Packages for benchmarks of others, beside requirements.lock, with their hashes. `make harness`
# installs them; `make lock` makes this file from requirements-harness.in: do not edit it by hand.
"""
YAML_HEADER = """\
# Made by `make lock` from requirements.lock, requirements-harness.lock and what the programs of the
# rules that name this file import; do not edit by hand. What has no wheel comes from conda-forge.
"""


def compile_both(folder: Path) -> str:
    """Return what uv resolves for both files together, with the lock's versions."""
    target = folder / "lock.txt"
    environment = {k: v for k, v in os.environ.items() if k != "UV_FIND_LINKS"}
    command = [
        sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--no-header",
        "--no-annotate", "--python-version", "3.11", "--generate-hashes",
        "--constraint", LOCK.name, SOURCE.name, HARNESS_SOURCE.name, "--output-file", str(target),
    ]  # fmt: skip
    if HARNESS_LOCK.exists() and "--upgrade" not in sys.argv[1:]:
        known = LOCK.read_text(encoding="utf-8") + HARNESS_LOCK.read_text(encoding="utf-8")
        target.write_text(known, encoding="utf-8")
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return target.read_text(encoding="utf-8")


def further(packages: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return what requirements.lock does not have, the companions of CUDA left out.

    A package that it has for other machines only (`; sys_platform == ...`) is not there either.
    """
    locked = split_packages(LOCK.read_text(encoding="utf-8"))
    return {
        line: hashes
        for line, hashes in packages.items()
        if line not in locked and not COMPANION.match(PACKAGE.match(line)[1])
    }


def environment() -> str:
    """Return the text of envs/harness.yaml: what the programs import and all that this needs."""
    programs = read_environments(ROOT / "workflow/rules")[APART]
    asked = sorted(imported_packages(programs, without={"lm_eval"}))
    asked += [line for line in HARNESS_SOURCE.read_text().splitlines() if PACKAGE.match(line)]
    command = [
        sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate",
        "--python-version", PYTHON, "--python-platform", "linux",
        "--constraint", LOCK.name, "--constraint", HARNESS_LOCK.name, "-",
    ]  # fmt: skip
    answer = subprocess.run(
        command,
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if k != "UV_FIND_LINKS"},
        input="\n".join(asked),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    pins = [line for line in answer.stdout.splitlines() if PACKAGE.match(line)]
    names = {pin: PACKAGE.match(pin)[1] for pin in pins}
    text = YAML_HEADER + conda_section([pin for pin in pins if names[pin] in FROM_CONDA])
    by_pip = [p for p in pins if names[p] not in FROM_CONDA and not COMPANION.match(names[p])]
    return text + "  - pip:\n" + "".join(f"      - {pin}\n" for pin in by_pip)


def main() -> None:
    """Write the second lock, then the environment."""
    with tempfile.TemporaryDirectory() as folder:
        packages = further(split_packages(compile_both(Path(folder))))
    blocks = [" \\\n    ".join([line, *hashes]) for line, hashes in packages.items()]
    HARNESS_LOCK.write_text(HEADER + "\n".join(blocks) + "\n", encoding="utf-8")
    (ROOT / "envs" / APART).write_text(environment(), encoding="utf-8")
    print(f"{HARNESS_LOCK.name}: {len(packages)} packages; envs/{APART} renewed")


if __name__ == "__main__":
    main()
