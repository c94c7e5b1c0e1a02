# SPDX-License-Identifier: Apache-2.0
"""The configuration files of the test cluster.

Nodes      c1 (no GPU), a100n1-2 and h800n1-2 with 8 stand-in GPUs each, all on this machine; and
           a100p01-08 and h800p01-64, which exist on paper only (state DOWN): with them the
           controller checks a request of the paper's size, and never starts it.
Partitions cpu, a100, h800; h800_low shares the nodes of h800 and is preempted for it.
Times      short, so that tests are: a silent node is down after 10 s, SIGKILL follows SIGTERM
           after 8 s, a job put back into the queue starts after cred_expire.
"""

from dataclasses import dataclass
from pathlib import Path

NODES = ("c1", "a100n1", "a100n2", "h800n1", "h800n2")
ACCOUNT = "lab"
CLUSTER = "toy"


@dataclass(frozen=True)
class Ports:
    """The TCP ports of the daemons."""

    controller: int
    database: int
    nodes: dict[str, int]


def slurm_conf(root: Path, host: str, ports: Ports) -> str:
    """Return slurm.conf."""
    size = "CPUs=16 Sockets=1 CoresPerSocket=16 ThreadsPerCore=1 RealMemory=64000"
    lines = []
    for name, port in ports.nodes.items():
        gres = "" if name == "c1" else f"Gres=gpu:{name[:4]}:8"
        place = f"NodeHostname={host} NodeAddr=127.0.0.1 Port={port}"
        lines.append(f"NodeName={name} {place} {size} {gres} State=UNKNOWN")
    large = "CPUs=192 Sockets=1 CoresPerSocket=192 ThreadsPerCore=1 RealMemory=2000000"
    for model, count in (("a100", 8), ("h800", 64)):
        place = f"NodeName={model}p[01-{count:02d}] NodeAddr=127.0.0.1 Port=1"
        lines.append(f"{place} {large} Gres=gpu:{model}:8 State=DOWN")
    nodes = "\n".join(lines)
    return f"""\
ClusterName={CLUSTER}
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=cred_expire=30
CredType=cred/munge
SlurmctldPort={ports.controller}
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd-%n.pid
SlurmctldLogFile={root}/log/slurmctld.log
SlurmdLogFile={root}/log/slurmd-%n.log
SlurmdSpoolDir={root}/spool/%n
StateSaveLocation={root}/state
ReturnToService=2
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,batch_sched_delay=0,sched_min_interval=0,bf_interval=2
SlurmdParameters=config_overrides
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={ports.database}
AccountingStorageTRES=gres/gpu,gres/gpu:a100,gres/gpu:h800
AccountingStorageEnforce=associations,limits
AccountingStoreFlags=job_comment
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=5
JobCompType=jobcomp/none
MinJobAge=300
SlurmdTimeout=10
KillWait=8
Waittime=0
DefMemPerCPU=500
{nodes}
PartitionName=cpu Nodes=c1 Default=YES State=UP
PartitionName=a100 Nodes=a100n[1-2],a100p[01-08] State=UP PriorityTier=2 PreemptMode=OFF
PartitionName=h800 Nodes=h800n[1-2],h800p[01-64] State=UP PriorityTier=2 PreemptMode=OFF
PartitionName=h800_low Nodes=h800n[1-2] State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=30
"""


def gres_conf(root: Path) -> str:
    """Return gres.conf: eight device nodes stand in for the GPUs of every node."""
    return "".join(
        f"NodeName={name}n[1-2] Name=gpu Type={name} File={root}/dev/nvidia[0-7]\n"
        for name in ("a100", "h800")
    )


def slurmdbd_conf(root: Path, ports: Ports) -> str:
    """Return slurmdbd.conf; the database is reached through MYSQL_UNIX_PORT."""
    return f"""\
AuthType=auth/munge
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={ports.database}
SlurmUser=root
LogFile={root}/log/slurmdbd.log
PidFile={root}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StoragePort=0
StorageUser=root
StorageLoc=slurm_acct_db
"""


CGROUP_CONF = "CgroupPlugin=cgroup/v1\nConstrainCores=no\nConstrainDevices=no\n"
