# SPDX-License-Identifier: Apache-2.0
"""Build the walls around the zygote: namespaces, an empty root directory, an orphan's parent.

Each builder reports what it really achieved as the feature bits of `wire`; nothing is assumed.
"""

import os
import signal
import tempfile

from . import wire
from .confine import NO_KERNEL, become_user, find_uid_base, kernel

# Any directory that surely exists; the empty file system covers it, then becomes the root.
COVERED = b"/proc"


def enter_namespaces(number: int, cells: int) -> tuple[int, int, str]:
    """Go on as process 1 of new namespaces with an empty root.

    Returns the features, a descriptor of the new pid namespace and "" on success; then only the
    innermost process returns, and the two outer ones wait for it and leave with its status.
    On failure returns 0, -1 and the reason, still outside. The arguments are find_uid_base's.
    """
    if kernel is None:
        return 0, -1, NO_KERNEL
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        with os.fdopen(reader) as pipe:
            report = pipe.read()
        if report == "done":
            leave_with(child)
        os.waitpid(child, 0)
        return 0, -1, report or "the namespaces' process ended without a word"
    try:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        unshare_all(number, cells)
        inner = os.fork()
        if inner:
            os.close(writer)
            leave_with(inner)
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        try_pid_namespace(own)
        empty_the_root()
    except OSError as error:
        os.write(writer, str(error).encode())
        os._exit(1)
    os.write(writer, b"done")
    os.close(writer)
    os.close(reader)
    return wire.NO_NETWORK | wire.JOB_PID_NAMESPACE | wire.EMPTY_ROOT, own, ""


def leave_with(child: int) -> None:
    """Wait for the inner process and leave with its exit status."""
    os.closerange(3, 256)  # so that the host sees the control socket close with the zygote
    status = os.waitpid(child, 0)[1]
    os._exit(0 if status == 0 else 1)


def unshare_all(number: int, cells: int) -> None:
    """Leave all namespaces; as root without a user namespace, else (or if refused) with one."""
    flags = (
        kernel.CLONE_NEWNS
        | kernel.CLONE_NEWPID
        | kernel.CLONE_NEWNET
        | kernel.CLONE_NEWIPC
        | kernel.CLONE_NEWUTS
    )
    if os.geteuid() == 0:
        try:
            kernel.unshare(flags)
            return
        except PermissionError:
            become_ordinary(number, cells)  # a container's root, without the right to namespaces
    uid, gid = os.getuid(), os.getgid()
    kernel.unshare(flags | kernel.CLONE_NEWUSER)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def become_ordinary(number: int, cells: int) -> None:
    """Take an unused user id, if there is one: the limit on processes does not bind root's."""
    base = find_uid_base(number, cells)
    if base is None:
        return
    become_user(base)
    # Otherwise /proc/self, and in it the map of user ids, belongs to root.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)


def empty_the_root() -> None:
    """Make an empty read-only file system the root and detach everything else."""
    kernel.mount(b"none", b"/", None, kernel.MS_REC | kernel.MS_PRIVATE, None)
    flags = kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    kernel.mount(b"tmpfs", COVERED, b"tmpfs", flags, b"size=4k,nr_inodes=2,mode=0555")
    kernel.pivot_into(COVERED)


def try_pid_namespace(own: int) -> None:
    """Raise OSError unless a namespace for one answer can be made and left again."""
    kernel.unshare(kernel.CLONE_NEWPID)
    kernel.set_namespace(own, kernel.CLONE_NEWPID)


def user_namespace_works() -> bool:
    """Try in a child whether an answer can have a user namespace of its own."""
    child = os.fork()
    if child == 0:
        try:
            kernel.unshare(kernel.CLONE_NEWUSER)
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def filter_works(program: bytes) -> str:
    """Try the filter in a child; return "" or why it cannot be used."""
    child = os.fork()
    if child == 0:
        try:
            kernel.forbid_new_privileges()
            kernel.install_filter(program)
        except OSError:
            os._exit(1)
        try:
            os.open("/", os.O_RDONLY)
        except PermissionError:
            os._exit(0)
        os._exit(2)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return "" if status == 0 else f"the kernel did not take the filter (status {status})"


def change_root_to_nothing() -> bool:
    """Without namespaces: make a removed, hence empty and unwritable, directory the root."""
    directory = tempfile.mkdtemp(prefix="r1repro-empty-")
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.rmdir(directory)
        os.fchdir(descriptor)
        os.chroot(".")
        os.chdir("/")
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
