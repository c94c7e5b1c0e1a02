# SPDX-License-Identifier: Apache-2.0
"""Turn a freshly forked child of the zygote into the cell of one answer.

Order matters: limits and identity first (they need rights), then the loss of all rights, and the
system-call filter last (it forbids the calls used before it).
"""

import contextlib
import math
import os
import resource
import signal

from . import runner, wire

try:
    from . import kernel

    NO_KERNEL = ""
except (ImportError, OSError) as error:  # Python without ctypes, or not Linux
    kernel, NO_KERNEL = None, str(error)

JOB_DESCRIPTOR = 3
OPEN_FILES = 16
# User ids that systemd and Debian leave unused, as (first, how many, how many for one zygote);
# the second fits containers that have only 65536 ids.
UID_RANGES = ((1_879_050_000, 2**27, wire.MOST_CELLS), (60_578, 120, 8))


def become_cell(descriptor: int, slot: int, config: dict, features: int, uid_base: int) -> None:
    """Give up everything but one socket, then run the answer; never returns."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    keep_only(descriptor)
    limit_resources(config)
    take_identity(slot, config["processes"], features, uid_base)
    if kernel is not None:
        # After the change of user id, which clears it. The zygote's death ends the answer.
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        kernel.forbid_new_privileges()
    if features & wire.FILTER:
        kernel.install_filter(config["filter_program"])
    runner.run_answer(JOB_DESCRIPTOR, config["output_bytes"])


def keep_only(descriptor: int) -> None:
    """Close every descriptor but the job socket; 0, 1 and 2 become the null device."""
    if descriptor != JOB_DESCRIPTOR:
        os.dup2(descriptor, JOB_DESCRIPTOR)
    os.dup2(0, 1)
    os.dup2(0, 2)
    os.closerange(JOB_DESCRIPTOR + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def limit_resources(config: dict) -> None:
    """Set the kernel's limits on this process; hard limits, so they cannot be raised again."""
    set_limit(resource.RLIMIT_CORE, 0)
    # Whole seconds only; the zygote enforces the exact limit. Soft equal to hard makes the kernel
    # send SIGKILL at once, where a SIGXCPU could be ignored.
    set_limit(resource.RLIMIT_CPU, math.ceil(config["cpu_seconds"]) + 1)
    # macOS maps more than that at the start and refuses; the probe finds out that no limit holds.
    with contextlib.suppress(ValueError):
        set_limit(resource.RLIMIT_AS, config["memory_mb"] * 1024 * 1024)
    set_limit(resource.RLIMIT_FSIZE, config["file_bytes"])
    set_limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    for name in ("RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE"):
        if hasattr(resource, name):
            set_limit(getattr(resource, name), 0)


def set_limit(kind: int, value: int) -> None:
    """Set soft and hard limit to a value, or to the present hard limit where that is lower."""
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def take_identity(slot: int, processes: int, features: int, uid_base: int) -> None:
    """Drop every right, and make the kernel's count of processes this answer's own."""
    allowed = processes
    if features & wire.OWN_UID:
        become_user(uid_base + slot)
    elif features & wire.OWN_USER_NAMESPACE:
        kernel.unshare(kernel.CLONE_NEWUSER)
    elif processes > 1:
        # The count is of all the user's processes; this lets the answer add to them.
        allowed += processes_of_user()
    set_limit(resource.RLIMIT_NPROC, allowed)
    if kernel is not None:
        kernel.drop_capabilities()


def become_user(uid: int) -> None:
    """Turn from root into a user of that id, for good; raises OSError if root may not."""
    os.setgroups([])
    os.setgid(uid)  # as root these set the real, the effective and the saved id
    os.setuid(uid)


def processes_of_user() -> int:
    """Count the processes and threads of this user as the kernel does for RLIMIT_NPROC."""
    total = 0
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            if os.stat(f"/proc/{name}").st_uid == os.getuid():
                total += len(os.listdir(f"/proc/{name}/task"))
        except OSError:  # it ended meanwhile
            continue
    return total


def find_uid_base(number: int, cells: int) -> int | None:
    """Try, in a child, whether this process can take user ids that nobody has; None if not.

    Zygotes with different numbers take different ids, or one's sweep would kill the other's cells.
    """
    for first, count, share in UID_RANGES:
        if cells > share:
            continue
        base = first + number % (count // share) * share
        child = os.fork()
        if child == 0:
            try:
                become_user(base)
            except OSError:
                os._exit(1)
            os._exit(0)
        if os.waitpid(child, 0)[1] == 0:
            return base
    return None
