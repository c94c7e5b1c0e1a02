# SPDX-License-Identifier: Apache-2.0
"""A whole Slurm with accounting on one machine: start it, break it, stop it without a trace.

    python tests/slurm/slurm_cluster.py ROOT      a guard: starts it, stops it when its stdin ends

munge, MariaDB, slurmdbd, slurmctld and one slurmd a node. Everything lies below ROOT, but for
links in /etc/slurm (a job step drops SLURM_CONF) and munge's default socket (slurmdbd reaches the
controller over no other). `stop` ends the daemons by their own process ids and removes all of it;
the guard does so too when the tests are killed.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from slurm_configuration import (
    ACCOUNT,
    CGROUP_CONF,
    CLUSTER,
    NODES,
    Ports,
    gres_conf,
    slurm_conf,
    slurmdbd_conf,
)
from slurm_packages import ETC, MUNGE_SOCKET, find

LINKED = ("slurm.conf", "gres.conf", "cgroup.conf", "slurmdbd.conf")


class ClusterError(Exception):
    """A daemon did not start or stop; the message holds the end of its log."""


def wait_for(what: str, holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until something holds; raises ClusterError."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise ClusterError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)


def ask(*command: str, seconds: float = 20) -> str:
    """Run a client command and return what it says; an empty text when it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout if done.returncode == 0 else ""


def alive(process: int) -> bool:
    """Say whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def step_daemons_above(process: int) -> set[int]:
    """Return the slurmstepd among the ancestors of a process; they do not carry a node's name."""
    found = set()
    while process > 1:
        try:
            name, _, rest = Path(f"/proc/{process}/stat").read_text().rpartition(") ")
        except (FileNotFoundError, ProcessLookupError):
            break
        if name.partition("(")[2] == "slurmstepd":
            found.add(process)
        process = int(rest.split()[1])
    return found


def free_ports(count: int) -> list[int]:
    """Return ports nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Cluster:
    """The daemons below one folder."""

    def __init__(self, root: Path):
        self.root = root
        self.host = socket.gethostname().split(".")[0]

    # ---- files -----------------------------------------------------------------------------------

    def write(self) -> None:
        """Write configuration, key and stand-in GPUs."""
        for name in ("etc", "log", "spool", "state", "db", "dev", "munge", "mysql"):
            (self.root / name).mkdir(parents=True)
        for folder in (self.root, *self.root.iterdir()):
            folder.chmod(0o755)
        first, second, *others = free_ports(2 + len(NODES))
        ports = Ports(first, second, dict(zip(NODES, others, strict=True)))
        for number in range(8):  # plain files would leave CUDA_VISIBLE_DEVICES empty
            os.mknod(self.root / f"dev/nvidia{number}", 0o20666, os.makedev(1, 3))
        texts = {
            "slurm.conf": slurm_conf(self.root, self.host, ports),
            "gres.conf": gres_conf(self.root),
            "cgroup.conf": CGROUP_CONF,
            "slurmdbd.conf": slurmdbd_conf(self.root, ports),
        }
        self.made_etc = not ETC.exists()
        ETC.mkdir(exist_ok=True)
        for name, text in texts.items():
            path = self.root / "etc" / name
            path.write_text(text)
            path.chmod(0o600 if name == "slurmdbd.conf" else 0o644)
            (ETC / name).symlink_to(path)
        key = self.root / "munge/key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        for place in ("munge", "munge/key"):
            shutil.chown(self.root / place, "munge", "munge")
        for place in ("db", "mysql", "log"):
            shutil.chown(self.root / place, "mysql")

    # ---- daemons ---------------------------------------------------------------------------------

    def pid(self, daemon: str) -> int | None:
        """Return the id of a daemon's process while it lives."""
        places = {"munged": "munge/pid", "mariadbd": "mysql/pid"}
        path = self.root / places.get(daemon, f"{daemon}.pid")
        try:
            process = int(path.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return process if alive(process) else None

    def _run(self, *command: str) -> None:
        program, *arguments = command
        environment = os.environ | {"MYSQL_UNIX_PORT": str(self.root / "mysql/socket")}
        done = subprocess.run(
            [find(program), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        if done.returncode != 0:
            raise ClusterError(f"{program} failed: {done.stdout[-2000:]}")

    def start_munge(self) -> None:
        self.made_run = not MUNGE_SOCKET.parent.exists()
        MUNGE_SOCKET.parent.mkdir(exist_ok=True)
        MUNGE_SOCKET.parent.chmod(0o755)
        shutil.chown(MUNGE_SOCKET.parent, "munge", "munge")
        folder = self.root / "munge"
        files = [f"--{name}-file={folder / name}" for name in ("key", "pid", "log", "seed")]
        self._run("runuser", "-u", "munge", "--", find("munged"), *files)
        wait_for("munge", MUNGE_SOCKET.exists)

    def start_database(self) -> None:
        folder, data = self.root / "mysql", self.root / "db"
        if not (data / "mysql").exists():
            self._run(
                "mariadb-install-db", "--user=mysql", f"--datadir={data}", "--skip-test-db",
                "--auth-root-authentication-method=socket",
            )  # fmt: skip
        command = [
            find("mariadbd"), "--no-defaults", "--user=mysql", f"--datadir={data}",
            f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}", "--skip-networking",
            f"--log-error={folder / 'log'}", "--innodb-buffer-pool-size=64M",
            "--innodb-lock-wait-timeout=900", "--innodb-flush-log-at-trx-commit=0",
        ]  # fmt: skip
        quiet = subprocess.DEVNULL
        subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
        admin = [find("mariadb-admin"), f"--socket={folder / 'socket'}", "ping"]
        wait_for("MariaDB", lambda: ask(*admin) != "", 60)

    def start_slurmdbd(self) -> None:
        self._run("slurmdbd")
        wait_for("slurmdbd", lambda: ask("sacctmgr", "-n", "-P", "list", "qos") != "")

    def start_controller(self, first: bool = False) -> None:
        self._run("slurmctld", *(["-i"] if first else []))
        wait_for("slurmctld", lambda: "UP" in ask("scontrol", "ping", seconds=3))

    def start_node(self, name: str) -> None:
        (self.root / "spool" / name).mkdir(exist_ok=True)
        self._run("slurmd", "-N", name)

    def node_state(self, name: str) -> str:
        return ask("sinfo", "-h", "-N", "-n", name, "-o", "%T").split("\n")[0]

    def start(self) -> None:
        """Start everything and wait until every node is idle."""
        self.write()
        self.start_munge()
        self.start_database()
        self.start_slurmdbd()
        for what in (
            ["cluster", CLUSTER],
            ["account", ACCOUNT, f"Cluster={CLUSTER}"],
            ["user", "root", f"Account={ACCOUNT}", f"Cluster={CLUSTER}"],
        ):
            self._run("sacctmgr", "-i", "add", *what)
        self.start_controller(first=True)
        for name in NODES:
            self.start_node(name)
        wait_for("nodes", lambda: all(self.node_state(name) == "idle" for name in NODES), 60)

    # ---- faults ----------------------------------------------------------------------------------

    def end(self, daemon: str, how: int = signal.SIGTERM, seconds: float = 20.0) -> None:
        """End one daemon by its process id and wait until it is gone."""
        process = self.pid(daemon)
        if process is None:
            return
        os.kill(process, how)
        wait_for(f"end of {daemon}", lambda: not alive(process), seconds)

    def crash_node(self, name: str) -> None:
        """End a node as a power cut does: its daemon and all that its jobs started, with SIGKILL.

        The daemon goes first and all others are frozen before one of them ends: a survivor would
        tell the controller that the job failed.
        """
        self.end(f"slurmd-{name}", signal.SIGKILL)
        for how in (signal.SIGSTOP, signal.SIGKILL):
            for process in self.processes_on(name):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, how)

    def processes_on(self, name: str) -> list[int]:
        """Return the processes of a node: step daemons and whatever jobs run there.

        The processes of jobs carry the node's name in their environment.
        """
        mark, found = f"SLURMD_NODENAME={name}".encode(), set()
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                named = mark in (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if named:
                found |= {int(folder.name), *step_daemons_above(int(folder.name))}
        return sorted(found)

    # ---- the end ---------------------------------------------------------------------------------

    def stop(self) -> None:
        """Cancel what runs, stop every daemon and remove every file; safe to call twice."""
        if self.pid("slurmctld") is not None:
            ask("scancel", "-u", "root")
            with contextlib.suppress(ClusterError):
                wait_for("jobs to end", lambda: ask("squeue", "-h", "-r").strip() == "", 20)
        for name in NODES:
            for process in self.processes_on(name):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        daemons = [*(f"slurmd-{name}" for name in NODES), "slurmctld", "slurmdbd", "mariadbd"]
        for daemon in [*daemons, "munged"]:
            try:
                self.end(daemon, seconds=15)
            except ClusterError:
                self.end(daemon, signal.SIGKILL)
        for name in LINKED:
            link = ETC / name
            if link.is_symlink() and os.readlink(link).startswith(str(self.root)):
                link.unlink()
        for made, folder in ((self.made_etc, ETC), (self.made_run, MUNGE_SOCKET.parent)):
            if made and folder.exists() and not any(folder.iterdir()):
                folder.rmdir()
        shutil.rmtree(self.root, ignore_errors=True)

    made_etc = made_run = False


def main(root: Path) -> int:
    """Start the cluster, say so, and stop it when whoever started this is gone or says so."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the tests get it too and close our stdin
    cluster = Cluster(root)
    try:
        cluster.start()
        print("up", flush=True)
        sys.stdin.read()
    except (ClusterError, OSError, subprocess.SubprocessError) as error:
        print(f"error: {error}", flush=True)
        return 1
    finally:
        cluster.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
