# SPDX-License-Identifier: Apache-2.0
"""Exact checks of an MLPerf log: what its checker, which reads one line at a time, lets pass.

Log       every line is one; time does not run backwards; no number is NaN or infinite; blocks and
          run are opened and closed in turn; the samples at the end are updates x batch
Records   each block is an attempt of the stage with that SHA-256, its length is the attempt's
          milliseconds, and nodes, GPUs and cores are those of the record
"""

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from r1repro.audit.exports.record_files import RecordFile

MARK = ":::MLLOG "
PAIRS = {"init_stop": "init_start", "run_stop": "run_start", "block_stop": "block_start"}


def _infinite(text: str) -> float:
    raise ValueError(f"the number {text}")


def read_log(path: Path) -> tuple[list[dict], list[str]]:
    """Return the lines of a log, and a finding for each that is none."""
    lines, found = [], []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            if not text.startswith(MARK):
                raise ValueError("it does not begin with :::MLLOG")
            line = json.loads(text.removeprefix(MARK), parse_constant=_infinite)
            lines.append({name: line[name] for name in ("time_ms", "key", "value", "metadata")})
        except (ValueError, KeyError, TypeError) as error:
            found.append(f"{path.name}, line {number}: not a line of a log ({error})")
    return lines, found


def _order(lines: list[dict]) -> Iterator[str]:
    """Yield what is wrong with times and pairs."""
    latest, open_keys = -math.inf, set()
    for line in lines:
        if line["time_ms"] < latest:
            yield f"{line['key']}: time runs backwards to {line['time_ms']}"
        latest = max(latest, line["time_ms"])
        if line["key"] in PAIRS.values():
            if line["key"] in open_keys:
                yield f"{line['key']} comes twice without a stop"
            open_keys.add(line["key"])
        elif line["key"] in PAIRS:
            if PAIRS[line["key"]] not in open_keys:
                yield f"{line['key']} comes without a start"
            open_keys.discard(PAIRS[line["key"]])
    yield from (f"{key} is never stopped" for key in sorted(open_keys))


def _samples(lines: list[dict]) -> Iterator[str]:
    values = {line["key"]: line for line in lines}
    try:
        planned = values["max_steps"]["value"] * values["global_batch_size"]["value"]
        done = values["run_stop"]["metadata"]["samples_count"]
    except (KeyError, TypeError):
        yield "max_steps, global_batch_size or run_stop is missing"
        return
    if done != planned:
        yield f"run_stop has {done} samples; max_steps x global_batch_size is {planned}"


def mlperf_findings(path: Path) -> list[str]:
    """Return what is wrong with a log by itself."""
    lines, found = read_log(path)
    found += [f"{path.name}: {what}" for what in (*_order(lines), *_samples(lines))]
    return found


def mlperf_against_records(path: Path, files: Iterable[RecordFile]) -> list[str]:
    """Return where a log and the attempt records disagree."""
    lines, found = read_log(path)
    known = {file.record.attempt_id: file for file in files}
    begun: dict[str, int] = {}
    for line in lines:
        about = line["metadata"]
        if line["key"] not in ("block_start", "block_stop"):
            continue
        file = known.get(about.get("attempt_id"))
        if file is None:
            found.append(f"{path.name}: {line['key']} of an attempt without a record")
            continue
        record, name = file.record, file.record.attempt_id
        if line["key"] == "block_start":
            begun[name] = line["time_ms"]
            if about.get("record_sha256") != file.sha256:
                found.append(f"{path.name}: the record of {name} has another SHA-256")
            held = ("nodes", "gpus_per_node", "cpu_cores")
            other = [what for what in held if about.get(what) != getattr(record, what)]
            found += [f"{path.name}: {what} of {name} is not as recorded" for what in other]
        elif line["time_ms"] - begun.get(name, 0) != record.elapsed_ms:
            found.append(
                f"{path.name}: {name} is not as long as its record, {record.elapsed_ms} ms"
            )
    return found
