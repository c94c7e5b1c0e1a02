# SPDX-License-Identifier: Apache-2.0
"""Exact checks of a crate: what the validator of the profile does not look at.

Files     each described file is there with its size and SHA-256, none is outside the folder, and
          no file of the folder is left undescribed
Times     begin and end of each action are ISO 8601 in UTC, and none ends before it began
Records   each attempt record of the crate has its action with the record's begin, end and status,
          and there is no other action but the run's, which covers them all
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from r1repro.audit.attempt_records import read_attempts
from r1repro.audit.exports.ro_crate import COMPLETED, METADATA, RECORDS
from r1repro.errors import StageError


def _is_file(entity: dict) -> bool:
    kinds = entity.get("@type", ())
    return "File" in ([kinds] if isinstance(kinds, str) else kinds)


def _files(folder: Path, entities: list[dict]) -> Iterator[str]:
    described = set()
    for entity in filter(_is_file, entities):
        name = entity["@id"]
        path = folder / name
        described.add(name)
        if not path.resolve().is_relative_to(folder.resolve()):
            yield f"{name} lies outside the crate"
        elif not path.is_file():
            yield f"{name} is missing"
        else:
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() != entity.get("sha256"):
                yield f"{name} has another SHA-256 than the crate says"
            if str(len(data)) != entity.get("contentSize"):
                yield f"{name} has {len(data)} bytes, contentSize is {entity.get('contentSize')}"
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    for name in sorted(there - described - {METADATA}):
        yield f"{name} is in the folder but not in the crate"


def _moment(action: dict, name: str) -> datetime:
    moment = datetime.fromisoformat(action[name])
    if moment.utcoffset() != timedelta(0):
        raise ValueError(f"{name} is not in UTC")
    return moment


def _times(actions: list[dict]) -> Iterator[str]:
    spans = {}
    for action in actions:
        try:
            spans[action["@id"]] = _moment(action, "startTime"), _moment(action, "endTime")
        except (KeyError, TypeError, ValueError) as error:
            yield f"{action['@id']}: its times cannot be read ({error})"
            continue
        begin, end = spans[action["@id"]]
        if end < begin:
            yield f"{action['@id']} ends before it starts"
    run = spans.pop("#run", None)
    if run is not None and spans:
        covered = min(begin for begin, _ in spans.values()), max(end for _, end in spans.values())
        if run != covered:
            yield "#run does not last from the first attempt's begin to the last one's end"


def _records(folder: Path, actions: list[dict]) -> Iterator[str]:
    try:
        records = read_attempts(folder / RECORDS)
    except StageError as error:
        yield str(error)
        return
    expected = {f"#attempt-{record.attempt_id}": record for record in records}
    found = {action["@id"]: action for action in actions if action["@id"] != "#run"}
    for name in sorted(expected.keys() ^ found):
        yield f"{name} is " + ("no record of the crate" if name in found else "not an action")
    for name in sorted(expected.keys() & found):
        record, action = expected[name], found[name]
        begin = datetime.fromisoformat(record.started_utc)
        end = begin + timedelta(milliseconds=record.elapsed_ms)
        try:
            times = _moment(action, "startTime"), _moment(action, "endTime")
        except (KeyError, TypeError, ValueError):
            continue  # `_times` has said so
        if times != (begin, end):
            yield f"{name} has other times than its record"
        if (action.get("actionStatus") == {"@id": COMPLETED}) != record.completed:
            yield f"{name} has another status than its record"


def ro_crate_findings(folder: Path) -> list[str]:
    """Return what is wrong with a crate."""
    try:
        entities = json.loads((folder / METADATA).read_text(encoding="utf-8"))["@graph"]
        ids = [entity["@id"] for entity in entities]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"{METADATA} cannot be read ({error})"]
    found = [f"{name} is described twice" for name in sorted({n for n in ids if ids.count(n) > 1})]
    actions = [entity for entity in entities if entity.get("@type") == "CreateAction"]
    if "#run" not in ids:
        found.append("there is no action of the run")
    found += [*_files(folder, entities), *_times(actions), *_records(folder, actions)]
    return found
