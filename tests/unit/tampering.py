# SPDX-License-Identifier: Apache-2.0
"""Tools of hands that change a sealed run, from clumsy to careful."""

import json
import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from audited_run import Builder

from r1repro.audit.ledger.entries import line_of
from r1repro.audit.ledger.fields import NO_LINE
from r1repro.audit.ledger.heads import read_heads, write_heads
from r1repro.audit.ledger.merkle import leaf_hash, root_of
from r1repro.audit.ledger.proofs import consistency
from r1repro.files import canonical_json


class Ledger:
    """The lines of a ledger, to be changed and written back."""

    def __init__(self, results: Path):
        self.path = results / "cost/ledger.jsonl"
        self.lines = self.path.read_bytes().splitlines()

    def entry(self, number: int) -> dict:
        """Return a line, counted from 0, as an object."""
        return json.loads(self.lines[number])

    def find(self, **wanted) -> int:
        """Return the first line with these values."""
        for number in range(len(self.lines)):
            if wanted.items() <= self.entry(number).items():
                return number
        raise LookupError(wanted)

    def change(self, number: int, **values) -> None:
        """Change values of a line."""
        self.lines[number] = canonical_json(self.entry(number) | values).encode()
        self.write()

    def replace_text(self, number: int, old: str, new: str) -> None:
        """Change the text of a line, whatever becomes of its form."""
        text = self.lines[number].decode()
        assert old in text
        self.lines[number] = text.replace(old, new, 1).encode()
        self.write()

    def write(self) -> None:
        """Write the lines back."""
        self.path.write_bytes(b"".join(line + b"\n" for line in self.lines))


def forge_chain(results: Path) -> None:
    """Compute all links, roots, proofs and the bill anew, so that the ledger holds in itself."""
    ledger, folder = Ledger(results), results / "cost"
    previous = NO_LINE
    for index in range(len(ledger.lines)):
        ledger.lines[index] = line_of(ledger.entry(index), index, previous)
        previous = sha256(ledger.lines[index]).hexdigest()
    ledger.write()
    heads, forged = read_heads(folder), []
    removed = heads[-1].size - len(ledger.lines)
    for head in heads:
        size = head.size - (removed if head is heads[-1] else 0)
        leaves = [leaf_hash(line) for line in ledger.lines[:size]]
        proof = consistency(b"".join(leaves), forged[-1].size) if forged else None
        root = root_of(leaves).hex()
        forged.append(replace(head, size=size, root=root, consistency=proof))
    write_heads(folder, forged)
    Builder(results.parent).bill()


def record_of(results: Path, stage: str, number: int = 0) -> Path:
    """Return the record of a stage's attempt, oldest first."""
    return sorted((results / "attempts" / stage).glob("*.jsonl"))[number]


def edit_record(path: Path, line: int, **values) -> None:
    """Change values of one line of a record."""
    lines = path.read_text().splitlines()
    lines[line] = json.dumps(json.loads(lines[line]) | values)
    path.write_text("\n".join(lines) + "\n")


def edit_text(path: Path, old: str, new: str) -> None:
    """Change a text in a file."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def swap_files(first: Path, second: Path) -> None:
    """Exchange two files or folders."""
    aside = first.with_name("aside")
    shutil.move(first, aside)
    shutil.move(second, first)
    shutil.move(aside, second)


def forget_attempt(results: Path, stage: str, number: int) -> None:
    """Remove an attempt with its record and its line, and forge the chain over the rest."""
    path = record_of(results, stage, number)
    ledger = Ledger(results)
    del ledger.lines[ledger.find(attempt_id=path.stem)]
    ledger.write()
    path.unlink()
    forge_chain(results)


def reseal_record(results: Path, path: Path, **values) -> None:
    """Change the end of a record and forge its line, the chain and the bill to agree."""
    from r1repro.audit.ledger.entries import attempt_entry, read_record

    edit_record(path, -1, **values)
    ledger = Ledger(results)
    number = ledger.find(attempt_id=path.stem)
    entry = attempt_entry(read_record(path, results))
    ledger.lines[number] = line_of(entry, number, NO_LINE)
    ledger.write()
    forge_chain(results)
