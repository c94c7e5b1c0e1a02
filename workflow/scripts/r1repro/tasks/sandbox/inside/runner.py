# SPDX-License-Identifier: Apache-2.0
"""Run one answer in a process that is already shut in, and hand back plain values.

The answer shares this process and may rewrite everything in it; nothing said here is trusted
outside. It only decides what a well-behaved answer gets: its own status and its outputs.
"""

import builtins
import json
import math
import os
import random
import sys

from . import wire

DETAIL_CHARACTERS = 200
NESTING_LIMIT = 32
RECURSION_LIMIT = 1000


class UnsafeResult(Exception):
    """The answer returned something that is not plain JSON data."""


class ResultTooLarge(Exception):
    """The answer's outputs together exceed the output limit."""


def run_answer(descriptor: int, output_bytes: int) -> None:
    """Read a request, run it, write one response and leave; never returns."""
    leave, write, dumps = os._exit, os.write, json.dumps  # the answer may replace the originals
    header = read_exactly(descriptor, wire.HEADER.size)
    nonce, length = wire.HEADER.unpack(header)
    request = json.loads(read_exactly(descriptor, length))
    # Same answer, same result: nothing random between two runs (hashes: PYTHONHASHSEED=0).
    random.seed(0)
    sys.setrecursionlimit(RECURSION_LIMIT)
    try:
        texts = call_answer(request, output_bytes)
        body = '{"status":"ok","outputs":[' + ",".join(texts) + "]}"
    except BaseException as error:  # noqa: BLE001 - SystemExit and the like are the answer's too
        status, detail = describe(error)
        body = dumps({"status": status, "detail": detail})
    payload = body.encode("ascii")
    data = wire.HEADER.pack(nonce, len(payload)) + payload
    while data:
        data = data[write(descriptor, data) :]
    leave(0)


def read_exactly(descriptor: int, count: int) -> bytes:
    """Read `count` bytes; leave the process if the host hangs up."""
    parts = bytearray()
    while len(parts) < count:
        part = os.read(descriptor, count - len(parts))
        if not part:
            os._exit(1)
        parts += part
    return bytes(parts)


def call_answer(request: dict, output_bytes: int) -> list[str]:
    """Execute the source, call the entry on each input, return each result as JSON text."""
    code = compile(request["source"], "<answer>", "exec", dont_inherit=True)
    # A module name other than __main__: a self-test at the end of an answer is not run.
    namespace = {"__name__": "answer", "__builtins__": builtins}
    encode = json.JSONEncoder(allow_nan=False, check_circular=False).encode
    exec(code, namespace)
    function = namespace[request["entry"]]
    texts, size = [], 0
    for arguments in request["inputs"]:
        # Turned into text at once: what a later call does to the object no longer matters.
        text = encode(plain(function(*arguments), NESTING_LIMIT))
        size += len(text) + 1
        if size > output_bytes:
            raise ResultTooLarge(f"more than {output_bytes} bytes")
        texts.append(text)
    return texts


def plain(value, depth: int):
    """Copy a value made of the exact JSON types (and tuples); raise UnsafeResult on any other."""
    kind = type(value)
    if value is None or kind is bool or kind is int:
        return value
    if kind is str:
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise UnsafeResult("a text with a lone surrogate") from error
        return value
    if kind is float:
        if not math.isfinite(value):
            raise UnsafeResult("a float that is not finite")
        return value
    if depth == 0:
        raise UnsafeResult(f"nested deeper than {NESTING_LIMIT}")
    if kind is list or kind is tuple:
        return [plain(item, depth - 1) for item in value]
    if kind is dict:
        for key in value:
            if type(key) is not str:
                raise UnsafeResult("a dictionary key that is not text")
        return {plain(key, 0): plain(item, depth - 1) for key, item in value.items()}
    raise UnsafeResult(f"a value of type {kind.__name__}")


def describe(error: BaseException) -> tuple[str, str]:
    """Name what went wrong; the error may be the answer's own and hostile in its text."""
    if isinstance(error, MemoryError):
        return "memory_limit", "MemoryError"
    if isinstance(error, UnsafeResult):
        return "bad_result", str(error)
    if isinstance(error, ResultTooLarge):
        return "output_limit", str(error)
    try:
        text = f"{type(error).__name__}: {error}"
        return "error", text[:DETAIL_CHARACTERS]
    except BaseException:  # noqa: BLE001 - the answer's own __str__ may raise anything
        return "error", "an exception without a readable text"
