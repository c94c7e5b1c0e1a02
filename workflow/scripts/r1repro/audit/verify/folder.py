# SPDX-License-Identifier: Apache-2.0
"""The folder of one run as it was found: its records, its ledger, and where a recorded path lies.

Recorded paths are relative to the folder in which the workflow ran (`results/data/test.jsonl`).
Their beginning, which stands for the folder of results, is named by the genesis of the ledger;
without a ledger it is the beginning under which most outputs are found here.
"""

import functools
from dataclasses import dataclass, field
from pathlib import Path

from r1repro.audit.attempt_records import AttemptDamaged
from r1repro.audit.ledger.contents import latest, preferred_prices, read_entries
from r1repro.audit.ledger.entries import RecordFile, attempt_entry, line_of, read_record
from r1repro.audit.ledger.fields import NO_LINE, match_attempt
from r1repro.audit.ledger.heads import LEDGER, Head
from r1repro.audit.ledger.part import Part
from r1repro.audit.ledger.scan import Ledger
from r1repro.audit.ledger.seen import Seen, of_groups
from r1repro.audit.prices import PriceRow, PricesInvalid
from r1repro.audit.verify.findings import Report
from r1repro.errors import InputError

MOST_ENTRIES = 5_000  # of a longer ledger without records the lines are not kept, only its sums


@dataclass
class Run:
    """One run; the checks share it and fill in what later ones need."""

    folder: Path
    shown: str  # how its files are named in findings: a prefix, empty for the folder itself
    records: list[RecordFile] = field(default_factory=list)
    damaged: list[AttemptDamaged] = field(default_factory=list)
    attempts: list[dict] = field(default_factory=list)  # as entries, oldest first
    ledger: Ledger | None = None
    heads: list[Head] = field(default_factory=list)
    entries: list[dict] | None = None  # of the ledger, where it is short and sound
    sums: Part = field(default_factory=Part)  # of the ledger, else of the records

    @property
    def cost(self) -> Path:
        """The folder of ledger and bill."""
        return self.folder / "cost"

    @property
    def ledger_path(self) -> Path:
        return self.cost / LEDGER

    def name(self, path: Path | str) -> str:
        """Return how a file is called in findings."""
        path = Path(path)
        inner = path.relative_to(self.folder) if path.is_absolute() else path
        return f"{self.shown}{inner.as_posix()}"

    @functools.cached_property
    def prefix(self) -> tuple[str, ...]:
        """The beginning of recorded paths that stands for this folder."""
        if self.ledger is not None:
            for _, entry in self.ledger.entries("genesis"):
                return Path(entry["results"]).parts
        outputs = [Path(path) for entry in self.attempts for path in entry["outputs"]]
        best: tuple[int, tuple[str, ...]] = (0, ("results",))
        for beginning in {path.parts[:depth] for path in outputs for depth in range(5)}:
            found = sum(
                path.parts[: len(beginning)] == beginning
                and (self.folder / Path(*path.parts[len(beginning) :])).exists()
                for path in outputs
                if len(path.parts) > len(beginning)
            )
            best = max(best, (found, beginning))
        return best[1]

    def local(self, recorded: str) -> Path | None:
        """Return where a recorded path lies in this folder, None for one outside it."""
        parts = Path(recorded).parts
        if ".." in parts or parts[: len(self.prefix)] != self.prefix:
            return None
        rest = parts[len(self.prefix) :]
        return self.folder.joinpath(*rest) if rest else None

    def prices(self) -> list[PriceRow] | None:
        """Return the prices that the ledger names last, None where it names none."""
        if self.ledger is None:
            return None
        entries = [entry for _, entry in self.ledger.entries("prices")]
        try:
            return preferred_prices(entries)
        except (InputError, PricesInvalid):
            return None


def read_records(run: Run) -> None:
    """Read every record of a run; damaged ones are kept apart."""
    folder = run.folder / "attempts"
    for path in sorted(folder.rglob("*.jsonl")):
        if path.name.startswith("."):
            continue
        try:
            file = read_record(path, run.folder)
            entry = attempt_entry(file)
        except AttemptDamaged as error:
            run.damaged.append(error)
            continue
        run.records.append(file)
        run.attempts.append(entry)
    if run.attempts:
        pairs = sorted(
            zip(run.attempts, run.records, strict=True),
            key=lambda pair: (pair[0]["started_utc"], pair[0]["attempt_id"]),
        )
        run.attempts, run.records = map(list, zip(*pairs, strict=True))


def read_ledger_lines(run: Run, report: Report) -> None:
    """Keep the lines of a sound ledger; attempts come from it where records are absent."""
    if run.ledger is None:
        return
    if not run.records and run.ledger.size > MOST_ENTRIES:
        report.note(f"{run.name('attempts')}: no records, so only the ledger itself was checked")
        return
    if any(found.check == "schema" for found in run.ledger.part.faults):
        return
    run.entries = read_entries(run.ledger_path)
    if not run.attempts and not run.damaged:
        run.attempts = sorted(
            latest(run.entries), key=lambda entry: (entry["started_utc"], entry["attempt_id"])
        )


def seen(entry: dict) -> Seen | None:
    """Return an entry as the checks of the ledger see it; None for times no calendar has."""
    match = match_attempt(line_of(entry | {"kind": "attempt"}, 0, NO_LINE).decode())
    if match is None:
        return None
    try:
        return of_groups(match.groups())[0]
    except ValueError:
        return None
