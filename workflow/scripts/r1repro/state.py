# SPDX-License-Identifier: Apache-2.0
"""The folder a stage resumes from: locked, fingerprinted, checksummed.

Of checkpoints the last two are kept, of portions (samples of some questions) all.

Snakemake deletes the declared outputs of a job that fails, so checkpoints live elsewhere. Each
save is a folder written under another name, synced, and renamed; SHA256SUMS inside names every
file. A save that does not match its checksums is not used, and the log says so.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from r1repro.errors import StateError
from r1repro.files import (
    atomic_dir,
    canonical_json,
    read_jsonl,
    sha256_file,
    sha256_text,
    write_jsonl_atomic,
    write_text_atomic,
)
from r1repro.locks import FileLock

KEEP = 2
PORTION, ROWS = "portion_", "rows.jsonl"
SUMS = "SHA256SUMS"
SECONDS_BETWEEN_NOTICES = 15.0


def fingerprint(settings: dict, code: str, inputs: dict[str, str]) -> str:
    """Return one digest of what a stage's result depends on; inputs are name -> sha256."""
    return sha256_text(canonical_json({"settings": settings, "code": code, "inputs": inputs}))


class StageState:
    """Checkpoints of one stage, held by one process at a time.

    A second process that wants the same folder waits for the first one and says whom it waits
    for: after `kill -9` of the workflow the stage itself may still be running.
    """

    def __init__(self, folder: Path, identity: str, wait_seconds: float = 3600.0):
        self.folder = folder
        self.lock = FileLock(folder / "lock")
        self._acquire(wait_seconds)
        self._adopt(identity)

    def __enter__(self) -> "StageState":
        return self

    def __exit__(self, *_exception) -> None:
        self.lock.close()

    def _acquire(self, wait_seconds: float) -> None:
        deadline = time.monotonic() + wait_seconds
        next_notice = 0.0
        while not self.lock.take():
            holder = self.lock.holder()
            if time.monotonic() > deadline:
                self.lock.close()
                raise StateError(
                    f"{self.folder} is in use by process {holder}; stop it or wait until it "
                    "has finished, then run again"
                )
            if time.monotonic() >= next_notice:
                print(f"waiting for process {holder}, which works in {self.folder}", flush=True)
                next_notice = time.monotonic() + SECONDS_BETWEEN_NOTICES
            time.sleep(0.2)

    def _adopt(self, identity: str) -> None:
        """Keep saves made under the same fingerprint; move any others aside."""
        for leftover in self.folder.glob(".*.partial"):  # a save that was cut off by a kill
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        mark = self.folder / "fingerprint"
        if mark.exists() and mark.read_text(encoding="utf-8").strip() == identity:
            return
        stale = [p for p in self.folder.iterdir() if p.name not in ("lock", "fingerprint")]
        stale = [p for p in stale if not p.name.startswith("superseded-")]
        if stale:
            aside = self.folder / time.strftime("superseded-%Y%m%dT%H%M%S", time.gmtime())
            aside.mkdir(exist_ok=True)
            for old in stale:
                os.replace(old, aside / old.name)
            print(
                f"settings, code or inputs changed: the checkpoints in {self.folder} were moved "
                f"to {aside.name} and this stage starts anew",
                flush=True,
            )
        write_text_atomic(mark, identity + "\n")

    def _saves(self) -> list[Path]:
        return sorted(p for p in self.folder.glob("step_*") if p.is_dir())

    def save(self, step: int, write: Callable[[Path], None]) -> None:
        """Let `write` fill a folder, then make it the newest checkpoint."""
        self._keep(f"step_{step:08d}", write)
        for old in self._saves()[:-KEEP]:
            shutil.rmtree(old)

    def _keep(self, name: str, write: Callable[[Path], None]) -> None:
        with atomic_dir(self.folder / name) as partial:
            write(partial)
            names = sorted(p.relative_to(partial).as_posix() for p in _files(partial))
            lines = [f"{sha256_file(partial / name)}  {name}\n" for name in names]
            (partial / SUMS).write_text("".join(lines), encoding="utf-8")

    def latest(self) -> tuple[int, Path] | None:
        """Return the newest undamaged checkpoint as (step, folder), or None."""
        for save in reversed(self._saves()):
            damage = damage_of(save)
            if damage is None:
                return int(save.name.removeprefix("step_")), save
            older = "the one before is used" if save != self._saves()[0] else "starting anew"
            print(f"warning: checkpoint {save} is damaged ({damage}); {older}", file=sys.stderr)
            shutil.rmtree(save)
        return None

    def keep_portion(self, name: str, rows: list[dict]) -> None:
        """Keep one portion of a work that is done in portions; all are kept until `clear`."""
        folder = f"{PORTION}{name}"
        self._keep(folder, lambda partial: write_jsonl_atomic(partial / ROWS, rows))

    def portion(self, name: str) -> list[dict] | None:
        """Return the rows of a portion, None where there is none or it is damaged."""
        folder = self.folder / f"{PORTION}{name}"
        if not folder.is_dir():
            return None
        damage = damage_of(folder)
        if damage is None:
            return read_jsonl(folder / ROWS)
        print(f"warning: {folder} is damaged ({damage}); it is made again", file=sys.stderr)
        shutil.rmtree(folder)
        return None

    def clear(self) -> None:
        """Drop checkpoints and portions once the stage's outputs are in place."""
        for save in (*self._saves(), *self.folder.glob(f"{PORTION}*")):
            shutil.rmtree(save)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def damage_of(save: Path) -> str | None:
    """Say what is wrong with a checkpoint, or None when every checksum holds."""
    sums = save / SUMS
    if not sums.exists():
        return "no checksums"
    expected = {}
    for line in sums.read_text(encoding="utf-8", errors="replace").splitlines():
        digest, _, name = line.partition("  ")
        expected[name] = digest
    found = {p.relative_to(save).as_posix() for p in _files(save)} - {SUMS}
    if found != set(expected):
        return "files are missing or added"
    for name, digest in expected.items():
        if sha256_file(save / name) != digest:
            return f"{name} does not match its checksum"
    return None
