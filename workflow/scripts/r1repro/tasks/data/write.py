# SPDX-License-Identifier: Apache-2.0
"""Write the data files with their manifests; every file appears whole or not at all.

The manifest is written last: where it stands, the files it describes stand too.
"""

from pathlib import Path

from r1repro.errors import InputError
from r1repro.files import (
    read_jsonl,
    sha256_file,
    write_json_atomic,
    write_jsonl_atomic,
    write_text_atomic,
)
from r1repro.progress import Progress
from r1repro.tasks.data.corpus import (
    cold_start_records,
    corpus_records,
    evaluation_filter,
    general_sft_records,
    worked_record,
)
from r1repro.tasks.data.decontamination import Tally
from r1repro.tasks.data.manifest import Statistics, describe_file, manifest
from r1repro.tasks.data.preferences import Source, preference_pairs, safety_responses
from r1repro.tasks.data.seeded_copies import measure_recall, recall_csv
from r1repro.tasks.data.splits import Splits, build_splits, prompts_of
from r1repro.tasks.data.user_prompts import read_user_prompts
from r1repro.tasks.problem import CATEGORIES, REASONING

PROMPT_FIELDS = ("id", "category", "language", "question", "key")


def write_prompts(
    settings: dict,
    user_files: list[Path],
    files: dict[str, Path],
    manifest_path: Path,
    decontamination_path: Path,
    recall_path: Path,
    worked_path: Path,
) -> None:
    """Write the three splits, report and test of the filter, worked answers, and the manifest.

    worked_path   gets the worked answers to the reasoning prompts of the train split, for the arm
                  that learns from them in place of RL

    Raises UserPromptError before anything is written when a line of the user's file is bad.
    """
    data, seed = settings["data"], settings["seed"]
    own = [read_user_prompts(path, data["user_prompt_max_bytes"]) for path in user_files]
    user_records = _number_files(own)
    total = sum(sum(prompts_of(data, category).values()) for category in CATEGORIES)
    progress = Progress("prompts", total, "prompts")
    splits = build_splits(data, seed, user_records, progress.update)
    for removed in splits.user_removed:
        print(
            f"warning: own prompt of line {removed['line']} repeats the evaluation question "
            f"{removed['evaluation_id']} ({removed['rule']}) and is left out"
        )
    entries = {name: write_records(path, splits.records[name]) for name, path in files.items()}
    user = _user_report(user_files, user_records, splits, data["user_prompts_split"])
    report = {
        "parameters": splits.filter.parameters(),
        "streams": {name: tally.report() for name, tally in splits.tallies.items()},
        "user_prompts": user,
    }
    write_json_atomic(decontamination_path, report)
    write_text_atomic(recall_path, recall_csv(measure_recall(splits, seed)))
    worked = (
        worked_record(problem, record["language"], record["answer"])
        for record in splits.records["train"]
        for problem in [splits.problems.get(record["id"])]
        if problem is not None and problem.category in REASONING
    )
    named = {files[name].name: entry for name, entry in entries.items()}
    named[worked_path.name] = write_records(worked_path, worked)
    write_json_atomic(manifest_path, manifest(named, seed, data) | {"user_prompts": user})


def _number_files(own: list[list[dict]]) -> list[dict]:
    """Put the prompts of several files together; ids of a second file carry its number."""
    return [
        record | ({} if number == 1 else {"id": record["id"].replace("user-", f"user{number}-")})
        for number, records in enumerate(own, start=1)
        for record in records
    ]


def _user_report(paths: list[Path], records: list[dict], splits: Splits, split: str) -> dict:
    return {
        "files": {path.name: sha256_file(path) for path in paths},
        "lines": len(records),
        "added": len(records) - len(splits.user_removed),
        "split": split,
        "removed": splits.user_removed,
    }


def write_records(path: Path, records) -> dict:
    """Write records to a file and return its manifest entry."""
    statistics = Statistics()
    write_jsonl_atomic(path, map(statistics.add, records))
    return describe_file(path, statistics)


def write_corpus(
    settings: dict,
    evaluation_files: list[Path],
    corpus_path: Path,
    cold_start_path: Path,
    more_path: Path,
    general_path: Path,
    manifest_path: Path,
) -> None:
    """Write base corpus, both cold-start sets, general part of the second fine-tuning, manifest.

    Raises InputError when an evaluation file is not one that `prompts` wrote.
    """
    data, seed = settings["data"], settings["seed"]
    evaluation = [record for path in evaluation_files for record in read_prompts(path)]
    filter_ = evaluation_filter(evaluation, data, seed)
    names = ("base_corpus", "cold_start", "cold_start_more", "general_sft")
    tallies = {name: Tally() for name in names}
    progress = Progress("corpus", data["corpus"]["documents"], "documents")
    corpus = corpus_records(
        data, seed, evaluation, filter_, tallies["base_corpus"], progress.update
    )
    entries = {corpus_path.name: write_records(corpus_path, corpus)}
    for name, path in (("cold_start", cold_start_path), ("cold_start_more", more_path)):
        count = data[f"{name}_samples"]
        records = cold_start_records(count, data, seed, evaluation, filter_, tallies[name])
        entries[path.name] = write_records(path, records)
    count = settings["sft_data"]["general_samples"]
    general = general_sft_records(count, seed, data, evaluation, tallies["general_sft"])
    entries[general_path.name] = write_records(general_path, general)
    decontamination = {
        "parameters": filter_.parameters(),
        "streams": {name: tally.report() for name, tally in tallies.items()},
    }
    made = manifest(entries, seed, data) | {"decontamination": decontamination}
    write_json_atomic(manifest_path, made)


def write_preferences(
    settings: dict, evaluation_files: list[Path], files: dict[str, Path], manifest_path: Path
) -> None:
    """Write pairs and safety responses, for training and held out, and their manifest.

    files   pairs, heldout, safety, safety_heldout
    """
    data, seed = settings["data"], settings["seed"]
    evaluation = [record for path in evaluation_files for record in read_prompts(path)]
    filter_ = evaluation_filter(evaluation, data, seed)
    source = Source(data, seed, evaluation, filter_)
    tallies = {name: Tally() for name in files}
    progress = Progress("preferences", len(files), "files")
    entries = {}
    for number, (name, path) in enumerate(files.items(), start=1):
        make = safety_responses if name.startswith("safety") else preference_pairs
        held_out, count = name.endswith("heldout"), data["preferences"][name]
        records = make(f"preferences {name}", held_out, count, source, tallies[name])
        entries[path.name] = write_records(path, records)
        progress.update(number)
    decontamination = {
        "parameters": filter_.parameters(),
        "streams": {name: tally.report() for name, tally in tallies.items()},
    }
    made = manifest(entries, seed, data) | {"decontamination": decontamination}
    write_json_atomic(manifest_path, made)


def read_prompts(path: Path) -> list[dict]:
    """Read a prompt file; raises InputError when it is not one that `prompts` wrote."""
    records = read_jsonl(path)
    for number, record in enumerate(records, start=1):
        for field in PROMPT_FIELDS:
            if not isinstance(record.get(field), str):
                raise InputError(
                    f"{path}, line {number}: the prompt has no text in '{field}'; "
                    f"make the file again with `snakemake --forcerun prompts`"
                )
    return records
