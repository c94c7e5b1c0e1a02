# SPDX-License-Identifier: Apache-2.0
"""Files written whole or not at all, and checksums.

A file is written under a temporary name in the same folder, synced, and renamed, so that a
reader (or a run after `kill -9`) sees the old content or the new one, never a half.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from r1repro.errors import InputError


def canonical_json(value: object) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, no NaN.

    Raises ValueError for NaN or infinity.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def sha256_text(text: str) -> str:
    """Return the hexadecimal SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_bytes(data: bytes) -> str:
    """Return the hexadecimal SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes, read in pieces."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sha256_tree(folder: Path) -> str:
    """Return one SHA-256 over the relative names and contents of all files below a folder."""
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return sha256_text("".join(f"{sha256_file(folder / name)}  {name}\n" for name in names))


def sha256_path(path: Path) -> str:
    """Return the SHA-256 of a file, or of a folder as one value."""
    return sha256_tree(path) if path.is_dir() else sha256_file(path)


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def atomic_writer(path: Path) -> Iterator:
    """Open a text file that appears under its name only when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(partial, "w", encoding="utf-8", newline="\n") as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(partial, path)
        sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def write_text_atomic(path: Path, text: str) -> None:
    """Write a whole text file, or leave what was there."""
    with atomic_writer(path) as handle:
        handle.write(text)


def write_json_atomic(path: Path, value: object) -> None:
    """Write an indented JSON file with sorted keys, or leave what was there."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_text_atomic(path, text + "\n")


def write_jsonl_atomic(path: Path, rows: Iterable[dict]) -> int:
    """Write one JSON object a line and return the number of lines."""
    count = 0
    with atomic_writer(path) as handle:
        for row in rows:
            handle.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
            count += 1
    return count


def read_jsonl(path: Path) -> list[dict]:
    """Read one JSON object a line; raises InputError as `each_of_jsonl`."""
    return list(each_of_jsonl(path))


def each_of_jsonl(path: Path) -> Iterator[dict]:
    """Yield the JSON object of each line, for files that need not fit in memory.

    Raises InputError that names file and line when a line is not a JSON object.
    """
    try:
        with open(path, encoding="utf-8") as handle:
            for number, line in enumerate(handle, start=1):
                try:
                    row = json.loads(line)
                except json.JSONDecodeError as error:
                    raise InputError(f"{path}, line {number}: not JSON ({error.msg})") from error
                if not isinstance(row, dict):
                    raise InputError(f"{path}, line {number}: expected a JSON object")
                yield row
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; make it with `snakemake {path}`") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: {error.reason}") from error


def sync_tree(folder: Path) -> None:
    """Flush every file below a folder to the disk."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with open(path, "rb") as handle:
                os.fsync(handle.fileno())


def replace_dir(partial: Path, final: Path) -> None:
    """Put a finished folder in the place of `final`; what was there before is removed."""
    sync_tree(partial)
    old = final.with_name(f".{final.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        os.replace(final, old)
    os.replace(partial, final)
    sync_folder(final.parent)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def atomic_dir(final: Path) -> Iterator[Path]:
    """Give a folder to fill that appears under its name only when the block ends well."""
    final.parent.mkdir(parents=True, exist_ok=True)
    partial = final.with_name(f".{final.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        replace_dir(partial, final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
