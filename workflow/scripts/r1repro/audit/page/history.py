# SPDX-License-Identifier: Apache-2.0
"""What ran, when, where and with which code, read from the attempt records.

The records are read by `attempt_records`, as for the bill; here the identity fields of their first
line (seed, host, commit, packages, environment) are added. The attempts that make the report itself
are left out: they still run while the page is written.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.attempt_records import AttemptRecord
from r1repro.audit.attempt_records import read_attempts as read_records
from r1repro.audit.page.environments import Environment, environment_of
from r1repro.audit.page.tables import field
from r1repro.audit.stage_cost import REPORTING, purposes
from r1repro.errors import InputError

SHORT_COMMIT = 12
MS_PER_SECOND = 1000


@dataclass(frozen=True)
class Attempt:
    """One attempt of a stage as the page lists it; `purpose` as in the bill."""

    record: AttemptRecord
    purpose: str
    ended: str
    error: str
    seed: int
    host: str
    commit: str
    dirty: bool | str
    packages: dict[str, str]
    environment: Environment | None = None

    @property
    def name(self) -> str:
        """Return the stage, with its part where it has one."""
        return f"{self.record.stage} {self.record.part}".strip()

    @property
    def seconds(self) -> float:
        """Return the billed time."""
        return self.record.elapsed_ms / MS_PER_SECOND


def read_attempts(root: Path) -> list[Attempt]:
    """Read all records below a folder, in the order in which the attempts began.

    Raises AttemptDamaged for a record that cannot be understood, InputError when there is none.
    """
    records = [record for record in read_records(root) if record.stage not in REPORTING]
    if not records:
        raise InputError(
            f"{root} holds no attempt record (STAGE/ID.jsonl); run `snakemake` so that the stages "
            "write theirs"
        )
    paths = {path.stem: path for path in root.rglob("*.jsonl")}
    purpose_of = purposes(records)
    return [
        _with_identity(record, purpose_of[record.attempt_id], paths[record.attempt_id])
        for record in records
    ]


def _with_identity(record: AttemptRecord, purpose: str, path: Path) -> Attempt:
    """Add the identity fields; the record itself was checked there."""
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    whole = [line for line in lines if line.strip()][: -1 if record.torn else None]
    begin, last = json.loads(whole[0]), json.loads(whole[-1])
    where = Path(f"{path} (begin)")
    seed, packages = field(begin, where, "seed"), field(begin, where, "packages")
    if not isinstance(seed, int) or not isinstance(packages, dict):
        raise InputError(f"{where}: seed or packages is damaged; restore the record")
    return Attempt(
        record=record,
        purpose=purpose,
        ended=str(field(last, path, "time_utc")),
        error=str(last["error_text"]) if "error_text" in last else "",
        seed=seed,
        host=str(field(begin, where, "host")),
        commit=str(field(begin, where, "git_commit")),
        dirty=field(begin, where, "git_dirty"),
        packages=packages,
        environment=environment_of(begin, where),
    )


def finished(attempts: Sequence[Attempt], scale: str) -> list[Attempt]:
    """Return the last completed attempt of each stage at a scale: what the results rest on."""
    last = {a.name: a for a in attempts if a.record.completed and a.record.scale == scale}
    return sorted(last.values(), key=lambda a: (a.record.started_utc, a.name))


def commits(attempts: Sequence[Attempt]) -> list[str]:
    """Return the commits behind the results, short, each once."""
    return list(dict.fromkeys(a.commit[:SHORT_COMMIT] for a in attempts))


def packages(attempts: Sequence[Attempt]) -> dict[str, list[str]]:
    """Return the versions of each package."""
    versions: dict[str, dict[str, None]] = {}
    for a in attempts:
        for name, version in a.packages.items():
            versions.setdefault(str(name), {})[str(version)] = None
    return {name: list(found) for name, found in sorted(versions.items())}
