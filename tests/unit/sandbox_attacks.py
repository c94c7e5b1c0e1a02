# SPDX-License-Identifier: Apache-2.0
"""Hostile answers that go for the machine: what each tries, and what may come of it.

`f(x)` is the function that is called, with inputs 1 and 2. An attack that reports what it got
returns a list of it, and `stopped` is then the empty list. `needs` names the protection without
which the attack is known to succeed; the sandbox's own sentence says so there.
"""

import os
from dataclasses import dataclass
from pathlib import Path

SECRET = "r1repro-test-secret-4711"
OTHER_ANSWER = "marker_of_another_answer"


@dataclass(frozen=True)
class Attack:
    """An answer's source and the statuses that count as stopped.

    empty      an outcome of ok is fine as well, if every output is []
    processes  the answer is given this many processes
    needs      way (see protection.NOT_PREVENTED) that must be closed for the claim to hold
    """

    source: str
    statuses: tuple[str, ...]
    empty: bool = False
    processes: int = 1
    needs: str | None = None


def body(lines: str) -> str:
    """Wrap indented-by-nothing lines as the body of f(x)."""
    return "def f(x):\n" + "\n".join(f"    {line}" for line in lines.strip().splitlines())


ATTACKS_ON_THE_MACHINE = {
    "an endless loop ends at the CPU limit": Attack(body("while True: pass"), ("cpu_limit",)),
    "an endless loop at import ends at the CPU limit": Attack(
        "while True: pass\ndef f(x): return x", ("cpu_limit",)
    ),
    "sleeping for ever ends at the wall limit": Attack(
        body("import time\ntime.sleep(10**6)"), ("wall_limit",)
    ),
    "ignoring every signal does not outlive the CPU limit": Attack(
        body(
            "import signal\n"
            "for s in range(1, 65):\n"
            "    try: signal.signal(s, signal.SIG_IGN)\n"
            "    except (OSError, ValueError): pass\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n"
            "while True: pass"
        ),
        ("cpu_limit",),
    ),
    "catching SIGXCPU and SIGTERM buys no time": Attack(
        body(
            "import signal\n"
            "signal.signal(signal.SIGXCPU, lambda *a: None)\n"
            "signal.signal(signal.SIGTERM, lambda *a: None)\n"
            "while True: pass"
        ),
        ("cpu_limit",),
    ),
    "an alarm of its own ends only itself": Attack(
        body("import signal\nsignal.alarm(1)\nwhile True: pass"), ("cpu_limit", "died")
    ),
    "an interval timer does not keep it alive": Attack(
        body(
            "import signal\n"
            "signal.signal(signal.SIGPROF, lambda *a: None)\n"
            "signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)\n"
            "while True: pass"
        ),
        ("cpu_limit",),
    ),
    "stopping itself does not stop the batch": Attack(
        body("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\nwhile True: pass"),
        ("error", "cpu_limit", "wall_limit"),
    ),
    "catching every exception does not outlive the CPU limit": Attack(
        body("while True:\n    try:\n        while True: pass\n    except BaseException: pass"),
        ("cpu_limit",),
    ),
    "10 GB in one piece are not to be had": Attack(
        body("return len(bytearray(10 * 2**30))"), ("memory_limit",)
    ),
    "memory taken bit by bit ends at the memory limit": Attack(
        body("kept = []\nwhile True: kept.append(bytes(2**20))"), ("memory_limit",)
    ),
    "raising its own memory limit fails": Attack(
        body(
            "import resource\n"
            "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))\n"
            "return len(bytearray(2**30))"
        ),
        ("error", "memory_limit"),
    ),
    "a fork bomb starts nothing": Attack(
        "import os\nwhile True: os.fork()\ndef f(x): return x", ("error",)
    ),
    "a fork bomb among the processes it may have is cleared away": Attack(
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass\ndef f(x): return x",
        ("cpu_limit", "wall_limit"),
        processes=6,
    ),
    "a thread is not started": Attack(
        body("import threading\nthreading.Thread(target=print).start()\nreturn x"), ("error",)
    ),
    "threads that outlive the answer do not hold it up": Attack(
        body(
            "import threading, time\n"
            "threading.Thread(target=time.sleep, args=(10**6,)).start()\n"
            "return []"
        ),
        ("error",),
        empty=True,
        processes=6,
    ),
    "a daemon left behind is killed": Attack(
        body(
            "import os, time\n"
            "if os.fork() == 0:\n"
            "    os.setsid()\n"
            "    if os.fork() == 0:\n"
            "        time.sleep(10**6)\n"
            "    os._exit(0)\n"
            "return []"
        ),
        (),
        empty=True,
        processes=6,
    ),
    "a child that goes on after the answer cannot add to the result": Attack(
        body(
            "import os, time\n"
            "if os.fork() == 0:\n"
            "    while True:\n"
            "        os.write(3, b'x')\n"
            "time.sleep(0.1)\n"
            "return []"
        ),
        ("forged", "output_limit"),
        processes=6,
    ),
    "running another program fails": Attack(
        body("import os\nos.execv('/bin/sh', ['sh', '-c', 'exit 0'])"), ("error", "died")
    ),
    "endless printing is not collected": Attack(
        body("while True: print('x' * 10**5)"), ("cpu_limit",)
    ),
    "reading standard input finds its end": Attack(body("return input()"), ("error",)),
    "an environment variable's secret is not found": Attack(
        body(
            "import os\n"
            "places = [repr(dict(os.environ))]\n"
            "names = ['self', '1', str(os.getppid())]\n"
            "try: names += os.listdir('/proc')\n"
            "except OSError: pass\n"
            "for name in names:\n"
            "    try: places.append(open(f'/proc/{name}/environ', errors='replace').read())\n"
            "    except OSError: pass\n"
            f"return [1 for place in places if {SECRET!r} in place]"
        ),
        (),
        empty=True,
        needs="files",
    ),
    "the repository cannot be read": Attack(
        body(
            "found = []\n"
            "for path in ('@REPOSITORY@/workflow', '@REPOSITORY@/.git/config', '@FILE@'):\n"
            "    try: found.append(open(path).read(20))\n"
            "    except IsADirectoryError: found.append(path)\n"
            "    except OSError: pass\n"
            "return found"
        ),
        (),
        empty=True,
        needs="files",
    ),
    "the home directory cannot be listed": Attack(
        body(
            "import os\n"
            "found = []\n"
            "for path in ('@HOME@', '/home', '/root', '/etc', '..', '/proc/1/root', '/proc'):\n"
            "    try: found += os.listdir(path)\n"
            "    except OSError: pass\n"
            "return found"
        ),
        (),
        empty=True,
        needs="files",
    ),
    "no file can be written anywhere": Attack(
        body(
            "import os\n"
            "found = []\n"
            "for place in ('@OUTSIDE@', '/tmp', '/dev/shm', '.', '/', '@REPOSITORY@'):\n"
            "    try:\n"
            "        with open(f'{place}/written-by-an-answer-{x}', 'w') as file: file.write('x')\n"
            "        found.append(place)\n"
            "    except OSError: pass\n"
            "return found"
        ),
        (),
        empty=True,
    ),
    "the disk cannot be filled": Attack(
        body(
            "import os\n"
            "for place in ('@OUTSIDE@', '/tmp', '/dev/shm', '.'):\n"
            "    try:\n"
            "        with open(f'{place}/filled-by-an-answer', 'wb') as file:\n"
            "            while True: file.write(bytes(2**20))\n"
            "    except OSError: pass\n"
            "return []"
        ),
        (),
        empty=True,
    ),
    "memory files do not get round the memory limit": Attack(
        body(
            "import os\n"
            "descriptor = os.memfd_create('x')\n"
            "while os.write(descriptor, bytes(2**20)): pass"
        ),
        ("error",),
    ),
    "a listening server of the host is not reached": Attack(
        body(
            "import socket\n"
            "found = []\n"
            "for family, address in ((socket.AF_INET, ('127.0.0.1', @PORT@)),\n"
            "                        (socket.AF_UNIX, '\\0@ABSTRACT@')):\n"
            "    try:\n"
            "        socket.socket(family, socket.SOCK_STREAM).connect(address)\n"
            "        found.append(str(address))\n"
            "    except OSError: pass\n"
            "return found"
        ),
        (),
        empty=True,
        needs="network",
    ),
    "killing everything in sight harms nobody else": Attack(
        body(
            "import os, signal\n"
            "for process in (-1, 1, os.getppid(), *range(2, 200)):\n"
            "    try: os.kill(process, signal.SIGKILL)\n"
            "    except (OSError, OverflowError): pass\n"
            "return []"
        ),
        ("died", "error"),
        empty=True,
        needs="signals",
    ),
    "writing to every descriptor harms only its own response": Attack(
        body(
            "import os\n"
            "for number in range(256):\n"
            "    try: os.write(number, b'x' * 100)\n"
            "    except OSError: pass\n"
            "return x"
        ),
        ("forged",),
    ),
    "closing all descriptors ends it without a response": Attack(
        body("import os\nos.closerange(0, 256)\nfor n in range(256):\n"
             "    try: os.close(n)\n    except OSError: pass\nreturn x"),
        ("died",),
    ),
    "tracing or reading other processes fails": Attack(
        body(
            "import ctypes, os\n"
            "libc = ctypes.CDLL(None)\n"
            "libc.ptrace.restype = ctypes.c_long\n"
            "found = []\n"
            "for process in (os.getppid(), 1, 2, 3):\n"
            "    if process != os.getpid() and libc.ptrace(16, process, None, None) == 0:\n"
            "        found.append(process)\n"
            "return found"
        ),
        ("error",),
        empty=True,
        needs="signals",
    ),
    "new namespaces and mounts are refused": Attack(
        body(
            "import ctypes\n"
            "libc = ctypes.CDLL(None)\n"
            "found = []\n"
            "for flags in (0x20000, 0x40000000, 0x20000000):\n"
            "    if libc.unshare(flags) == 0: found.append(flags)\n"
            "if libc.mount(b'tmpfs', b'/', b'tmpfs', 0, None) == 0: found.append('mount')\n"
            "if libc.setuid(0) == 0: found.append('root')\n"
            "return found"
        ),
        ("error",),
        empty=True,
    ),
    "other answers are not found in memory": Attack(
        body(
            "import gc, sys\n"
            "gc.unfreeze()\n"
            "found, seen, todo = [], set(), [*gc.get_objects(), sys._current_frames()]\n"
            "word = 'rewsna_rehtona_fo_rekram'[::-1]\n"
            "while todo:\n"
            "    thing = todo.pop()\n"
            "    if id(thing) in seen: continue\n"
            "    seen.add(id(thing))\n"
            "    if type(thing) is str and word in thing: found.append(thing)\n"
            "    if len(seen) < 60000 and type(thing) in (dict, list, tuple):\n"
            "        todo += gc.get_referents(thing)\n"
            "return found[:1]"
        ),
        ("cpu_limit", "memory_limit"),
        empty=True,
    ),
}  # fmt: skip


def descendants(process: int) -> set[int]:
    """Return all processes below one, found through /proc; zombies do not count."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = (
                Path(f"/proc/{name}/stat").read_text(errors="replace").rsplit(")", 1)[1].split()
            )
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(name)] = int(fields[1])
    found, todo = set(), {process}
    while todo:
        todo = {child for child, parent in parents.items() if parent in todo} - found
        found |= todo
    return found
