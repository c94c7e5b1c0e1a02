# SPDX-License-Identifier: Apache-2.0
"""Energy an attempt used, in whole microjoules, with the word that says how it is known.

measured   CPU attempts where Linux lets us read the RAPL counters: processor packages and their
           memory. The counters belong to the machine, so other work running on it is included.
estimated  GPU attempts on one node: the board power that nvidia-smi prints at each heartbeat,
           integrated over time by trapezoids, plus the RAPL counters.
unknown    everything else: no readable counter (they need root since 2020), GPUs without a power
           reading, or more than one node, because only this node can be read here. No figure is
           made up from a data sheet.

RAPL domains: `package-*` and, beside them, `dram`. `core` and `uncore` lie inside the package,
`psys` contains it, `intel-rapl-mmio` repeats it: counting them would count energy twice. AMD
processors use the same names. A counter runs from 0 to max_energy_range_uj and starts again (after
about four minutes at 300 W on older processors), so it must be read more often: each heartbeat
reads it.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.devices import Hardware, nvidia_smi

POWERCAP = Path("/sys/class/powercap")
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Energy:
    """`microjoules` is None exactly when `source` is unknown; a part is None when it was not read.

    The parts are kept apart so that board power is not lost where RAPL needs root.
    """

    microjoules: int | None
    source: str
    cpu_microjoules: int | None = None
    gpu_microjoules: int | None = None


class RaplCounter:
    """The sum of the machine's RAPL counters since this object was made."""

    def __init__(self, powercap: Path = POWERCAP):
        self.total = 0
        self.domains = self._domains(powercap)
        self.readable = bool(self.domains)
        self.last: dict[Path, int] = {}
        self.read()

    @staticmethod
    def _domains(powercap: Path) -> dict[Path, int]:
        """Return the counters to add up, each with the value at which it starts again."""
        domains = {}
        try:
            for folder in sorted(powercap.glob("intel-rapl:*")):
                name = (folder / "name").read_text(encoding="ascii").strip()
                if re.fullmatch(r"package-\d+(-die-\d+)?|dram", name):
                    span = int((folder / "max_energy_range_uj").read_text(encoding="ascii"))
                    domains[folder / "energy_uj"] = span
        except (OSError, ValueError):
            return {}
        return domains

    def read(self) -> int | None:
        """Return the microjoules so far; None for good once a counter could not be read."""
        if not self.readable:
            return None
        try:
            now = {path: int(path.read_text(encoding="ascii")) for path in self.domains}
        except (OSError, ValueError):
            self.readable = False
            return None
        for path, value in now.items():
            step = value - self.last.get(path, value)
            self.total += step if step >= 0 else step + self.domains[path] + 1
        self.last = now
        return self.total


def gpu_watts(uuids: Sequence[str]) -> float | None:
    """Return the power the named boards draw now, None where nvidia-smi does not tell."""
    rows = nvidia_smi("uuid,power.draw")
    if rows is None or not uuids:
        return None
    watts = dict(rows)
    try:
        return sum(float(watts[uuid]) for uuid in uuids)
    except (KeyError, ValueError):
        return None


class GpuEnergy:
    """Board power integrated over time since this object was made."""

    def __init__(self, uuids: Sequence[str], clock: Callable[[], float] = time.monotonic):
        self.uuids, self.clock = tuple(uuids), clock
        self.microjoules = 0.0
        self.watts = gpu_watts(self.uuids)
        self.at = clock()

    def read(self) -> int | None:
        """Return the microjoules so far; None for good once a reading failed."""
        if self.watts is None:
            return None
        watts, now = gpu_watts(self.uuids), self.clock()
        if watts is None:
            self.watts = None
            return None
        self.microjoules += (self.watts + watts) / 2 * (now - self.at) * 1e6
        self.watts, self.at = watts, now
        return round(self.microjoules)


class EnergyMeter:
    """What one attempt used since it began."""

    def __init__(self, hardware: Hardware, powercap: Path = POWERCAP):
        alone = hardware.nodes == 1
        self.cpu = RaplCounter(powercap) if alone else None
        self.gpu = GpuEnergy(hardware.device_uuids) if alone and hardware.gpus_per_node else None

    def read(self) -> Energy:
        """Return the energy so far."""
        if self.cpu is None:
            return Energy(None, UNKNOWN)
        cpu = self.cpu.read()
        if self.gpu is None:
            return Energy(cpu, "measured" if cpu is not None else UNKNOWN, cpu)
        gpu = self.gpu.read()
        if gpu is None or cpu is None:
            return Energy(None, UNKNOWN, cpu, gpu)
        return Energy(cpu + gpu, "estimated", cpu, gpu)
