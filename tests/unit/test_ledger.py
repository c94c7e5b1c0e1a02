# SPDX-License-Identifier: Apache-2.0
"""Claims about the ledger's own arithmetic: tree, proofs, lines and sums, each computed twice."""

import json
import random
from hashlib import sha256

import pytest
from audited_run import PRICE, Builder, build
from pymerkle import InmemoryTree
from tampering import Ledger

from r1repro.audit.attempt_records import STOPPED
from r1repro.audit.ledger import fields
from r1repro.audit.ledger.contents import preferred_prices, read_entries, records
from r1repro.audit.ledger.heads import read_heads
from r1repro.audit.ledger.merkle import Accumulator, leaf_hash, root_of
from r1repro.audit.ledger.proofs import consistency, consistent, included, inclusion
from r1repro.audit.ledger.prove import proof_of_line
from r1repro.audit.ledger.scan import Seal, scan
from r1repro.audit.ledger.seen import of_groups
from r1repro.audit.ledger.strict_json import NotStrict, parse
from r1repro.audit.stage_cost import PURPOSE_ORDER, cells, cost_by_stage
from r1repro.files import canonical_json

LINES = [f"line {number}".encode() for number in range(70)]


def test_the_root_of_three_lines_is_done_by_hand():
    """RFC 9162: the node over (the node over two leaves) and the third leaf."""
    a, b, c = (sha256(b"\x00" + line).digest() for line in LINES[:3])
    left = sha256(b"\x01" + a + b).digest()
    assert root_of(map(leaf_hash, LINES[:3])) == sha256(b"\x01" + left + c).digest()
    assert root_of([]) == sha256(b"").digest()


def test_every_root_is_that_of_pymerkle():
    """Sizes 1 to 70, so that every shape of tree up to there occurs."""
    own, theirs = Accumulator(), InmemoryTree(algorithm="sha256")
    for line in LINES:
        own.add(leaf_hash(line))
        theirs.append_entry(line)
        assert own.root() == theirs.get_root()


def test_proofs_hold_for_their_own_place_and_no_other():
    """Every line of 20 trees is proved; the proof of one line is none of another."""
    for size in range(1, 21):
        joined = b"".join(map(leaf_hash, LINES[:size]))
        head = (size, root_of(map(leaf_hash, LINES[:size])).hex())
        for index in range(size):
            proof = json.loads(json.dumps(inclusion(joined, index)))
            assert included(proof, LINES[index], index, head)
            assert not included(proof, LINES[index] + b" ", index, head)
            assert not included(proof, LINES[index], index + 1, head)


def test_consistency_holds_between_true_heads_only():
    """A tree whose earlier line was changed has no proof from the earlier head."""
    joined = b"".join(map(leaf_hash, LINES[:13]))
    roots = {n: root_of(map(leaf_hash, LINES[:n])).hex() for n in range(1, 14)}
    for earlier in range(1, 14):
        proof = consistency(joined, earlier)
        assert consistent(proof, (earlier, roots[earlier]), (13, roots[13]))
        assert not consistent(proof, (earlier, "0" * 64), (13, roots[13]))
    changed = [b"other", *LINES[1:13]]
    forged = b"".join(map(leaf_hash, changed))
    later = (13, root_of(map(leaf_hash, changed)).hex())
    assert not consistent(consistency(forged, 5), (5, roots[5]), later)
    assert not consistent({"type": "consistency"}, (5, roots[5]), later)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b'{"a":1,"a":1}', "occurs twice"),
        (b'{"b":1,"a":1}', "canonical"),
        (b'{"a": 1}', "canonical"),
        (b'{"a":1.0}', "not a whole one"),
        (b'{"a":1e3}', "not a whole one"),
        (b'{"a":-Infinity}', "not a number"),
        (b'{"a":' + b"9" * 31 + b"}", "31 digits"),
        (b'{"a":"\\u0041"}', "canonical"),
        (b'{"a":"\xff"}', "UTF-8"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b"[" * 100_000, "nested deeper"),
        (b"[1]", "not a JSON object"),
        (b"{", "not JSON"),
        (b"", "not JSON"),
    ],
)
def test_a_line_has_one_text(line, told):
    """What two readers could understand differently is refused by name."""
    with pytest.raises(NotStrict, match=told):
        parse(line)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A sealed run."""
    return build(tmp_path_factory.mktemp("ledger"))


def _fast(line: bytes) -> bool:
    """Say whether the fast reader takes a line: the pattern, and paths in order."""
    try:
        match = fields.match_attempt(line.decode())
    except UnicodeDecodeError:
        return False
    return match is not None and "a path occurs twice" not in str(of_groups(match.groups())[1])


def test_the_fast_pattern_admits_what_the_strict_reader_does(results):
    """One byte of a line changed at random: the pattern and the parser agree on every one."""
    ledger, draw = Ledger(results), random.Random(7)
    line = ledger.lines[ledger.find(stage="r1_zero")]
    both = 0
    for _ in range(3000):
        at = draw.randrange(len(line))
        changed = line[:at] + bytes([draw.randrange(256)]) + line[at + 1 :]
        fast = _fast(changed)
        strict = fields.fault(changed) is None
        assert fast == strict, changed
        both += fast
    assert 100 < both < 2900


def test_texts_of_paths_have_the_canonical_escapes(results):
    """Quotes, tabs, letters of any alphabet: what canonical JSON writes is admitted."""
    ledger = Ledger(results)
    entry = ledger.entry(ledger.find(stage="r1_zero"))
    for name in ("a\tb", 'quo"te', "back\\slash", "Ümlaut 数", "\x07bell", "\x7f", "a\u2028b", ""):
        line = canonical_json(entry | {"inputs": {name: "0" * 64}}).encode()
        assert fields.fault(line) is None, name
        assert parse(line)["inputs"] == {name: "0" * 64}


@pytest.mark.parametrize("parts", [2, 3, 5, 9, 14])
def test_cutting_a_ledger_changes_nothing(results, parts):
    """Read in one piece or in several: the same root, bill, overlaps and faults."""
    path = results / "cost/ledger.jsonl"
    seals = [Seal(head.size, 0) for head in read_heads(results / "cost")]
    prices = [PRICE]
    whole, cut = scan(path, seals, parts=1), scan(path, seals, parts=parts)
    assert (whole.root, whole.head_roots, whole.size) == (cut.root, cut.head_roots, cut.size)
    assert whole.part.tally.rows(prices) == cut.part.tally.rows(prices)
    assert whole.part.fastest == cut.part.fastest
    assert [f.what for f in whole.part.faults] == [f.what for f in cut.part.faults] == []


@pytest.mark.parametrize("parts", [1, 2, 3, 6])
def test_faults_are_found_at_every_cut(results, tmp_path, parts):
    """A deleted line is found wherever the file is cut."""
    for gone in range(9):
        ledger = Ledger(results)
        del ledger.lines[gone]
        ledger.path = tmp_path / "ledger.jsonl"
        ledger.write()
        faults = scan(ledger.path, parts=parts).part.faults
        if gone < 8:  # the last one is missed by its head only
            assert any(fault.check == "chain" and fault.index == gone for fault in faults)


def test_the_streamed_bill_is_the_bill(tmp_path):
    """Random attempts of several stages, parts, days, devices: equal to stage_cost, row by row."""
    draw, made = random.Random(3), Builder(tmp_path)
    days = [draw.randrange(40) * 40_000 for _ in range(120)]
    for start in sorted(days):
        gpu = draw.random() < 0.5
        held = {"nodes": 1, "gpus_per_node": 0, "cpu_cores": draw.choice((2, 4))}
        held |= {"device": "CPU X", "device_uuids": []}
        if gpu:
            held |= {"device": draw.choice(("NVIDIA H800", "Other")), "gpus_per_node": 8}
        stage = draw.choice(("base", "score", "page"))
        part = draw.choice(("a", "b")) if stage == "score" else ""
        code = draw.choice((0, 0, 1, None, STOPPED))
        purpose = draw.choice(("final", "preparatory"))
        made.attempt(stage, start, draw.randrange(1, 999), part=part, held=held, code=code,
                     purpose=purpose)  # fmt: skip
    made.seal(2_000_000)
    path = made.results / "cost/ledger.jsonl"
    entries = read_entries(path)
    prices = preferred_prices(entries)
    expected = [cells(row) for row in cost_by_stage(records(entries), prices)]
    streamed = [cells(row) for row in scan(path).part.tally.rows(prices)]
    assert len(expected) > 8
    assert {row["purpose"] for row in expected} == set(PURPOSE_ORDER)
    assert streamed == expected


def test_a_line_can_be_proved_to_someone_who_has_the_root_only(results):
    """What `audit.py prove` prints is checked with pymerkle alone."""
    head = read_heads(results / "cost")[-1]
    for number in range(1, head.size + 1):
        found = proof_of_line(results, number)
        place = (found["size"], found["root"])
        assert place == (head.size, head.root)
        assert included(found["proof"], found["line"].encode(), number - 1, place)
