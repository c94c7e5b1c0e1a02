# SPDX-License-Identifier: Apache-2.0
"""Claims about reading attempt records back: strict, except for the mark of a kill."""

import json

import pytest

from r1repro.audit.attempt_records import AttemptDamaged, read_attempt, read_attempts

BEGIN = {
    "kind": "begin", "attempt_id": "a1", "time_utc": "2026-03-01T10:00:00.000Z", "elapsed_ms": 0,
    "stage": "base", "part": "", "scale": "mini", "purpose": "preparatory", "device": "CPU X",
    "nodes": 1, "gpus_per_node": 0, "cpu_cores": 2,
}  # fmt: skip
ENERGY = {"microjoules": 5, "source": "measured"}
BEAT = {
    "kind": "heartbeat", "time_utc": "2026-03-01T10:00:10.000Z", "elapsed_ms": 10_000,
    "tokens_generated": 1, "tokens_trained": 2, "flop": 3, "energy": ENERGY, "wandb_run_id": None,
}  # fmt: skip
END = BEAT | {"kind": "end", "elapsed_ms": 12_000, "exit_code": 0}


def write(folder, *lines, name="a1", tail=b""):
    """Write a record of these lines, and bytes after them."""
    path = folder / "base" / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in lines) + tail)
    return path


def test_a_whole_record_reads_back(tmp_path):
    record = read_attempt(write(tmp_path, BEGIN, BEAT, END))
    assert (record.elapsed_ms, record.exit_code, record.completed) == (12_000, 0, True)
    assert (record.tokens_generated, record.tokens_trained, record.flop) == (1, 2, 3)
    assert (record.energy_microjoules, record.energy_source) == (5, "measured")
    assert record.clock_jump_ms == -2000  # 10 s by the wall clock, 12 s by the monotonic one


@pytest.mark.parametrize("tail", [b'{"kind": "end", "ela', b"{", b"\x00\x00\x00", b"\xff\xfe"])
def test_a_torn_last_line_is_left_out(tmp_path, tail):
    """A kill in the middle of a write costs the attempt nothing but that line."""
    record = read_attempt(write(tmp_path, BEGIN, BEAT, tail=tail))
    assert (record.elapsed_ms, record.completed, record.torn) == (10_000, False, True)


def test_a_record_with_begin_alone_is_billed_nothing_but_counted(tmp_path):
    record = read_attempt(write(tmp_path, BEGIN))
    assert (record.elapsed_ms, record.completed) == (0, False)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], "line 1: not JSON|the file is empty"),
        ([BEAT], "line 1: a line of kind 'heartbeat'"),
        ([BEGIN, BEGIN], "line 2: a line of kind 'begin'"),
        ([BEGIN, END, BEAT], "line 2: a line of kind 'end'"),
        ([BEGIN, BEAT, BEAT | {"elapsed_ms": 9}], "line 3: elapsed_ms runs backwards"),
        (
            [BEGIN, END | {"outputs": ["scores.csv"]}],
            "line 2: outputs must be paths with checksums",
        ),
        ([BEGIN, END | {"outputs": {"a": 1}}], "line 2: outputs must be paths with checksums"),
        ([BEGIN | {"seed": "1"}, END], "line 1: seed must be a whole number"),
        ([BEGIN, BEAT | {"elapsed_ms": -1}], "line 2: elapsed_ms must be a whole number"),
        ([BEGIN, BEAT | {"elapsed_ms": 1.5}], "line 2: elapsed_ms must be a whole number"),
        ([BEGIN, BEAT | {"elapsed_ms": 10**40}], "line 2: elapsed_ms must be a whole number"),
        ([BEGIN | {"nodes": 0}], "line 1: nodes must be"),
        ([BEGIN | {"nodes": True}], "line 1: nodes must be"),
        ([BEGIN | {"gpus_per_node": "8"}], "line 1: gpus_per_node must be"),
        ([BEGIN | {"purpose": "free"}], "line 1: purpose 'free'"),
        ([BEGIN | {"time_utc": "2026-03-01T10:00:00"}], "line 1: time_utc is not in UTC"),
        ([BEGIN | {"time_utc": "yesterday"}], "line 1: time_utc is not an ISO"),
        ([BEGIN, END | {"exit_code": None}], "line 2: exit_code must be"),
        ([BEGIN, END | {"energy": {"source": "guessed"}}], "line 2: energy source"),
        ([{k: v for k, v in BEGIN.items() if k != "device"}], "line 1: device must be a text"),
        ([BEGIN, ["a", "list"], END], "line 2: not a JSON object"),
    ],
)
def test_damage_is_named_with_its_line(tmp_path, lines, told):
    """Nothing that cannot be understood is billed as if it were."""
    path = write(tmp_path, *lines)
    with pytest.raises(AttemptDamaged, match=told) as caught:
        read_attempt(path)
    assert str(path) in str(caught.value)


def test_damage_in_the_middle_is_not_taken_for_a_kill(tmp_path):
    path = write(tmp_path, BEGIN, tail=b'{"torn": \n' + json.dumps(END).encode() + b"\n")
    with pytest.raises(AttemptDamaged, match="line 2: not JSON"):
        read_attempt(path)


def test_a_copied_record_is_not_billed_twice(tmp_path):
    write(tmp_path, BEGIN, END)
    write(tmp_path, BEGIN, END, name="a2")
    with pytest.raises(AttemptDamaged, match="a copy bills twice"):
        read_attempts(tmp_path)
    (tmp_path / "base/a2.jsonl").unlink()
    write(tmp_path / "more", BEGIN, END)
    with pytest.raises(AttemptDamaged, match="the same attempt as"):
        read_attempts(tmp_path)


def test_records_come_oldest_first_and_unfinished_writes_are_not_records(tmp_path):
    write(tmp_path, BEGIN | {"attempt_id": "z", "time_utc": "2026-01-01T00:00:00Z"}, name="z")
    write(tmp_path, BEGIN)
    (tmp_path / "base/.a3.jsonl.partial").write_text("{")
    assert [record.attempt_id for record in read_attempts(tmp_path)] == ["z", "a1"]
    assert read_attempts(tmp_path / "absent") == []
