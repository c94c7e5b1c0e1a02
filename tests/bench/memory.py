# SPDX-License-Identifier: Apache-2.0
"""How much memory a piece of work adds at its peak: resident set on a CPU, allocations on CUDA."""

import resource
from pathlib import Path

import torch


class Peak:
    """The peak from the making of this object on, over what was in use then (bytes).

    What Python, libraries, weights and optimiser already hold is the floor and does not count.
    Linux forgets the older peak when it is asked to; where it refuses, an older peak can only
    make the result larger.
    """

    def __init__(self, device: str):
        self.device = device
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
            self.floor = torch.cuda.memory_allocated()
            return
        self.forgotten = _forget_peak()
        self.floor = _status("VmRSS")

    def added(self) -> int:
        """Return the bytes added at the peak."""
        if self.device == "cuda":
            return torch.cuda.max_memory_allocated() - self.floor
        peak = _status("VmHWM") if self.forgotten else _oldest_peak()
        return max(peak - self.floor, 0)


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {name}")


def _forget_peak() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def _oldest_peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
