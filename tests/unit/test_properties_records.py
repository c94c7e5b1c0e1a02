# SPDX-License-Identifier: Apache-2.0
"""Laws of the records of attempts: what was written is what is sealed and billed, or it is refused.

A record is drawn as `attempts` writes it; then each value in turn is replaced by any JSON at all.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from drawn_attempts import energies, time_of
from properties import given, st

from r1repro.audit.attempt_records import AttemptDamaged, parsed_lines, record_of
from r1repro.audit.ledger.contents import record_of_entry
from r1repro.audit.ledger.entries import RecordFile, attempt_entry, line_of
from r1repro.audit.ledger.fields import NO_LINE, fault
from r1repro.audit.ledger.strict_json import parse
from r1repro.audit.stage_cost import cost_by_stage

PATH = Path("attempts/base/a1.jsonl")
odd_texts = st.sampled_from(
    ["\ud800", "20260110T000000Z", "2026-W02-6T00:00:00Z", "2026-01-10T00:00:00+00:00", "final"]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
anything = odd_texts | st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=3,
)


@st.composite
def records(draw) -> list[dict]:
    """Draw the lines of a record as a process writes them."""
    moments = sorted(draw(st.lists(st.integers(0, 10**9), max_size=3)))
    begin = {
        "kind": "begin", "record_version": 1, "attempt_id": PATH.stem, "time_utc": time_of(0),
        "elapsed_ms": 0, "stage": "base", "part": draw(st.sampled_from(["", "r1_zero"])),
        "scale": "mini", "purpose": draw(st.sampled_from(["final", "preparatory"])),
        "planned_device": None, "seed": draw(st.integers(0, 9)), "device": "CPU X",
        "device_uuids": draw(st.lists(st.sampled_from(["G1", "G2"]), unique=True)), "host": "vm",
        "nodes": draw(st.integers(1, 4)), "gpus_per_node": draw(st.integers(0, 8)),
        "cpu_cores": draw(st.integers(1, 99)),
        "process_seconds_before": draw(st.none() | st.just(1.5)),
        "slurm_job_id": draw(st.sampled_from([None, "71"])), "git_commit": "c" * 40,
        "git_dirty": False, "inputs": {"data/数.jsonl": "0" * 64}, "config_digest": "b" * 64,
        "code_digest": "d" * 64,
    }  # fmt: skip
    lines = [begin]
    for moment in moments:
        joules, source = draw(energies)
        lines.append(
            {
                "kind": "heartbeat", "time_utc": time_of(moment), "elapsed_ms": moment,
                "tokens_generated": moment, "tokens_trained": moment, "flop": moment * 10**9,
                "step": draw(st.none() | st.integers(0, 9)), "total": 9,
                "energy": {"microjoules": joules, "source": source}, "wandb_run_id": None,
                "precision": "float32",
            }
        )  # fmt: skip
    if moments and draw(st.booleans()):
        code = draw(st.sampled_from([0, 1, 143]))
        lines[-1] |= {"kind": "end", "exit_code": code, "signal": None, "outputs": {}}
    return lines


def written(lines: list[dict]) -> bytes:
    """Return the bytes of a record's file."""
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def read(data: bytes) -> RecordFile:
    """Read a record's bytes as `read_record` reads its file."""
    lines, torn = parsed_lines(PATH, data)
    return RecordFile(PATH.as_posix(), data, lines, record_of(PATH, lines, torn))


def sealed(file: RecordFile):
    """Return the record that comes back from the line of the ledger."""
    line = line_of(attempt_entry(file), 0, NO_LINE)
    assert fault(line) is None
    return record_of_entry(parse(line))


@given(records())
def test_what_was_recorded_is_what_is_sealed(lines):
    """Every number that is billed, and how the clock moved, comes back from the ledger."""
    file = read(written(lines))
    besides = {
        "host": "unknown", "process_ms_before": None, "slurm_job_id": None, "seed": None,
        "commit": "unknown", "outputs": {},
    }  # fmt: skip  # sealed as well, and not billed
    assert sealed(file) == replace(file.record, **besides)


@given(records(), st.data())
def test_a_kill_at_any_byte_bills_what_was_written_whole(lines, data):
    """A torn last line is left out; without a first line there is nothing to bill."""
    whole = written(lines)
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    complete = sum(cut.startswith(written(lines[:n])[:-1]) for n in range(1, len(lines) + 1))
    if not complete:
        with pytest.raises(AttemptDamaged):
            read(cut)
        return
    record, last = read(cut).record, lines[complete - 1]
    assert (record.elapsed_ms, record.exit_code) == (last["elapsed_ms"], last.get("exit_code"))


@given(records(), anything)
def test_a_record_with_any_other_value_is_sealed_and_billed_or_refused_by_name(lines, value):
    """Whatever JSON stands in any field: no other error than the one that names the file."""
    for number, line in enumerate(lines):
        for name in line:
            changed = [*lines[:number], line | {name: value}, *lines[number + 1 :]]
            try:
                file = read(written(changed))
                cost_by_stage([file.record], [])
                sealed(file)
            except AttemptDamaged as damaged:
                assert str(PATH) in str(damaged)
