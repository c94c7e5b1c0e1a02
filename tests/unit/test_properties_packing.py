# SPDX-License-Identifier: Apache-2.0
"""Laws of packing for any texts: no token is lost, doubled or moved, and none sees a stranger."""

from collections import Counter
from functools import cache
from itertools import pairwise

import pytest
import torch
from properties import given, settings, st

from r1repro.errors import InputError
from r1repro.learn.checkpoint import new_model
from r1repro.learn.generic import unpacked
from r1repro.learn.packing import (
    Packed,
    Sequence,
    best_fit,
    lay_out,
    length_of,
    micro_batches,
    pack_rows,
    predicted_tokens,
    row_length,
    unshared,
    visibility,
)
from r1repro.learn.policy import token_logprobs
from r1repro.learn.supervised import row_batches, sample_batches
from r1repro.learn.transformer import Transformer

VOCABULARY = 9
tokens = st.integers(0, VOCABULARY - 1)
texts = st.lists(tokens, min_size=1, max_size=6)


@st.composite
def sequences(draw) -> list[Sequence]:
    """Draw documents without a prefix and groups with one; each continuation has its number."""
    made, owner = [], 0
    for _ in range(draw(st.integers(1, 5))):
        prefix = draw(st.lists(tokens, max_size=5))
        continuations = draw(st.lists(texts, min_size=1, max_size=4))
        owners = list(range(owner, owner + len(continuations)))
        made.append(Sequence(prefix, continuations, owners, draw(st.integers(0, 2))))
        owner += len(continuations)
    return made


def longest(found: list[Sequence]) -> int:
    """Return the tokens of the longest text, its prefix included."""
    return max(len(one.prefix) + max(map(len, one.continuations)) for one in found)


def by_owner(found: list[Sequence]) -> dict[int, tuple]:
    """Return prefix, continuation and where learning begins, of each number; none occurs twice."""
    texts = {}
    for one in found:
        for continuation, owner in zip(one.continuations, one.owners, strict=True):
            assert owner not in texts
            texts[owner] = (one.prefix, continuation, one.learn_from)
    return texts


def loads_by_best_fit(lengths: list[int], room: int) -> Counter:
    """Return how full the rows are: longest first, each into the fullest row that has room."""
    loads: list[int] = []
    for length in sorted(lengths, reverse=True):
        fitting = [load for load in loads if load + length <= room]
        if fitting:
            loads.remove(max(fitting))
        loads.append((max(fitting) if fitting else 0) + length)
    return Counter(loads)


@given(st.lists(st.integers(1, 20), max_size=20), st.integers(1, 25))
def test_rows_hold_each_item_once_and_are_filled_as_best_fit_fills_them(lengths, room):
    """Against a search through all rows; an item longer than a row is refused, and no other."""
    if max(lengths, default=0) > room:
        with pytest.raises(InputError, match="does not fit"):
            best_fit(lengths, room)
        return
    rows = best_fit(lengths, room)
    assert sorted(item for row in rows for item in row) == list(range(len(lengths)))
    loads = Counter(sum(lengths[item] for item in row) for row in rows)
    assert loads == loads_by_best_fit(lengths, room)
    assert all(load <= room for load in loads)


@given(sequences(), st.integers(0, 20))
def test_packing_keeps_every_text_with_its_prefix_in_rows_that_fit(found, more):
    """However groups are divided among rows: every continuation once, and no row too long."""
    room = longest(found) + more
    rows = pack_rows(found, room)
    assert by_owner([one for row in rows for one in row]) == by_owner(found)
    assert all(sum(map(length_of, row)) <= room for row in rows)
    assert by_owner(unshared(found)) == by_owner(found)
    assert all(len(one.continuations) == 1 for one in unshared(found))
    with pytest.raises(InputError, match="does not fit"):
        pack_rows(found, longest(found) - 1)


@given(sequences(), st.integers(0, 20))
def test_a_token_is_predicted_from_its_own_text_and_nothing_else(found, more):
    """What each predicted token sees, read from the tensors alone, is its text up to it."""
    room, texts = longest(found) + more, by_owner(found)
    rows = pack_rows(found, room)
    packed = lay_out(rows, room)
    visible = visibility(packed.group, packed.branch)[:, 0]
    for source, target, owner, place in zip(
        *(getattr(packed, name).tolist() for name in ("source", "target", "owner", "place")),
        strict=True,
    ):
        prefix, continuation, _ = texts[owner]
        row, column = divmod(source, room)
        seen = visible[row, column].nonzero().flatten()
        assert packed.tokens[row, seen].tolist() == prefix + continuation[:place]
        assert packed.positions[row, seen].tolist() == list(range(len(prefix) + place))
        assert target == continuation[place]
    wanted = {
        (owner, place)
        for owner, (prefix, continuation, learn_from) in texts.items()
        for place in range(max(learn_from, 0 if prefix else 1), len(continuation))
    }
    predicted = list(zip(packed.owner.tolist(), packed.place.tolist(), strict=True))
    assert len(predicted) == predicted_tokens(rows) == len(wanted)
    assert set(predicted) == wanted


@given(sequences(), st.integers(0, 20))
def test_rows_can_be_unpacked_again(found, more):
    """Each text with something to predict comes back as it was, in the order of the predictions."""
    room = longest(found) + more
    packed, texts = lay_out(pack_rows(found, room), room), by_owner(found)
    owners = list(dict.fromkeys(packed.owner.tolist()))
    for owner, (text, predicts) in zip(owners, unpacked(packed), strict=True):
        prefix, continuation, learn_from = texts[owner]
        first = len(prefix) + max(learn_from, 0 if prefix else 1) - 1
        assert text == (prefix + continuation)[:-1]
        assert predicts == list(range(first, len(text)))


@given(sequences(), st.integers(0, 9))
def test_ends_of_sequences_without_shared_prefixes_cut_rows_into_texts(found, more):
    """Between two ends lies one whole text, or the free room of a row."""
    room = longest(found) + more
    packed = lay_out(pack_rows(unshared(found), room), room)
    ends, flat = packed.sequence_ends().tolist(), packed.tokens.flatten().tolist()
    used = packed.group.flatten().tolist()
    pieces = [tuple(flat[first:last]) for first, last in pairwise(ends) if used[first]]
    texts = by_owner(found).values()
    assert Counter(pieces) == Counter(tuple(prefix + rest) for prefix, rest, _ in texts)
    assert (ends[0], ends[-1]) == (0, len(flat))


@given(st.lists(st.integers(), max_size=30), st.integers(1, 9), st.integers(1, 99))
def test_passes_hold_every_row_in_order_and_are_of_one_size(rows, row_tokens, tokens_per_pass):
    """As few passes as the limit allows; their sizes differ by one row at most."""
    passes = micro_batches(rows, row_tokens, tokens_per_pass)
    sizes = [len(some) for some in passes]
    most = max(tokens_per_pass // row_tokens, 1)
    assert [row for some in passes for row in some] == rows
    assert len(passes) == -(-len(rows) // most)
    assert max(sizes, default=0) <= most and max(sizes, default=1) - min(sizes, default=1) <= 1
    assert 0 not in sizes


sizes = st.lists(st.integers(1, 150), min_size=1, max_size=6)
shapes_of_groups = st.lists(st.tuples(st.integers(0, 150), sizes), min_size=1, max_size=3)


@given(shapes_of_groups, st.integers(0, 500), st.sampled_from([0, 1, 2]))
def test_the_length_of_rows_costs_least_of_all_that_are_tried(shapes, more, power):
    """Against every multiple of 64 up to twice the longest text, and the limit itself."""
    found = [
        Sequence([0] * prefix, [[1] * size for size in sizes], list(range(len(sizes))))
        for prefix, sizes in shapes
    ]
    limit = longest(found) + more

    def cost(length: int) -> int:
        return len(pack_rows(found, length)) * length * length**power

    chosen = row_length(found, limit, lambda tokens, length: tokens * length**power)
    tried = [n for n in range(64, limit, 64) if longest(found) <= n <= 2 * longest(found)]
    assert longest(found) <= chosen <= limit
    assert chosen % 64 == 0 or chosen == limit
    assert all(cost(chosen) <= cost(length) for length in tried)


@given(st.lists(texts, max_size=12), st.integers(1, 5), st.integers(0, 3))
def test_an_epoch_holds_every_sample_once(documents, per_batch, seed):
    """Batches of rows and batches of samples: each document once an epoch, the same each time."""
    found = [Sequence([], [document], [n]) for n, document in enumerate(documents)]
    for divide in (row_batches, sample_batches):
        batches = divide(found, 8, per_batch, ("epoch", seed))
        assert batches == divide(found, 8, per_batch, ("epoch", seed))
        rows = [row for batch in batches for row in batch]
        assert by_owner([one for row in rows for one in row]) == by_owner(found)
        assert all(sum(map(length_of, row)) <= 8 for row in rows)
    assert all(len(batch) <= per_batch for batch in row_batches(found, 8, per_batch, (seed,)))


@cache
def model() -> Transformer:
    """A small model whose weights are large enough to tell tokens apart."""
    sizes = {"hidden_size": 16, "layers": 2, "heads": 2, "intermediate_size": 24}
    made = new_model(
        {"architecture": "llama", "max_positions": 64} | sizes, VOCABULARY, VOCABULARY - 1, seed=5
    )
    with torch.no_grad():
        for weight in made.parameters():
            weight.mul_(4 if weight.ndim > 1 else 1)
    return Transformer(made.eval())


def logprobs(packed: Packed) -> dict[tuple[int, int], float]:
    """Return the log-probability of each predicted token, by number and place."""
    with torch.no_grad():
        found, _ = token_logprobs(model(), packed, temperature=0.7)
    keys = zip(packed.owner.tolist(), packed.place.tolist(), strict=True)
    return dict(zip(keys, found.tolist(), strict=True))


@settings(max_examples=40)
@given(sequences(), st.integers(0, 20))
def test_a_text_has_the_log_probabilities_that_it_has_alone(found, more):
    """In rows of any length, with a shared prefix or with one of its own."""
    room = longest(found) + more
    together = logprobs(lay_out(pack_rows(found, room), room))
    alone = {}
    for one in unshared(found):
        alone |= logprobs(lay_out([[one]], length_of(one)))
    assert together == pytest.approx(alone, abs=1e-4)
