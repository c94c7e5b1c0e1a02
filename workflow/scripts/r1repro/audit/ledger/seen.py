# SPDX-License-Identifier: Apache-2.0
"""One attempt as a line of the ledger tells it, taken from the pattern's groups or from JSON."""

import json
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from r1repro.audit.ledger.fields import TAKEN, outcome_of

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
    """What the bill and the checks need of one attempt."""

    attempt_id: str
    stage: str
    part: str
    scale: str
    purpose: str
    exit_code: int | None
    device: str
    nodes: int
    gpus_per_node: int
    cpu_cores: int
    started_utc: str
    elapsed_ms: int
    energy_microjoules: int | None
    energy_source: str
    started: int  # milliseconds since 1970
    ended: int
    host: str
    gpus: str  # UUIDs joined by spaces
    seed: str
    flop: int
    precision: str  # empty where it is not known

    @property
    def finished(self) -> bool:
        """Say whether it has an end of its own, well or not."""
        return self.exit_code is not None


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
    exit_code = None if code == "null" else int(code)
    seen = Seen(
        ident,
        stage,
        part,
        scale,
        purpose,
        exit_code,
        device,
        int(nodes),
        int(gpus),
        int(cores),
        started,
        int(elapsed),
        None if joules == "null" else int(joules),
        source,
        milliseconds(started),
        milliseconds(ended),
        host,
        "" if uuids == "[]" else uuids[2:-2].replace('","', " "),
        seed,
        int(flop),
        "" if precision == "null" else precision[1:-1],
    )
    told = None
    if outcome != outcome_of(exit_code):
        told = f"outcome {outcome!r} with exit code {exit_code!r}"
    elif (source == "unknown") != (joules == "null"):
        told = "an energy without a source, or a source without an energy"
    elif not (_ascending(inputs) and _ascending(outputs)):
        told = "a path occurs twice in its inputs or outputs, or out of order"
    return seen, told


def _ascending(files: str) -> bool:
    """Say whether the paths of a canonical object ascend, so that none occurs twice."""
    if "\\" in files:
        names = [name for name, _ in json.loads(files, object_pairs_hook=list)]
    else:
        pieces = files.split('":"')
        if len(pieces) < 3:
            return True
        # a digest, its quote, a comma and a quote stand before every name but the first
        names = [pieces[0][2:], *[piece[67:] for piece in pieces[1:-1]]]
    return all(first < second for first, second in pairwise(names))
