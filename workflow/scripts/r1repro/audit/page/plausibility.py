# SPDX-License-Identifier: Apache-2.0
"""The first-principles model beside the reported hours, from cost_model.csv, and beside this run.

Every number is read from the table; nothing is computed here but the order of rows and the share of
predictions within a factor of two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.page.bars import Range, RangeChart, draw_ranges
from r1repro.audit.page.grids import Grid, Line, columns, without_empty
from r1repro.audit.page.tables import Row, read_rows
from r1repro.audit.page.wording import TIMES, percent
from r1repro.errors import InputError

COLUMNS = ("case", "quantity", "factor", "value", "unit")
MEASURED_COLUMNS = ("stage", "part", "predicted_seconds", "measured_seconds", "ratio", "attempts")
MEASURED_COLUMNS += ("kind", "model", "flop_ratio", "note")
HOURS, RATIO = "gpu_hours", "ratio_to_reported"
MEANING = {
    "A0": "all model FLOP at the FP8 peak: the physical floor",
    "A1": "all model FLOP at the BF16 peak",
    "A2": "published production speeds, no tail, no waiting",
    "B": "synchronous roofline: ideal overlap, full peaks, tail kept",
    "C1": "good software stack",
    "C2": "middle software stack",
    "C3": "plain software stack",
}
SHORT = {
    "A0": "FP8 peak", "A1": "BF16 peak", "A2": "published speeds", "B": "roofline",
    "C1": "good stack", "C2": "middle stack", "C3": "plain stack",
}  # fmt: skip
SCENARIOS = ("B", "C1", "C2", "C3")
PHASES = ("rollout", "tail", "update", "forward", "fixed", "downtime", "wall")
IMPLIED = {
    "seconds_per_update": "Seconds per update",
    "tokens_per_second_per_gpu": "Generated tokens per second and GPU",
    "share_of_production_decoding": "Share of the production decoding speed",
    "utilisation_bf16": "Model FLOP over BF16 peak, whole run",
}
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


def bounds_chart(model: Model) -> str:
    """Draw bounds and scenarios with the reported hours on one axis."""
    low, middle, high = model.factors()
    reported = model.value("reported", HOURS)
    rows = []
    for case, words in SHORT.items():
        ends = [model.value(case, HOURS, factor) for factor in (low, middle, high)]
        bound = case not in ("C1", "C2", "C3")
        rows.append(
            Range(
                f"{case} {words}",
                *ends,
                colour="blue" if bound else "purple",
                marker="o" if bound else "s",
                hollow=not bound,
            )
        )
    highest = max(rows[:4], key=lambda row: row.high)
    summary = (
        f"Lower bounds from {hours_text(rows[0].middle)} to {hours_text(highest.high)} GPU-hours, "
        f"scenarios from {hours_text(rows[4].low)} to {hours_text(rows[6].high)}; the paper "
        f"reports {reported:,.0f}."
    )
    return draw_ranges(
        RangeChart(
            "bounds", "Could R1-Zero take 101K GPU-hours?", "GPU-hours (logarithmic)",
            rows, summary, reported, f"reported {reported:,.0f}",
            legend=(
                ("lower bound", "blue", "o", False), ("scenario", "purple", "s", True),
            ),
        )
    )  # fmt: skip


def sentence(model: Model) -> str:
    """Say what the model finds of the reported hours."""
    low, middle, high = model.factors()
    reported = model.value("reported", HOURS)
    bounds = [
        model.value(c, HOURS, f) for c in ("A0", "A1", "A2", "B") for f in (low, middle, high)
    ]
    above = [hours for hours in bounds if hours > reported]
    verdict = (
        f"No lower bound lies above the reported {reported:,.0f} GPU-hours"
        if not above
        else f"{len(above)} lower bounds lie above the reported {reported:,.0f} GPU-hours"
    )
    shares = [model.value("reported", "utilisation_bf16", factor) for factor in (low, high)]
    ratios = [model.value(case, RATIO, middle) for case in ("C1", "C2", "C3")]
    return (
        f"{verdict}; the highest is {hours_text(max(bounds))}. The report implies "
        f"{percent(shares[0])} to {percent(shares[1])} of the BF16 peak over the whole run. A "
        f"good, a middle and a plain software stack would need {ratios[0]:.2f}, {ratios[1]:.2f} "
        f"and {ratios[2]:.2f} times the reported hours: they are possible with a good stack, and "
        "that proves nothing more."
    )


def bounds_grid(model: Model) -> Grid:
    """Return bounds and scenarios as numbers."""
    low, middle, high = model.factors()
    rows = []
    for case, words in MEANING.items():
        cells = [hours_text(model.value(case, HOURS, factor)) for factor in (low, middle, high)]
        rows.append(Line([case, words, *cells, f"{model.value(case, RATIO, middle):.3f}"]))
    reported = f"{model.value('reported', HOURS):,.0f}"
    rows.append(Line(["Reported", "Supplementary Table 4", "", reported, "", "1.000"], "total"))
    heads = columns("Case", "~What it is", f"#Length {TIMES}{low}", f"#{TIMES}{middle}")
    heads += columns(f"#{TIMES}{high}", "#Over reported")
    caption = (
        "GPU-hours of the R1-Zero run. Formula: FLOP of update, forward passes and decoding over "
        "peak or speed, plus the synchronous rollout with its tail; the length curve as digitised "
        "and at two other heights. Inputs with status and source: cost_model.yaml."
    )
    return Grid("Bounds and scenarios", caption, heads, rows)


def phases_grid(model: Model) -> Grid:
    """Return the hours of each phase under each case."""
    middle = model.factors()[1]
    rows = []
    for case in SCENARIOS:
        cells = [f"{model.value(case, f'{phase}_hours', middle):.1f}" for phase in PHASES]
        cells.append(f"{model.value(case, 'seconds_per_update', middle):.1f}")
        cells.append(f"{model.value(case, 'tokens_per_second_per_gpu', middle):.0f}")
        cells.append(f"{100 * model.value(case, 'utilisation_bf16', middle):.1f}")
        cells.append(f"{model.value(case, 'tail_stream_rate', middle):.0f}")
        rows.append(Line([case, *cells]))
    heads = columns("Case", "#Rollout", "#of it tail", "#Update", "#Forward", "#Fixed", "#Downtime")
    heads += columns(
        "#Wall", "#s per update", "#Tokens/s/GPU", "#Utilisation (%)", "#Tail tokens/s"
    )
    caption = (
        "Wall hours by phase at the length curve as it stands. Formula: wall = (rollout + update "
        f"+ forward + fixed) {TIMES} (1 + downtime); the tail begins when 90\u202f% of the outputs "
        "of a rollout have ended."
    )
    return Grid("Hours by phase", caption, heads, rows)


def implied_grid(model: Model) -> Grid:
    """Return what the reported hours imply."""
    factors = model.factors()
    rows = []
    for quantity, words in IMPLIED.items():
        places = factors if ("reported", quantity, "1") in model.rows else ("",) * 3
        values = [model.value("reported", quantity, place) for place in places]
        share = quantity.startswith(("share", "utilisation"))
        rows.append(Line([words, *(f"{v:.3f}" if share else f"{v:,.1f}" for v in values)]))
    heads = columns("The reported hours imply", *(f"#Length {TIMES}{f}" for f in factors))
    caption = (
        "Formula: tokens or FLOP of the run over (reported GPU-hours \u00d7 3,600 s), and over the "
        "BF16 peak of an H800 for the utilisation."
    )
    return Grid("What the reported hours imply", caption, heads, rows)


def tail_grid(model: Model) -> Grid:
    """Return the tail bound by speed of one stream."""
    rows = []
    for case, quantity, _ in model.rows:
        if not case.startswith("tail stream_rate=") or quantity != "rollout_hours":
            continue
        holds = model.value(case, "within_reported_hours") == 1
        rate = case.removeprefix("tail stream_rate=")
        rows.append(Line([rate, f"{model.value(case, quantity):.0f}", "yes" if holds else "no"]))
    least = model.value("tail", "least_stream_rate")
    in_a_row = model.value("tail", "tokens_in_a_row")
    heads = columns("Tokens/s of one output", "#Hours of rollouts", "Within the reported hours")
    caption = (
        "If one output of each rollout runs to the cap, "
        f"{in_a_row:,.0f} tokens follow one after the other. Formula: that over the speed of one "
        f"output; the reported wall time needs {least:.1f} tokens/s or more. It needs no "
        "assumption about software; whether such outputs were cut short is not reported."
    )
    return Grid("The tail bound", caption, heads, rows)


@dataclass(frozen=True)
class Change:
    """One input of the middle scenario changed."""

    name: str
    value: str
    gpu_hours: float
    ratio: float


def changes(model: Model) -> list[Change]:
    """Return the one-at-a-time changes in the order of the table: largest effect first."""
    found = []
    for case, quantity, _ in model.rows:
        base, _, change = case.partition(" ")
        if base in SCENARIOS and "=" in change and quantity == HOURS:
            name, _, value = change.partition("=")
            ratio = model.value(case, "ratio_to_base")
            found.append(Change(name, value, model.value(case, HOURS), ratio))
    return found


def changes_chart(found: Sequence[Change]) -> str:
    """Draw the effect of each input as a tornado around the middle scenario."""
    rows, names = [], list(dict.fromkeys(change.name for change in found))
    for name in names:
        ratios = [change.ratio for change in found if change.name == name]
        rows.append(Range(name.replace("_", " "), min(1, *ratios), None, max(1, *ratios)))
    first = rows[0]
    summary = (
        f"The input with the largest effect is {first.label}, from {first.low:.2f} to "
        f"{first.high:.2f} times the hours of the middle scenario."
    )
    return draw_ranges(
        RangeChart(
            "model-tornado", "One input of C2 at a time", "GPU-hours over those of C2", rows,
            summary, 1.0, "C2", thick=True,
        )
    )  # fmt: skip


def changes_grid(found: Sequence[Change]) -> Grid:
    """Return the same as numbers."""
    rows = [
        Line([c.name.replace("_", " "), c.value, hours_text(c.gpu_hours), f"{c.ratio:.3f}"])
        for c in found
    ]
    heads = columns("Input of C2", "#Set to", "#GPU-hours", "#Over C2")
    caption = "One input changed while all others stay, the largest effect first."
    return Grid("One input of the model at a time", caption, heads, rows)


def anchors_grid(model: Model) -> Grid:
    """Return the published speeds that the model must bracket."""
    rows = []
    for case, quantity, _ in model.rows:
        if quantity == "bracketed":
            values = [model.value(case, q) for q in ("no_overlap", "published", "ideal_overlap")]
            holds = "yes" if model.value(case, quantity) == 1 else "no"
            name = case.removeprefix("anchor ").replace("_", " ")
            rows.append(Line([name, *(f"{value:,.0f}" for value in values), holds]))
    heads = columns("Published speed", "#No overlap", "#Published", "#Ideal overlap", "Between")
    caption = (
        "Tokens per second and GPU of production decoding between the two forms of the model. "
        "Lines without a case use the good stack and must hold; other stacks are for information."
    )
    return Grid("Checks against published speeds", caption, heads, rows)


def others_grid(model: Model) -> Grid:
    """Return the rows about the other two columns of the paper's table."""
    rows = [
        Line([case.replace("_", " "), quantity.replace("_", " "), f"{value:,.4g}"])
        for (case, quantity, _), value in model.rows.items()
        if case.split()[0] in ("sft_data", "r1")
    ]
    heads = columns("Column", "Quantity", "#Value")
    caption = "SFT data and R1, more roughly: what their reported GPU-hours can have paid for."
    return Grid("The other columns", caption, heads, rows)


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
