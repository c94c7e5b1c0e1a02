# SPDX-License-Identifier: Apache-2.0
"""Renew requirements-harness.lock: what lm-evaluation-harness and math-verify need beside the lock.

Choices  Versions of requirements.lock stay; the second lock holds only what is not in it, so that
         `make harness` adds packages and changes none.
Usage    python envs/lock_harness.py    (called by `make lock` after lock.py; needs uv, the index)
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from lock import COMPANION, LOCK, PACKAGE, ROOT, SOURCE, split_packages

HARNESS_SOURCE = ROOT / "requirements-harness.in"
HARNESS_LOCK = ROOT / "requirements-harness.lock"
HEADER = """\
# Packages for benchmarks of others, beside requirements.lock, with their hashes. `make harness`
# installs them; `make lock` makes this file from requirements-harness.in: do not edit it by hand.
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
    """Return the packages that requirements.lock does not have, the companions of CUDA left out."""
    locked = {PACKAGE.match(line)[1] for line in split_packages(LOCK.read_text(encoding="utf-8"))}
    names = {line: PACKAGE.match(line)[1] for line in packages}
    return {
        line: hashes
        for line, hashes in packages.items()
        if names[line] not in locked and not COMPANION.match(names[line])
    }


def main() -> None:
    """Write the second lock."""
    with tempfile.TemporaryDirectory() as folder:
        packages = further(split_packages(compile_both(Path(folder))))
    blocks = [" \\\n    ".join([line, *hashes]) for line, hashes in packages.items()]
    HARNESS_LOCK.write_text(HEADER + "\n".join(blocks) + "\n", encoding="utf-8")
    print(f"{HARNESS_LOCK.name}: {len(packages)} packages")


if __name__ == "__main__":
    main()
