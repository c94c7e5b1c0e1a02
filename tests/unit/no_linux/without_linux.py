# SPDX-License-Identifier: Apache-2.0
"""Take from Python what macOS has not, so that what runs without it can be tried on Linux.

The folder of this file on PYTHONPATH masks programs, what they spawn and the jobs of a workflow
(see sitecustomize). The sandbox's zygote ignores PYTHONPATH; its command line gets this file put in
front.

What the kernel itself does stays Linux's: error numbers, kqueue, the file system's case.
"""

import ctypes
import os
import platform
import resource
import select
import sys
import time

HIDDEN = ("/proc", "/sys/", "/dev/full", "/dev/shm")
LINUX_CALLS = ("prctl", "unshare", "setns", "mount", "umount2", "syscall")

# Other packages were built for the system that this really is, and look for its libraries.
TOLD = ("r1repro", "inside", "multiprocessing", "__main__")


def says_darwin() -> bool:
    """Say whether the module that asks, two calls above, is one that shall believe in macOS."""
    return sys._getframe(2).f_globals.get("__name__", "").partition(".")[0] in TOLD


class Platform(str):
    """What sys.platform is compared with."""

    __hash__ = str.__hash__

    def __eq__(self, other):
        return other == ("darwin" if says_darwin() else "linux")

    def __ne__(self, other):
        return other != ("darwin" if says_darwin() else "linux")


sys.platform = Platform("linux")
platform.system = lambda: "Darwin" if says_darwin() else "Linux"
platform.processor = lambda: "arm"
for module, names in (
    (os, "sched_getaffinity sched_setaffinity setresuid setresgid getresuid getresgid unshare"),
    (os, "setns memfd_create eventfd pidfd_open splice copy_file_range posix_fadvise getrandom"),
    (resource, "prlimit RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_RTPRIO RLIMIT_SIGPENDING"),
    (select, "epoll"),
    (time, "CLOCK_BOOTTIME pthread_getcpuclockid"),
):
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)


def hide(event, arguments):
    """Let these folders be absent for every way to open or list them."""
    if event in ("open", "os.listdir", "os.scandir") and str(arguments[0]).startswith(HIDDEN):
        raise FileNotFoundError(2, "No such file or directory", arguments[0])


def absent_for(call):
    """Let these folders be absent for a call of os that audit hooks do not see."""

    def wrapped(path, *arguments, **options):
        hide("open", (os.fsdecode(path) if isinstance(path, bytes) else path,))
        return call(path, *arguments, **options)

    return wrapped


sys.addaudithook(hide)
os.stat, os.lstat, os.readlink = map(absent_for, (os.stat, os.lstat, os.readlink))


real_setrlimit, real_getrusage, real_clock = (
    resource.setrlimit,
    resource.getrusage,
    time.clock_gettime,
)


def setrlimit(kind, limits):
    """Refuse a limit on address space; at the limit on CPU time send SIGXCPU, not SIGKILL."""
    if kind == resource.RLIMIT_AS:
        raise ValueError("current limit exceeds maximum limit")
    soft, hard = limits
    real_setrlimit(kind, (soft, hard + 60) if kind == resource.RLIMIT_CPU else limits)


def getrusage(who):
    """Give the resident set in bytes."""
    usage = list(real_getrusage(who))
    usage[2] *= 1024
    return resource.struct_rusage(usage)


def clock_gettime(clock):
    """Know no clock of another process."""
    if clock < 0:
        raise OSError(22, "Invalid argument")
    return real_clock(clock)


class LibraryWithoutLinux(ctypes.CDLL):
    """A C library without the calls that only Linux has."""

    def __getattr__(self, name):
        if name in LINUX_CALLS:
            raise AttributeError(f"dlsym(RTLD_DEFAULT, {name}): symbol not found")
        return super().__getattr__(name)


resource.setrlimit, resource.getrusage, time.clock_gettime = setrlimit, getrusage, clock_gettime
ctypes.CDLL = LibraryWithoutLinux

if "-S" not in sys.orig_argv:  # not in the zygote, whose cells import no more
    import socket
    import subprocess
    import threading

    real_popen, real_send_fds = subprocess.Popen.__init__, socket.send_fds

    def popen(self, command, *arguments, **options):
        """Put this file in front of a Python without site; have no bwrap; answer for sysctl."""
        if os.path.basename(command[0]) == "bwrap":
            raise FileNotFoundError(2, "No such file or directory", command[0])
        if command[0] == "/usr/sbin/sysctl":
            command = ["/bin/echo", "Apple M2"]
        if "-S" in command:
            at = command.index("-c") + 1
            code = f"exec(open({__file__!r}).read()); {command[at]}"
            command = [*command[:at], code, *command[at + 1 :]]
        real_popen(self, command, *arguments, **options)

    def send_fds(connection, buffers, descriptors):
        """Send late: a descriptor that its sender closes meanwhile is lost, as on macOS."""
        threading.Timer(0.01, real_send_fds, (connection, buffers, descriptors)).start()

    subprocess.Popen.__init__, socket.send_fds = popen, send_fds
