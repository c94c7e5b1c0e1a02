# SPDX-License-Identifier: Apache-2.0
"""Laws of the ledger for any attempts: nothing is changed unnoticed, however it is read or cut."""

import shutil
from itertools import pairwise
from unittest import mock

import pytest
from audited_run import build
from drawn_attempts import DAY_MS, MIDNIGHT, chained, sealed_entries
from properties import given, st

from r1repro.audit.ledger import scan as scanning
from r1repro.audit.ledger.fields import KINDS, fault, match_attempt
from r1repro.audit.ledger.heads import SealDamaged
from r1repro.audit.ledger.joining import finish, join
from r1repro.audit.ledger.merkle import leaf_hash, node_hash, root_of
from r1repro.audit.ledger.part import Part
from r1repro.audit.ledger.proofs import consistency, consistent, included, inclusion
from r1repro.audit.ledger.reader import Reader, Seal
from r1repro.audit.ledger.sealing import read_sealed
from r1repro.audit.ledger.strict_json import NotStrict, parse
from r1repro.files import canonical_json

# without brackets, which strict_json counts as nesting inside a text too
texts = st.text(st.characters(codec="utf-8", exclude_characters="{}[]"), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | texts | st.integers(-(10**29), 10**30 - 1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(texts, values, max_size=4)
lines_of_bytes = st.lists(st.binary(max_size=3), min_size=1, max_size=40)


def nesting(value) -> int:
    """Return how deep lists and objects lie in one another."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (1 if isinstance(value, (dict, list)) else 0) + max(map(nesting, inner), default=0)


@given(objects)
def test_what_is_written_reads_back_the_same(entry):
    """Any object of whole numbers, texts, lists and objects that lie at most eight deep."""
    line = canonical_json(entry).encode()
    if nesting(entry) <= 8:
        assert parse(line) == entry
    else:
        with pytest.raises(NotStrict, match="nested deeper"):
            parse(line)


@given(objects, st.data())
def test_a_changed_text_is_refused_or_means_something_else(entry, data):
    """No two texts have one meaning, so a checksum of the text is one of the meaning."""
    line = canonical_json(entry).encode()
    at = data.draw(st.integers(0, len(line)))
    inserted = data.draw(st.binary(max_size=2) | st.sampled_from([b" ", b"0", b"-", b".0", b"e1"]))
    changed = line[:at] + inserted + line[at + data.draw(st.integers(0, 2)) :]
    try:
        found = parse(changed)
    except NotStrict:
        return
    assert canonical_json(found).encode() == changed
    assert (found == parse(line)) == (changed == line)


def root_by_the_rfc(lines: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, as it is written: split at the largest power of two below n."""
    if len(lines) == 1:
        return leaf_hash(lines[0])
    cut = 1 << (len(lines) - 1).bit_length() - 1
    return node_hash(root_by_the_rfc(lines[:cut]), root_by_the_rfc(lines[cut:]))


@given(lines_of_bytes, st.data())
def test_tree_and_proofs_are_those_of_the_rfc(lines, data):
    """The root of any lines; a proof for each place, and from each beginning of them."""
    hashes = [leaf_hash(line) for line in lines]
    joined, size = b"".join(hashes), len(lines)
    head = (size, root_of(hashes).hex())
    assert head[1] == root_by_the_rfc(lines).hex()
    place = data.draw(st.integers(0, size - 1))
    proof = inclusion(joined, place)
    assert included(proof, lines[place], place, head)
    other = data.draw(st.binary(max_size=3))
    assert included(proof, other, place, head) == (other == lines[place])
    earlier = (place + 1, root_of(hashes[: place + 1]).hex())
    assert consistent(consistency(joined, place + 1), earlier, head)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    """The ledger of a sealed run and a folder with its seal, to put other bytes beside it."""
    results = build(tmp_path_factory.mktemp("sealed"))
    folder = tmp_path_factory.mktemp("changed")
    for name in ("seal.json", "ledger.root"):
        shutil.copy(results / "cost" / name, folder)
    return (results / "cost/ledger.jsonl").read_bytes(), folder


@given(st.data())
def test_no_changed_byte_of_a_sealed_ledger_goes_unnoticed(sealed, data):
    """A byte replaced, removed or inserted anywhere, and any end that is cut off."""
    ledger, folder = sealed
    at = data.draw(st.integers(0, len(ledger) - 1))
    byte = data.draw(st.binary(min_size=1, max_size=1))
    changed = data.draw(
        st.sampled_from(
            [
                ledger[:at] + byte + ledger[at + 1 :],
                ledger[:at] + byte + ledger[at:],
                ledger[:at] + ledger[at + 1 :],
                ledger[:at],
            ]
        )
    )
    (folder / "ledger.jsonl").write_bytes(changed)
    if changed == ledger:
        assert read_sealed(folder)[0].size == ledger.count(b"\n")
    else:
        with pytest.raises(SealDamaged):
            read_sealed(folder)


@st.composite
def lines_and_seals(draw) -> tuple[list[bytes], list[Seal]]:
    """Draw a ledger with earlier heads; sometimes lines are damaged, doubled, lost or swapped."""
    lines = chained(draw(sealed_entries()))
    for hurt in draw(st.lists(st.sampled_from(["byte", "twice", "lost", "swap"]), max_size=3)):
        at, other = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
        if hurt == "byte":
            place = draw(st.integers(0, len(lines[at]) - 1))
            lines[at] = lines[at][:place] + b"\xff" + lines[at][place + 1 :]
        elif hurt == "twice":
            lines.insert(at, lines[at])
        elif hurt == "lost" and len(lines) > 1:
            del lines[at]
        elif hurt == "swap":
            lines[at], lines[other] = lines[other], lines[at]
    begun = round(MIDNIGHT.timestamp() * 1000)
    sizes = draw(st.lists(st.integers(1, len(lines)), max_size=2, unique=True))
    return lines, [Seal(size, begun + draw(st.integers(0, 5 * DAY_MS))) for size in sorted(sizes)]


def read_in_parts(lines: list[bytes], cuts: list[int], seals: list[Seal]) -> Part:
    """Return what is found in lines that are read in several parts."""
    borders = [0, *sorted(cuts), len(lines)]
    parts = [
        Reader(Part(first), seals).read(iter(lines[first:last]))
        for first, last in pairwise(borders)
    ]
    for part in parts[1:]:
        join(parts[0], part, {seal.size for seal in seals})
    finish(parts[0])
    return parts[0]


def everything_found(part: Part) -> dict:
    """Return all that verifying and billing take from a ledger."""
    return {
        "lines": part.lines,
        "leaves": bytes(part.leaves),
        "faults": sorted(part.faults),
        "bill": part.tally.rows([]),
        "ids": part.ids,
        "others": part.others,
        "fastest": part.fastest,
        "gpus": part.occupancy.gpu_overlaps(),
        "work": part.occupancy.work_overlaps(),
    }


@given(lines_and_seals())
def test_nothing_depends_on_where_a_ledger_is_cut(drawn):
    """Sound or damaged, with seals or without: bill, faults, overlaps and leaves are the same.

    Read in one part, cut in two at each line, and every line by itself.
    """
    lines, seals = drawn
    whole = everything_found(read_in_parts(lines, [], seals))
    places = range(1, len(lines))
    for cuts in ([], *([place] for place in places), [*places]):
        assert everything_found(read_in_parts(lines, cuts, seals)) == whole


@given(st.lists(st.binary(max_size=6)), st.binary(max_size=3), st.data())
def test_a_file_is_cut_at_line_ends_only(tmp_path_factory, pieces, torn, data):
    """Any number of parts, blocks of any size: every whole line once, in order, with its place."""
    lines = [piece.replace(b"\n", b"") for piece in pieces]
    path = tmp_path_factory.getbasetemp() / "cut.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in lines) + torn.replace(b"\n", b""))
    with mock.patch.object(scanning, "BLOCK_BYTES", data.draw(st.integers(1, 9))):
        ranges = scanning._ranges(path, data.draw(st.integers(1, 5)))
        read = [list(scanning.each_line(path, first, last)) for first, last, _ in ranges]
    assert [line for part in read for line in part] == lines
    assert [index for *_, index in ranges] == [sum(map(len, read[:n])) for n in range(len(read))]


@given(sealed_entries(), st.data())
def test_a_line_with_another_value_is_sound_or_its_field_is_named(entries, data):
    """Any JSON value in any field of any kind of line; pattern and parser agree on the line."""
    entry = data.draw(st.sampled_from(entries)) | {"index": 0, "previous": "0" * 64}
    name = data.draw(st.sampled_from(sorted(entry)))
    line = canonical_json(entry | {name: data.draw(values)}).encode()
    told = fault(line)
    assert told is None or name in told or "nested deeper" in told
    if entry["kind"] == "attempt" and name not in ("inputs", "outputs"):
        assert (match_attempt(line.decode()) is not None) == (told is None)
    assert fault(canonical_json({key: entry[key] for key in entry if key != name}).encode())
    assert set(entry) == KINDS[entry["kind"]].keys()
