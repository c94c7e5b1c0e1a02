# SPDX-License-Identifier: Apache-2.0
"""A small file system of its own, and filling it: for tests of a full disk."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[Path]:
    """Mount it at a folder for as long as the block runs; skips the test where nobody may."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(ballast: Path) -> None:
    """Write a file until not a byte more can be written."""
    try:
        with ballast.open("wb", buffering=0) as handle:
            while True:
                handle.write(bytes(1_000_000))
    except OSError:
        pass
