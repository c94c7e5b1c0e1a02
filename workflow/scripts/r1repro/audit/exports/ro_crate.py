# SPDX-License-Identifier: Apache-2.0
"""A Workflow Run RO-Crate 0.5 of a run: its files with SHA-256, and every attempt as an action.

Source    w3id.org/ro/wfrun/workflow/0.5 and w3id.org/ro/crate/1.1.
Folder    `ro-crate-metadata.json` and copies of what an auditor wants beside it: workflow and
          configuration, the tables of the run, the page, and all attempt records below
          `run/records`. Checkpoints and samples are too large to travel: the records name them
          with their SHA-256.
Actions   One CreateAction for the run, from the first attempt's begin to the last one's end, whose
          instrument is the Snakefile. One for each attempt, billed or not, with its own begin, end
          and status; its instrument is the stage, its `result` the files of the crate that it
          made (told by SHA-256), its `subjectOf` its record. What began and did not end well has
          FailedActionStatus, and the run has CompletedActionStatus only if the last attempt of
          each stage and part completed.
Choices   No agent: who ran it is not recorded. `sha256` is no term of the 1.1 context, so the
          context names it. The crate's date is the end of its last attempt.
"""

import hashlib
import mimetypes
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from r1repro.audit.exports.record_files import RecordFile, ended, started, utc_text

CONTEXT = [
    "https://w3id.org/ro/crate/1.1/context",
    {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"},
]
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
METADATA = "ro-crate-metadata.json"
WORKFLOW = "Snakefile"
RECORDS = "run/records"  # not `attempts`: what lies here is a copy, not a run
LICENCE = "https://spdx.org/licenses/Apache-2.0"
COMPLETED = "http://schema.org/CompletedActionStatus"
FAILED = "http://schema.org/FailedActionStatus"
TYPES = {".jsonl": "application/jsonl", ".smk": "text/x-snakemake", ".yaml": "application/yaml"}


def _ref(name: str) -> dict[str, str]:
    return {"@id": name}


def _refs(names: Iterable[str]) -> list[dict[str, str]]:
    return [_ref(name) for name in names]


def _file(name: str, data: bytes) -> dict:
    suffix = PurePosixPath(name).suffix
    kind = TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "text/plain"
    return {
        "@id": name,
        "@type": "File",
        "name": name,
        "encodingFormat": kind,
        "contentSize": str(len(data)),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def _frame(about: str, parts: Sequence[str], actions: Sequence[str], date: str) -> list[dict]:
    """Return the metadata file, the root and the profiles."""
    profiles = [
        {"@id": name, "@type": "CreativeWork", "name": title, "version": version}
        for name, (title, version) in PROFILES.items()
    ]
    descriptor = {
        "@id": METADATA,
        "@type": "CreativeWork",
        "about": _ref("./"),
        "conformsTo": _refs(
            ["https://w3id.org/ro/crate/1.1", "https://w3id.org/workflowhub/workflow-ro-crate/1.0"]
        ),
    }
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"r1repro: {about}",
        "description": f"One run of r1repro, which checks the published account of DeepSeek-R1: "
        f"{about}, not the paper's model. "
        "Workflow, configuration, tables, and the record of every attempt.",
        "datePublished": date,
        "license": _ref(LICENCE),
        "conformsTo": _refs(PROFILES),
        "hasPart": _refs(parts),
        "mainEntity": _ref(WORKFLOW),
        "mentions": _refs(actions),
    }
    licence = {"@id": LICENCE, "@type": "CreativeWork", "name": "Apache License 2.0"}
    return [descriptor, root, licence, *profiles]


def _workflow(file: dict, version: str) -> list[dict]:
    """Return the Snakefile as a workflow, and its language."""
    language = {
        "@id": "https://w3id.org/workflowhub/workflow-ro-crate#snakemake",
        "@type": "ComputerLanguage",
        "name": "Snakemake",
        "identifier": _ref("https://doi.org/10.1093/bioinformatics/bts480"),
        "url": _ref("https://snakemake.readthedocs.io"),
        "version": version,
    }
    workflow = file | {
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "name": "Whole recipe, evaluation and cost",
        "programmingLanguage": _ref(language["@id"]),
        "input": [],
        "output": [],
    }
    return [workflow, language]


def _attempt(file: RecordFile, by_digest: Mapping[str, list[str]]) -> dict:
    """Return one attempt as an action."""
    record = file.record
    action = {
        "@id": f"#attempt-{record.attempt_id}",
        "@type": "CreateAction",
        "name": f"{record.stage} {record.part}".strip(),
        "instrument": _ref(f"#stage-{record.stage}"),
        "startTime": utc_text(started(record)),
        "endTime": utc_text(ended(record)),
        "actionStatus": _ref(COMPLETED if record.completed else FAILED),
        "subjectOf": _ref(f"{RECORDS}/{file.path}"),
    }
    read, made = (
        sorted({name for digest in part.values() for name in by_digest.get(digest, ())})
        for part in (file.inputs, file.outputs)
    )
    if read:
        action["object"] = _refs(read)
    if made:
        action["result"] = _refs(made)
    if not record.completed:
        ended_how = "killed" if record.exit_code is None else f"exit code {record.exit_code}"
        action["error"] = file.last.get("error_text") or ended_how
    return action


def _stages(files: Iterable[RecordFile]) -> list[dict]:
    stages = sorted({file.record.stage for file in files})
    return [
        {"@id": f"#stage-{name}", "@type": "SoftwareApplication", "name": name} for name in stages
    ]


def _all_went_well(files: Sequence[RecordFile]) -> bool:
    last = {(file.record.stage, file.record.part): file.record.completed for file in files}
    return all(last.values())


def ro_crate(
    files: Mapping[str, bytes], records: Iterable[RecordFile], about: str, root: str = ""
) -> dict:
    """Return the metadata of a crate.

    files    name in the crate -> content, without the metadata file; the Snakefile and the record
             of each of `records` (below RECORDS) must be among them
    about    scale and seed, in words; root  the ledger's, if it was sealed
    """
    ordered = sorted(records, key=lambda f: (started(f.record), f.record.attempt_id))
    entities = {name: _file(name, data) for name, data in sorted(files.items())}
    by_digest: dict[str, list[str]] = {}
    for name, entity in entities.items():
        by_digest.setdefault(entity["sha256"], []).append(name)
    actions = [_attempt(file, by_digest) for file in ordered]
    first = min(started(file.record) for file in ordered)
    last = max(ended(file.record) for file in ordered)
    inputs = [name for name in entities if name.startswith("config/")]
    results = [n for n in entities if n.startswith("run/") and not n.startswith(RECORDS)]
    run = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"Run of the workflow: {about}",
        "instrument": _ref(WORKFLOW),
        "startTime": utc_text(first),
        "endTime": utc_text(last),
        "actionStatus": _ref(COMPLETED if _all_went_well(ordered) else FAILED),
        "object": _refs(inputs),
        "result": _refs(results),
    }
    if root:
        run["identifier"] = f"ledger root {root}"
    frame = _frame(about, list(entities), ["#run", *(a["@id"] for a in actions)], utc_text(last))
    version = ordered[-1].begin["packages"].get("snakemake", "unknown")
    workflow = _workflow(entities.pop(WORKFLOW), version)
    graph = [*frame, *workflow, run, *_stages(ordered), *actions, *entities.values()]
    return {"@context": CONTEXT, "@graph": graph}
