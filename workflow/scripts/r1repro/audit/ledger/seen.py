# SPDX-License-Identifier: Apache-2.0
"""One attempt as a line of the ledger tells it, taken from the pattern's groups or from JSON."""

import json
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from r1repro.audit.ledger.fields import TAKEN, outcome_of
from r1repro.audit.ledger.tally import Billed

# the order of the groups in the pattern of a line, which is that of the sorted keys
ORDER = (
    "attempt_id", "cpu_cores", "device", "device_uuids", "elapsed_ms", "ended_utc",
    "energy_microjoules", "energy_source", "exit_code", "flop", "gpus_per_node", "host", "index",
    "inputs", "nodes", "outcome", "outputs", "part", "precision", "previous", "purpose", "scale",
    "seed", "stage", "started_utc",
)  # fmt: skip
if TAKEN != ORDER:
    raise AssertionError(f"the fields that are taken are {TAKEN}, not {ORDER}")


class Seen(NamedTuple):
    """What the checks need of one attempt; times are milliseconds since 1970."""

    billed: Billed
    started: int
    ended: int
    host: str
    gpus: str  # UUIDs joined by spaces
    seed: str
    flop: int
    precision: str
    finished: bool


def milliseconds(text: str) -> int:
    """Return a time of the ledger as milliseconds since 1970; ValueError for a day like 31 June."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def of_groups(groups: tuple[str, ...]) -> tuple[Seen, str | None]:
    """Return the attempt of a matched line, and what in it contradicts itself.

    Raises ValueError for a time that no calendar has.
    """
    (ident, cores, device, uuids, elapsed, ended, joules, source, code, flop, gpus, host, _,
     inputs, nodes, outcome, outputs, part, precision, _, purpose, scale, seed, stage,
     started) = groups  # fmt: skip
    started = started[1:-1]
    exit_code = None if code == "null" else int(code)
    billed = Billed(
        ident[1:-1],
        stage[1:-1],
        part[1:-1],
        scale[1:-1],
        purpose[1:-1],
        exit_code == 0,
        device[1:-1],
        int(nodes),
        int(gpus),
        int(cores),
        started,
        int(elapsed),
        None if joules == "null" else int(joules),
        source[1:-1],
    )
    seen = Seen(
        billed,
        milliseconds(started),
        milliseconds(ended[1:-1]),
        host[1:-1],
        "" if uuids == "[]" else uuids[2:-2].replace('","', " "),
        seed,
        int(flop),
        "" if precision == "null" else precision[1:-1],
        exit_code is not None,
    )
    told = _contradiction(exit_code, outcome[1:-1], billed)
    for files in (inputs, outputs):
        if files.count('":"') > 1 and not _ascending(files):
            told = told or "a path occurs twice in its inputs or outputs, or out of order"
    return seen, told


def _ascending(files: str) -> bool:
    """Say whether the paths of a canonical object ascend, so that none occurs twice."""
    if "\\" in files:
        names = [name for name, _ in json.loads(files, object_pairs_hook=list)]
    else:
        names = [piece.rpartition('"')[2] for piece in files.split('":"')[:-1]]
    return all(first < second for first, second in pairwise(names))


def _contradiction(exit_code: int | None, outcome: str, billed: Billed) -> str | None:
    """Say which fields of an attempt cannot be true together."""
    if outcome != outcome_of(exit_code):
        return f"outcome {outcome!r} with exit code {exit_code!r}"
    if (billed.energy_source == "unknown") != (billed.energy_microjoules is None):
        return "an energy without a source, or a source without an energy"
    return None
