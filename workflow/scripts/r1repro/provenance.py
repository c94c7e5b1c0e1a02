# SPDX-License-Identifier: Apache-2.0
"""The code behind a stage: a program and every module of ours that it imports, as one digest.

Snakemake does not see the modules a program imports; the digest is a parameter of each rule, so
an edit reruns the stages it can change and no others. The same value goes into the attempt.

Choices  Import statements are found by their form wherever they stand, also inside functions (a
         test compares with the syntax tree, which costs half a second at each start); a module
         brings its parent packages. Line endings are normalised, so a checkout with CRLF has
         the same digest. Nothing is imported or run. Packages that start files of their own in
         other processes (WHOLE) count with every file.
"""

import functools
import hashlib
import re
from pathlib import Path

PACKAGE = "r1repro"
PLAIN = re.compile(r"^[ \t]*import[ \t]+(?P<names>[\w.]+[^\n#;]*)", re.MULTILINE)
FROM = re.compile(
    r"^[ \t]*from[ \t]+(?P<origin>[\w.]+)[ \t]+import[ \t]+(?P<names>\([^)]*\)|[^\n#;]+)",
    re.MULTILINE,
)
WHOLE = ("r1repro/tasks/sandbox/__init__.py",)
SCRIPTS = Path(__file__).resolve().parent.parent


def _text(path: Path) -> str:
    """Return a source text with plain line feeds."""
    return path.read_text(encoding="utf-8").replace("\r\n", "\n").replace("\r", "\n")


@functools.cache
def _file_of(module: str, scripts: Path) -> Path | None:
    """Return the file of a dotted module name, None where there is no such module."""
    base = scripts.joinpath(*module.split("."))
    for candidate in (base / "__init__.py", base.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return None


@functools.cache
def imported_names(path: Path, scripts: Path = SCRIPTS) -> frozenset[str]:
    """Return the absolute dotted names a file imports; `from a import b` gives a and a.b."""
    names, text = set(), _text(path)
    for match in PLAIN.finditer(text):
        names.update(part.split()[0] for part in match["names"].split(","))
    for match in FROM.finditer(text):
        origin, level = match["origin"].lstrip("."), match["origin"].count(".")
        level -= origin.count(".")
        if level:  # `from . import b` and `from .c import b` are relative to the folder
            folder = path.parents[level - 1].relative_to(scripts)
            origin = ".".join([*folder.parts, *filter(None, [origin])])
        names.add(origin)
        listed = re.sub(r"#[^\n]*", "", match["names"]).strip("()")
        names.update(f"{origin}.{part.split()[0]}" for part in listed.split(",") if part.strip())
    return frozenset(names)


@functools.cache
def code_files(program: str, scripts: Path = SCRIPTS) -> tuple[Path, ...]:
    """Return a program's file and all files of our package behind it, sorted by path."""
    waiting, found = [scripts / f"{program}.py"], set()
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        if path.relative_to(scripts).as_posix() in WHOLE:
            waiting.extend(path.parent.rglob("*.py"))
        for name in imported_names(path, scripts):
            parts = name.split(".")
            if parts[0] != PACKAGE:
                continue
            ours = (_file_of(".".join(parts[:n]), scripts) for n in range(1, len(parts) + 1))
            waiting.extend(file for file in ours if file is not None)
    return tuple(sorted(found))


def foreign_packages(program: str, scripts: Path = SCRIPTS) -> set[str]:
    """Return the top-level names that a program and its modules import from elsewhere."""
    names = {
        name.split(".")[0]
        for path in code_files(program, scripts)
        for name in imported_names(path, scripts)
    }
    return names - {PACKAGE}


def code_digest(program: str, *folders: str, scripts: Path = SCRIPTS) -> str:
    """Return one sha256 over the program, its modules and every file in `folders`.

    Folders are relative to workflow/ and hold what is neither program nor input, such as the
    templates of the report.
    """
    digest = hashlib.sha256()
    files = list(code_files(program, scripts))
    for folder in folders:
        files += sorted(
            p for p in (scripts.parent / folder).rglob("*") if p.is_file() and p.suffix != ".pyc"
        )
    for path in files:
        name = path.relative_to(scripts.parent).as_posix()
        content = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        for part in (name.encode(), content):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
