# SPDX-License-Identifier: Apache-2.0
"""One process at a time in a folder: an flock on a file that names who holds it.

The system drops the lock with the process, so that one that was killed hard leaves nothing behind
that someone has to remove. Child processes do not inherit it.

Choices  Some file systems have no flock (NFS without a lock service, Lustre mounted without
         `flock`). There the work goes on without the lock, and a warning says so: a lock made of
         a file alone would outlive a process that was killed.
         EACCES means that another process holds the lock, as EWOULDBLOCK does: POSIX lets locks
         be refused either way, and network file systems that build flock on those do (SMB).
"""

import errno
import fcntl
import os
import socket
import sys
from pathlib import Path

from r1repro.errors import StateError

# macOS gives the last two different numbers
ABSENT = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)
HELD = (errno.EWOULDBLOCK, errno.EACCES)
HOLDER_BYTES = 300  # a process id and a host name


class FileLock:
    """A lock file, open; `take` it, and `close` it to let go. Raises StateError if it cannot be."""

    def __init__(self, path: Path):
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise self._unusable(error) from error

    def take(self) -> bool:
        """Try once to take the lock, write who holds it; return False if another process does."""
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in HELD:
                return False
            if error.errno not in ABSENT:
                raise self._unusable(error) from error
            print(
                f"warning: the file system of {self.path} has no locks ({error.strerror}), so this "
                "run goes on without one and a second run would not be noticed; its last user "
                f"was process {self.holder()}",
                file=sys.stderr,
                flush=True,
            )
        try:
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, f"{os.getpid()} on {socket.gethostname()}".encode(), 0)
        except OSError as error:
            raise self._unusable(error) from error
        return True

    def holder(self) -> str:
        """Return the process that wrote itself into the file, as a number and its host."""
        return os.pread(self.descriptor, HOLDER_BYTES, 0).decode(errors="replace") or "unknown"

    def _unusable(self, error: OSError) -> StateError:
        return StateError(
            f"the lock file {self.path} cannot be used ({error.strerror}); make sure that this "
            "user can write and lock a plain file there, then run again"
        )

    def close(self) -> None:
        """Let go of the lock; may be called twice."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
        self.descriptor = -1
