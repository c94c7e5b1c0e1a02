# SPDX-License-Identifier: Apache-2.0
"""What is looked at before a run begins: one run per folder, a writable folder, enough disk."""

import logging
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

from r1repro.errors import StageError, StateError
from r1repro.locks import FileLock

LOCK = Path(".snakemake/r1repro.lock")
# What a run of each scale writes, with room to spare.
FREE_BYTES = {"smoke": 200e6, "mini": 1e9, "node": 100e9, "paper": 50e12}


class PreflightError(StageError):
    """The run cannot begin here."""


def keep_to_the_message() -> None:
    """Let Snakemake's messages go without a traceback where its log cannot take them.

    On a full disk each would bring one; the terminal shows the messages, the last names the disk.
    """
    logging.raiseExceptions = False


def check_writable(folders: tuple[str, ...] = (".", "results", "logs", ".snakemake")) -> None:
    """Raise PreflightError unless a file can be made in every folder that exists."""
    for folder in folders:
        if not Path(folder).exists():
            continue
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise PreflightError(
                f"the folder {Path(folder).resolve()} cannot be written ({error.strerror}); give "
                "this user write permission or clone the repository to another folder"
            ) from error


def check_free_disk(scale: str, folder: str = ".") -> None:
    """Raise PreflightError when the disk has less room than a run of this scale needs."""
    free, needed = shutil.disk_usage(folder).free, FREE_BYTES[scale]
    if free < needed:
        raise PreflightError(
            f"a run of scale '{scale}' needs {needed / 1e9:.1f} GB of free disk but "
            f"{Path(folder).resolve()} has {free / 1e9:.1f} GB; free some space, then run again"
        )


def check_gpu(required: bool, withheld: bool) -> None:
    """Raise PreflightError when the configuration demands a GPU and the profile grants none."""
    if required and withheld:
        raise PreflightError(
            "the configuration says require_gpu: true but the profile in force grants no GPU; "
            "add --workflow-profile profiles/gpu (or slurm), or set require_gpu: false"
        )


def check_interpreter(jobs_elsewhere: bool, executable: str = sys.executable) -> None:
    """Raise PreflightError where a cluster's jobs could not start this Python.

    Snakemake writes its path into the job script without quotes.
    """
    if jobs_elsewhere and len(executable.split()) != 1:
        folder = Path(executable).parent.parent
        raise PreflightError(
            f"jobs of a cluster start {executable}, and Snakemake does not quote the blank in that "
            f"path; make a link without one (ln -s {shlex.quote(str(folder))} ~/r1repro-venv) and "
            "run ~/r1repro-venv/bin/python -m snakemake with the same arguments"
        )


def check_conda(used: bool, program: str | None) -> None:
    """Raise PreflightError where rules would not run in their conda environments.

    Snakemake sources conda's `activate` without quotes; with a blank in its path that fails, and
    the rule runs in the workflow's own Python without a word.
    """
    if used and program is not None and len(program.split()) != 1:
        raise PreflightError(
            f"conda is {program}, and Snakemake cannot activate environments where that path has "
            "a blank; install conda in a folder without one, or run without --sdm conda"
        )


def take_lock(path: Path = LOCK) -> FileLock:
    """Hold the folder for this process; return the lock, whose descriptor stays open until its end.

    Raises PreflightError when another run holds it or the file cannot be locked.
    """
    try:
        lock = FileLock(path)
        if lock.take():
            return lock
    except StateError as error:
        raise PreflightError(str(error)) from error
    holder = lock.holder()
    lock.close()
    raise PreflightError(
        f"another run (process {holder}) is working in {Path.cwd()}; wait until it has "
        "finished or stop it, then run again; nothing was changed"
    )
