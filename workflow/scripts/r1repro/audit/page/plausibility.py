# SPDX-License-Identifier: Apache-2.0
"""The first-principles model beside the reported hours, from cost_model.csv, and beside this run.

Every number is read from the table; nothing is computed here but the order of rows, the verdict by
its rule, and the share of predictions within a factor of two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.cost_model.verdict import BOUNDS, objections
from r1repro.audit.page.bars import Range, RangeChart, draw_ranges
from r1repro.audit.page.grids import Grid, Line, columns, without_empty
from r1repro.audit.page.tables import Row, read_rows
from r1repro.audit.page.wording import TIMES, percent
from r1repro.errors import InputError

COLUMNS = ("case", "quantity", "factor", "value", "unit")
MEASURED_COLUMNS = ("stage", "part", "predicted_seconds", "measured_seconds", "ratio", "attempts")
MEASURED_COLUMNS += ("kind", "model", "flop_ratio", "note")
BOUND, HOURS = "bound_gpu_hours", "gpu_hours"
CASES = {
    "A0": ("FP8 peak", "bound: all needed FLOP at the FP8 peak"),
    "B": ("with memory", "bound: A0, decoding no faster than memory gives weights and cache"),
    "A1": ("BF16 peak", "bound only if nothing ran in FP8; not in the verdict"),
    "C0": ("published speeds", "scenario: published production speeds, no tail, no waiting"),
    "C1": ("good stack", "scenario: good software stack"),
    "C2": ("middle stack", "scenario: middle software stack"),
    "C3": ("plain stack", "scenario: plain software stack"),
}
SHARES = (5, 25, 50, 75, 95)
FACTOR_OF_TWO = (0.5, 2.0)


@dataclass(frozen=True)
class Model:
    """The rows of cost_model.csv by case, quantity and factor, in their order."""

    path: Path
    rows: dict[tuple[str, str, str], float]

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
        quantity = HOURS if case.startswith("C") else BOUND
        return [self.value(case, quantity, factor) for factor in self.factors()]

    @property
    def reported(self) -> float:
        """Return the reported GPU-hours."""
        return self.value("reported", HOURS)

    def central(self) -> tuple[float, float]:
        """Return the ends of the distribution's central part."""
        return self.value("distribution", "central_low"), self.value("distribution", "central_high")

    def quantile(self, share: int) -> float:
        """Return the GPU-hours that so many per cent of the draws do not exceed."""
        return self.value("distribution", f"gpu_hours_{share}_percent")


def read_model(path: Path) -> Model:
    """Read cost_model.csv; raises InputError."""
    rows: dict[tuple[str, str, str], float] = {}
    for row in read_rows(path, COLUMNS):
        key = (row.text("case"), row.text("quantity"), row.text("factor"))
        rows[key] = row.number("value")
    return Model(path, rows)


def read_measured(path: Path) -> list[Row]:
    """Read cost_model_measured.csv; raises InputError."""
    rows = read_rows(path, MEASURED_COLUMNS, may_be_empty=True)
    for row in rows:
        for name in ("predicted_seconds", "measured_seconds", "ratio", "flop_ratio"):
            row.decimal_or_none(name)
    return rows


def hours_text(value: float) -> str:
    """Return GPU-hours as three digits of a band deserve: whole hundreds."""
    return f"{round(value, -2):,.0f}"


def sentence(model: Model) -> str:
    """Say whether the reported hours are plausible, and why."""
    found, (low, high) = {name: model.hours(name)[0] for name in BOUNDS}, model.central()
    against = objections(model.reported, found, (low, high))
    verdict = f"The reported {model.reported:,.0f} GPU-hours are "
    verdict += f"implausible: {'; '.join(against)}" if against else "plausible"
    share = percent(model.value("distribution", "quantile_of_reported"))
    return (
        f"{verdict}. The highest bound that physics sets is {hours_text(max(found.values()))}. "
        f"Drawn from the stated ranges, such a run takes {hours_text(low)} to {hours_text(high)} "
        f"GPU-hours (central part), half of the draws at most {hours_text(model.quantile(50))}; "
        f"{share} of them are at or below the report. That says what is possible, not what was "
        "spent."
    )


def hours_chart(model: Model) -> str:
    """Draw bounds, distribution and scenarios with the reported hours on one axis."""
    rows = [
        Range(f"{case} {short}", *model.hours(case), colour="purple" if case[0] == "C" else "blue",
              marker="s" if case[0] == "C" else "o", hollow=case[0] == "C")
        for case, (short, _) in CASES.items()
    ]  # fmt: skip
    low, high = model.central()
    inner = [model.quantile(share) for share in (25, 50, 75)]
    rows.append(Range("draws, central part", low, inner[1], high, colour="green", marker="D"))
    rows.append(Range("draws, middle half", *inner, colour="green", marker="D"))
    summary = (
        f"Bounds up to {hours_text(max(model.hours('A1')))} GPU-hours; the central part of the "
        f"draws from {hours_text(low)} to {hours_text(high)}, half of them from "
        f"{hours_text(inner[0])} to {hours_text(inner[2])}; reported are "
        f"{model.reported:,.0f}."
    )
    return draw_ranges(
        RangeChart(
            "bounds", "Could R1-Zero take 101K GPU-hours?", "GPU-hours (logarithmic)",
            rows, summary, model.reported, f"reported {model.reported:,.0f}",
            legend=(
                ("bound", "blue", "o", False), ("scenario", "purple", "s", True),
                ("distribution", "green", "D", False),
            ),
        )
    )  # fmt: skip


def bounds_grid(model: Model) -> Grid:
    """Return bounds and scenarios as numbers."""
    low, _, high = model.factors()
    rows = []
    for case, (_, words) in CASES.items():
        cells = [*map(hours_text, model.hours(case))]
        rows.append(Line([case, words, *cells, f"{model.hours(case)[1] / model.reported:.3f}"]))
    reported = f"{model.reported:,.0f}"
    rows.append(Line(["Reported", "Supplementary Table 4", "", reported, "", "1.000"], "total"))
    heads = columns("Case", "~What it is", f"#Length {TIMES}{low}", f"#{TIMES}1", f"#{TIMES}{high}")
    heads += columns("#Over reported")
    caption = (
        "GPU-hours of the R1-Zero run. A bound cannot be undercut; a scenario assumes a software "
        "stack. Formulas and inputs with status and source: cost_model.yaml and docs/cost_model.md."
    )
    return Grid("Bounds and scenarios", caption, heads, rows)


def quantiles_grid(model: Model) -> Grid:
    """Return the distribution as numbers."""
    (low, high), reported = model.central(), model.reported
    values = [model.quantile(share) for share in SHARES]
    names = [f"{share}\u202f%" for share in SHARES]
    pairs = [("central part from", low), *zip(names, values, strict=True), ("to", high)]
    rows = [Line([name, hours_text(value), f"{value / reported:.2f}"]) for name, value in pairs]
    caption = (
        f"GPU-hours that so many of {model.value('distribution', 'draws'):,.0f} draws do not "
        "exceed, every assumed input in the range that cost_model.yaml states."
    )
    return Grid("Distribution", caption, columns("Draws", "#GPU-hours", "#Over reported"), rows)


def engines_grid(model: Model) -> Grid:
    """Return measured iterations of a public engine beside their predictions."""
    rows = []
    for case, quantity, _ in model.rows:
        if quantity != "predicted_over_measured":
            continue
        name = case.removeprefix("measured ").replace("_", " ")
        seconds = [model.value(case, f"{part}_seconds") for part in ("measured", "predicted")]
        used = "calibrated here" if model.value(case, "calibrated_on") else ""
        pace = model.rows.get((case, "gpu_hours_of_the_run_at_this_pace", ""))
        cells = [*(f"{s:.1f}" for s in seconds), f"{model.value(case, quantity):.2f}", used]
        rows.append(Line([name, *cells, "" if pace is None else f"{pace:,.0f}"]))
    heads = columns("Measured update", "#Measured (s)", "#Predicted (s)", "#Ratio", "Use")
    heads += columns("#GPU-hours of 10,400 updates at this pace")
    caption = (
        "GRPO of a public engine on H100, by model and GPUs; lag is one step off-policy. One row "
        f"gives the engine\u2019s fixed time, {model.value('measured', 'fixed_seconds'):.0f} s; "
        "the others are predicted. Outputs of 700 tokens at one a GPU are bound by latency; "
        "R1-Zero\u2019s grow beyond 10,000 tokens, but 8,192 are generated at once; H800 has less "
        "NVLink than H100."
    )
    return Grid("Measured and predicted updates", caption, heads, rows)


def measured_sentence(rows: Sequence[Row]) -> str:
    """Say how many predictions lie within a factor of two."""
    ratios = [float(r.text("ratio")) for r in rows if r.decimal_or_none("ratio") is not None]
    if not ratios:
        return "No stage of this run is described by the file, so nothing is predicted."
    low, high = FACTOR_OF_TWO
    within = sum(low <= ratio <= high for ratio in ratios)
    return (
        f"The same formulas on this run\u2019s hardware: {within} of {len(ratios)} predictions lie "
        f"within a factor of two of what the attempts measured (from {min(ratios):.2f} to "
        f"{max(ratios):.2f} times)."
    )


def measured_grid(rows: Sequence[Row]) -> Grid:
    """Return predicted beside measured seconds."""
    lines = []
    for row in rows:
        name = " ".join(filter(None, (row.text("stage"), row.text("part"))))
        cells = [row.text(c) for c in ("kind", "model", "attempts", "predicted_seconds")]
        cells += [row.text(c) for c in ("measured_seconds", "ratio", "flop_ratio", "note")]
        lines.append(Line([name, *cells]))
    heads = columns("Stage", "Kind", "Model", "#Attempts", "#Predicted (s)", "#Measured (s)")
    heads += columns("#Predicted over measured", "#FLOP, formulas over counted", "~Note")
    caption = (
        "Inputs: tokens that the attempts counted, sizes and counts from the configuration, six "
        "efficiencies for all stages alike from cost_model_mini.yaml, which come from one run on "
        "one machine. On another machine the ratio shows how far its hardware differs."
    )
    return without_empty(Grid("The model beside this run", caption, heads, lines))
