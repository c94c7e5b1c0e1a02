# SPDX-License-Identifier: Apache-2.0
"""The system-call filter: what a pure computation needs, and nothing else.

A list of what is allowed (seccomp BPF); every other call fails with EPERM, so the answer sees a
PermissionError and its process ends in good order. Opening a file by name, sockets, signals to
anyone, exec, ptrace, mounts and namespaces are all outside the list. Answers can therefore import
only what the zygote has already loaded, and outcomes do not depend on the protection level.
A call from a foreign instruction set (32-bit calls on x86-64) kills the process.
"""

import errno
import platform
import struct

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# name: (x86-64 number, aarch64 number); None where the architecture has no such call
COMPUTATION = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "poll": (7, None),
    "lseek": (8, 62),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "select": (23, None),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "pause": (34, None),
    "nanosleep": (35, 101),
    "getitimer": (36, 102),
    "alarm": (37, None),
    "setitimer": (38, 103),
    "getpid": (39, 172),
    "exit": (60, 93),
    "uname": (63, 160),
    "gettimeofday": (96, 169),
    "getrusage": (98, 165),
    "sysinfo": (99, 179),
    "times": (100, 153),
    "getuid": (102, 174),
    "getgid": (104, 176),
    "geteuid": (107, 175),
    "getegid": (108, 177),
    "getppid": (110, 173),
    "sigaltstack": (131, 132),
    "gettid": (186, 178),
    "time": (201, None),
    "futex": (202, 98),
    "sched_getaffinity": (204, 123),
    "restart_syscall": (219, 128),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "exit_group": (231, 94),
    "pselect6": (270, 72),
    "ppoll": (271, 73),
    "set_robust_list": (273, 99),
    "getrandom": (318, 278),
    "rseq": (334, 293),
}
# Only where more than one process is allowed.
PROCESSES = {
    "dup2": (33, None),
    "fork": (57, None),
    "vfork": (58, None),
    "wait4": (61, 260),
    "setsid": (112, 157),
    "waitid": (247, 95),
    "dup3": (292, 24),
    "pipe2": (293, 59),
}
CLONE = (56, 220)
CLONE3 = (435, 435)
# Namespaces, and the ways to leave the family tree or to trace the child.
FORBIDDEN_CLONE_FLAGS = 0x7E020000 | 0x8000 | 0x2000 | 0x800000

LOAD, JUMP_EQUAL, JUMP_ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
NUMBER_OFFSET, ARCH_OFFSET, FIRST_ARGUMENT_OFFSET = 0, 4, 16
ALLOW, FAIL, KILL = 0x7FFF0000, 0x00050000, 0x80000000


def instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """Encode one BPF instruction (struct sock_filter)."""
    return struct.pack("<HBBI", code, if_true, if_false, value)


def filter_program(processes: int) -> bytes:
    """Assemble the filter for this machine; OSError on an architecture without a table.

    `processes` above 1 adds the calls that make and wait for children and threads.
    """
    machine = platform.machine()
    if machine not in AUDIT_ARCH or struct.calcsize("P") != 8:
        raise OSError(f"no system-call table for {machine}")
    column = list(AUDIT_ARCH).index(machine)
    tables = [COMPUTATION, PROCESSES] if processes > 1 else [COMPUTATION]
    allowed = [row[column] for table in tables for row in table.values() if row[column] is not None]
    parts = [
        instruction(LOAD, ARCH_OFFSET),
        instruction(JUMP_EQUAL, AUDIT_ARCH[machine], 1, 0),
        instruction(RETURN, KILL),
        instruction(LOAD, NUMBER_OFFSET),
    ]
    for number in allowed:
        parts += [instruction(JUMP_EQUAL, number, 0, 1), instruction(RETURN, ALLOW)]
    if processes > 1:
        parts += clone_instructions(column)
    return b"".join(parts) + instruction(RETURN, FAIL | errno.EPERM)


def clone_instructions(column: int) -> list[bytes]:
    """Allow plain clone; clone3 hides its flags in memory, so libc is told it does not exist."""
    return [
        instruction(JUMP_EQUAL, CLONE3[column], 0, 1),
        instruction(RETURN, FAIL | errno.ENOSYS),
        instruction(JUMP_EQUAL, CLONE[column], 0, 4),
        instruction(LOAD, FIRST_ARGUMENT_OFFSET),
        instruction(JUMP_ANY_BIT, FORBIDDEN_CLONE_FLAGS, 0, 1),
        instruction(RETURN, FAIL | errno.EPERM),
        instruction(RETURN, ALLOW),
    ]
