# SPDX-License-Identifier: Apache-2.0
"""The file of a benchmark: from the user's folder, or downloaded to there, and checked.

What is downloaded comes through the library `datasets`, at a pinned revision. Whatever its origin,
the file must have the pinned SHA-256, or it is not read.

Choices  A file that is refused is left where it lies if the user put it there, and never kept if it
         was downloaded.
"""

import os
import shutil
import tempfile
from pathlib import Path

from r1repro.errors import InputError, reason_of
from r1repro.files import sha256_file
from r1repro.tasks.benchmarks.sources import Source


def file_of(name: str, source: Source, folder: Path) -> Path:
    """Return the benchmark's file, downloaded first where it is missing.

    Raises InputError when it cannot be had, with what to download and where to put it, and when it
    is another file than the pinned one.
    """
    file = folder / name / source.file
    if not file.is_file():
        if source.url is None:
            raise InputError(f"{name} is not at {file}: {source.obtain}, and put it there")
        _download(name, source, file)
    _check(name, source, file)
    return file


def _check(name: str, source: Source, file: Path) -> None:
    found = sha256_file(file)
    if found != source.sha256:
        raise InputError(
            f"{file} is not the pinned file of {name} (revision {source.revision}): its SHA-256 is "
            f"{found}, not {source.sha256}; take that revision, or pin another in "
            "config/benchmarks.yaml"
        )


def _download(name: str, source: Source, file: Path) -> None:
    """Put the file at its place, whole and checked, or not at all."""
    from datasets import DownloadConfig, DownloadManager

    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".download.") as cache:
        config = DownloadConfig(cache_dir=cache, max_retries=2)
        try:
            fetched = Path(DownloadManager(download_config=config).download(source.url))
        except Exception as error:
            raise InputError(
                f"{name} cannot be downloaded ({reason_of(error)}); on a machine with a network, "
                f"download {source.url} and put it at {file}"
            ) from error
        partial = Path(cache) / source.file
        shutil.copyfile(fetched, partial)
        _check(name, source, partial)
        os.replace(partial, file)
