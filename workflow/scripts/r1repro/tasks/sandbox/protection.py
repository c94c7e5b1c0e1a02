# SPDX-License-Identifier: Apache-2.0
"""The protection levels: their order, the test each must pass, and the sentence for the log.

bubblewrap   the zygote runs under bwrap, and makes the namespaces below inside it if it can
namespaces   the zygote makes its own: per answer a pid namespace; no network; an empty root
limits       resource limits, and as root a user id per answer and an empty root directory
A system-call filter comes on top of each where the kernel and the machine allow it.

Which walls stand is not looked up but tried: a probe runs as an answer and attempts to break out.
"""

from .inside import wire
from .job import Job, Limits, Outcome, SandboxUnavailable
from .launch import HERE, Zygote

LEVELS = ("bubblewrap", "namespaces", "limits")
FILTER_CHOICES = ("auto", "on", "off")

# Each attempt that succeeds is named in the result. Port 9 (discard) of an address reserved for
# documentation: connect() on a datagram socket only asks for a route and sends nothing.
PROBE = """
def attempts(path, memory):
    import os, signal, socket
    found = []
    try:
        if os.listdir("/"):
            found.append("files")
    except OSError:
        pass
    try:
        open(path).close()
        found.append("project")
    except OSError:
        pass
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("192.0.2.1", 9))
        found.append("network")
    except OSError:
        pass
    try:
        parent = os.getppid()
        if parent:
            os.kill(parent, 0)
            found.append("signals")
    except OSError:
        pass
    try:
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        found.append("processes")
    except OSError:
        pass
    try:
        bytes(memory)  # zeros that nobody reads: no page of them is made
        found.append("memory")
    except MemoryError:
        pass
    return found
"""

NOT_PREVENTED = {
    "files": "reading files that this user may read",
    "network": "use of the network",
    "signals": "signals to this user's other processes",
    "memory": "use of more memory than the limit",
}


def levels(level: str, syscall_filter: str) -> tuple[str, ...]:
    """Return the levels to try, best first; raise SandboxUnavailable on an unknown name."""
    if syscall_filter not in FILTER_CHOICES:
        raise SandboxUnavailable(
            f"Unknown sandbox filter setting {syscall_filter!r}; use one of {FILTER_CHOICES}."
        )
    if level == "auto":
        return LEVELS
    if level not in LEVELS:
        raise SandboxUnavailable(
            f"Unknown sandbox level {level!r}; use auto or one of {', '.join(LEVELS)}."
        )
    return (level,)


def probe_job(limits: Limits) -> Job:
    """Return the job that tries to break out."""
    return Job(PROBE, "attempts", [[str(HERE / "protection.py"), limits.memory_mb * 2**20]])


def read_probe(outcome: Outcome, zygote: Zygote, limits: Limits) -> set[str]:
    """Return which attempts succeeded; raise SandboxUnavailable where the level promised more."""
    if not outcome.ok:
        raise SandboxUnavailable(
            f"{zygote.level}: the test program ended with {outcome.status} ({outcome.detail})"
        )
    succeeded = set(outcome.outputs[0])
    features = zygote.features
    kept_out = set()
    if features & (wire.FILTER | wire.EMPTY_ROOT):
        kept_out |= {"files", "project"}
    if zygote.level == "bubblewrap":
        kept_out |= {"project"}
    if features & (wire.FILTER | wire.NO_NETWORK):
        kept_out |= {"network"}
    if features & (wire.FILTER | wire.JOB_PID_NAMESPACE | wire.OWN_UID):
        kept_out |= {"signals"}
    if limits.processes == 1:
        kept_out |= {"processes"}
    broken = succeeded & kept_out
    if broken:
        raise SandboxUnavailable(f"{zygote.level}: the test program got at {', '.join(broken)}")
    return succeeded


def sentence(zygote: Zygote, limits: Limits, open_ways: set[str], refused: list[str]) -> str:
    """Say in one sentence what protects this machine from the answers."""
    features = zygote.features
    walls = [
        text
        for bit, text in (
            (wire.JOB_PID_NAMESPACE, "a pid namespace per answer"),
            (wire.OWN_UID, "a user id per answer"),
            (wire.OWN_USER_NAMESPACE, "a user namespace per answer"),
            (wire.EMPTY_ROOT, "an empty file system"),
            (wire.NO_NETWORK, "no network"),
            (wire.FILTER, "a system-call filter"),
        )
        if features & bit
    ]
    memory = "" if "memory" in open_ways else f"{limits.memory_mb} MiB memory, "
    walls.append(
        f"limits of {limits.cpu_seconds} s CPU, {limits.wall_seconds} s wall, "
        f"{memory}{limits.output_bytes} bytes output, "
        f"{limits.file_bytes} bytes per file, {limits.processes} process(es)"
    )
    if zygote.level == "bubblewrap":
        walls.insert(0, "bubblewrap")
    text = f"Code answers run behind {', '.join(walls[:-1])}{' and ' * (len(walls) > 1)}{walls[-1]}"
    missing = [words for way, words in NOT_PREVENTED.items() if way in open_ways]
    if missing:
        text += f"; NOT prevented: {', '.join(missing)}"
    if refused:
        text += f" (better levels do not work here: {'; '.join(refused)})"
    return text + "."
