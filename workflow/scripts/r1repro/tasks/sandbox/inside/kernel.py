# SPDX-License-Identifier: Apache-2.0
"""The few Linux calls that Python 3.11 does not offer, by ctypes.

Every function raises OSError with the kernel's own error number. Importing this module raises
ImportError or OSError on another system, or where Python was built without ctypes; the zygote then
works without it.
"""

import ctypes
import os
import platform
import sys

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REC, MS_PRIVATE = 0x4000, 0x40000
MNT_DETACH = 2

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2
CAPABILITY_VERSION_3 = 0x20080522

# System calls without a C library wrapper: (pivot_root, capset).
NUMBERS = {"x86_64": (155, 126), "aarch64": (41, 91)}

if sys.platform != "linux":
    raise ImportError("this system is not Linux")

libc = ctypes.CDLL(None, use_errno=True)


class SockFprog(ctypes.Structure):
    """struct sock_fprog: a BPF program of 8-byte instructions."""

    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_char_p)]


def checked(result: int, what: str) -> int:
    """Return the result of a call, or raise its OSError."""
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def numbered(position: int, what: str, *arguments) -> int:
    """Make one of the calls in NUMBERS; OSError on machines whose numbers are not known."""
    machine = platform.machine()
    if machine not in NUMBERS:
        raise OSError(f"{what}: no system call number known for {machine}")
    return checked(libc.syscall(ctypes.c_long(NUMBERS[machine][position]), *arguments), what)


def prctl(option: int, value: int, pointer=None) -> None:
    """Set a property of this process."""
    zero = ctypes.c_ulong(0)
    third = zero if pointer is None else pointer
    checked(libc.prctl(option, ctypes.c_ulong(value), third, zero, zero), f"prctl {option}")


def unshare(flags: int) -> None:
    """Leave the given namespaces for new ones."""
    checked(libc.unshare(ctypes.c_int(flags)), f"unshare {flags:#x}")


def set_namespace(descriptor: int, kind: int) -> None:
    """Enter the namespace behind a descriptor (for CLONE_NEWPID: future children do)."""
    checked(libc.setns(ctypes.c_int(descriptor), ctypes.c_int(kind)), "setns")


def mount(source: bytes, target: bytes, kind: bytes | None, flags: int, data: bytes | None) -> None:
    """Mount a file system or change the propagation of a mount."""
    checked(libc.mount(source, target, kind, ctypes.c_ulong(flags), data), f"mount {target!r}")


def pivot_into(directory: bytes) -> None:
    """Make a mount point the root directory and let go of the old root."""
    os.chdir(directory)
    numbered(0, "pivot_root", ctypes.c_char_p(b"."), ctypes.c_char_p(b"."))
    checked(libc.umount2(ctypes.c_char_p(b"."), MNT_DETACH), "umount2")
    os.chdir("/")


def drop_capabilities() -> None:
    """Give up every capability of this process."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    numbered(1, "capset", ctypes.byref(header), ctypes.byref(nothing))


def forbid_new_privileges() -> None:
    """Let no later exec raise privileges; also what permits an ordinary user a filter."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def install_filter(program: bytes) -> None:
    """Bind this process and all its children to a system-call filter, for good."""
    holder = SockFprog(len(program) // 8, program)
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(holder))
