# SPDX-License-Identifier: Apache-2.0
"""Small multiples of the training metrics: what happened inside the run, update by update.

Units   rewards: points; kl, entropy: nats per token; shares between 0 and 1; lengths: tokens;
        seconds per update. Source: results/rl/r1_zero/metrics.csv, a line per policy update, and
        the loss tables of base and dev1, a line per optimiser step.
"""

from collections.abc import Sequence
from pathlib import Path

from r1repro.audit.page.drawing import Chart, Line, draw
from r1repro.audit.page.tables import Row, read_rows

SIZE = (4.0, 2.9)
# name, title, y label, [(column, label, colour, dash)], shown in percent, limits of the y axis
PANELS = (
    (
        "reward",
        "Reward",
        "Mean reward",
        (
            ("reward", "total", "ink", "-"),
            ("reward_accuracy", "accuracy", "blue", "--"),
            ("reward_format", "format", "vermilion", ":"),
        ),
        False,
        (0, None),
    ),
    (
        "lengths",
        "Response length",
        "Tokens",
        (
            ("length_p50", "median", "blue", "-"),
            ("length_p90", "90th pct.", "green", "--"),
            ("length_max", "max", "vermilion", ":"),
            ("max_response_tokens", "limit", "grey", "-."),
        ),
        False,
        (0, None),
    ),
    (
        "seconds",
        "Time per update",
        "Seconds",
        (
            ("seconds_rollout", "rollout", "blue", "-"),
            ("seconds_reward", "reward", "vermilion", ":"),
            ("seconds_reference", "reference", "grey", "-."),
            ("seconds_update", "update", "green", "--"),
        ),
        False,
        (0, None),
    ),
    ("kl", "KL to the reference", "Nats per token", (("kl", "KL", "blue", "-"),), False, (0, None)),
    (
        "entropy",
        "Entropy of the policy",
        "Nats per token",
        (("entropy", "entropy", "blue", "-"),),
        False,
        (0, None),
    ),
    (
        "clipped",
        "Tokens with a clipped ratio",
        "Share (%)",
        (("clipped_fraction", "clipped", "blue", "-"),),
        True,
        (0, None),
    ),
    (
        "zero-variance",
        "Groups with equal rewards",
        "Groups per update",
        (("zero_variance_groups", "groups", "blue", "-"),),
        False,
        (0, None),
    ),
    (
        "truncated",
        "Responses cut at the limit",
        "Share (%)",
        (("truncated_fraction", "cut", "blue", "-"),),
        True,
        (0, None),
    ),
    (
        "gradient",
        "Gradient norm",
        "Norm before clipping",
        (("gradient_norm", "norm", "blue", "-"),),
        False,
        (0, None),
    ),
)
STEPPED = ("max_response_tokens",)
COUNTED = ("zero-variance",)


def _columns() -> list[str]:
    return ["update", *(series[0] for panel in PANELS for series in panel[3])]


def _summary(title: str, series: Sequence[tuple[str, list[float | None]]], unit: str) -> str:
    parts = []
    for label, values in series:
        known = [v for v in values if v is not None]
        ends = f"{known[0]:.4g} to {known[-1]:.4g}" if known else "no value"
        parts.append(f"{label} {ends}")
    return f"Line chart, {title}, first to last update ({unit}): {', '.join(parts)}."


def reinforcement_charts(path: Path) -> tuple[list[str], int]:
    """Return the panels of the R1-Zero training and the number of updates.

    Raises InputError when the table lacks a column or holds something that is no number.
    """
    rows = read_rows(path, _columns())
    updates = [row.whole("update") for row in rows]
    return [_panel(rows, updates, panel) for panel in PANELS], len(rows)


def _panel(rows: list[Row], updates: list[int], panel: tuple) -> str:
    name, title, y_label, series, in_percent, y_range = panel
    values = [[row.number_or_none(column) for row in rows] for column, *_ in series]
    lines = [
        Line(label, updates, points, colour, dash, width=1.4, steps=column in STEPPED)
        for (column, label, colour, dash), points in zip(series, values, strict=True)
    ]
    factor = 100 if in_percent else 1
    spoken = [(line.label, [None if y is None else factor * y for y in line.y]) for line in lines]
    return draw(
        Chart(
            name=f"training-{name}",
            title=title,
            x_label="Policy update",
            y_label=y_label,
            lines=lines,
            summary=_summary(title, spoken, y_label),
            y_range=y_range,
            percent=in_percent,
            inches=SIZE,
            whole_y=name in COUNTED,
        )
    )


def loss_chart(path: Path, stage: str, title: str) -> str:
    """Return the loss of a supervised stage against its optimiser step."""
    rows = read_rows(path, ("step", "loss"))
    steps = [row.whole("step") for row in rows]
    losses = [row.number_or_none("loss") for row in rows]
    return draw(
        Chart(
            name=f"loss-{stage}",
            title=title,
            x_label="Optimiser step",
            y_label="Loss (nats per token)",
            lines=[Line("loss", steps, losses, "blue", width=1.4)],
            summary=_summary(title, [("loss", losses)], "nats per token"),
            inches=SIZE,
        )
    )
