# SPDX-License-Identifier: Apache-2.0
"""Write the record of one attempt of a stage while it runs, so that no attempt escapes the bill.

One file per attempt, FOLDER/STAGE/ATTEMPT_ID.jsonl, one JSON object a line, each line synced:
begin      who, what, where and with which code; on disk before any work is done
heartbeat  after 1, 2, 4, 8 and then every 10 seconds: counters, position, energy
end        exit status, error, output checksums

Times      `time_utc` is the wall clock (ISO 8601, UTC); `elapsed_ms` are whole milliseconds since
           begin on the monotonic clock. Only `elapsed_ms` is billed: a clock that is set moves
           `time_utc` against `elapsed_ms`, and both stay visible.
Killed     The file of a killed attempt has no `end`; it is billed to its last line. At most the
           time since the last heartbeat (10 s) is missing.
Inputs     Up to 64 MB of inputs are hashed before `begin`; the rest afterwards, so that a kill
           while a large model is being hashed leaves a record. Those checksums follow in a
           heartbeat (field `inputs`).
Secrets    The environment is never written; texts pass through `redact`.
Processes  Under torchrun or srun only rank 0 writes: pass it the counts of all ranks.
Choices    A record that cannot be written for 30 s stops the stage: hours nobody can bill later
           are worse than a stage that is run again. `process_seconds_before` (imports before
           `begin`) is recorded and not billed.
"""

import json
import os
import re
import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from r1repro.audit.devices import Hardware, process_rank, read_hardware
from r1repro.audit.energy import EnergyMeter
from r1repro.audit.environment import read_environment
from r1repro.audit.provenance import git_state, package_versions, process_age_seconds
from r1repro.audit.redact import redact
from r1repro.errors import StageError, Terminated
from r1repro.files import canonical_json, sha256_path, sha256_text, sync_folder

RECORD_VERSION = 1
PURPOSES = ("final", "preparatory")
HEARTBEAT_SECONDS = 10.0
FIRST_HEARTBEAT_SECONDS = 1.0
SECONDS_WITHOUT_A_RECORD = 30.0
RETRY_SECONDS = 1.0
HASHED_BEFORE_BEGIN_BYTES = 64_000_000
LONGEST_ERROR_TEXT = 500
COUNTERS = ("tokens_generated", "tokens_trained", "flop")


class AttemptNotWritable(StageError):
    """The record of this attempt cannot be written, so its cost would be lost."""

    def __init__(self, path: Path, cause: OSError):
        super().__init__(
            f"the attempt record {path} cannot be written ({cause.strerror or cause}); "
            "make the folder writable or free some space, then run the same command again"
        )


def utc_now() -> str:
    """Return the wall clock as ISO 8601 in UTC with milliseconds."""
    return utc_text(datetime.now(UTC))


def utc_text(moment: datetime) -> str:
    """Return a moment in UTC as ISO 8601 with milliseconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class _Lines:
    """Append whole lines to one file, synced; a half-written line is cut off again."""

    def __init__(self, path: Path, first: dict):
        self.path = path
        partial = path.with_name(f".{path.name}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._write(partial, os.O_CREAT | os.O_EXCL, first)
                os.rename(partial, path)
            except OSError:
                partial.unlink(missing_ok=True)
                raise
            sync_folder(path.parent)
        except OSError as error:
            raise AttemptNotWritable(path, error) from error

    @staticmethod
    def _write(path: Path, flags: int, line: dict) -> None:
        data = (json.dumps(redact(line), ensure_ascii=False, allow_nan=False) + "\n").encode()
        descriptor = os.open(path, os.O_WRONLY | flags, 0o644)
        try:
            while data:
                data = data[os.write(descriptor, data) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def append(self, line: dict) -> None:
        """Add a line. The file is opened anew: a record moved away is noticed, not recreated."""
        size = self.path.stat().st_size
        try:
            self._write(self.path, os.O_APPEND, line)
        except OSError:
            os.truncate(self.path, size)
            raise


class Attempt:
    """The attempt that is running; made by `open_attempt`."""

    def __init__(self, path: Path, begin: dict, hardware: Hardware, started: float):
        self.path, self.id = path, begin["attempt_id"]
        self.wandb_run_id: str | None = None
        self.precision: str | None = None  # of the matrix products, once the device is known
        self._started, self._pid, self._hardware = started, os.getpid(), hardware
        self._counters = dict.fromkeys(COUNTERS, 0)
        self._position: dict[str, int | None] = {"step": None, "total": None}
        self._outputs: list[Path] = []
        self._inputs: dict[str, str] = {}
        # two locks: counting must not wait for a slow disk or for nvidia-smi
        self._counting, self._writing = threading.Lock(), threading.Lock()
        self._trouble: OSError | None = None
        self._lines = _Lines(path, begin)
        self._written_at = time.monotonic()
        self._energy = EnergyMeter(hardware)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="attempt-heartbeat", daemon=True)
        self._thread.start()

    def count(self, **amounts: int) -> None:
        """Add to the counters tokens_generated, tokens_trained and flop (whole numbers).

        Raises AttemptNotWritable when no heartbeat could be written for 30 seconds.
        """
        for name, amount in amounts.items():
            if name not in COUNTERS:
                raise TypeError(f"no counter {name!r}; there are {', '.join(COUNTERS)}")
            if isinstance(amount, bool) or not isinstance(amount, int) or amount < 0:
                raise TypeError(f"{name} counts whole numbers from 0, got {amount!r}")
        with self._counting:
            for name, amount in amounts.items():
                self._counters[name] += amount
        self.check()

    def note(self, *, step: int, total: int | None = None) -> None:
        """Keep the position that the next heartbeat reports; raises as `count` does."""
        with self._counting:
            self._position = {"step": step, "total": total}
        self.check()

    def heartbeat(self) -> bool:
        """Write a heartbeat now and say whether it is on the record; raises as `count` does.

        Work is kept after this and only if it is, so that kept work is billed.
        """
        written = self._try_heartbeat()
        self.check()
        return written

    def outputs(self, paths: Iterable[Path]) -> None:
        """Name files or folders whose SHA-256 goes into `end` when the stage succeeds."""
        self._outputs.extend(Path(path) for path in paths)

    def check(self) -> None:
        """Stop the stage when its record could not be written for 30 seconds."""
        late = time.monotonic() - self._written_at > SECONDS_WITHOUT_A_RECORD
        if self._trouble is not None and late:
            raise AttemptNotWritable(self.path, self._trouble) from self._trouble

    def usage(self) -> dict[str, float | int]:
        """Return what the attempt used so far, for a tracker's summary; the record is the bill."""
        hours = (time.monotonic() - self._started) / 3600
        held = self._hardware
        with self._counting:
            counters = dict(self._counters)
        return {
            "nodes": held.nodes,
            "gpus_per_node": held.gpus_per_node,
            "wall_hours": hours,
            "gpu_hours": hours * held.nodes * held.gpus_per_node,
            "core_hours": hours * held.nodes * held.cpu_cores,
            **counters,
        }

    def hash_inputs(self, paths: list[Path]) -> None:
        """Hash the inputs that were too large to hash before `begin`."""
        if paths:
            self._inputs = {str(path): sha256_path(path) for path in paths}
            self._try_heartbeat()

    def hash_outputs(self) -> dict[str, str]:
        """Return the SHA-256 of each named output; raises OSError for one that is missing."""
        return {str(path): sha256_path(path) for path in self._outputs}

    def _append(self, kind: str, fields: dict) -> None:
        with self._writing:
            energy = asdict(self._energy.read())
            with self._counting:
                progress = self._counters | self._position
            line = {
                "kind": kind,
                "time_utc": utc_now(),
                "elapsed_ms": round((time.monotonic() - self._started) * 1000),
                **progress,
                "energy": energy,
                "wandb_run_id": self.wandb_run_id,
                "precision": self.precision,
                **fields,
            }
            if self._inputs:
                line["inputs"] = self._inputs
            self._lines.append(line)
            self._inputs = {}
            self._written_at, self._trouble = time.monotonic(), None

    def _try_heartbeat(self) -> bool:
        try:
            self._append("heartbeat", {})
        except OSError as error:
            self._trouble = error
            return False
        return True

    def _beat(self) -> None:
        regular = pause = FIRST_HEARTBEAT_SECONDS
        while not self._stop.wait(pause):
            if self._try_heartbeat():
                regular = pause = min(2 * regular, HEARTBEAT_SECONDS)
            else:
                pause = RETRY_SECONDS

    def close(self, failure: BaseException | None, outputs: dict[str, str]) -> None:
        """Write `end`; a forked child that leaves the block writes nothing."""
        if os.getpid() != self._pid:
            return
        self._stop.set()
        self._thread.join(timeout=SECONDS_WITHOUT_A_RECORD)
        exit_code, signal_number = exit_of(failure)
        fields = {"exit_code": exit_code, "signal": signal_number, "outputs": outputs}
        if exit_code != 0:
            fields["error_class"] = type(failure).__name__
            fields["error_text"] = str(redact(str(failure)))[:LONGEST_ERROR_TEXT]
        try:
            self._append("end", fields)
        except OSError as error:
            # a stage that already failed keeps its own reason
            if failure is None:
                raise AttemptNotWritable(self.path, error) from error


class _SilentAttempt(Attempt):
    """What ranks above 0 get: the same calls, no record."""

    def __init__(self, hardware: Hardware):
        self._hardware, self._started = hardware, time.monotonic()
        self.path, self.id = Path(os.devnull), ""
        self.wandb_run_id = self.precision = None
        self._counters, self._outputs = dict.fromkeys(COUNTERS, 0), []
        self._counting, self._trouble = threading.Lock(), None
        self._written_at = time.monotonic()

    def heartbeat(self) -> bool:
        """There is no record that must come first."""
        return True


def exit_of(failure: BaseException | None) -> tuple[int, int | None]:
    """Return exit status and signal number of what ended the block."""
    if failure is None:
        return 0, None
    if isinstance(failure, Terminated):
        return 143, 15
    if isinstance(failure, KeyboardInterrupt):
        return 130, 2
    if isinstance(failure, SystemExit):
        if failure.code is None:
            return 0, None
        return (failure.code if isinstance(failure.code, int) else 1), None
    return 1, None


def _split_inputs(inputs: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Return the inputs that are hashed before `begin` and those that wait."""
    early, late, budget = [], [], HASHED_BEFORE_BEGIN_BYTES
    for path in inputs:
        files = path.rglob("*") if path.is_dir() else [path]
        size = sum(file.stat().st_size for file in files if file.is_file())
        (early if size <= budget else late).append(path)
        budget -= size if size <= budget else 0
    return early, late


def _identity(stage: str, part: str, now: datetime, hardware: Hardware, early: list[Path]) -> dict:
    """Return the fields of `begin` that are read from the machine; it began at `now`."""
    commit, dirty = git_state(Path(__file__))
    started = now.strftime("%Y%m%dT%H%M%SZ")
    return {
        "kind": "begin",
        "record_version": RECORD_VERSION,
        "attempt_id": f"{started}-{os.getpid()}-{secrets.token_hex(4)}",
        "time_utc": utc_text(now),
        "elapsed_ms": 0,
        "stage": stage,
        "part": part,
        **asdict(hardware),
        "process_id": os.getpid(),
        "process_seconds_before": process_age_seconds(),
        "git_commit": commit,
        "git_dirty": dirty,
        "packages": package_versions(),
        "environment": read_environment(),
        "inputs": {str(path): sha256_path(path) for path in early},
    }


@contextmanager
def open_attempt(
    folder: Path,
    stage: str,
    *,
    scale: str,
    settings: dict,
    seed: int,
    gpus: int,
    code_digest: str,
    inputs: Iterable[Path],
    purpose: str,
    planned_device: str | None = None,
    part: str = "",
) -> Iterator[Attempt]:
    """Record one attempt of a stage for as long as the block runs.

    `folder` holds the records of all stages. `gpus` is the total the program was given, 0 for CPU.
    `purpose` is `final` or `preparatory`. `planned_device` is what the paper used for this stage
    (A100 or H800). `part` tells runs of one stage apart that do not replace each other, such as
    the checkpoint that `score` scores.
    Raises AttemptNotWritable, and OSError for an input that cannot be read. What the block raises
    goes on after `end` is written.
    """
    if not re.fullmatch(r"[a-z0-9_]+", stage) or purpose not in PURPOSES or gpus < 0:
        raise ValueError(f"bad stage {stage!r}, purpose {purpose!r} or gpus {gpus!r}")
    if process_rank(os.environ) > 0:
        yield _SilentAttempt(read_hardware(gpus))
        return
    started, now = time.monotonic(), datetime.now(UTC)
    early, late = _split_inputs([Path(path) for path in inputs])
    hardware = read_hardware(gpus)
    begin = _identity(stage, part, now, hardware, early) | {
        "inputs_hashed_later": [str(path) for path in late],
        "scale": scale,
        "purpose": purpose,
        "planned_device": planned_device,
        "gpus_given": gpus,
        "seed": seed,
        "settings": settings,
        "config_digest": sha256_text(canonical_json(settings)),
        "code_digest": code_digest,
    }
    path = Path(folder) / stage / f"{begin['attempt_id']}.jsonl"
    attempt = Attempt(path, begin, hardware, started)
    try:
        attempt.hash_inputs(late)
        yield attempt
        outputs = attempt.hash_outputs()
    except BaseException as failure:
        attempt.close(failure, {})
        raise
    attempt.close(None, outputs)
