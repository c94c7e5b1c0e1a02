# SPDX-License-Identifier: Apache-2.0
"""What goes into the sandbox and what comes out: Job, Limits, Outcome, and the errors."""

import json
from dataclasses import dataclass, fields

from r1repro.errors import StageError

STATUSES = (
    "ok",  # every call returned plain JSON data
    "error",  # the source or a call raised, or there is no such function
    "bad_result",  # a result that is not plain JSON data (NaN, an object, ...)
    "cpu_limit",
    "wall_limit",
    "memory_limit",
    "output_limit",
    "forged",  # what came back is not exactly one well-formed response
    "died",  # the process ended without a response
)


LEAST = {
    "cpu_seconds": 0.01,
    "wall_seconds": 0.01,
    "memory_mb": 96,  # below that the interpreter itself has no room
    "output_bytes": 64,
    "file_bytes": 0,
    "processes": 1,
}
MOST = 2**40


class SandboxError(StageError):
    """The sandbox itself, not an answer, cannot do its work."""


class SandboxUnavailable(SandboxError):
    """A protection level does not work on this machine."""


class InvalidJob(SandboxError):
    """A job or a limit that makes no sense was handed to the sandbox."""


@dataclass(frozen=True)
class Limits:
    """Limits on one answer.

    cpu_seconds   CPU time of its main process, fractions allowed
    wall_seconds  time from start to end
    memory_mb     address space in MiB, per process (an idle cell takes about 60)
    output_bytes  all results of one job together, as JSON; an answer's prints go nowhere
    file_bytes    largest file it could write, should it find a place where it may write
    processes     processes and threads; 1 means that it can start none
    """

    cpu_seconds: float = 1.0
    wall_seconds: float = 5.0
    memory_mb: int = 256
    output_bytes: int = 65536
    file_bytes: int = 0
    processes: int = 1

    def __post_init__(self):
        """Refuse limits that the kernel would take for something else."""
        for field in fields(self):
            value = getattr(self, field.name)
            whole = field.type is int
            if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
                kind = "a whole number" if whole else "a number"
                raise InvalidJob(f"Sandbox limit {field.name} is {value!r}; give {kind}.")
            least = LEAST[field.name]
            if not least <= value <= MOST:  # refuses NaN as well
                raise InvalidJob(f"Sandbox limit {field.name} is {value}; give {least} to {MOST}.")


@dataclass(frozen=True)
class Job:
    """One answer: a program, the name of its function, and a list of arguments for each call."""

    source: str
    entry: str
    inputs: list[list]

    def request(self) -> bytes:
        """Encode the job for its cell; raise InvalidJob if the inputs are not JSON data."""
        if not isinstance(self.source, str) or not isinstance(self.entry, str):
            raise InvalidJob("A sandbox job's source and entry must be text.")
        if not all(isinstance(arguments, list) for arguments in self.inputs):
            raise InvalidJob(f"Each input of {self.entry!r} must be a list of arguments.")
        content = {"source": self.source, "entry": self.entry, "inputs": self.inputs}
        try:
            # ASCII: a lone surrogate in a model's text passes as an escape.
            return json.dumps(content, allow_nan=False, sort_keys=True).encode("ascii")
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidJob(f"The inputs of {self.entry!r} are not JSON data: {error}.") from error


@dataclass(frozen=True)
class Outcome:
    """What became of one job. `outputs` (one per input, plain JSON data) only if status is ok."""

    status: str
    outputs: list | None
    detail: str
    cpu_seconds: float

    @property
    def ok(self) -> bool:
        """Whether every call returned plain JSON data."""
        return self.status == "ok"
