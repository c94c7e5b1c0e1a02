# SPDX-License-Identifier: Apache-2.0
"""Which hardware a stage holds, read inside the job: what was granted, not what was wished.

CPU      the model string of /proc/cpuinfo; `cpu_cores` are the cores this process holds.
         Of a program that a rule gave fewer threads than the machine has cores it is those: the
         others belong to the stages beside it.
GPU      names and UUIDs as `nvidia-smi` prints them, narrowed by CUDA_VISIBLE_DEVICES.
Nodes    torchrun (WORLD_SIZE / LOCAL_WORLD_SIZE), else Slurm (SLURM_JOB_NUM_NODES), else 1.
GPUs     held per node: SLURM_GPUS_ON_NODE where Slurm granted some, else the count the program
         was given, spread over the nodes. GPUs that Slurm holds for a program told to use the CPU
         are held all the same, so they are recorded (and billed).
Choices  A device that cannot be named is the word `unknown`, GPUs of different models are joined
         by " + ": both then have an unknown price. Without CUDA_DEVICE_ORDER=PCI_BUS_ID the
         driver's order may differ from nvidia-smi's, so on a node of several models the UUIDs of
         a numbered CUDA_VISIBLE_DEVICES are right only with that variable set.
"""

import os
import platform
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

UNKNOWN = "unknown"
NVIDIA_SMI_SECONDS = 20


@dataclass(frozen=True)
class Hardware:
    """The hardware one attempt holds; `cpu_cores` is per node."""

    device: str
    device_uuids: tuple[str, ...]
    nodes: int
    gpus_per_node: int
    cpu_cores: int
    host: str
    slurm_job_id: str | None


@dataclass(frozen=True)
class Gpu:
    """One line of nvidia-smi."""

    index: str
    uuid: str
    name: str


def nvidia_smi(fields: str) -> list[list[str]] | None:
    """Return the cells of `nvidia-smi --query-gpu=FIELDS`, or None where it gives no answer."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    command = [program, f"--query-gpu={fields}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=NVIDIA_SMI_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    rows = [[cell.strip() for cell in line.split(",")] for line in answer.stdout.splitlines()]
    width = fields.count(",") + 1
    return [row for row in rows if len(row) == width] or None


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's model string, `unknown` where the system does not tell."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    name = found.group(1) if found else _brand_of_a_mac() or platform.processor()
    return " ".join(name.split()) or UNKNOWN


def _brand_of_a_mac() -> str:
    """Return what macOS calls the processor, nothing elsewhere."""
    if platform.system() != "Darwin":
        return ""
    command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def usable_cores(environment: Mapping[str, str]) -> int:
    """Return how many cores this process holds: those it may run on, or fewer if its rule says so.

    Rules give their threads as OMP_NUM_THREADS, and the other cores to other stages.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    threads = environment.get("OMP_NUM_THREADS", "")
    return min(cores, int(threads)) if threads.isdecimal() and int(threads) else cores


def _chosen(gpus: list[Gpu], visible: str | None) -> list[Gpu]:
    """Narrow the list by CUDA_VISIBLE_DEVICES (numbers or the beginnings of UUIDs)."""
    if visible is None:
        return gpus
    wanted = [part.strip() for part in visible.split(",") if part.strip()]
    return [
        gpu
        for part in wanted
        for gpu in gpus
        if gpu.index == part or (not part.isdigit() and gpu.uuid.startswith(part))
    ]


def gpus_in_use(count: int, environment: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Return the model string and the UUIDs of this node's first `count` granted GPUs."""
    rows = nvidia_smi("index,uuid,name")
    if rows is None:
        return UNKNOWN, ()
    chosen = _chosen([Gpu(*row) for row in rows], environment.get("CUDA_VISIBLE_DEVICES"))
    if len(chosen) < count:
        return UNKNOWN, ()
    chosen = chosen[:count]
    names = list(dict.fromkeys(gpu.name for gpu in chosen))
    return " + ".join(names), tuple(gpu.uuid for gpu in chosen)


def _number(environment: Mapping[str, str], name: str) -> int | None:
    """Return a positive whole number of the environment, None where there is none."""
    text = environment.get(name, "")
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,6}", text) else None


def node_count(environment: Mapping[str, str]) -> int:
    """Return how many nodes the job holds."""
    world = _number(environment, "WORLD_SIZE")
    local = _number(environment, "LOCAL_WORLD_SIZE")
    if world and local:
        return max(1, world // local)
    slurm = _number(environment, "SLURM_JOB_NUM_NODES") or _number(environment, "SLURM_NNODES")
    return slurm or 1


def process_rank(environment: Mapping[str, str]) -> int:
    """Return this process's rank: one attempt is one record, however many processes it has."""
    for name in ("RANK", "SLURM_PROCID"):
        if re.fullmatch(r"[0-9]{1,7}", environment.get(name, "")):
            return int(environment[name])
    return 0


def read_hardware(gpus: int, environment: Mapping[str, str] = os.environ) -> Hardware:
    """Return what this job holds; `gpus` is the total the program was given, 0 means CPU."""
    nodes = node_count(environment)
    held = _number(environment, "SLURM_GPUS_ON_NODE") or -(-gpus // nodes)
    device, uuids = gpus_in_use(held, environment) if held else (cpu_model(), ())
    return Hardware(
        device=device,
        device_uuids=uuids,
        nodes=nodes,
        gpus_per_node=held,
        cpu_cores=usable_cores(environment),
        host=socket.gethostname(),
        slurm_job_id=environment.get("SLURM_JOB_ID"),
    )
