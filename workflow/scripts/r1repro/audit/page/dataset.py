# SPDX-License-Identifier: Apache-2.0
"""The data files by their manifests, and what the decontamination removed."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.page.scores import ORDER_OF_CATEGORIES, in_order
from r1repro.audit.page.tables import field, read_object
from r1repro.errors import InputError

ORDER = ("train", "validation", "test", "base_corpus", "cold_start")
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
    """What the filter saw and removed, by rule, in one stream of texts."""

    name: str
    same_key: int
    checked: int
    removed: Counter[str]

    @property
    def removed_in_all(self) -> int:
        """Return the removals of all rules."""
        return self.removed.total()


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
        return in_order({c for file in self.files for c in file.by_category}, ORDER_OF_CATEGORIES)

    def counts(self, file: DataFile) -> list[int]:
        """Return a file's records of each category."""
        return [file.by_category.get(name, 0) for name in self.categories()]

    def removals(self, stream: Stream) -> list[int]:
        """Return a stream's removals by each rule."""
        return [stream.removed[rule] for rule in self.rules()]

    def rules(self) -> list[str]:
        """Return the rules of the filter in the order of the streams."""
        return list(dict.fromkeys(rule for stream in self.streams for rule in stream.removed))


def _files(manifest: dict, path: Path, tokens: dict, tokens_path: Path) -> list[DataFile]:
    files = []
    for name, entry in field(manifest, path, "files", kind="object").items():
        where, counted_where = Path(f"{path} ({name})"), Path(f"{tokens_path} ({name})")
        by_category = field(entry, where, "by_category", kind="object")
        counted = field(tokens, tokens_path, "files", name, kind="object")
        sha256 = str(field(entry, where, "sha256"))
        if field(counted, counted_where, "sha256") != sha256:
            raise InputError(
                f"{tokens_path} and {path} describe different versions of {name}; "
                "run `snakemake --forcerun tokenizer`"
            )
        languages = [
            field(by_category, where, c, "by_language", kind="object") for c in by_category
        ]
        files.append(
            DataFile(
                name,
                field(entry, where, "records", kind="count"),
                {c: field(by_category, where, c, "records", kind="count") for c in by_category},
                sum(n for found in languages for language, n in found.items() if language != "en"),
                field(entry, where, "average_normalised_words", kind="number"),
                field(counted, counted_where, "average_tokens", kind="number"),
                field(counted, counted_where, "longest_tokens", kind="count"),
                sha256,
            )
        )
    return files


def _streams(report: dict, path: Path) -> list[Stream]:
    streams = []
    for name, categories in field(report, path, "streams", kind="object").items():
        where = Path(f"{path} ({name})")
        removed: Counter[str] = Counter()
        same_key = checked = 0
        for c in categories:
            same_key += field(categories, where, c, "drawn_with_an_evaluation_key", kind="count")
            checked += field(categories, where, c, "checked", kind="count")
            for rule in field(categories, where, c, "removed_by_rule", kind="object"):
                removed[rule] += field(categories, where, c, "removed_by_rule", rule, kind="count")
        streams.append(Stream(name, same_key, checked, removed))
    return streams


def read_dataset(prompts: Path, corpus: Path, tokens: Path, decontamination: Path) -> Dataset:
    """Read the manifests and the report of the filter.

    Raises InputError that names file and field.
    """
    prompts_manifest, corpus_manifest = read_object(prompts), read_object(corpus)
    report, counted = read_object(decontamination), read_object(tokens)
    streams = _streams(report, decontamination)
    streams += _streams(field(corpus_manifest, corpus, "decontamination", kind="object"), corpus)
    rank = {name: position for position, name in enumerate(ORDER)}
    files = _files(prompts_manifest, prompts, counted, tokens)
    files += _files(corpus_manifest, corpus, counted, tokens)

    def reported(*names: str, kind: str = ""):
        return field(report, decontamination, *names, kind=kind)

    generator = field(prompts_manifest, prompts, "generator", kind="object")
    return Dataset(
        files=sorted(files, key=lambda f: rank.get(Path(f.name).stem, len(rank))),
        streams=sorted(streams, key=lambda s: (rank.get(s.name, len(rank)), s.name)),
        rule=str(reported("parameters", "rule")),
        parameters={name: reported("parameters", name, kind="number") for name in PARAMETERS},
        evaluation_questions=reported("parameters", "evaluation_questions", kind="count"),
        generator={str(name): str(version) for name, version in generator.items()},
        own_prompts=reported("user_prompts", "added", kind="count"),
        own_prompts_removed=len(reported("user_prompts", "removed", kind="list")),
    )
