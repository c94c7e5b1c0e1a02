# SPDX-License-Identifier: Apache-2.0
"""Claims about the reader of offline W&B runs: what the client writes is read, damage told."""

import pytest
import wandb
from audited_run import framed, offline_run

from r1repro.audit.verify.wandb_reader import NotReadable, read_run
from r1repro.tracking import open_tracker


def written(tmp_path, data: bytes):
    """Write a file and read it."""
    path = tmp_path / "run-aaaa1111.wandb"
    path.write_bytes(data)
    return read_run(path)


def test_a_run_of_the_client_itself_reads_back(tmp_path):
    """Three steps with tokens, ended well: id, steps, sums, exit."""
    settings = {"mode": "offline", "project": "r1repro"}
    with open_tracker(settings, "r1_zero", "g", {"seed": 1}, tmp_path / "wandb") as tracker:
        name = tracker.run_id
        for step in (1, 2, 3):
            tracker.log({"tokens_generated": 10 * step, "reward": 0.5}, step=step)
    wandb.teardown()  # its service writes the rest when it ends, as after a stage
    [path] = (tmp_path / "wandb").glob("offline-run-*/run-*.wandb")
    run = read_run(path)
    assert (run.run_id, run.rows, run.last_step, run.exit_code) == (name, 3, 3, 0)
    assert run.sums == {"tokens_generated": 60}
    assert run.started > 1.7e9


def test_a_failed_run_of_the_client_has_its_exit_code(tmp_path):
    """The stage's own status is what the client records."""
    settings = {"mode": "offline", "project": "r1repro"}
    with (
        pytest.raises(RuntimeError),
        open_tracker(settings, "r1_zero", "g", {}, tmp_path / "wandb"),
    ):
        raise RuntimeError
    wandb.teardown()  # its service writes the rest when it ends, as after a stage
    [path] = (tmp_path / "wandb").glob("offline-run-*/run-*.wandb")
    assert read_run(path).exit_code == 1


def test_records_go_over_blocks_of_the_log(tmp_path):
    """Five thousand rows are more than one block of 32 KiB; every row is read."""
    run = written(tmp_path, offline_run("aaaa1111", 0, 77, 5000, 0))
    assert (run.rows, run.last_step, run.runtime_seconds) == (5000, 5000, 77)


@pytest.mark.parametrize("cut", [1, 5, 9, 40])
def test_a_torn_end_is_the_mark_of_a_kill(tmp_path, cut):
    """What was written before it counts; there is no exit."""
    run = written(tmp_path, offline_run("aaaa1111", 0, 77, 50, 0)[:-cut])
    assert (run.run_id, run.exit_code) == ("aaaa1111", None)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "does not begin"),
        (b"PK\x03\x04" + b"\x00" * 100, "does not begin"),
        (b":W&B\xe1\xbe\x00", "no run record"),
        (b":W&B\xe1\xbe\x00" + b"\x01\x02\x03\x04\x05\x00\x09" + b"x" * 5, "no piece of a log"),
        (framed([b"\xff" * 20]), "runs over"),
        (framed([b"\x8a\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"]), "runs over"),
        (framed([b"\x0b"]), "a field of kind 3"),
    ],
)
def test_what_is_no_run_is_refused(tmp_path, data, told):
    """Neither a traceback nor a loop."""
    with pytest.raises(NotReadable, match=told):
        written(tmp_path, data)


def test_every_changed_byte_is_noticed(tmp_path):
    """One byte changed anywhere behind the header: refused, or the end is torn there."""
    data = offline_run("aaaa1111", 0, 77, 3, 0)
    whole = written(tmp_path, data)
    for at in range(7, len(data)):
        changed = data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]
        try:
            assert written(tmp_path, changed) != whole
        except NotReadable:
            continue
