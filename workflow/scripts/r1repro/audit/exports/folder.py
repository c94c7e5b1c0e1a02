# SPDX-License-Identifier: Apache-2.0
"""Write every export of a run into one folder.

Makes    focus.csv, attempts.csv, attempts.parquet, mlperf/STAGE.log, in-toto/STAGE.json,
         ro-crate/ (ro-crate-metadata.json and the files it describes), and SHA256SUMS over all.
Inputs   the folder of attempt records, prices, and the tables of the run; the ledger's seal
         (`cost/seal.json`) if there is one: its last root then stands in every export.
Errors   InputError names the table or record an export needs and does not find.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.attempt_records import AttemptRecord, read_attempts
from r1repro.audit.exports.attempts import attempts_table
from r1repro.audit.exports.billed import Billed, billed_attempts
from r1repro.audit.exports.focus import COLUMNS, focus_rows
from r1repro.audit.exports.in_toto import statements, verdict_statement
from r1repro.audit.exports.mlperf import Run, last_run, mlperf_lines, mlperf_text, read_points
from r1repro.audit.exports.record_files import RecordFile, record_files
from r1repro.audit.exports.ro_crate import METADATA, RECORDS, ro_crate
from r1repro.audit.prices import PriceRow
from r1repro.errors import InputError

REASONING = ("math", "code", "stem", "logic")  # the categories of a learning curve
SUMS = "SHA256SUMS"


@dataclass(frozen=True)
class Source:
    """What the exports are made of; paths of tables are below `results`."""

    results: Path
    attempts: Path
    stages: tuple[str, ...]  # RL stages, each with a learning curve
    tables: tuple[Path, ...]  # of the run, for the crate
    workflow: dict[str, Path]  # name in the crate -> Snakefile, rules, configuration
    about: str
    leave_out: str  # the attempt that is running: the one that makes the exports


@dataclass(frozen=True)
class Loaded:
    """Records, their files and the bill, read once."""

    records: tuple[AttemptRecord, ...]
    files: dict[str, RecordFile]
    billed: tuple[Billed, ...]
    root: str


def ledger_root(results: Path) -> str:
    """Return the last root of the sealed ledger, empty if nothing was sealed."""
    path = results / "cost" / "seal.json"
    if not path.is_file():
        return ""
    try:
        root = json.loads(path.read_text(encoding="utf-8"))["heads"][-1]["root"]
        if not isinstance(root, str) or not root:
            raise ValueError(f"root {root!r}")
    except (ValueError, LookupError, TypeError) as error:
        raise InputError(f"{path} has no last root ({error!r}); seal the ledger again") from None
    return root


def load(source: Source, preferred: Sequence[PriceRow]) -> Loaded:
    """Read all records; raises AttemptDamaged, and InputError where there is none."""
    records = [r for r in read_attempts(source.attempts) if r.attempt_id != source.leave_out]
    if not records:
        raise InputError(
            f"there is no attempt record below {source.attempts}, so there is nothing to export; "
            "run the stages first, or put their records back"
        )
    return Loaded(
        tuple(records),
        record_files(source.attempts, records),
        tuple(billed_attempts(records, preferred)),
        ledger_root(source.results),
    )


def _json_of(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); make it again") from error


def _rl_run(stage: str, source: Source, loaded: Loaded) -> Run:
    """Return what the log of a stage is made of."""
    files = loaded.files.values()
    curves = [f for f in files if (f.record.stage, f.record.part) == ("curve", stage)]
    scored = [file for file in curves if file.record.completed]
    attempts = last_run(stage, files, scored[-1]) if scored else ()
    if not attempts:
        raise InputError(
            f"no attempt record below {source.attempts} says who made and scored the checkpoints "
            f"of {stage}; put the record back, or run `snakemake --forcerun {stage}`"
        )
    folder = source.results / "rl" / stage
    rates = read_points(folder / "metrics.csv", "learning_rate")
    manifest = _json_of(source.results / "data" / "prompts_manifest.json")["files"]
    per_category = scored[-1].begin["settings"]["evaluate"]["curve_prompts_per_category"]
    test = manifest["test.jsonl"]["by_category"]
    return Run(
        stage=stage,
        attempts=attempts,
        curve=scored[-1],
        points=read_points(folder / "curve.csv", "step", "pass1"),
        learning_rates=tuple(float(row["learning_rate"]) for row in rates),
        train_prompts=manifest["train.jsonl"]["records"],
        questions=sum(min(per_category, test[c]["records"]) for c in REASONING if c in test),
    )


def _verdicts(source: Source, loaded: Loaded) -> dict[str, dict]:
    """Return the verdicts as a statement, if the claims were judged."""
    path = source.results / "claims" / "claims.csv"
    judged = [
        file
        for file in loaded.files.values()
        if file.record.stage == "claims" and file.record.completed
    ]
    if not path.is_file() or not judged:
        return {}
    rows = read_points(path, "claim", "check", "verdict")
    manifest = _json_of(path.with_name("manifest.json"))["claims"]
    verdicts = [(f"{row['claim']}/{row['check']}", row["verdict"]) for row in rows]
    statement = verdict_statement(judged[-1], verdicts, manifest["path"], manifest["sha256"])
    return {"verdicts": statement}


def _crate(source: Source, loaded: Loaded) -> dict[str, bytes]:
    """Return name -> content of every file of the crate, with its metadata."""
    files = {name: path.read_bytes() for name, path in source.workflow.items()}
    for path in source.tables:
        files[f"run/{path.relative_to(source.results).as_posix()}"] = path.read_bytes()
    for file in loaded.files.values():
        files[f"{RECORDS}/{file.path}"] = (source.attempts / file.path).read_bytes()
    metadata = ro_crate(files, loaded.files.values(), source.about, loaded.root)
    return files | {METADATA: _json_text(metadata).encode()}


def _json_text(value: dict) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _focus_text(loaded: Loaded) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(focus_rows(loaded.billed, loaded.files, loaded.root))
    return text.getvalue()


def contents(source: Source, loaded: Loaded) -> Iterable[tuple[str, bytes]]:
    """Yield name and content of every export; raises InputError."""
    yield "focus.csv", _focus_text(loaded).encode()
    table = attempts_table(list(loaded.files.values()), loaded.billed, loaded.root)
    yield "attempts.csv", table.csv_text().encode()
    yield "attempts.parquet", table.parquet_bytes()
    for stage in source.stages:
        lines = mlperf_lines(_rl_run(stage, source, loaded), loaded.root)
        yield f"mlperf/{stage}.log", mlperf_text(lines).encode()
    made = statements(loaded.files.values(), loaded.root) | _verdicts(source, loaded)
    for name, statement in made.items():
        yield f"in-toto/{name}.json", _json_text(statement).encode()
    for name, content in _crate(source, loaded).items():
        yield f"ro-crate/{name}", content


def write_exports(folder: Path, source: Source, loaded: Loaded) -> int:
    """Fill an empty folder, SHA256SUMS last; return how many files there are."""
    sums = []
    for name, content in contents(source, loaded):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        sums.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    (folder / SUMS).write_text("".join(sorted(sums, key=lambda line: line[66:])), encoding="utf-8")
    return len(sums)
