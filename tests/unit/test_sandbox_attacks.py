# SPDX-License-Identifier: Apache-2.0
"""Every attack against every protection level of this machine.

For each level all attacks run in one batch with an honest answer after each of them: an attack
counts as stopped only if its own outcome is one of those allowed and nobody else's changed.
"""

import os
import socket
import sys
import threading
import time
from pathlib import Path

import pytest
from sandbox_attacks import ATTACKS_ON_THE_MACHINE, OTHER_ANSWER, SECRET, descendants
from sandbox_forgeries import ATTACKS_ON_THE_RESULT

from r1repro.tasks.sandbox import LEVELS, Job, Limits, Sandbox, SandboxUnavailable

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="reads the processes in /proc, which only Linux has"
)

ATTACKS = {**ATTACKS_ON_THE_MACHINE, **ATTACKS_ON_THE_RESULT}
REPOSITORY = Path(__file__).resolve().parents[2]
# The wall limit leaves an honest answer room on a machine that is busy with other work.
CPU_SECONDS, WALL_SECONDS = 0.1, 2.0
SETUPS = [f"{level} {choice}" for choice in ("on", "off") for level in LEVELS]
INPUTS = [[1], [2]]


class Listener:
    """A server of the host that counts who gets through to it."""

    def __init__(self):
        self.reached = 0
        self.sockets = []
        self.name = f"r1repro-test-{os.getpid()}-{time.monotonic_ns()}"
        for family, address in (
            (socket.AF_INET, ("127.0.0.1", 0)),
            (socket.AF_UNIX, "\0" + self.name),
        ):
            server = socket.socket(family, socket.SOCK_STREAM)
            server.bind(address)
            server.listen()
            self.sockets.append(server)
            threading.Thread(target=self.accept, args=(server,), daemon=True).start()
        self.port = self.sockets[0].getsockname()[1]

    def accept(self, server: socket.socket) -> None:
        """Count connections until the socket is closed."""
        while True:
            try:
                server.accept()[0].close()
            except OSError:
                return
            self.reached += 1

    def close(self) -> None:
        """Stop listening."""
        for server in self.sockets:
            server.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept
            server.close()


class Campaign:
    """All attacks against one level, and what was seen from outside."""

    def __init__(self, setup: str, outside: Path):
        level, choice = setup.split()
        self.outside, self.listener = outside, Listener()
        self.outcomes, self.honest, self.left_behind, self.seconds = {}, {}, set(), 0.0
        for processes in (1, 6):
            limits = Limits(cpu_seconds=CPU_SECONDS, wall_seconds=WALL_SECONDS, processes=processes)
            with Sandbox(limits, level=level, syscall_filter=choice) as sandbox:
                self.protection = sandbox.protection
                self.attack(sandbox, {n: a for n, a in ATTACKS.items() if a.processes == processes})
        self.listener.close()

    def attack(self, sandbox: Sandbox, attacks: dict) -> None:
        """Run a batch and look for processes it left."""
        self.open_ways = {
            way
            for way, words in (
                ("files", "reading files"),
                ("network", "network"),
                ("signals", "signals"),
            )
            if words in self.protection.partition("NOT prevented")[2].partition("(better")[0]
        }
        before = descendants(sandbox.zygote.process.pid)
        names = [name for name, attack in attacks.items() if attack.needs not in self.open_ways]
        jobs = []
        for number, name in enumerate(names):
            jobs.append(Job(self.fill_in(attacks[name].source), "f", INPUTS))
            jobs.append(
                Job(f"def f({OTHER_ANSWER}):\n    return {OTHER_ANSWER} + {number}", "f", INPUTS)
            )
        outcomes = sandbox.run(jobs)
        for number, name in enumerate(names):
            self.outcomes[name] = outcomes[2 * number]
            self.honest[name] = (outcomes[2 * number + 1], [1 + number, 2 + number])
        deadline = time.monotonic() + 2
        while descendants(sandbox.zygote.process.pid) - before and time.monotonic() < deadline:
            time.sleep(0.01)
        self.left_behind |= descendants(sandbox.zygote.process.pid) - before

    def fill_in(self, source: str) -> str:
        """Put this machine's places into an attack."""
        for mark, text in (
            ("@REPOSITORY@", REPOSITORY),
            ("@FILE@", Path(__file__).resolve()),
            ("@HOME@", Path.home()),
            ("@OUTSIDE@", self.outside),
            ("@PORT@", self.listener.port),
            ("@ABSTRACT@", self.listener.name),
        ):
            source = source.replace(mark, str(text))
        return source


@pytest.fixture(scope="module", params=SETUPS, ids=[s.replace(" ", "-filter-") for s in SETUPS])
def campaign(request, tmp_path_factory):
    """The outcomes of all attacks at one level; skipped where the level does not work here."""
    outside = tmp_path_factory.mktemp("outside")
    for folder in (outside, outside.parent):
        folder.chmod(0o777)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("R1REPRO_TEST_SECRET", SECRET)
        try:
            return Campaign(request.param, outside)
        except SandboxUnavailable as error:
            pytest.skip(str(error))


@pytest.mark.parametrize("claim", ATTACKS)
def test_attack_is_stopped(campaign, claim):
    """The attack ends in a status that is allowed for it, or reports that it got nothing."""
    attack = ATTACKS[claim]
    if attack.needs in campaign.open_ways:
        pytest.skip(f"this level says itself that it does not prevent it: {campaign.protection}")
    outcome = campaign.outcomes[claim]
    if attack.empty and outcome.status == "ok":
        assert outcome.outputs == [[]] * len(INPUTS)
    else:
        allowed = attack.statuses
        if "cpu_limit" in allowed:
            allowed += ("wall_limit",)  # on a busy machine that one may come first
        assert outcome.status in allowed, outcome
        assert outcome.outputs is None
    assert len(outcome.detail) <= 200
    assert outcome.detail.isprintable()


def test_attacks_leave_honest_answers_alone(campaign):
    """The honest answer beside each attack has its own, right outputs."""
    wrong = {
        name: outcome
        for name, (outcome, expected) in campaign.honest.items()
        if outcome.outputs != expected
    }
    assert not wrong


def test_attacks_leave_no_process_behind(campaign):
    """After the batch the zygote has the descendants it had before: none of an answer's."""
    assert not campaign.left_behind


def test_attacks_leave_no_file_behind(campaign):
    """In a folder where everybody may write there is nothing with content."""
    written = [p for p in campaign.outside.rglob("*") if p.stat().st_size]
    assert not written
    assert "files" in campaign.open_ways or not any(campaign.outside.iterdir())


def test_attacks_do_not_reach_the_hosts_servers(campaign):
    """Nobody connected to the server on the loopback device or to the abstract socket."""
    assert campaign.listener.reached == 0
