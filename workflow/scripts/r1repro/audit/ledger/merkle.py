# SPDX-License-Identifier: Apache-2.0
"""The Merkle tree over the lines of a ledger (RFC 9162, section 2.1; SHA-256).

leaf   SHA-256(0x00, line without its line end)      node   SHA-256(0x01, left, right)
root   of n leaves: the node over the first k and the last n - k, k the largest power of two
       below n; of no leaf: SHA-256 of nothing

Choices  Roots are computed here, a leaf at a time, because a million lines are read as a stream and
         because all earlier heads come out on the way. Proofs are pymerkle's (`proofs`), which is
         somebody else's reading of the RFC; the tests compare the roots of both.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256

HASH_BYTES = 32


def leaf_hash(line: bytes) -> bytes:
    """Return the hash of one line."""
    return sha256(b"\x00" + line).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees."""
    return sha256(b"\x01" + left + right).digest()


class Accumulator:
    """The roots of a growing tree, from the whole subtrees that its leaves fill."""

    def __init__(self):
        self.size = 0
        self._whole: list[bytes] = []  # the largest first, as in the binary form of the size

    def add(self, leaf: bytes) -> None:
        """Append the hash of one leaf."""
        number = self.size
        while number & 1:
            leaf = sha256(b"\x01" + self._whole.pop() + leaf).digest()
            number >>= 1
        self._whole.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over the leaves so far."""
        if not self._whole:
            return sha256(b"").digest()
        *left, root = self._whole
        for subtree in reversed(left):
            root = node_hash(subtree, root)
        return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root over hashes of leaves."""
    tree = Accumulator()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


def each_leaf(joined: bytes) -> Iterator[bytes]:
    """Yield the hashes of leaves that were joined to one text of bytes."""
    view = memoryview(joined)
    for start in range(0, len(joined), HASH_BYTES):
        yield bytes(view[start : start + HASH_BYTES])
