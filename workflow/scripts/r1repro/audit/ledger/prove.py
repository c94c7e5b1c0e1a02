# SPDX-License-Identifier: Apache-2.0
"""Hand out the proof that one line is in a sealed ledger, checked before it is handed out."""

from itertools import islice
from pathlib import Path

from r1repro.audit.ledger.heads import LEDGER, SealDamaged
from r1repro.audit.ledger.proofs import included, inclusion
from r1repro.audit.ledger.scan import each_line
from r1repro.audit.ledger.sealing import read_sealed
from r1repro.errors import InputError


def proof_of_line(results: Path, number: int) -> dict:
    """Return line, head and proof (pymerkle's form); raises InputError, SealDamaged."""
    folder = results / "cost"
    ledger, heads = read_sealed(folder)
    if ledger is None or not heads:
        raise InputError(f"{folder} holds no sealed ledger; make it with `snakemake cost`")
    head = heads[-1]
    if not 1 <= number <= head.size:
        raise InputError(f"{folder / LEDGER} has lines 1 to {head.size} under its head")
    line = next(islice(each_line(folder / LEDGER), number - 1, None))
    proof = inclusion(ledger.leaves[: 32 * head.size], number - 1)
    if not included(proof, line, number - 1, (head.size, head.root)):
        raise SealDamaged(f"{folder / LEDGER}: line {number} does not lie under the last head")
    return {
        "line": line.decode(),
        "number": number,
        "size": head.size,
        "root": head.root,
        "proof": proof,
    }
