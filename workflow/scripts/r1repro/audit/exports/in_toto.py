# SPDX-License-Identifier: Apache-2.0
"""in-toto statements: what each stage made of what, and the verdicts as a test result.

Source    github.com/in-toto/attestation: Statement v1, predicates link v0.3 and test-result v0.1.
One a stage  the last completed attempt of each stage (and part): `subject` are its outputs with
             their SHA-256, `materials` its inputs, `byproducts` how long it took and every other
             attempt of the same stage and part, failed ones included; `environment` device,
             commit, code digest and package versions. Predicate: link.
Verdicts  one statement whose predicate is test-result: its subject are the files that the stage
          `claims` judged, its configuration the list of claims. passedTests are claims confirmed,
          supported or plausible, failedTests those contradicted, warnedTests all others, with
          PASSED, WARNED or FAILED as the worst of them.
Folders   have one digest over all files in them: the SHA-256 of the lines `sha256sum` prints for
          the files in order of name. It is no SHA-256 of a file and so has a name of its own,
          FOLDER_DIGEST. A name without an ending is a folder.
Unsigned  A statement says what; sign it (or the root of the ledger) to say who.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from r1repro.audit.exports.record_files import RecordFile, ended, started, utc_text

STATEMENT = "https://in-toto.io/Statement/v1"
LINK = "https://in-toto.io/attestation/link/v0.3"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
FOLDER_DIGEST = "sha256OfSha256sums"
PASSED = ("consistent", "supported", "plausible")
FAILED = ("inconsistent", "contradicted", "too small", "implausible")


def resource(name: str, digest: str) -> dict:
    """Return a ResourceDescriptor of a file or folder."""
    kind = "sha256" if PurePosixPath(name).suffix else FOLDER_DIGEST
    return {"name": name, "digest": {kind: digest}}


def _resources(paths: dict[str, str]) -> list[dict]:
    return [resource(name, digest) for name, digest in sorted(paths.items())]


def _brief(file: RecordFile) -> dict:
    record = file.record
    return {
        "attempt_id": record.attempt_id,
        "started_utc": record.started_utc,
        "ended_utc": utc_text(ended(record)),
        "elapsed_ms": record.elapsed_ms,
        "exit_code": record.exit_code,
        "record": {"name": file.path, "digest": {"sha256": file.sha256}},
    }


def link_statement(file: RecordFile, others: Sequence[RecordFile], root: str = "") -> dict:
    """Return the statement of one completed attempt; `others` are of the same stage and part."""
    begin, record = file.begin, file.record
    environment = {
        "device": record.device,
        "nodes": record.nodes,
        "gpus_per_node": record.gpus_per_node,
        "cpu_cores": record.cpu_cores,
        "git_commit": begin["git_commit"],
        "git_dirty": begin["git_dirty"],
        "code_digest": begin["code_digest"],
        "config_digest": begin["config_digest"],
        "packages": begin["packages"],
    }
    byproducts = _brief(file) | {"other_attempts": [_brief(other) for other in others]}
    if root:
        byproducts["ledger_root"] = root
    return {
        "_type": STATEMENT,
        "subject": _resources(file.outputs),
        "predicateType": LINK,
        "predicate": {
            "name": f"{record.stage} {record.part}".strip(),
            "command": [],
            "materials": _resources(file.inputs),
            "byproducts": byproducts,
            "environment": environment,
        },
    }


def statements(files: Iterable[RecordFile], root: str = "") -> dict[str, dict]:
    """Return file name (without ending) -> statement, one for each stage and part with outputs."""
    groups: dict[tuple[str, str], list[RecordFile]] = defaultdict(list)
    for file in sorted(files, key=lambda f: (started(f.record), f.record.attempt_id)):
        groups[file.record.stage, file.record.part].append(file)
    found = {}
    for (stage, part), group in sorted(groups.items()):
        done = [file for file in group if file.record.completed and file.outputs]
        if done:
            others = [file for file in group if file is not done[-1]]
            name = f"{stage}_{part}" if part else stage
            found[name] = link_statement(done[-1], others, root)
    return found


def verdict_statement(
    judged: RecordFile, verdicts: Sequence[tuple[str, str]], claims: str, digest: str
) -> dict:
    """Return the verdicts as a test result.

    judged    the attempt of the stage `claims`; verdicts  (claim and check, verdict)
    claims    name of the list of claims; digest  its SHA-256
    """
    passed = [name for name, verdict in verdicts if verdict in PASSED]
    failed = [name for name, verdict in verdicts if verdict in FAILED]
    warned = [name for name, verdict in verdicts if verdict not in (*PASSED, *FAILED)]
    made = {name: text for name, text in judged.outputs.items() if name.endswith("claims.csv")}
    worst = "FAILED" if failed else "WARNED" if warned else "PASSED"
    return {
        "_type": STATEMENT,
        "subject": _resources({**judged.inputs, **made}),
        "predicateType": TEST_RESULT,
        "predicate": {
            "result": worst,
            "configuration": [resource(claims, digest)],
            "passedTests": passed,
            "warnedTests": warned,
            "failedTests": failed,
        },
    }
