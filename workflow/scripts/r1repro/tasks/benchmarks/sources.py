# SPDX-License-Identifier: Apache-2.0
"""Where the questions of benchmarks come from: the entries of config/benchmarks.yaml."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path

import yaml

from r1repro.errors import InputError

HARNESS = "lm_eval:"
TASK_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}", re.ASCII)
FORMATS = ("json", "csv", "parquet")
JUDGES = ("math", "choice")


@dataclass(frozen=True)
class Source:
    """One benchmark; config/benchmarks.yaml explains the fields."""

    title: str
    licence: str
    source: str
    revision: str
    file: str
    sha256: str
    rows: int
    format: str
    question: str
    answer: str
    judge: str
    category: str
    url: str | None
    obtain: str | None = None
    answer_after: str | None = None
    wrong: tuple[str, ...] = ()


def read_sources(path: Path) -> dict[str, Source]:
    """Return name -> source.

    Raises InputError that names file and entry for keys that are missing, unknown or of no sense.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is no file of benchmarks: {reason}") from error
    if not isinstance(content, Mapping):
        raise InputError(f"{path} is no file of benchmarks: it must map names to entries")
    return {str(name): _source(path, str(name), entry) for name, entry in content.items()}


def _source(path: Path, name: str, entry: object) -> Source:
    if not isinstance(entry, Mapping):
        raise InputError(f"{path}: the entry {name!r} has no keys")
    known = {field.name for field in fields(Source)}
    needed = {field.name for field in fields(Source) if field.default is MISSING}
    for key in [*sorted(set(map(str, entry)) - known), *sorted(needed - set(entry))]:
        raise InputError(f"{path}: {name}.{key} is {'missing' if key in needed else 'unknown'}")
    source = Source(**{**entry, "wrong": tuple(entry.get("wrong", ()))})
    texts = [getattr(source, key) for key in known - {"rows", "url", "obtain", "answer_after"}]
    sound = (
        all(isinstance(text, str | tuple) for text in texts)
        and isinstance(source.rows, int)
        and source.format in FORMATS
        and source.judge in JUDGES
        and Path(source.file).name == source.file
        and (source.url or source.obtain)
        and bool(source.wrong) == (source.judge == "choice")
    )
    if not sound:
        raise InputError(
            f"{path}: the entry {name!r} does not hold together: file is a bare name, format one "
            f"of {', '.join(FORMATS)}, judge one of {', '.join(JUDGES)}, choice has `wrong` and "
            "math has none, url or obtain says where the file comes from"
        )
    return source


def split_names(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the benchmarks and the tasks of the harness among the names of `benchmarks`."""
    tasks = [name.removeprefix(HARNESS) for name in names if name.startswith(HARNESS)]
    return [name for name in names if not name.startswith(HARNESS)], tasks


def problems_of(names: Iterable[str], file: Path) -> Iterator[str]:
    """Yield a sentence for each name that is neither a benchmark of the file nor a task's."""
    benchmarks, tasks = split_names(names)
    known = read_sources(file) if benchmarks else {}
    for name in benchmarks:
        if name not in known or not TASK_NAME.fullmatch(name):
            near = difflib.get_close_matches(name, known, n=1)
            advice = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            yield f"{name!r} is no benchmark of {file}; {advice}"
    for task in tasks:
        if not TASK_NAME.fullmatch(task):
            yield f"{task!r} is no name of a task; write it as in {HARNESS}arc_easy"
