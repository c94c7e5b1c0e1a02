# SPDX-License-Identifier: Apache-2.0
"""Read what a hostile process sent back and how it ended, and say what became of the job.

Nothing in the response is trusted: not its length, not its count, not its values. The order of
belief is the kernel's word on how the process ended, then the frame, then the content.
"""

import json
import math
import os
import signal

from .inside import wire
from .job import Job, Limits, Outcome

NESTING_LIMIT = 40  # one more level than the far side allows, for the list of outputs, and some air
DETAIL_CHARACTERS = 200
SELF_REPORTED = ("error", "bad_result", "memory_limit", "output_limit")


class Forged(Exception):
    """The response is not what a cell would have written."""


def judge_end(
    job: Job, nonce: bytes, data: bytes, cause: int, status: int, micros: int, limits: Limits
) -> Outcome:
    """Turn the end of a cell into an outcome.

    data    all bytes that came back, at most the limit and one more
    cause   who ended it (wire), status: its wait status, micros: its CPU time
    """
    cpu = micros / 1e6
    if len(data) > limits.output_bytes + wire.RESPONSE_OVERHEAD_BYTES:
        return Outcome("output_limit", None, f"more than {limits.output_bytes} bytes", cpu)
    if cause == wire.WALL_LIMIT:
        return Outcome("wall_limit", None, f"ran longer than {limits.wall_seconds} s", cpu)
    exit_code = os.waitstatus_to_exitcode(status)
    # the kernel's own limit: Linux sends SIGKILL, macOS SIGXCPU
    used_up = -exit_code in (signal.SIGKILL, signal.SIGXCPU) and cpu >= limits.cpu_seconds
    if cause == wire.CPU_LIMIT or used_up:
        return Outcome("cpu_limit", None, f"used more than {limits.cpu_seconds} s of CPU", cpu)
    if exit_code:
        how = f"exit status {exit_code}" if exit_code > 0 else f"signal {-exit_code}"
        return Outcome("died", None, f"ended by {how} without a valid response", cpu)
    if not data:
        return Outcome("died", None, "left without a response", cpu)
    try:
        return read_response(job, open_frame(nonce, data), cpu)
    except Forged as error:
        return Outcome("forged", None, str(error), cpu)


def open_frame(nonce: bytes, data: bytes) -> bytes:
    """Return the payload of exactly one frame, or raise Forged."""
    if len(data) < wire.HEADER.size:
        raise Forged("the response is too short for a frame")
    claimed, length = wire.HEADER.unpack_from(data)
    if claimed != nonce:
        raise Forged("the response does not carry the job's number")
    if length != len(data) - wire.HEADER.size:
        raise Forged("the response is not exactly one frame")
    return data[wire.HEADER.size :]


def read_response(job: Job, payload: bytes, cpu: float) -> Outcome:
    """Parse one payload and check its form, or raise Forged."""
    try:
        response = json.loads(
            payload.decode("ascii"), parse_constant=refuse_constant, parse_float=finite_float
        )
    except (ValueError, RecursionError, MemoryError) as error:
        raise Forged(
            f"the response is not JSON of the agreed kind ({type(error).__name__})"
        ) from error
    if not isinstance(response, dict):
        raise Forged("the response is not an object")
    if response.get("status") == "ok" and set(response) == {"status", "outputs"}:
        outputs = response["outputs"]
        if not isinstance(outputs, list) or len(outputs) != len(job.inputs):
            raise Forged(f"not the {len(job.inputs)} outputs that were asked for")
        check_values(outputs)
        return Outcome("ok", outputs, "", cpu)
    detail = response.get("detail")
    if response.get("status") in SELF_REPORTED and isinstance(detail, str):
        return Outcome(response["status"], None, harmless(detail), cpu)
    raise Forged("the response has neither outputs nor a known status")


def refuse_constant(name: str) -> None:
    """Refuse NaN and the infinities, which json would accept."""
    raise ValueError(f"{name} is not JSON")


def finite_float(text: str) -> float:
    """Parse a float; a literal such as 1e999 would silently become infinite."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number too large for a float")
    return value


def check_values(outputs: list) -> None:
    """Raise Forged on text that cannot be written as UTF-8 and on nesting beyond the limit."""
    todo = [(outputs, 0)]
    while todo:
        value, depth = todo.pop()
        if isinstance(value, str):
            try:
                value.encode("utf-8")
            except UnicodeEncodeError as error:
                raise Forged("a text with a lone surrogate") from error
        elif isinstance(value, (list, dict)):
            if depth > NESTING_LIMIT:
                raise Forged("the outputs are nested too deeply")
            todo += [(item, depth + 1) for item in value]
            if isinstance(value, dict):
                todo += [(item, depth + 1) for item in value.values()]


def harmless(text: str) -> str:
    """Make a stranger's text fit for a log line: printable, encodable, short."""
    cut = text[:DETAIL_CHARACTERS]
    return "".join(c if c.isprintable() else "?" for c in cut)
