# SPDX-License-Identifier: Apache-2.0
"""What ran, when, where and with which code, read from the attempt records.

The records are read by `attempt_records`, as for the bill; here the identity fields of their first
line (seed, host, commit, packages, environment) are added. The attempts that make the report itself
are left out: they still run while the page is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.attempt_records import AttemptRecord, parsed_lines
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
    begin: dict  # its first line, with seed, host, git_commit, git_dirty and packages
    last: dict
    environment: Environment | None

    @property
    def name(self) -> str:
        """Return the stage, with its part where it has one."""
        return f"{self.record.stage} {self.record.part}".strip()

    @property
    def seconds(self) -> float:
        """Return the billed time."""
        return self.record.elapsed_ms / MS_PER_SECOND

    @property
    def commit(self) -> str:
        """Return the commit, short."""
        return str(self.begin["git_commit"])[:SHORT_COMMIT]


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
    lines, _ = parsed_lines(path, path.read_bytes())
    where = Path(f"{path} (begin)")
    for name in ("host", "git_commit", "git_dirty"):
        field(lines[0], where, name)
    seed, packages = field(lines[0], where, "seed"), field(lines[0], where, "packages")
    if not isinstance(seed, int) or not isinstance(packages, dict):
        raise InputError(f"{where}: seed or packages is damaged; restore the record")
    return Attempt(record, purpose, lines[0], lines[-1], environment_of(lines[0], where))


def finished(attempts: Sequence[Attempt], scale: str) -> list[Attempt]:
    """Return the last completed attempt of each stage at a scale: what the results rest on."""
    last = {a.name: a for a in attempts if a.record.completed and a.record.scale == scale}
    return sorted(last.values(), key=lambda a: (a.record.started_utc, a.name))


def packages(attempts: Sequence[Attempt]) -> dict[str, list[str]]:
    """Return the versions of each package."""
    versions: dict[str, dict[str, None]] = {}
    for a in attempts:
        for name, version in a.begin["packages"].items():
            versions.setdefault(str(name), {})[str(version)] = None
    return {name: list(found) for name, found in sorted(versions.items())}
