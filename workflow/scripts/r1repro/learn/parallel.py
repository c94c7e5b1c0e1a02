# SPDX-License-Identifier: Apache-2.0
"""Data parallel training over the processes of one torchrun, or of one process alone.

Every process holds the whole model and takes a share of the questions and of the rows; gradients
are added up over all. The sum is the one a single process makes, up to the order of additions.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist

from r1repro.learn.launch import launch_command, needs_launch


@dataclass(frozen=True)
class World:
    """This process among all of them."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Say whether this is the process that keeps records and writes results."""
        return self.rank == 0

    def share(self, things: list) -> list:
        """Return this process's part of a list: every size-th, so that lengths mix."""
        return things[self.rank :: self.size]

    def gather(self, mine: list) -> list:
        """Undo `share`: return everyone's things in the order of the whole list."""
        if self.size == 1:
            return mine
        everything = self.collect([mine])
        whole: list[Any] = [None] * sum(map(len, everything))
        for rank, part in enumerate(everything):
            whole[rank :: self.size] = part
        return whole

    def collect(self, mine: list) -> list:
        """Return everyone's things, process after process."""
        if self.size == 1:
            return mine
        parts: list[Any] = [None] * self.size
        dist.all_gather_object(parts, mine)
        return [thing for part in parts for thing in part]

    def sum_(self, tensors: list[torch.Tensor]) -> None:
        """Add up tensors over all processes, in place."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(flat)
        first = 0
        for tensor in tensors:
            tensor.copy_(flat[first : first + tensor.numel()].view_as(tensor))
            first += tensor.numel()

    def tell(self, thing: Any) -> Any:
        """Return the leading process's thing everywhere."""
        if self.size == 1:
            return thing
        box = [thing]
        dist.broadcast_object_list(box, src=0)
        return box[0]


@contextmanager
def open_world(gpus: int, nodes: int = 1) -> Iterator[World]:
    """Join the processes that torchrun started; start them where more than one is due.

    Without torchrun, on one node and with one GPU or none, this process works alone.
    """
    if needs_launch(gpus, nodes, os.environ):
        command = launch_command(gpus, nodes, os.environ, sys.argv)
        os.execv(command[0], command)
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World()
        return
    if gpus:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if gpus else "gloo")
    try:
        yield World(dist.get_rank(), size)
    finally:
        dist.destroy_process_group()
