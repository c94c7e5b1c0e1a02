# SPDX-License-Identifier: Apache-2.0
"""The chain at smoke scale under 100 kills at random moments: no byte, attempt or lock is lost.

A run is started, killed after a random time, and started again where that ended it; when it comes
to its end before enough kills have landed, the next clone begins. Kinds of kill: SIGKILL or
SIGTERM, for everything that was started, for Snakemake alone (what it started runs on as an
orphan), or for one process of a stage. Seeds are fixed, but what a moment hits depends on the
machine.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from clones import copy_repository, snakemake_command
from smoke_runs import SMOKE, fingerprints

from r1repro.audit.attempt_records import read_attempts

pytestmark = [
    pytest.mark.workflow,
    pytest.mark.chaos,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not Path("/proc").exists(), reason="finds the stages in /proc"),
]

KILLS = int(os.environ.get("R1REPRO_CHAOS_KILLS", "100"))
MEAN_SECONDS = 7.0  # between start and kill: short stages and waits in between are hit as well
MOST_SECONDS = 600.0  # for a run to end by itself
WHOM = ("all", "snakemake", "stage")
SIGNALS = (signal.SIGKILL, signal.SIGTERM)


@dataclass
class Chaos:
    """What happened: clones that came to their end, and the kills that landed by kind."""

    reference: Path
    clones: list[Path] = field(default_factory=list)
    landed: Counter = field(default_factory=Counter)


def start(clone: Path) -> subprocess.Popen:
    """Start the chain in a process group of its own."""
    with (clone / "output.txt").open("a") as output:
        return subprocess.Popen(
            snakemake_command(*SMOKE),
            cwd=clone,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )


def stages_of(group: int) -> list[int]:
    """Return the processes of a group that run a program of a stage."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
            same = folder.name.isdigit() and os.getpgid(int(folder.name)) == group
        except (OSError, ValueError):
            continue
        if same and any(part.startswith(b"workflow/scripts/") for part in command[1:3]):
            found.append(int(folder.name))
    return found


def kill(run: subprocess.Popen, whom: str, number: int, rng: random.Random) -> bool:
    """Send the signal; return whether there was anything to send it to."""
    try:
        if whom == "all":
            os.killpg(run.pid, number)
        elif whom == "snakemake":
            os.kill(run.pid, number)
        else:
            os.kill(rng.choice(stages_of(run.pid)), number)
    except (ProcessLookupError, IndexError):
        return False
    return True


def disturbed(clone: Path, rng: random.Random, chaos: Chaos) -> int:
    """Kill what runs again and again until the chain ends or enough kills landed; return status."""
    run, hit = start(clone), False
    while True:
        enough = sum(chaos.landed.values()) >= KILLS
        try:
            return_code = run.wait(MOST_SECONDS if enough else rng.expovariate(1 / MEAN_SECONDS))
        except subprocess.TimeoutExpired:
            assert not enough, f"{clone} did not end: {(clone / 'output.txt').read_text()[-2000:]}"
            whom, number = rng.choice(WHOM), rng.choice(SIGNALS)
            if kill(run, whom, number, rng):
                chaos.landed[f"{signal.Signals(number).name} {whom}"] += 1
                hit = True
            continue  # what lives on, because a stage is tried again, is hit again
        if return_code == 0 or (enough and not hit):
            return return_code
        # nobody waits for orphans: the next run starts beside them, as a user would start it
        run, hit = start(clone), False


@pytest.fixture(scope="module")
def chaos(tmp_path_factory) -> Chaos:
    """One clone left alone, and as many disturbed ones as the kills need."""
    reference = copy_repository(tmp_path_factory.mktemp("reference"))
    assert start(reference).wait(MOST_SECONDS) == 0
    found, rng = Chaos(reference), random.Random(6)
    while sum(found.landed.values()) < KILLS:
        clone = copy_repository(tmp_path_factory.mktemp("disturbed"))
        found.clones.append(clone)
        status = disturbed(clone, rng, found)
        assert status == 0, (clone / "output.txt").read_text()[-3000:]
    time.sleep(15)  # the last orphans
    print(f"{sum(found.landed.values())} kills in {len(found.clones)} runs: {dict(found.landed)}")
    return found


def test_every_disturbed_run_ends_with_the_same_bytes(chaos):
    wanted = fingerprints(chaos.reference)
    assert len(wanted) > 60
    for clone in chaos.clones:
        found = fingerprints(clone)
        assert {k for k in found.keys() | wanted if found.get(k) != wanted.get(k)} == set()


def test_every_attempt_is_on_record(chaos):
    """Killed attempts stay, and each stage of the undisturbed run has one that completed."""
    completed = {(r.stage, r.part) for r in read_attempts(chaos.reference / "results/attempts")}
    unfinished = 0
    for clone in chaos.clones:
        records = read_attempts(clone / "results/attempts")
        assert completed == {(r.stage, r.part) for r in records if r.completed}
        unfinished += sum(not r.completed for r in records)
    assert unfinished > 0


def test_every_disturbed_run_verifies(chaos):
    """The auditor's program finds nothing: what killed attempts did is on the bill, once."""
    for clone in chaos.clones:
        command = [sys.executable, "workflow/scripts/audit.py", "verify", "results"]
        answer = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stdout


def test_nothing_is_left_behind(chaos):
    """No half-written file, no lock, and nothing that Snakemake believes to be incomplete."""
    for clone in chaos.clones:
        stray = [p for p in (clone / "results").rglob("*") if ".partial" in p.name]
        assert stray == []
        for folder in ("locks", "incomplete"):
            left = [p for p in (clone / ".snakemake" / folder).rglob("*") if p.is_file()]
            assert left == [], folder


def test_all_kinds_of_kill_landed(chaos):
    assert sum(chaos.landed.values()) >= KILLS
    if KILLS >= 100:
        assert len(chaos.landed) == len(WHOM) * len(SIGNALS)
