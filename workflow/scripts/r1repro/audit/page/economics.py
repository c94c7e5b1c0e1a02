# SPDX-License-Identifier: Apache-2.0
"""Tables and charts about the paper's bill, rivals, held time, carbon and projection.

All numbers come from the tables of results/cost; here they are chosen, ordered and written out.
"""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from r1repro.audit.page.bars import Range, RangeChart, draw_ranges
from r1repro.audit.page.grids import Grid, Line, columns, without_constants, without_empty
from r1repro.audit.page.tables import UNKNOWN, Row, read_rows
from r1repro.audit.page.wording import TIMES, count, significant
from r1repro.errors import InputError

TABLES = {
    "scopes": ("scope", "what", "gpu_hours_low", "gpu_hours_high", "usd_low", "usd_high",
               "ratio_low", "ratio_high", "formula", "status", "source"),
    "power": ("scope", "power", "kw_per_gpu", "pue", "grid", "kg_per_kwh", "energy_mwh_low",
              "energy_mwh_high", "tonnes_co2_low", "tonnes_co2_high", "electricity_usd_high",
              "electricity_share", "label", "source"),
    "sensitivity": ("kind", "input", "setting", "price_usd", "scope", "utilisation_ratio",
                    "failed_share", "gpu_hours", "usd", "ratio_to_base"),
    "hourly": ("kind", "name", "device", "basis", "region", "as_of", "usd_per_gpu_hour",
               "gpu_hours", "usd", "ratio", "status", "source"),
    "rivals": ("model", "basis", "gpu_hours", "usd", "usd_low", "usd_high", "scope", "formula",
               "source_url", "note"),
    "allocation": ("level", "name", "device", "nodes", "gpus_per_node", "cpu_cores", "attempts",
                   "allocated_seconds", "busy_seconds", "startup_seconds", "idle_seconds",
                   "busy_share", "device_hours", "allocated_usd", "note"),
    "carbon": ("device", "purpose", "energy_source", "attempts", "hours", "energy_kwh", "grid",
               "kg_per_kwh", "kg_co2"),
    "projection": ("stage", "device", "devices", "tokens_per_second_per_device",
                   "flop_per_token", "utilisation", "method", "target_device", "decades",
                   "device_hours_low", "device_hours", "device_hours_high", "usd_low", "usd",
                   "usd_high", "ratio_to_reported", "note"),
}  # fmt: skip
INPUT_NAMES = {
    "price": "price",
    "scope": "scope",
    "utilisation_ratio": "utilisation",
    "failed_share": "failed runs",
}
BASES = {
    "disclosed": ("disclosed", "blue", "o", False),
    "hours_priced": ("hours disclosed, priced here", "green", "s", False),
    "estimate": ("estimated by others", "purple", "D", True),
}
SHOWN_SCOPES = ("as_printed", "base_in_full")
SAME_UTILISATION = "same_utilisation"


def read_table(name: str, path: Path) -> list[Row]:
    """Read one table of results/cost; raises InputError for a column or a number that is wrong."""
    rows = read_rows(
        path, TABLES[name], may_be_empty=name in ("allocation", "carbon", "projection")
    )
    texts = ("scope", "what", "formula", "status", "source", "power", "grid", "label", "kind",
             "input", "setting", "model", "basis", "source_url", "note", "level", "name", "device",
             "purpose", "energy_source", "stage", "method", "target_device", "region",
             "as_of")  # fmt: skip
    for row in rows:
        for column in TABLES[name]:
            if column not in texts:
                row.decimal_or_none(column)
    return rows


def _whole(row: Row, column: str) -> str:
    value = row.decimal_or_none(column)
    return UNKNOWN if value is None else count(round(value))


def _between(low: str, high: str) -> str:
    """Return one number, or both ends of a range."""
    return low if low == high else f"{low} \u2013 {high}"


def _range(row: Row, column: str, digits: int = 0) -> str:
    ends = [row.decimal_or_none(f"{column}_{end}") for end in ("low", "high")]
    if None in ends:
        return UNKNOWN
    texts = [f"{end:,.{digits}f}" for end in ends]
    return _between(*texts)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _product(formula: str) -> str:
    return formula.replace(" x ", f" {TIMES} ")


def scopes_grid(rows: Sequence[Row]) -> Grid:
    """Return what the bill would be with what it leaves out."""
    lines = []
    for row in rows:
        cells = [_range(row, "gpu_hours"), _range(row, "usd"), _range(row, "ratio", 2)]
        cells += [_product(row.text("formula")), f"{row.text('status')}: {row.text('source')}"]
        lines.append(Line([row.text("what"), *cells], "all" if row is rows[0] else ""))
    heads = columns("~What the bill holds", "#GPU-hours", "#USD", "#Over printed", "~Formula")
    heads += columns("~Status and source")
    caption = (
        "The paper\u2019s bill by what it holds. Formula: (GPUs \u00d7 hours + SFT data) \u00d7 "
        "(1 + failed share) \u00d7 preparatory factor + base hours \u00d7 share, times the price "
        "of the paper\u2019s table. Ranges where the inputs are ranges; unknown where nobody has "
        "published hours, and then added nowhere."
    )
    return Grid("The bill by scope", caption, heads, lines)


def power_grid(rows: Sequence[Row]) -> Grid:
    """Return energy and carbon of the printed total and of the base in full."""
    lines = []
    for row in rows:
        if row.text("scope") not in SHOWN_SCOPES:
            continue
        cells = [_words(row.text("power")), row.text("kw_per_gpu"), row.text("pue")]
        cells += [_words(row.text("grid")), row.text("kg_per_kwh"), _range(row, "energy_mwh")]
        share = row.decimal_or_none("electricity_share") or Decimal(0)
        cells += [_range(row, "tonnes_co2"), _whole(row, "electricity_usd_high")]
        cells += [f"{100 * share:.1f}", row.text("label")]
        lines.append(Line([_words(row.text("scope")), *cells]))
    heads = columns("Bill", "Power", "#kW per GPU", "#PUE", "Grid", "#kg per kWh", "#MWh")
    heads += columns("#Tonnes CO2", "#Electricity (USD)", "#% of the bill", "Energy is")
    caption = (
        "Energy and carbon of the paper\u2019s hours. Formula: GPU-hours \u00d7 kW \u00d7 PUE; "
        "\u00d7 kg per kWh. The paper reports neither power nor energy: every line is assumed, "
        "none is measured. Sources of power, PUE and grids: economics.yaml."
    )
    return Grid("Energy and carbon of the paper", caption, heads, lines)


def _one_at_a_time(rows: Sequence[Row]) -> list[Row]:
    found = [row for row in rows if row.text("kind") == "one_at_a_time"]
    if not found:
        path = rows[0].path
        raise InputError(f"{path} has no line one_at_a_time; run `snakemake --forcerun economics`")
    return found


def _setting(row: Row) -> str:
    name = row.text("input")
    if name == "price":
        return f"{row.text('price_usd')} USD per GPU-hour"
    if name == "utilisation_ratio":
        return f"{row.text('utilisation_ratio')} of the reported run\u2019s"
    if name == "failed_share":
        return f"{100 * row.number('failed_share'):.0f}\u202f% of the hours that succeeded"
    return _words(row.text("scope"))


def tornado(rows: Sequence[Row], own: float) -> str:
    """Draw what each input does to the paper's own bill, in USD."""
    bars: list[Range] = []
    found = _one_at_a_time(rows)
    for name in dict.fromkeys(row.text("input") for row in found):
        usd = [row.number("usd") for row in found if row.text("input") == name]
        bars.append(Range(INPUT_NAMES.get(name, name), min(own, *usd), None, max(own, *usd)))
    summary = "; ".join(f"{bar.label} from {bar.low:,.0f} to {bar.high:,.0f} USD" for bar in bars)
    return draw_ranges(
        RangeChart(
            "tornado", "One input of the bill at a time", "USD (logarithmic)", bars,
            f"{summary}.", own, f"as recomputed {own:,.0f}", thick=True,
        )
    )  # fmt: skip


def sensitivity_grid(rows: Sequence[Row]) -> Grid:
    """Return the tornado as numbers."""
    lines = [
        Line(
            [
                INPUT_NAMES.get(row.text("input"), row.text("input")),
                _setting(row),
                _whole(row, "gpu_hours"),
                _whole(row, "usd"),
                f"{row.number('ratio_to_base'):.3f}",
            ]
        )
        for row in _one_at_a_time(rows)
    ]
    heads = columns("Input", "Set to", "#GPU-hours", "#USD", "#Over the own bill")
    caption = (
        "One input while all others stay at the paper\u2019s own case, the largest effect first. "
        "All combinations of prices, scopes, utilisations and failed shares: sensitivity.csv."
    )
    return Grid("The bill, one input at a time", caption, heads, lines)


def matrix_grid(rows: Sequence[Row]) -> Grid:
    """Return USD by scope and price at the reported utilisation without further failed runs."""
    chosen = [
        row for row in rows if row.text("kind") == "grid" and row.number("utilisation_ratio") == 1
    ]
    prices = list(dict.fromkeys(row.text("price_usd") for row in chosen))
    scopes = list(dict.fromkeys(row.text("scope") for row in chosen))
    cells: dict[tuple[str, str], Row] = {}
    for row in chosen:  # the first of a pair has the least failed share
        cells.setdefault((row.text("scope"), row.text("price_usd")), row)
    lines = [
        Line([_words(scope), *(_whole(cells[scope, price], "usd") for price in prices)])
        for scope in scopes
    ]
    heads = columns("Scope", *(f"#{price} USD per GPU-hour" for price in prices))
    caption = "USD by scope and price, at the utilisation of the reported run."
    return Grid("Scope by price", caption, heads, lines)


def hourly_grid(rows: Sequence[Row]) -> Grid:
    """Return the printed hours at prices of others, and at what owning costs."""
    lines = []
    for row in rows:
        cells = [_words(row.text("name")), row.text("device"), _words(row.text("basis"))]
        cells += [" ".join(filter(None, (row.text("region"), row.text("as_of"))))]
        cells += [row.text("usd_per_gpu_hour"), _whole(row, "usd"), row.text("ratio")]
        cells += [f"{row.text('status')}: {row.text('source')}"]
        style = "total" if row.text("name") in ("median", "middle") else ""
        lines.append(Line([row.text("kind"), *cells], style))
    heads = columns("Kind", "Price", "Device", "~Basis", "Where and when", "#USD per GPU-hour")
    heads += columns("#USD", "#Over printed", "~Status and source")
    caption = (
        "The printed GPU-hours at each price that is not the authors\u2019, low, median and high "
        "of H100, and at the cost of owning the servers. Formula: server \u00d7 (1 + network) / "
        "GPUs \u00d7 (1 + operation \u00d7 years) / (years \u00d7 8,760 h \u00d7 busy share) + "
        "kW \u00d7 PUE \u00d7 USD per kWh. Rental prices are quotes, not invoices."
    )
    return Grid("Other prices, and owning", caption, heads, lines)


def rivals_chart(rows: Sequence[Row]) -> str:
    """Draw the costs of all models that have a figure, the dearest on top."""
    ranges = []
    for row in rows:
        if row.text("basis") not in BASES:
            continue
        _, colour, marker, hollow = BASES[row.text("basis")]
        name = row.text("model").split(" (")[0]
        low, middle, high = (row.number(c) for c in ("usd_low", "usd", "usd_high"))
        ranges.append(Range(name, low, middle, high, colour, marker, hollow))
    paper = min(ranges, key=lambda found: found.low)
    summary = (
        f"{len(ranges)} published figures from {ranges[0].middle:,.0f} USD ({ranges[0].label}) to "
        f"{paper.middle:,.0f} USD ({paper.label}); disclosed ones are filled, estimates hollow."
    )
    return draw_ranges(
        RangeChart(
            "rivals-chart", "Published and estimated costs of training", "USD (logarithmic)",
            ranges, summary, width=5.6, legend=list(BASES.values()),
        )
    )  # fmt: skip


def rivals_grid(rows: Sequence[Row]) -> Grid:
    """Return the same with scopes and addresses."""
    lines = []
    for row in rows:
        basis = BASES.get(row.text("basis"), ("no figure",))[0]
        cells = [basis, row.text("scope"), _whole(row, "usd"), _whole(row, "gpu_hours")]
        cells += [_product(row.text("formula")), row.text("note"), row.text("source_url")]
        lines.append(Line([row.text("model"), *cells]))
    heads = columns("Model", "Basis", "Scope", "#USD", "#GPU-hours", "~Formula", "~Note", "~Source")
    caption = (
        "Scopes differ from line to line (one RL phase, a pre-training, a company\u2019s "
        "machines): read the scope before comparing. Where only hours are disclosed they are "
        "priced as in the paper\u2019s table, with a low and a high price as range."
    )
    return Grid("Costs of other models", caption, heads, lines)


def _hardware(row: Row) -> str:
    if row.whole("gpus_per_node"):
        return f"{row.text('nodes')} {TIMES} {row.text('gpus_per_node')} GPUs"
    return f"{row.text('nodes')} {TIMES} {row.text('cpu_cores')} cores"


def allocation_grid(rows: Sequence[Row]) -> Grid:
    """Return busy, start-up and idle time; machines last."""
    lines = []
    for row in rows:
        machine = row.text("level") == "machine"
        name = f"Machine {row.text('name')}" if machine else row.text("name")
        spent = [
            f"{row.number(f'{c}_seconds'):,.1f}" for c in ("busy", "startup", "idle", "allocated")
        ]
        share = row.decimal_or_none("busy_share")
        cells = [row.text("device"), _hardware(row), count(row.whole("attempts")), *spent]
        cells += [UNKNOWN if share is None else f"{100 * share:.1f}"]
        hours, usd = row.decimal_or_none("device_hours"), row.decimal_or_none("allocated_usd")
        cells += [UNKNOWN if hours is None else f"{hours:.4f}"]
        cells += [UNKNOWN if usd is None else significant(usd), row.text("note")]
        lines.append(Line([name, *cells], "total" if machine else ""))
    heads = columns("Stage", "Device", "Hardware", "#Attempts", "#Busy (s)", "#Start-up (s)")
    heads += columns("#Idle (s)", "#Allocated (s)", "#Busy (%)", "#Device-hours", "#USD", "~Note")
    caption = (
        "Formula: allocated = busy + start-up + idle, exactly. Busy is what the bill counts. A "
        "stage adds its attempts, which may run side by side; the machine\u2019s line lays them on "
        "one time line, so it is less than their sum. A device is a GPU, or a core "
        "where there is none."
    )
    grid = Grid("Busy, start-up and idle time", caption, heads, lines)
    return without_empty(without_constants(grid, ("Device", "Hardware")))


def carbon_grid(rows: Sequence[Row]) -> Grid:
    """Return energy and carbon of this run, each source of energy by itself."""
    lines = []
    for row in rows:
        energy, carbon = (row.decimal_or_none(name) for name in ("energy_kwh", "kg_co2"))
        lines.append(
            Line(
                [
                    row.text("purpose"),
                    row.text("device"),
                    row.text("energy_source"),
                    count(row.whole("attempts")),
                    f"{row.number('hours'):.4f}",
                    UNKNOWN if energy is None else significant(energy),
                    _words(row.text("grid")),
                    row.text("kg_per_kwh"),
                    UNKNOWN if carbon is None else significant(carbon),
                ]
            )
        )
    heads = columns("Purpose", "Device", "Energy is", "#Attempts", "#Hours", "#kWh", "Grid")
    heads += columns("#kg per kWh", "#kg CO2")
    caption = (
        "Formula: kWh \u00d7 kg per kWh. Measured, estimated and unknown energy stand in lines of "
        "their own and are never added. Where the machine stands is not recorded, so each grid of "
        "economics.yaml has a line."
    )
    grid = Grid("Energy and carbon of this run", caption, heads, lines)
    return without_constants(grid, ("Device",))


def three_digits(value: Decimal) -> str:
    """Return a number with the digits that a band deserves."""
    return f"{float(f'{value:.3g}'):,.0f}"


def projection_sentence(rows: Sequence[Row]) -> str:
    """Say what R1-Zero's own stage projects, and how little that is worth."""
    for row in rows:
        if row.text("stage") == "r1_zero" and row.text("method") == SAME_UTILISATION:
            if row.decimal_or_none("device_hours") is None:
                return f"r1_zero gives no projection: {row.text('note')}."
            low, middle, high = (
                three_digits(row.decimal_or_none(c) or Decimal(0))
                for c in ("device_hours_low", "device_hours", "device_hours_high")
            )
            apart = row.number("decades")
            return (
                f"At the share of the peak that r1_zero reached here, the published run would take "
                f"{middle} H800-hours; the interval is {low} to {high}. Its token costs "
                f"{apart:.1f} factors of ten less arithmetic than the paper\u2019s: "
                + (
                    "so far away a measurement says little, and the interval says so."
                    if apart > 2
                    else "the closer, the more the measurement says."
                )
            )
    return "No stage of this run named r1_zero counted its FLOP, so nothing is projected from it."


def projection_grid(rows: Sequence[Row]) -> Grid:
    """Return speeds and projections."""
    lines = []
    for row in rows:
        if row.decimal_or_none("decades") is None:  # only trained or only sampled
            continue
        cells = [row.text("device"), row.text("devices")]
        cells += [f"{row.number('tokens_per_second_per_device'):,.1f}"]
        cells += [f"{row.number('flop_per_token'):.3g}", row.text("utilisation")]
        cells += [_words(row.text("method")), row.text("target_device"), row.text("decades")]
        for name in ("device_hours", "usd"):
            ends = [row.decimal_or_none(f"{name}{end}") for end in ("_low", "", "_high")]
            cells += [UNKNOWN if end is None else three_digits(end) for end in ends]
        cells += [row.text("ratio_to_reported"), row.text("note")]
        lines.append(Line([row.text("stage"), *cells]))
    heads = columns("Stage", "Device", "#Devices", "#Tokens/s/device", "#FLOP per token")
    heads += columns("#Share of peak", "Method", "Hours of", "#Decades away", "#Hours, low")
    heads += columns("#Hours", "#Hours, high", "#USD, low", "#USD", "#USD, high")
    heads += columns("#Over reported", "~Note")
    caption = (
        "Stages that sampled and trained; the speeds of all others are in projection.csv. "
        "Formula: same utilisation = FLOP of the published run over (share of the peak \u00d7 H800 "
        "peak); same device = FLOP over FLOP per second of a device, which is tokens per second "
        "scaled by FLOP per token. Interval: a factor for each decade in FLOP per token, either "
        "way, and the length curve at its two other heights; see economics.yaml."
    )
    grid = Grid("From measured speed to the published run", caption, heads, lines)
    return without_empty(without_constants(grid, ("Device", "Devices")))
