# SPDX-License-Identifier: Apache-2.0
"""The first-principles model beside the reported hours, from cost_model.csv, and beside this run.

Every number is read from the table; nothing is computed here but the order of rows and the verdict
by its rule.
"""

from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.cost_model.verdict import BOUNDS, objections
from r1repro.audit.page.tables import Row, read_rows
from r1repro.errors import InputError

COLUMNS = ("case", "quantity", "factor", "value", "unit")
MEASURED_COLUMNS = ("stage", "part", "predicted_seconds", "measured_seconds", "ratio", "attempts")
MEASURED_COLUMNS += ("kind", "model", "flop_ratio", "note")
SHARES = (5, 25, 50, 75, 95)


@dataclass(frozen=True)
class Model:
    """The rows of cost_model.csv by case, quantity and factor, in their order."""

    path: Path
    rows: dict[tuple[str, str, str], float]
    shares = SHARES

    def value(self, case: str, quantity: str, factor: str = "") -> float:
        """Return a value; raises InputError when the table lacks it."""
        key = (case, quantity, factor)
        if key not in self.rows:
            raise InputError(
                f"{self.path} has no {quantity} of {case} at factor {factor or 'none'}; run "
                "`snakemake --forcerun cost_model`"
            )
        return self.rows[key]

    def factors(self) -> tuple[str, str, str]:
        """Return the lowest, the middle and the highest factor of the length curve."""
        found = sorted({f for case, q, f in self.rows if case == "A0" and f}, key=float)
        if len(found) < 2 or "1" not in found:
            raise InputError(f"{self.path} lacks the bound A0 at several factors; remake it")
        return found[0], "1", found[-1]

    def hours(self, case: str) -> list[float]:
        """Return the GPU-hours of a bound or scenario at the three factors."""
        quantity = "gpu_hours" if case.startswith("C") else "bound_gpu_hours"
        return [self.value(case, quantity, factor) for factor in self.factors()]

    @property
    def reported(self) -> float:
        """Return the reported GPU-hours."""
        return self.value("reported", "gpu_hours")

    def central(self) -> tuple[float, float]:
        """Return the ends of the distribution's central part."""
        return self.value("distribution", "central_low"), self.value("distribution", "central_high")

    def quantile(self, share: int) -> float:
        """Return the GPU-hours that so many per cent of the draws do not exceed."""
        return self.value("distribution", f"gpu_hours_{share}_percent")

    def bounds(self) -> dict[str, float]:
        """Return each bound of the verdict at the lowest factor."""
        return {name: self.hours(name)[0] for name in BOUNDS}

    def objections(self) -> list[str]:
        """Return what speaks against the reported hours; plausible means nothing does."""
        return objections(self.reported, self.bounds(), self.central())

    def engines(self) -> list[dict]:
        """Return measured iterations of a public engine beside their predictions."""
        names = ("measured_seconds", "predicted_seconds", "predicted_over_measured")
        return [
            {
                "name": case.removeprefix("measured "),
                "calibrated": self.value(case, "calibrated_on"),
            }
            | {name: self.value(case, name) for name in names}
            | {"pace": self.rows.get((case, "gpu_hours_of_the_run_at_this_pace", ""))}
            for case, quantity, _ in self.rows
            if quantity == "predicted_over_measured"
        ]


def read_model(path: Path) -> Model:
    """Read cost_model.csv; raises InputError."""
    rows = read_rows(path, COLUMNS)
    return Model(path, {(r["case"], r["quantity"], r["factor"]): r.number("value") for r in rows})


def read_measured(path: Path) -> list[Row]:
    """Read cost_model_measured.csv; raises InputError."""
    rows = read_rows(path, MEASURED_COLUMNS, may_be_empty=True)
    for row in rows:
        for name in ("predicted_seconds", "measured_seconds", "ratio", "flop_ratio"):
            row.decimal_or_none(name)
    return rows
