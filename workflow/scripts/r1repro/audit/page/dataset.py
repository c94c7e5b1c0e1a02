# SPDX-License-Identifier: Apache-2.0
"""The data files by their manifests, and what the decontamination removed."""

from collections import Counter
from pathlib import Path

from r1repro.audit.page.scores import ORDER_OF_CATEGORIES, in_order
from r1repro.audit.page.tables import field, read_object
from r1repro.errors import InputError

ORDER = ("train", "validation", "test", "base_corpus", "cold_start")
PARAMETERS = ("ngram", "content_words", "whole_words", "wording_share")


def _files(manifest: dict, path: Path, tokens: dict, tokens_path: Path) -> list[dict]:
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
            {
                "name": name,
                "records": field(entry, where, "records", kind="count"),
                "by_category": {
                    c: field(by_category, where, c, "records", kind="count") for c in by_category
                },
                "chinese": sum(
                    n for found in languages for name, n in found.items() if name != "en"
                ),
                "words": field(entry, where, "average_normalised_words", kind="number"),
                "tokens": field(counted, counted_where, "average_tokens", kind="number"),
                "longest": field(counted, counted_where, "longest_tokens", kind="count"),
                "sha256": sha256,
            }
        )
    return files


def _streams(report: dict, path: Path) -> list[dict]:
    streams = []
    for name, categories in field(report, path, "streams", kind="object").items():
        where = Path(f"{path} ({name})")
        found: Counter[str] = Counter()
        removed: Counter[str] = Counter()
        for c in categories:
            for key in ("drawn_with_an_evaluation_key", "checked"):
                found[key] += field(categories, where, c, key, kind="count")
            for rule in field(categories, where, c, "removed_by_rule", kind="object"):
                removed[rule] += field(categories, where, c, "removed_by_rule", rule, kind="count")
        streams.append(dict(found) | {"name": name, "removed": removed.total(), "by_rule": removed})
    return streams


def read_dataset(prompts: Path, corpus: Path, tokens: Path, decontamination: Path) -> dict:
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

    return {
        "files": sorted(files, key=lambda f: rank.get(Path(f["name"]).stem, len(rank))),
        "streams": sorted(streams, key=lambda s: (rank.get(s["name"], len(rank)), s["name"])),
        "categories": in_order({c for f in files for c in f["by_category"]}, ORDER_OF_CATEGORIES),
        "rule": str(reported("parameters", "rule")),
        "parameters": {name: reported("parameters", name, kind="number") for name in PARAMETERS},
        "evaluation_questions": reported("parameters", "evaluation_questions", kind="count"),
        "generator": field(prompts_manifest, prompts, "generator", kind="object"),
        "own_prompts": reported("user_prompts", "added", kind="count"),
        "own_prompts_removed": len(reported("user_prompts", "removed", kind="list")),
    }
