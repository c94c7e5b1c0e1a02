# SPDX-License-Identifier: Apache-2.0
"""Exact checks of in-toto statements against the attempt records and each other.

Digests   each is hexadecimal of 64 digits
Records   subject and materials are outputs and inputs of the attempt that the statement names, and
          its record has the SHA-256 that the statement says
Chain     a file that is material of one stage and product of another has one digest in both.
          Folders are left out of this: Snakemake marks a finished folder with a file of its own,
          `.snakemake_timestamp`, so its digest is another one when the next stage reads it.
Verdicts  each claim of the table is in the one list where its verdict belongs, and the result is
          the worst of them
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from r1repro.audit.exports.in_toto import LINK, TEST_RESULT
from r1repro.audit.exports.record_files import RecordFile

HEX = re.compile(r"[0-9a-f]{64}")
GOOD = ("consistent", "supported", "plausible")
BAD = ("inconsistent", "contradicted", "too small", "implausible")


def _digests(resources: Iterable[dict]) -> dict[str, str]:
    return {item["name"]: next(iter(item["digest"].values())) for item in resources}


def _link(statement: dict, known: Mapping[str, RecordFile]) -> Iterator[str]:
    by = statement["predicate"]["byproducts"]
    for brief in (by, *by["other_attempts"]):
        file = known.get(brief["attempt_id"])
        if file is None:
            yield f"attempt {brief['attempt_id']} has no record"
        elif brief["record"]["digest"]["sha256"] != file.sha256:
            yield f"the record of {brief['attempt_id']} has another SHA-256"
        elif (brief["elapsed_ms"], brief["exit_code"]) != (
            file.record.elapsed_ms,
            file.record.exit_code,
        ):
            yield f"attempt {brief['attempt_id']} has another duration or exit code in its record"
    file = known.get(by["attempt_id"])
    if file is None:
        return
    if _digests(statement["subject"]) != file.outputs:
        yield "the subject is not what the record says was made"
    if _digests(statement["predicate"]["materials"]) != file.inputs:
        yield "the materials are not what the record says was read"


def _verdicts(predicate: dict, verdicts: Mapping[str, str]) -> Iterator[str]:
    lists = {"passedTests": GOOD, "failedTests": BAD, "warnedTests": None}
    for name, allowed in lists.items():
        wanted = [
            claim
            for claim, verdict in verdicts.items()
            if (verdict not in (*GOOD, *BAD) if allowed is None else verdict in allowed)
        ]
        if predicate[name] != wanted:
            yield f"{name} are not the claims with such verdicts"
    worst = "FAILED" if predicate["failedTests"] else "PASSED"
    if worst == "PASSED" and predicate["warnedTests"]:
        worst = "WARNED"
    if predicate["result"] != worst:
        yield f"the result is {predicate['result']}, the worst verdict is {worst}"


def _chain(statements: Mapping[str, dict]) -> Iterator[str]:
    made: dict[str, tuple[str, str]] = {}
    links = {name: s for name, s in statements.items() if s["predicateType"] == LINK}
    for name, statement in links.items():
        for item in statement["subject"]:
            if "sha256" in item["digest"]:
                made[item["name"]] = name, item["digest"]["sha256"]
    for name, statement in links.items():
        for item in statement["predicate"]["materials"]:
            maker, digest = made.get(item["name"], ("", None))
            if digest is not None and item["digest"].get("sha256") != digest:
                yield f"{name} read another {item['name']} than {maker} made"


def in_toto_findings(
    folder: Path, files: Iterable[RecordFile], verdicts: Mapping[str, str]
) -> list[str]:
    """Return what is wrong with a folder of statements; `verdicts` by claim, in order."""
    known = {file.record.attempt_id: file for file in files}
    statements, found = {}, []
    for path in sorted(folder.glob("*.json")):
        try:
            statement = json.loads(path.read_text(encoding="utf-8"))
            predicate, kind = statement["predicate"], statement["predicateType"]
            digests = _digests([*statement["subject"], *predicate.get("materials", ())])
            wrong = [name for name, digest in digests.items() if not HEX.fullmatch(digest)]
            found += [f"{path.name}: the digest of {name} is none" for name in wrong]
            if kind == LINK:
                statements[path.stem] = statement
                found += [f"{path.name}: {what}" for what in _link(statement, known)]
            elif kind == TEST_RESULT:
                found += [f"{path.name}: {what}" for what in _verdicts(predicate, verdicts)]
            else:
                found.append(f"{path.name}: the predicate {kind!r} is none of ours")
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
            found.append(f"{path.name} is not a statement of ours ({error!r})")
    done = {
        (f.record.stage, f.record.part) for f in known.values() if f.record.completed and f.outputs
    }
    named = {f"{stage}_{part}" if part else stage for stage, part in done}
    found += [f"there is no statement of {name}" for name in sorted(named - statements.keys())]
    return found + list(_chain(statements))
