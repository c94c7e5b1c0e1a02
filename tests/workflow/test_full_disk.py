# SPDX-License-Identifier: Apache-2.0
"""A disk that fills up while a stage trains, for real: a file system of its own, not a stand-in."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from clones import copy_repository, forked_python, snakemake, start_snakemake
from small_disk import fill, small_disk
from smoke_runs import SMOKE, UNTRACKED

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(600)]

MEGABYTES = 450  # what preflight asks for at smoke scale and what the run needs
BASE = ("results/prepare/base", *SMOKE, *UNTRACKED)
MOST_SECONDS = 240


@pytest.fixture
def disk(tmp_path: Path):
    """A small file system, empty."""
    with small_disk(tmp_path / "disk", MEGABYTES) as place:
        yield place


def attempts_of_base(clone: Path) -> list[list[dict]]:
    """Return the lines of each attempt of `base`, oldest first."""
    files = sorted((clone / "results/attempts/base").glob("*.jsonl"))
    return [[json.loads(line) for line in file.read_text().splitlines()] for file in files]


def test_a_disk_that_fills_up_in_mid_training_costs_no_byte_of_the_result(disk, tmp_path, runs):
    """One sentence, no traceback; with room again the same command finishes; both are billed."""
    clone, said = copy_repository(disk), tmp_path / "said.txt"
    with said.open("w") as output:
        run = start_snakemake(clone, *BASE, output=output.fileno(), **forked_python())
    deadline = time.monotonic() + MOST_SECONDS
    while not any((clone / "results/state/base").glob("step_*")):
        assert run.poll() is None and time.monotonic() < deadline, said.read_text()
        time.sleep(0.01)
    stage = attempts_of_base(clone)[0][0]["process_id"]
    os.kill(stage, signal.SIGSTOP)  # or it might be done before the disk is full
    fill(clone / "ballast")
    os.kill(stage, signal.SIGCONT)
    assert run.wait(MOST_SECONDS) != 0
    text = said.read_text()
    assert "No space left on device" in text
    assert "Traceback" not in text
    (clone / "ballast").unlink()
    again = snakemake(clone, *BASE)
    assert again.returncode == 0, again.stdout
    weights = "results/prepare/base/model.safetensors"
    assert (clone / weights).read_bytes() == (runs.alone / weights).read_bytes()
    first, second = attempts_of_base(clone)
    assert second[-1]["exit_code"] == 0
    assert first[-1]["elapsed_ms"] > 0 and first[-1].get("exit_code") != 0
