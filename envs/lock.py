# SPDX-License-Identifier: Apache-2.0
"""Renew requirements.lock from requirements.in, and the pins in envs/*.yaml from the lock.

Choices  The lock holds no companion of torch's CUDA build (nvidia-*, cuda-*, triton): on a machine
         that takes the CPU build they would be gigabytes for nothing. Elsewhere torch's own
         metadata, whose hash is in the lock, pins each of them exactly; `make` installs them
         in a second step.
         The hash of each CPU wheel of the same torch version that the machine offers through
         PIP_FIND_LINKS, or that the present lock already lists, stands beside those of the index.
Usage    python envs/lock.py            (called by `make lock`; needs uv and the index)
"""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "requirements.in"
LOCK = ROOT / "requirements.lock"
COMPANION = re.compile(r"^(nvidia-|cuda-|triton$)")
PACKAGE = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)")
HEADER = """\
# Every package of the project with its hashes, for Python 3.11 and later on any platform.
# Made by `make lock` from requirements.in; do not edit by hand. The companions of torch's CUDA
# build are left out on purpose: see envs/lock.py.
"""


def compile_lock(folder: Path) -> str:
    """Return what uv resolves for every platform, or stop with uv's own message."""
    target = folder / "lock.txt"
    environment = {k: v for k, v in os.environ.items() if k != "UV_FIND_LINKS"}
    command = [
        sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--no-header",
        "--no-annotate", "--python-version", "3.11", "--generate-hashes",
        SOURCE.name, "--output-file", str(target),
    ]  # fmt: skip
    if LOCK.exists():  # keep what is locked unless requirements.in asks for something else
        target.write_text(LOCK.read_text(encoding="utf-8"), encoding="utf-8")
    if "--upgrade" in sys.argv[1:]:
        command.append("--upgrade")
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return target.read_text(encoding="utf-8")


def split_packages(text: str) -> dict[str, list[str]]:
    """Return package line -> its hash lines, in the order of the file."""
    packages: dict[str, list[str]] = {}
    current = None
    for line in text.splitlines():
        if PACKAGE.match(line):
            current = line.rstrip(" \\")
            packages[current] = []
        elif current is not None and line.strip().startswith("--hash="):
            packages[current].append(line.strip().rstrip(" \\"))
    return packages


def local_hashes(name: str, version: str) -> list[str]:
    """Return the hashes of locally labelled wheels of this version in PIP_FIND_LINKS."""
    found = []
    for place in os.environ.get("PIP_FIND_LINKS", "").split():
        for wheel in sorted(Path(place).glob(f"{name}-{version}+*.whl")):
            digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
            found.append(f"--hash=sha256:{digest}")
    return found


def render(packages: dict[str, list[str]]) -> str:
    """Return the text of the lock without companions and with the hashes of local builds."""
    before = split_packages(LOCK.read_text(encoding="utf-8")) if LOCK.exists() else {}
    blocks = []
    for line, hashes in packages.items():
        name, version = PACKAGE.match(line).groups()
        if COMPANION.match(name):
            continue
        if name == "torch":
            hashes = sorted({*hashes, *local_hashes(name, version), *before.get(line, [])})
        blocks.append(" \\\n    ".join([line, *hashes]))
    return HEADER + "\n".join(blocks) + "\n"


def renew_pins(packages: dict[str, list[str]]) -> None:
    """Write the locked version behind each `name==` in the environment files."""
    versions = dict(PACKAGE.match(line).groups() for line in packages)
    versions = {name.lower().replace("_", "-"): version for name, version in versions.items()}

    def locked(match: re.Match) -> str:
        name = match[1].lower().replace("_", "-")  # others are in requirements-harness.lock
        return f"{match[1]}=={versions[name]}" if name in versions else match[0]

    for path in sorted((ROOT / "envs").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        renewed = re.sub(r"([A-Za-z0-9_-]+)==[^\s\"']+", locked, text)
        path.write_text(renewed, encoding="utf-8")


def main() -> None:
    """Write the lock, then the environment files."""
    with tempfile.TemporaryDirectory() as folder:
        packages = split_packages(compile_lock(Path(folder)))
    LOCK.write_text(render(packages), encoding="utf-8")
    renew_pins(packages)
    print(f"{LOCK.name}: {sum(1 for _ in packages)} packages resolved; envs/*.yaml renewed")


if __name__ == "__main__":
    main()
