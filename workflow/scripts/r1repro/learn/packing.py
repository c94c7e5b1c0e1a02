# SPDX-License-Identifier: Apache-2.0
"""Put sequences of different lengths into rows without padding them one by one.

A `Sequence` is one or several continuations of one shared prefix: a document has an empty
prefix and one continuation, a group of GRPO has its question as prefix and its responses as
continuations, so that the question is computed once and not sixteen times. The mask lets a token
see its own prefix and its own continuation and nothing else; positions restart accordingly.

Source   Best-Fit packing after a length sort, as in the paper's infrastructure (Supplementary
         Information 2.1); sharing the prefix within a row is our addition and changes no result.
Shapes   tokens, positions, group, branch (rows, row_tokens); per predicted token: source (index
         into the flattened rows), target, owner, place (index in its continuation)
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch

from r1repro.errors import InputError


@dataclass(frozen=True)
class Sequence:
    """A prefix and its continuations; `owners` numbers each continuation for the caller.

    learn_from  tokens at the start of each continuation that are not predicted (0: all are);
                with an empty prefix the first token can never be predicted
    """

    prefix: list[int]
    continuations: list[list[int]]
    owners: list[int]
    learn_from: int = 0


Rows = list[list[Sequence]]


@dataclass
class Packed:
    """Rows ready for the model and the places where a token is predicted.

    group   number of the sequence in its row from 1, 0 for free room
    branch  0 in a prefix, else the number of the continuation from 1
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    group: torch.Tensor
    branch: torch.Tensor
    source: torch.Tensor
    target: torch.Tensor
    owner: torch.Tensor
    place: torch.Tensor

    def to(self, device: torch.device) -> "Packed":
        """Move everything to a device."""
        return Packed(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))

    def sequence_ends(self) -> torch.Tensor:
        """Return 0 and the cumulated lengths of all sequences and free rooms, row after row."""
        flat = self.group.flatten()
        change = (flat[1:] != flat[:-1]).nonzero().flatten() + 1
        borders = torch.arange(0, flat.numel() + 1, self.group.shape[1], device=flat.device)
        return torch.cat((change, borders)).unique().to(torch.int32)


def best_fit(lengths: list[int], room: int) -> list[list[int]]:
    """Sort by length, longest first, and put each item into the fullest row that still has room.

    Returns the item numbers of each row. Raises InputError when an item is longer than a row.
    """
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    if order and lengths[order[0]] > room:
        raise _too_long(lengths[order[0]], room)
    rows: list[list[int]] = []
    by_room: list[list[int]] = [[] for _ in range(room + 1)]  # free room -> numbers of rows
    for item in order:
        need = lengths[item]
        for free in range(need, room + 1):
            if by_room[free]:
                row = by_room[free].pop()
                break
        else:
            free, row = room, len(rows)
            rows.append([])
        rows[row].append(item)
        by_room[free - need].append(row)
    return rows


def _too_long(tokens: int, room: int) -> InputError:
    return InputError(
        f"a sequence of {tokens} tokens does not fit into rows of {room} tokens; "
        "raise row_tokens or lower the maximum length"
    )


def split_groups(sequences: list[Sequence], row_tokens: int) -> list[Sequence]:
    """Divide continuations that share a prefix into pieces that fit a row with their prefix."""
    pieces = []
    for sequence in sequences:
        lengths = [len(continuation) for continuation in sequence.continuations]
        for chosen in best_fit(lengths, row_tokens - len(sequence.prefix)):
            pieces.append(
                Sequence(
                    sequence.prefix,
                    [sequence.continuations[i] for i in chosen],
                    [sequence.owners[i] for i in chosen],
                    sequence.learn_from,
                )
            )
    return pieces


def length_of(sequence: Sequence) -> int:
    """Return the tokens that a sequence takes in a row."""
    return len(sequence.prefix) + sum(map(len, sequence.continuations))


def row_length(
    sequences: list[Sequence], row_tokens: int, cost: Callable[[int, int], float]
) -> int:
    """Return the length of rows, a multiple of 64 up to `row_tokens`, that costs least.

    cost  arithmetic of so many tokens in rows of such a length

    Long rows share a prefix among more continuations and end in less free room, but attention
    under a mask costs the square of a row. Raises InputError when the longest text is longer than
    `row_tokens`.
    """
    longest = max(
        len(sequence.prefix) + max(map(len, sequence.continuations)) for sequence in sequences
    )
    if longest > row_tokens:
        raise _too_long(longest, row_tokens)
    shortest = min(row_tokens, -(-longest // 64) * 64)
    candidates = {*range(shortest, row_tokens, 64), row_tokens}
    most = 2 * shortest + 64  # beyond twice the longest text there is nothing left to share well
    fitting = sorted(length for length in candidates if length <= most) or [shortest]
    return min(fitting, key=lambda length: cost(_tokens_in_rows(sequences, length), length))


def _tokens_in_rows(sequences: list[Sequence], row_tokens: int) -> int:
    """Return the tokens of all rows, free room included."""
    return len(pack_rows(sequences, row_tokens)) * row_tokens


def pack_rows(sequences: list[Sequence], row_tokens: int) -> Rows:
    """Pack sequences into as few rows as Best-Fit finds."""
    pieces = split_groups(sequences, row_tokens)
    rows = best_fit([length_of(piece) for piece in pieces], row_tokens)
    return [[pieces[i] for i in row] for row in rows]


def pack(sequences: list[Sequence], row_tokens: int) -> Packed:
    """Pack sequences into rows and write the rows into tensors."""
    return lay_out(pack_rows(sequences, row_tokens), row_tokens)


def unshared(sequences: list[Sequence]) -> list[Sequence]:
    """Give every continuation a prefix of its own, for attention without a mask."""
    return [
        Sequence(sequence.prefix, [continuation], [owner], sequence.learn_from)
        for sequence in sequences
        for continuation, owner in zip(sequence.continuations, sequence.owners, strict=True)
    ]


def micro_batches(rows: Rows, row_tokens: int, tokens_per_pass: int) -> list[Rows]:
    """Divide rows into passes of bounded size, so that memory does not grow with their number.

    Passes are of equal size, as nearly as may be: a short last one would leave lanes idle.
    """
    size = max(tokens_per_pass // row_tokens, 1)
    count = -(-len(rows) // size)
    borders = [len(rows) * i // max(count, 1) for i in range(count + 1)]
    return [rows[first:last] for first, last in pairwise(borders)]


def predicted_tokens(rows: Rows) -> int:
    """Count the tokens of rows that are predicted."""
    return sum(
        max(len(continuation) - _first_predicted(sequence), 0)
        for row in rows
        for sequence in row
        for continuation in sequence.continuations
    )


def _first_predicted(sequence: Sequence) -> int:
    return max(sequence.learn_from, 0 if sequence.prefix else 1)


def lay_out(rows: Rows, row_tokens: int) -> Packed:
    """Write rows of sequences into tensors; a row shorter than `row_tokens` ends in free room."""
    tokens = torch.zeros(len(rows), row_tokens, dtype=torch.long)
    positions, group, branch = (torch.zeros_like(tokens) for _ in range(3))
    predicted: list[list[int]] = [[], [], [], []]  # source, target, owner, place
    for number, row in enumerate(rows):
        columns = _row_columns(row, number * row_tokens, predicted)
        for matrix, column in zip((tokens, positions, group, branch), columns, strict=True):
            matrix[number, : len(column)] = torch.tensor(column)
    return Packed(
        tokens, positions, group, branch, *(torch.tensor(p, dtype=torch.long) for p in predicted)
    )


def _row_columns(row: list[Sequence], base: int, predicted: list[list[int]]) -> tuple:
    """Return one row's tokens, positions, groups and branches; append what is predicted."""
    source, target, owner, place = predicted
    tokens: list[int] = []
    positions: list[int] = []
    groups: list[int] = []
    branches: list[int] = []
    for member, sequence in enumerate(row, start=1):
        before = len(sequence.prefix)
        tokens += sequence.prefix
        positions += range(before)
        branches += [0] * before
        prefix_end = base + len(tokens) - 1
        first = _first_predicted(sequence)
        twigs = zip(sequence.continuations, sequence.owners, strict=True)
        for twig, (continuation, who) in enumerate(twigs, start=1):
            size, start = len(continuation), base + len(tokens)
            tokens += continuation
            positions += range(before, before + size)
            branches += [twig] * size
            if first == 0 and size:
                source.append(prefix_end)
            source += range(start + max(first, 1) - 1, start + size - 1)
            target += continuation[first:]
            owner += [who] * max(size - first, 0)
            place += range(first, size)
        groups += [member] * (len(tokens) - len(groups))
    return tokens, positions, groups, branches


def visibility(group: torch.Tensor, branch: torch.Tensor) -> torch.Tensor:
    """Return which token each token may see, (rows, 1, length, length), True = visible.

    It sees earlier tokens of its group that are prefix or of its own branch; free room sees
    itself only.
    """
    length = group.shape[1]
    same_group = group[:, :, None] == group[:, None, :]
    same_branch = (branch[:, :, None] == branch[:, None, :]) | (branch[:, None, :] == 0)
    causal = torch.ones(length, length, dtype=torch.bool, device=group.device).tril()
    free = (group == 0)[:, :, None]
    alone = torch.eye(length, dtype=torch.bool, device=group.device)
    return torch.where(free, alone, same_group & same_branch & causal)[:, None]
