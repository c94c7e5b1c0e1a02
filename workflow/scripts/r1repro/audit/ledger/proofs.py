# SPDX-License-Identifier: Apache-2.0
"""Proofs by pymerkle (RFC 9162): a line is in the tree, an earlier tree begins a later one.

Whoever has only a root and a line, or only two roots, checks with them what the ledger says.

Choices  The tree is a view of hashes of leaves joined to one text of bytes (32 bytes a line):
         pymerkle's own tree in memory keeps several Python objects a line. Indices are 0-based
         here as in the ledger, 1-based in pymerkle. Index and size are always bound: without
         them pymerkle accepts a proof for another position.
"""

from pymerkle import BaseMerkleTree, InvalidProof, verify_consistency, verify_inclusion
from pymerkle.proof import ConsistencyProof, InclusionProof

from r1repro.audit.ledger.merkle import HASH_BYTES, each_leaf, leaf_hash


class LeafTree(BaseMerkleTree):
    """pymerkle's tree over joined hashes of leaves; nothing is appended to it."""

    def __init__(self, joined: bytes):
        self._joined = joined
        super().__init__(algorithm="sha256", disable_cache=True)

    def _encode_entry(self, data):
        raise TypeError("this tree only reads")

    def _store_leaf(self, data, digest):
        raise TypeError("this tree only reads")

    def _get_leaf(self, index):
        return self._joined[(index - 1) * HASH_BYTES : index * HASH_BYTES]

    def _get_leaves(self, offset, width):
        return each_leaf(self._joined[offset * HASH_BYTES : (offset + width) * HASH_BYTES])

    def _get_size(self):
        return len(self._joined) // HASH_BYTES


def consistency(joined: bytes, earlier: int) -> dict:
    """Return the proof that the first `earlier` lines are the beginning of all of them."""
    return LeafTree(joined).prove_consistency(earlier).serialize()


def inclusion(joined: bytes, index: int) -> dict:
    """Return the proof that the line of this index is in the tree."""
    return LeafTree(joined).prove_inclusion(index + 1).serialize()


def consistent(proof: dict, earlier: tuple[int, str], later: tuple[int, str]) -> bool:
    """Say whether a proof joins two heads, each a size and a root in hexadecimal digits."""
    try:
        verify_consistency(
            bytes.fromhex(earlier[1]),
            bytes.fromhex(later[1]),
            ConsistencyProof.deserialize(proof),
            prior_size=earlier[0],
            later_size=later[0],
            algorithm="sha256",
        )
    except (InvalidProof, ValueError):
        return False
    return True


def included(proof: dict, line: bytes, index: int, head: tuple[int, str]) -> bool:
    """Say whether a proof shows that the line stands at this index under the head."""
    try:
        verify_inclusion(
            leaf_hash(line),
            bytes.fromhex(head[1]),
            InclusionProof.deserialize(proof),
            index=index + 1,
            size=head[0],
            algorithm="sha256",
        )
    except (InvalidProof, ValueError):
        return False
    return True
