# SPDX-License-Identifier: Apache-2.0
"""Read an offline run of Weights & Biases without its client: id, start, steps, exit.

Format   7 bytes of header (`:W&B`, 0xBEE1 little-endian, version), then a LevelDB log: blocks of
         32 KiB; in each, pieces of CRC-32 (4 bytes, over type and data), length (2), type
         (1: whole, 2: first, 3: middle, 4: last), data. Pieces join to a protobuf `Record`.
Fields   Record: history 2, run 17, exit 18. RunRecord: run_id 1, start_time 17 (seconds 1,
         nanos 2). HistoryRecord: item 1, with key 1, nested_key 2, value_json 16.
         RunExitRecord: exit_code 1, runtime 2. Taken from the client's wandb_internal.proto;
         a test reads the same files with the client.
Choices  Numbers that a message omits are 0, as protobuf says: an exit without a code is exit 0.
         A torn end is the mark of a kill and ends the reading; a wrong checksum before it is
         damage. Sizes are bounded, so that a forged file cannot fill the memory.
"""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MAGIC = b":W&B\xe1\xbe"
BLOCK, HEADER, PIECE = 32_768, 7, 7
MOST_BYTES = 2_000_000_000
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4


class NotReadable(ValueError):
    """The file is no offline run; the message says why."""


class Empty(NotReadable):
    """The client was killed before it wrote anything: it keeps some seconds in memory."""


@dataclass
class OfflineRun:
    """What an offline run tells."""

    run_id: str = ""
    started: float | None = None  # seconds since 1970
    rows: int = 0
    last_step: int | None = None
    sums: dict[str, int] = field(default_factory=dict)  # of the counted columns
    exit_code: int | None = None
    runtime_seconds: int | None = None


COUNTED = ("tokens_generated", "tokens_trained")


def read_run(path: Path) -> OfflineRun:
    """Read one file; raises NotReadable, OSError."""
    if path.stat().st_size > MOST_BYTES:
        raise NotReadable("too large")
    run = OfflineRun()
    for record in _records(path.read_bytes()):
        for number, value in _fields(record):
            if number == 17:
                _run(run, value)
            elif number == 2:
                _history(run, value)
            elif number == 18:
                _exit(run, value)
    if not run.run_id:
        raise Empty("no run record in it")
    return run


def _records(data: bytes) -> Iterator[bytes]:
    """Yield the records of the log; a torn end is left out."""
    if not data.startswith(MAGIC):
        raise NotReadable("it does not begin as an offline run")
    position, begun = HEADER, b""
    while position + PIECE <= len(data):
        left = BLOCK - position % BLOCK
        if left < PIECE:
            position += left
            continue
        checksum = int.from_bytes(data[position : position + 4], "little")
        length = int.from_bytes(data[position + 4 : position + 6], "little")
        kind = data[position + 6]
        piece = data[position + PIECE : position + PIECE + length]
        if kind == 0 and length == 0:
            return
        if len(piece) < length:
            return
        if length > left - PIECE or not WHOLE <= kind <= LAST:
            raise NotReadable(f"no piece of a log at byte {position}")
        if zlib.crc32(data[position + 6 : position + PIECE + length]) != checksum:
            raise NotReadable(f"wrong checksum at byte {position}")
        position += PIECE + length
        begun = piece if kind in (WHOLE, FIRST) else begun + piece
        if kind in (WHOLE, LAST):
            yield begun


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise NotReadable("a number runs over its message")
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Yield (field number, bytes or number) of a protobuf message."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        kind = key & 7
        if kind == 0:
            value, position = _varint(data, position)
        else:
            if kind == 2:
                length, position = _varint(data, position)
            elif kind in (1, 5):
                length = 8 if kind == 1 else 4
            else:
                raise NotReadable(f"a field of kind {kind}")
            value = data[position : position + length]
            if len(value) < length:
                raise NotReadable("a field runs over its message")
            position += length
        yield key >> 3, value


def _run(run: OfflineRun, data: bytes) -> None:
    for number, value in _fields(data):
        if number == 1:
            run.run_id = value.decode("utf-8", errors="replace")
        elif number == 17:
            parts = dict(_fields(value))
            run.started = parts.get(1, 0) + parts.get(2, 0) / 1e9


def _history(run: OfflineRun, data: bytes) -> None:
    run.rows += 1
    for number, value in _fields(data):
        if number != 1:
            continue
        parts = [(n, v) for n, v in _fields(value) if n in (1, 2, 16)]
        names = [v.decode("utf-8", errors="replace") for n, v in parts if n in (1, 2) and v]
        texts = [v for n, v in parts if n == 16]
        if len(names) != 1 or not texts:
            continue
        if names[0] == "step":
            run.last_step = _whole(texts[0])
        elif names[0] in COUNTED:
            run.sums[names[0]] = run.sums.get(names[0], 0) + (_whole(texts[0]) or 0)


def _whole(text: bytes) -> int | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return int(value) if isinstance(value, int | float) and abs(value) < 1e30 else None


def _exit(run: OfflineRun, data: bytes) -> None:
    parts = dict(_fields(data))
    run.exit_code, run.runtime_seconds = parts.get(1, 0), parts.get(2, 0)
