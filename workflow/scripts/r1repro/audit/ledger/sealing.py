# SPDX-License-Identifier: Apache-2.0
"""Seal the attempts of a run: append what is new to its ledger and note the new head.

New      a record that no line names; a record that grew since its line was written (its old bytes
         must be its beginning): an amendment; other prices. With nothing new nothing is written.
Waiting  A program that writes the report (REPORTING) and whose record has no end yet is still
         running, this one among them: it is sealed next time. So are those that ended, unless
         something else is new, or each report would make the next seal.
Refused  a record that changed other than by growing, one that is gone, a line or head that does
         not hold: LedgerDamaged names it, and nothing is written.
Choices  Lines are appended and synced before seal.json is replaced; a crash in between leaves
         lines without a head, which the next seal covers. Half a last line is cut off: no head
         covers it.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from r1repro.audit.ledger.entries import (
    RecordFile,
    attempt_entry,
    genesis,
    line_of,
    prices_entry,
    read_record,
)
from r1repro.audit.ledger.fields import NO_LINE
from r1repro.audit.ledger.heads import LEDGER, SEAL, Head, SealDamaged, read_heads, write_heads
from r1repro.audit.ledger.merkle import Accumulator, each_leaf, leaf_hash
from r1repro.audit.ledger.proofs import consistency
from r1repro.audit.ledger.scan import Ledger, Seal, each_line, scan
from r1repro.audit.ledger.seen import milliseconds
from r1repro.audit.ledger.strict_json import parse
from r1repro.audit.prices import PriceRow
from r1repro.audit.stage_cost import REPORTING
from r1repro.files import sync_folder

SILENT_MS = 60_000  # a record whose last line is older belongs to a process that is gone


class LedgerDamaged(SealDamaged):
    """The ledger, its heads or the records it was made from do not fit together."""


@dataclass(frozen=True)
class Sealed:
    """What a seal came to."""

    size: int
    root: str
    added: int
    attempts: int
    heads: list[Head]


@dataclass(frozen=True)
class Run:
    """What the ledger of a run belongs to."""

    results: str  # the folder of results as the records name it
    scale: str
    seed: int
    commit: tuple[str, bool | str]
    configuration_sha256: str
    now: str  # when it is sealed


@dataclass(frozen=True)
class _State:
    """What is sealed already."""

    lines: int
    last_hash: str
    leaves: bytes
    records: dict[str, tuple[int, dict]]  # by attempt: last index, last entry
    prices: dict | None
    heads: list[Head]


def _damaged(path: Path, what: str) -> LedgerDamaged:
    return LedgerDamaged(
        f"{path}: {what}; look with `python workflow/scripts/audit.py verify`, restore the file, "
        f"or move {LEDGER} and {SEAL} away to begin a new ledger (and say so beside the bill)"
    )


def read_sealed(folder: Path) -> tuple[Ledger | None, list[Head]]:
    """Read a folder's ledger and hold it against its heads; raises SealDamaged."""
    path, heads = folder / LEDGER, read_heads(folder)
    if not path.is_file() or path.stat().st_size == 0:
        if heads:
            raise _damaged(path, "it is gone or empty, but seal.json has a head of it")
        return None, heads
    ledger = scan(path, [Seal(head.size, milliseconds(head.time_utc)) for head in heads])
    for found in ledger.part.faults:
        if found.level == "error" and found.check != "order":
            raise _damaged(path, f"line {found.index + 1}: {found.what}")
    for head in heads:
        if ledger.head_roots.get(head.size) != head.root:
            raise _damaged(path, f"its first {head.size} lines do not have the root of seal.json")
    return ledger, heads


def _state(folder: Path) -> _State:
    ledger, heads = read_sealed(folder)
    if ledger is None:
        return _State(0, NO_LINE, b"", {}, None, heads)
    records: dict[str, tuple[int, dict]] = {}
    prices = None
    for index, line in enumerate(each_line(folder / LEDGER)):
        entry = parse(line)
        if entry["kind"] in ("attempt", "amendment"):
            records[entry["attempt_id"]] = (index, entry)
        elif entry["kind"] == "prices":
            prices = entry
    return _State(ledger.size, ledger.part.last_hash, ledger.leaves, records, prices, heads)


def _still_running(file: RecordFile, now: str) -> bool:
    """Say whether a program of the report has not ended, or not long enough ago to be gone."""
    if file.record.exit_code is not None:
        return False
    silent = milliseconds(now) - milliseconds(file.lines[-1]["time_utc"])
    return silent < SILENT_MS


def _changes(
    results: Path, attempts: Path, state: _State, now: str
) -> tuple[list[dict], list[dict]]:
    """Return new entries and amendments, oldest first; raises LedgerDamaged, AttemptDamaged."""
    new, amended, missing = [], [], dict(state.records)
    seen: dict[str, Path] = {}
    for path in sorted(attempts.rglob("*.jsonl")):
        if path.name.startswith("."):
            continue
        file = read_record(path, results)
        ident = file.record.attempt_id
        if ident in seen:
            raise _damaged(path, f"the same attempt as {seen[ident]}")
        seen[ident] = path
        missing.pop(ident, None)
        if ident in state.records:
            amendment = _amendment(path, file, *state.records[ident])
            amended += [] if amendment is None else [amendment]
        elif file.record.stage not in REPORTING or not _still_running(file, now):
            new.append(attempt_entry(file))
    for ident, (index, entry) in missing.items():
        what = f"it is gone, but line {index + 1} of the ledger holds attempt {ident}"
        raise _damaged(results / entry["record"], what)
    order = "started_utc", "attempt_id"
    for entries in (new, amended):
        entries.sort(key=lambda entry: tuple(entry[name] for name in order))
    return new, amended


def _amendment(path: Path, file: RecordFile, index: int, sealed: dict) -> dict | None:
    """Return the amendment of a record that grew, None for one as it was sealed."""
    size = sealed["record_bytes"]
    beginning = sha256(file.data[:size]).hexdigest()
    if len(file.data) < size or beginning != sealed["record_sha256"]:
        what = f"it is not the record that line {index + 1} of the ledger was made from any more"
        raise _damaged(path, what)
    if len(file.data) == size:
        return None
    if sealed["exit_code"] is not None:
        raise _damaged(path, f"it goes on after the end that line {index + 1} of the ledger has")
    return attempt_entry(file) | {"kind": "amendment", "amends": index}


def _append(path: Path, lines: Sequence[bytes]) -> None:
    """Cut off half a last line, then append whole lines, synced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab") as handle:
        if handle.tell():
            with open(path, "rb") as reader:
                reader.seek(-1, os.SEEK_END)
                if reader.read(1) != b"\n":
                    handle.truncate(sum(len(line) + 1 for line in each_line(path)))
        handle.write(b"".join(line + b"\n" for line in lines))
        handle.flush()
        os.fsync(handle.fileno())
    sync_folder(path.parent)


def seal(
    folder: Path, results: Path, attempts: Path, run: Run, preferred: list[PriceRow], table: str
) -> Sealed:
    """Append what is new to the ledger in `folder`; `table` is the SHA-256 of the price table.

    Raises LedgerDamaged and AttemptDamaged, before anything is written.
    """
    state = _state(folder)
    new, amended = _changes(results, attempts, state, run.now)
    prices = prices_entry(preferred, table)
    same = state.prices is not None and all(
        state.prices[name] == prices[name] for name in ("table_sha256", "rows")
    )
    billed = [entry for entry in [*new, *amended] if entry["stage"] not in REPORTING]
    fresh = state.lines > 0 and (state.lines == (state.heads[-1].size if state.heads else 0))
    if fresh and same and not billed:
        head = state.heads[-1]
        return Sealed(head.size, head.root, 0, len(state.records), state.heads)
    entries = [] if same else [prices]
    entries += amended + new
    if state.lines == 0:
        first = genesis(
            results=run.results,
            scale=run.scale,
            seed=run.seed,
            commit=run.commit,
            configuration=run.configuration_sha256,
            now=run.now,
        )
        entries.insert(0, first)
    return _write(folder, state, entries, len(state.records) + len(new), run.now)


def _write(folder: Path, state: _State, entries: list[dict], attempts: int, now: str) -> Sealed:
    """Append entries, compute the new head, write it."""
    previous, lines = state.last_hash, []
    for number, entry in enumerate(entries):
        line = line_of(entry, state.lines + number, previous)
        previous = sha256(line).hexdigest()
        lines.append(line)
    leaves = state.leaves + b"".join(leaf_hash(line) for line in lines)
    tree = Accumulator()
    for leaf in each_leaf(leaves):
        tree.add(leaf)
    proof = consistency(leaves, state.heads[-1].size) if state.heads else None
    heads = [*state.heads, Head(tree.size, tree.root().hex(), now, proof)]
    _append(folder / LEDGER, lines)
    write_heads(folder, heads)
    return Sealed(tree.size, tree.root().hex(), len(entries), attempts, heads)
