# SPDX-License-Identifier: Apache-2.0
"""The data files by their manifests, and what the decontamination removed."""

from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.page.grids import Grid, Line, columns
from r1repro.audit.page.scores import CATEGORY_NAMES, ORDER_OF_CATEGORIES
from r1repro.audit.page.tables import field, read_object
from r1repro.audit.page.wording import count
from r1repro.errors import InputError

STREAMS = {
    "test": "test prompts",
    "validation": "validation prompts",
    "train": "training prompts",
    "base_corpus": "base corpus",
    "cold_start": "cold-start set",
}
ORDER = ("train", "validation", "test", "base_corpus", "cold_start")
SHORT_HASH = 16
PARAMETERS = ("ngram", "content_words", "whole_words", "wording_share")


@dataclass(frozen=True)
class DataFile:
    """One data file; `by_category` counts records."""

    name: str
    records: int
    by_category: dict[str, int]
    chinese: int
    average_words: float
    average_tokens: float
    longest_tokens: int
    sha256: str


@dataclass(frozen=True)
class Stream:
    """What the filter saw and removed in one stream of texts."""

    name: str
    same_key: int
    checked: int
    removed: dict[str, int]

    @property
    def removed_in_all(self) -> int:
        """Return the removals of all rules."""
        return sum(self.removed.values())


@dataclass(frozen=True)
class Dataset:
    """The data of a run."""

    files: list[DataFile]
    streams: list[Stream]
    rule: str
    parameters: dict[str, float]
    evaluation_questions: int
    generator: dict[str, str]
    own_prompts: int
    own_prompts_removed: int

    def categories(self) -> list[str]:
        """Return the names of all categories, known ones first."""
        found = {name for file in self.files for name in file.by_category}
        known = [c for c in ORDER_OF_CATEGORIES if c in found]
        return known + sorted(found - set(known))

    def removed(self) -> int:
        """Return how many texts the filter removed in all streams."""
        return sum(stream.removed_in_all for stream in self.streams)

    def checked(self) -> int:
        """Return how many texts the filter compared in all streams."""
        return sum(stream.checked for stream in self.streams)

    def paragraphs(self) -> list[str]:
        """Return the sentences above the tables."""
        made = ", ".join(f"{name} {version}" for name, version in sorted(self.generator.items()))
        first = (
            "All problems are generated, in English and Chinese, and each answer can be checked "
            f"by rule (generators: {made}). The splits are disjoint by content."
        )
        second = (
            f"Decontamination: {count(self.checked())} texts were compared with "
            f"{count(self.evaluation_questions)} evaluation questions, and "
            f"{count(self.removed())} were removed. The paper removes a text for any 10\u2011gram "
            "that it shares. Our questions come from templates whose wording all of them share, so "
            "a shared n\u2011gram counts here only with enough content words in it."
        )
        values = ", ".join(f"{name} {value:g}" for name, value in self.parameters.items())
        rule = f"The rule in full. {self.rule.rstrip('.')}. Here: {values}."
        third = (
            f"{count(self.own_prompts)} prompts of the user's own joined; "
            f"{count(self.own_prompts_removed)} were left out for repeating an evaluation question."
        )
        return [first, second, rule] + (
            [third] if self.own_prompts or self.own_prompts_removed else []
        )

    def grids(self) -> list[Grid]:
        """Return the table of files and the table of the filter."""
        return [self._file_grid(), self._filter_grid()]

    def _file_grid(self) -> Grid:
        names = self.categories()
        shown = [CATEGORY_NAMES.get(name, name) for name in names]
        heads = columns("File", "#Records", *(f"#{name}" for name in shown), "#With Chinese")
        heads += columns("#Mean words", "#Mean tokens", "#Longest (tokens)", "SHA-256")
        rows = [
            Line(
                [
                    file.name,
                    count(file.records),
                    *(count(file.by_category.get(name, 0)) for name in names),
                    count(file.chinese),
                    f"{file.average_words:.1f}",
                    f"{file.average_tokens:.1f}",
                    count(file.longest_tokens),
                    file.sha256[:SHORT_HASH],
                ]
            )
            for file in self.files
        ]
        caption = (
            "From the manifests: records by category. Words are normalised and counted in the "
            "question of a prompt and in the whole text of the rest; tokens are those of the "
            "base's tokenizer, prompts with their frame, the cold start with its responses."
        )
        return Grid("Data files", caption, heads, rows)

    def _filter_grid(self) -> Grid:
        rules = list(dict.fromkeys(rule for stream in self.streams for rule in stream.removed))
        heads = columns("Texts", "#Redrawn: same content key", "#Compared", "#Removed")
        heads += columns(*(f"#by {rule.replace('_', ' ')}" for rule in rules))
        rows = [
            Line(
                [
                    STREAMS.get(stream.name, stream.name),
                    *(count(n) for n in (stream.same_key, stream.checked, stream.removed_in_all)),
                    *(count(stream.removed[rule]) for rule in rules),
                ]
            )
            for stream in self.streams
        ]
        caption = "Decontamination. What was removed was replaced by the next draw."
        return Grid("Decontamination", caption, heads, rows)


def _whole(value: dict, path: Path, *names: str) -> int:
    number = field(value, path, *names)
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise InputError(f"{path}: {'.'.join(names)} is {number!r} where a count is needed")
    return number


def _number(value: dict, path: Path, *names: str) -> float:
    number = field(value, path, *names)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise InputError(f"{path}: {'.'.join(names)} is {number!r} where a number is needed")
    return number


def _mapping(value: dict, path: Path, *names: str) -> dict:
    found = field(value, path, *names)
    if not isinstance(found, dict):
        raise InputError(f"{path}: {'.'.join(names)} is no JSON object; remake the file")
    return found


def _files(manifest: dict, path: Path, tokens: dict, tokens_path: Path) -> list[DataFile]:
    files = []
    for name, entry in _mapping(manifest, path, "files").items():
        where = Path(f"{path} ({name})")
        by_category = _mapping(entry, where, "by_category")
        counted = _mapping(tokens, tokens_path, "files", name)
        counted_where = Path(f"{tokens_path} ({name})")
        if field(counted, counted_where, "sha256") != field(entry, where, "sha256"):
            raise InputError(
                f"{tokens_path} and {path} describe different versions of {name}; "
                "run `snakemake --forcerun tokenizer`"
            )
        languages = [
            _mapping(by_category, where, category, "by_language") for category in by_category
        ]
        files.append(
            DataFile(
                name,
                _whole(entry, where, "records"),
                {c: _whole(by_category, where, c, "records") for c in by_category},
                sum(n for found in languages for name, n in found.items() if name != "en"),
                _number(entry, where, "average_normalised_words"),
                _number(counted, counted_where, "average_tokens"),
                _whole(counted, counted_where, "longest_tokens"),
                str(field(entry, where, "sha256")),
            )
        )
    return files


def _streams(report: dict, path: Path) -> list[Stream]:
    streams = []
    for name, categories in _mapping(report, path, "streams").items():
        where = Path(f"{path} ({name})")
        removed: dict[str, int] = {}
        same_key = checked = 0
        for category in categories:
            same_key += _whole(categories, where, category, "drawn_with_an_evaluation_key")
            checked += _whole(categories, where, category, "checked")
            for rule in _mapping(categories, where, category, "removed_by_rule"):
                amount = _whole(categories, where, category, "removed_by_rule", rule)
                removed[rule] = removed.get(rule, 0) + amount
        streams.append(Stream(name, same_key, checked, removed))
    return streams


def read_dataset(prompts: Path, corpus: Path, tokens: Path, decontamination: Path) -> Dataset:
    """Read the manifests and the report of the filter.

    Raises InputError that names file and field.
    """
    prompts_manifest, corpus_manifest = read_object(prompts), read_object(corpus)
    report, counted = read_object(decontamination), read_object(tokens)
    streams = _streams(report, decontamination)
    streams += _streams(_mapping(corpus_manifest, corpus, "decontamination"), corpus)
    rank = {name: position for position, name in enumerate(ORDER)}
    files = _files(prompts_manifest, prompts, counted, tokens)
    files += _files(corpus_manifest, corpus, counted, tokens)
    generator = _mapping(prompts_manifest, prompts, "generator")
    return Dataset(
        files=sorted(files, key=lambda f: rank.get(Path(f.name).stem, len(rank))),
        streams=sorted(streams, key=lambda s: (rank.get(s.name, len(rank)), s.name)),
        rule=str(field(report, decontamination, "parameters", "rule")),
        parameters={
            name: _number(report, decontamination, "parameters", name) for name in PARAMETERS
        },
        evaluation_questions=_whole(report, decontamination, "parameters", "evaluation_questions"),
        generator={str(name): str(version) for name, version in generator.items()},
        own_prompts=_whole(report, decontamination, "user_prompts", "added"),
        own_prompts_removed=len(_list(report, decontamination, "user_prompts", "removed")),
    )


def _list(value: dict, path: Path, *names: str) -> list:
    found = field(value, path, *names)
    if not isinstance(found, list):
        raise InputError(f"{path}: {'.'.join(names)} is no JSON list; remake the file")
    return found
