# SPDX-License-Identifier: Apache-2.0
"""Claims about how one process of a stage becomes all that train together."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from r1repro.errors import SettingsError
from r1repro.learn.launch import ON_NODE, launch_command, needs_launch

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
PROGRAM = ["stage.py", "--start", "a folder"]
WORLD = ["--start", "base", "--node-rank", "7", "--master", "x"]  # options that torchrun has too
SHOW = """
import os, sys
sys.path.append({scripts!r})
from r1repro.learn.launch import launch_command, needs_launch
if needs_launch(2, 1, os.environ):
    command = launch_command(2, 1, os.environ, sys.argv)
    os.execv(command[0], command)
# one write, so that the lines of two processes stay whole
line = f"process {{os.environ['RANK']}} of {{os.environ['WORLD_SIZE']}} {{sys.argv[1:]}}\\n"
os.write(1, line.encode())
"""


@pytest.fixture
def srun(tmp_path, monkeypatch):
    """A folder with a program named srun, first on the path."""
    program = tmp_path / "srun"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.delenv(ON_NODE, raising=False)
    return {"PATH": str(tmp_path), "SLURM_JOB_ID": "4711"}


@pytest.mark.parametrize(
    ("gpus", "nodes", "environment", "needed"),
    [
        (0, 1, {}, False),
        (1, 1, {}, False),
        (8, 1, {}, True),
        (0, 2, {}, True),
        (8, 1, {"WORLD_SIZE": "8"}, False),
    ],
)
def test_one_device_needs_no_launch_and_a_launched_process_no_second(
    gpus, nodes, environment, needed
):
    assert needs_launch(gpus, nodes, environment) is needed


def test_a_job_calls_srun_once_a_node(srun):
    """64 nodes: 64 tasks, one on each, and all end when one fails."""
    command = launch_command(512, 64, srun, PROGRAM)
    assert command[0].endswith("/srun")
    assert {"--nodes=64", "--ntasks=64", "--ntasks-per-node=1"} < set(command)
    assert "--kill-on-bad-exit=1" in command
    assert command[-4:] == [sys.executable, *PROGRAM]


def test_each_node_starts_a_process_a_gpu_and_knows_its_place(srun):
    """Node 5 of 64 with 8 GPUs each: ranks follow the numbers of the nodes."""
    environment = srun | {ON_NODE: "1", "SLURM_NODEID": "5", "SLURM_LAUNCH_NODE_IPADDR": "10.0.0.1"}
    command = launch_command(512, 64, environment, PROGRAM)
    assert {"--nnodes=64", "--nproc-per-node=8", "--node-rank=5"} < set(command)
    assert {"--master-addr=10.0.0.1", "--master-port=24711"} < set(command)
    assert command[-4:] == ["--", *PROGRAM]
    assert "--nproc-per-node=1" in launch_command(0, 64, environment, PROGRAM)


def test_nodes_without_a_job_are_refused(srun):
    with pytest.raises(SettingsError, match="asks for 2 nodes, but no Slurm job holds them"):
        launch_command(16, 2, {"PATH": srun["PATH"]}, PROGRAM)
    with pytest.raises(SettingsError, match="no Slurm job"):
        launch_command(16, 2, {"PATH": "/nowhere", "SLURM_JOB_ID": "1"}, PROGRAM)


def test_gpus_that_cannot_be_dealt_are_refused(srun):
    with pytest.raises(SettingsError, match="9 GPUs cannot be dealt equally to 2 nodes"):
        launch_command(9, 2, srun, PROGRAM)


@pytest.mark.slow
def test_torchrun_leaves_the_options_of_the_program_alone(tmp_path):
    """Two real processes see options whose beginnings are torchrun's own."""
    program = tmp_path / "stage.py"
    program.write_text(SHOW.format(scripts=str(SCRIPTS)))
    done = subprocess.run(
        [sys.executable, str(program), *WORLD],
        capture_output=True,
        text=True,
        timeout=300,
        env={k: v for k, v in os.environ.items() if k not in ("WORLD_SIZE", "RANK")},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert sorted(done.stdout.splitlines()) == [
        f"process {rank} of 2 {WORLD!r}" for rank in range(2)
    ]
