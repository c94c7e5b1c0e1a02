# SPDX-License-Identifier: Apache-2.0
"""The command that turns one process of a stage into all that train together.

One node    torchrun with one process a GPU.
More nodes  the process that the cluster's job runs calls srun, which starts this program once on
            every node; each of these becomes a torchrun with one process a GPU (without GPUs, one
            process), all meeting at the node that called srun.
Choices     The rank of a node is its number in the allocation, so that sums over processes are
            made in the same order whenever the stage is started again.
            `--` keeps torchrun from reading the program's options, some of which begin as its own.
            CPUs are not bound: torchrun's processes share what the job holds on a node.
"""

import os
import shutil
import sys
from collections.abc import Mapping

from r1repro.errors import SettingsError

ON_NODE = "R1REPRO_ON_NODE"  # set for what srun starts
FIRST_PORT, PORTS = 20000, 10000


def needs_launch(gpus: int, nodes: int, environment: Mapping[str, str]) -> bool:
    """Say whether this process stands for several that are not there yet."""
    return "WORLD_SIZE" not in environment and (gpus > 1 or nodes > 1)


def launch_command(
    gpus: int, nodes: int, environment: Mapping[str, str], arguments: list[str]
) -> list[str]:
    """Return the command that replaces this process.

    gpus       total over all nodes, 0 for CPU
    arguments  the program and its options, as in sys.argv
    Raises SettingsError when the GPUs cannot be dealt equally, or there is no Slurm job that
    holds the nodes.
    """
    if gpus % nodes:
        raise SettingsError(
            f"{gpus} GPUs cannot be dealt equally to {nodes} nodes; change gpu or nodes of this "
            "rule in the profile, or allocation in the configuration"
        )
    torchrun = [sys.executable, "-m", "torch.distributed.run"]
    each = [f"--nproc-per-node={max(1, gpus // nodes)}"]
    if nodes == 1:
        return [*torchrun, "--standalone", *each, "--", *arguments]
    job = environment.get("SLURM_JOB_ID", "")
    srun = shutil.which("srun", path=environment.get("PATH"))
    if not job.isdigit() or srun is None:
        raise SettingsError(
            f"this stage asks for {nodes} nodes, but no Slurm job holds them; use "
            "--workflow-profile profiles/slurm, or set allocation nodes to 1"
        )
    if ON_NODE not in environment:
        os.environ[ON_NODE] = "1"
        tasks = [f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1"]
        how = ["--kill-on-bad-exit=1", "--cpu-bind=none"]
        return [srun, *tasks, *how, sys.executable, *arguments]
    meeting = [
        f"--nnodes={nodes}",
        f"--node-rank={environment['SLURM_NODEID']}",
        f"--master-addr={environment['SLURM_LAUNCH_NODE_IPADDR']}",
        f"--master-port={FIRST_PORT + int(job) % PORTS}",
    ]
    return [*torchrun, *meeting, *each, "--", *arguments]
