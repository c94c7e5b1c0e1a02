# SPDX-License-Identifier: Apache-2.0
"""Training metrics, a line per policy update or optimiser step, as columns of numbers.

Units   rewards: points; kl, entropy: nats per token; shares between 0 and 1; lengths: tokens;
        seconds per update. Source: results/rl/r1_zero/metrics.csv and the loss tables of base and
        dev1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.page.tables import Row, needed, read_rows


@dataclass(frozen=True)
class Metrics:
    """A table of metrics."""

    path: Path
    rows: Sequence[Row]
    steps: Sequence[int]

    def column(self, name: str, factor: float = 1) -> list[float | None]:
        """Return a column; raises InputError when it is missing or holds something else."""
        needed(self.path, self.rows[0].cells, [name])
        found = [row.number_or_none(name) for row in self.rows]
        return found if factor == 1 else [None if v is None else factor * v for v in found]

    def ends(self, name: str, factor: float = 1) -> list[float]:
        """Return the first and the last number of a column, nothing where it has none."""
        known = [value for value in self.column(name, factor) if value is not None]
        return [known[0], known[-1]] if known else []


def read_metrics(path: Path, step: str) -> Metrics:
    """Read a table whose column `step` counts; raises InputError."""
    rows = read_rows(path, [step])
    return Metrics(path, rows, [row.whole(step) for row in rows])
