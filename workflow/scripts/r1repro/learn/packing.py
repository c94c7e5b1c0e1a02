# SPDX-License-Identifier: Apache-2.0
"""Put sequences of different lengths into rows without padding them one by one.

A `Sequence` is one or several continuations of one shared prefix: a document has an empty
prefix and one continuation, a group of GRPO has its question as prefix and its responses as
continuations, so that the question is computed once and not sixteen times. The mask lets a token
see its own prefix and its own continuation and nothing else; positions restart accordingly.

Source   Best-Fit packing after a length sort, as in the paper's infrastructure (Supplementary
         Information 2.1); sharing the prefix within a row is our addition and changes no result.
Shapes   tokens, positions (rows, row_tokens); mask (rows, 1, row_tokens, row_tokens);
         per predicted token: source (index into the flattened rows), target, weight, owner
"""

from dataclasses import dataclass

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


@dataclass
class Packed:
    """Rows ready for the model and the places where a token is predicted."""

    tokens: torch.Tensor
    positions: torch.Tensor
    mask: torch.Tensor
    source: torch.Tensor
    target: torch.Tensor
    owner: torch.Tensor

    def to(self, device: torch.device) -> "Packed":
        """Move everything to a device."""
        return Packed(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


def best_fit(lengths: list[int], room: int) -> list[list[int]]:
    """Sort by length, longest first, and put each item into the fullest row that still has room.

    Returns the item numbers of each row. Raises InputError when an item is longer than a row.
    """
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    if order and lengths[order[0]] > room:
        raise InputError(
            f"a sequence of {lengths[order[0]]} tokens does not fit into rows of {room} tokens; "
            "raise row_tokens or lower the maximum length"
        )
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


def pack(sequences: list[Sequence], row_tokens: int) -> Packed:
    """Pack sequences into as few rows as Best-Fit finds."""
    pieces = split_groups(sequences, row_tokens)
    rows = best_fit([length_of(piece) for piece in pieces], row_tokens)
    return lay_out([[pieces[i] for i in row] for row in rows], row_tokens)


def lay_out(rows: list[list[Sequence]], row_tokens: int) -> Packed:
    """Write rows of sequences into tensors.

    `group` marks tokens of one sequence, `branch` the continuation (0: the prefix); a token sees
    earlier tokens of its group that are prefix or of its own branch. Free room is group 0 and
    sees itself only.
    """
    tokens = torch.zeros(len(rows), row_tokens, dtype=torch.long)
    positions = torch.zeros_like(tokens)
    group = torch.zeros_like(tokens)
    branch = torch.zeros_like(tokens)
    source: list[int] = []
    target: list[int] = []
    owner: list[int] = []
    for number, row in enumerate(rows):
        column, base = 0, number * row_tokens
        flat: list[int] = []
        place: list[int] = []
        groups: list[int] = []
        branches: list[int] = []
        for member, sequence in enumerate(row, start=1):
            before = len(sequence.prefix)
            flat += sequence.prefix
            place += range(before)
            branches += [0] * before
            prefix_end = base + column + before - 1
            column += before
            for twig, (continuation, who) in enumerate(
                zip(sequence.continuations, sequence.owners, strict=True), start=1
            ):
                size, start = len(continuation), base + column
                flat += continuation
                place += range(before, before + size)
                branches += [twig] * size
                first = max(sequence.learn_from, 0 if before else 1)
                if first == 0 and size:
                    source.append(prefix_end)
                    target.append(continuation[0])
                    owner.append(who)
                    first = 1
                source += range(start + first - 1, start + size - 1)
                target += continuation[first:]
                owner += [who] * max(size - first, 0)
                column += size
            groups += [member] * (column - len(groups))
        tokens[number, :column] = torch.tensor(flat)
        positions[number, :column] = torch.tensor(place)
        group[number, :column] = torch.tensor(groups)
        branch[number, :column] = torch.tensor(branches)
    return Packed(
        tokens,
        positions,
        visibility(group, branch),
        torch.tensor(source, dtype=torch.long),
        torch.tensor(target, dtype=torch.long),
        torch.tensor(owner, dtype=torch.long),
    )


def visibility(group: torch.Tensor, branch: torch.Tensor) -> torch.Tensor:
    """Return which earlier token each token may see, (rows, 1, length, length), True = visible."""
    length = group.shape[1]
    same_group = group[:, :, None] == group[:, None, :]
    same_branch = (branch[:, :, None] == branch[:, None, :]) | (branch[:, None, :] == 0)
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    free = (group == 0)[:, :, None]
    alone = torch.eye(length, dtype=torch.bool)
    return torch.where(free, alone, same_group & same_branch & causal)[:, None]
