# SPDX-License-Identifier: Apache-2.0
"""What the claims need of attempt records: who made which file, on what, with how much work.

Only the first line (`begin`) and the last whole line are read. A record that cannot be read stops
the claims as it stops the bill: evidence whose history is damaged is not judged.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

from r1repro.audit.attempt_records import AttemptDamaged
from r1repro.audit.stage_cost import REPORTING


@dataclass(frozen=True)
class Record:
    """One attempt: where it ran, what it ended with and the SHA-256 of what it made."""

    id: str
    stage: str
    part: str
    seed: int
    scale: str
    device: str
    commit: str
    started: str
    completed: bool
    flop: int
    outputs: dict[str, str] = field(default_factory=dict)


def _ends(path: Path) -> tuple[dict, dict]:
    """Return the first and the last whole line; a torn last line is the mark of a kill."""
    pieces = [piece for piece in path.read_bytes().split(b"\n") if piece]
    lines = []
    for number in dict.fromkeys((0, len(pieces) - 1)):
        try:
            lines.append(json.loads(pieces[number]))
        except (ValueError, IndexError, RecursionError) as error:
            if number <= 0:
                raise AttemptDamaged(path, number + 1, "not JSON") from error
            lines.append({"kind": "torn"})
    if not all(isinstance(line, dict) for line in lines):
        raise AttemptDamaged(path, 1, "not a JSON object")
    return lines[0], lines[-1]


def read_record(path: Path) -> Record:
    """Read one record; raises AttemptDamaged."""
    begin, last = _ends(path)
    kinds = {
        "stage": str, "part": str, "seed": int, "scale": str, "device": str, "git_commit": str,
        "time_utc": str,
    }  # fmt: skip
    for name, kind in kinds.items():
        if not isinstance(begin.get(name), kind):
            raise AttemptDamaged(path, 1, f"{name} is missing or of another kind")
    ended = last.get("kind") == "end"
    outputs = last["outputs"] if ended and isinstance(last.get("outputs"), dict) else {}
    return Record(
        id=path.stem,
        stage=begin["stage"],
        part=begin["part"],
        seed=begin["seed"],
        scale=begin["scale"],
        device=begin["device"],
        commit=begin["git_commit"],
        started=begin["time_utc"],
        completed=ended and last.get("exit_code") == 0,
        flop=last["flop"] if isinstance(last.get("flop"), int) else 0,
        outputs=outputs,
    )


def read_records(folder: Path) -> list[Record]:
    """Return all records below a folder, oldest first; an absent folder has none."""
    found = [
        read_record(path)
        for path in sorted(folder.rglob("*.jsonl"))
        if not path.name.startswith(".")
    ]
    return sorted(found, key=lambda record: (record.started, record.id))


def newest(records: list[Record]) -> Record | None:
    """Return the last attempt that completed and made results, not a report of them."""
    made = [record for record in records if record.completed and record.stage not in REPORTING]
    return made[-1] if made else None
