# SPDX-License-Identifier: Apache-2.0
"""Make the environments of the outside validators, one each, from locks with hashes.

They are no part of the project's own environment: focus-validator wants an old numpy and exactly
Python 3.12 (its numpy has no wheel for later ones), and a validator should not share its libraries
with what it validates.

Usage    python envs/checkers/install.py [NAME ...]  make what is missing or outdated
         python envs/checkers/install.py --lock      renew the locks from NAME.in
Makes    .venv-checkers/NAME, instantly when its lock has not changed
Needs    uv (in .venv after `make setup`) and the package index, or uv's cache
"""

import argparse
import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = HERE.parents[1] / ".venv-checkers"
PYTHON_OF = {
    "focus": "3.12",
    "mlperf": "3.11",
    "ro-crate": "3.11",
    "in-toto": "3.11",
    "cffconvert": "3.11",
    "snakedeploy": "3.11",
}
ONLY = ("focus",)  # exactly this version; the others take a later one as well
SECONDS = 300


class CheckerUnavailable(Exception):
    """An environment cannot be made on this machine."""


def _uv(*arguments: str) -> None:
    """Run uv; raises CheckerUnavailable with the last line of what it said."""
    command = [sys.executable, "-m", "uv", *arguments]
    try:
        answer = subprocess.run(
            command, cwd=HERE, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise CheckerUnavailable(f"uv {arguments[0]}: no answer within {SECONDS} s") from None
    if answer.returncode != 0:
        said = (answer.stderr or answer.stdout).strip().splitlines() or ["no reason given"]
        raise CheckerUnavailable(f"uv {arguments[0]}: {said[0]}")


def _version(python: str) -> str | None:
    """Return major.minor of an interpreter that runs."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def find_python(name: str) -> str:
    """Return an interpreter for an environment, or a version that uv shall find or download."""
    wanted = PYTHON_OF[name]
    if name not in ONLY:
        return sys.executable
    # beside our own, and where pyenv keeps this user's, whatever HOME says
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    versions = (Path(sys.base_prefix).resolve().parent, home / ".pyenv/versions")
    candidates = [
        sys.executable,
        shutil.which(f"python{wanted}") or "",
        *(str(path) for place in versions for path in place.glob(f"*{wanted}*/bin/python{wanted}")),
    ]
    found = (python for python in candidates if python and _version(python) == wanted)
    return next(found, wanted)


def install(name: str) -> Path:
    """Return the folder of an environment, made if need be; raises CheckerUnavailable."""
    lock = HERE / f"{name}.lock"
    folder, digest = ENVIRONMENTS / name, hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = folder / "installed"
    ENVIRONMENTS.mkdir(exist_ok=True)
    with open(ENVIRONMENTS / f".{name}.busy", "w", encoding="utf-8") as busy:
        with contextlib.suppress(OSError):  # without locks two processes may make the same one
            fcntl.flock(busy, fcntl.LOCK_EX)
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
            return folder
        python = find_python(name)
        _uv("venv", "--quiet", "--clear", "--python", python, str(folder))
        _uv(
            "pip", "install", "--quiet", "--python", str(folder), "--no-deps",
            "--require-hashes", "-r", str(lock),
        )  # fmt: skip
        stamp.write_text(digest, encoding="utf-8")
    return folder


def renew_lock(name: str) -> None:
    """Write NAME.lock from NAME.in."""
    _uv(
        "pip", "compile", "--quiet", "--universal", "--no-header", "--no-annotate",
        "--generate-hashes", "--python-version", PYTHON_OF[name],
        f"{name}.in", "--output-file", f"{name}.lock",
    )  # fmt: skip


def main() -> int:
    """Make environments, or renew locks; return 1 if one is not to be had."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PYTHON_OF))
    cli.add_argument("--lock", action="store_true")
    args = cli.parse_args()
    if unknown := set(args.names) - PYTHON_OF.keys():
        cli.error(f"no environment {', '.join(sorted(unknown))}; there are {', '.join(PYTHON_OF)}")
    failed = 0
    for name in args.names or PYTHON_OF:
        try:
            if args.lock:
                renew_lock(name)
            else:
                install(name)
        except CheckerUnavailable as error:
            print(f"error: the environment of {name}: {error}", file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
