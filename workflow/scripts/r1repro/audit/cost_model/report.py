# SPDX-License-Identifier: Apache-2.0
"""All results of the model as rows of case, quantity, factor, value and unit.

factor   factor of the length curve; empty where the curve plays no part
value    10 significant digits; yes and no are 1 and 0 (unit `holds`)
Order    checks against published speeds and measured iterations first, then constants, bounds, the
         distribution, scenarios, what the reported hours imply, tail, sensitivity, other columns
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from r1repro.audit.cost_model import anchors, distribution, engines, flop, tail
from r1repro.audit.cost_model.bounds import bounds, production_gpu_hours
from r1repro.audit.cost_model.columns import SCENARIOS, columns
from r1repro.audit.cost_model.parameters import Inputs
from r1repro.audit.cost_model.scenarios import (
    SECONDS_PER_HOUR,
    Result,
    evaluate,
    settings_of,
)
from r1repro.audit.cost_model.sensitivity import sensitivity

RATE = "token/s"
CHECKED_CONTEXTS = (5000, 32768)  # tokens, as in the published reading of the constants


@dataclass(frozen=True)
class Row:
    """One row of cost_model.csv."""

    case: str
    quantity: str
    factor: float | None
    value: float
    unit: str

    def cells(self) -> dict[str, str]:
        """Return the row as texts."""
        factor = "" if self.factor is None else f"{self.factor:g}"
        texts = (self.case, self.quantity, factor, f"{self.value:.10g}", self.unit)
        return dict(zip(COLUMNS, texts, strict=True))


COLUMNS = tuple(field.name for field in fields(Row))


def rows(inputs: Inputs) -> list[Row]:
    """Return every row, checks first."""
    parts = (_anchors, _engines, _constants, _bounds, _distribution, _scenarios, _implied, _tail,
             _sensitivity)  # fmt: skip
    found = [row for part in parts for row in part(inputs)]
    return found + [Row(c, q, None, v, u) for c, q, v, u in columns(inputs)]


def _anchors(inputs: Inputs) -> Iterator[Row]:
    used = inputs.anchors.stack
    for name in dict.fromkeys((used, *inputs.stacks)):
        for found in anchors.brackets(inputs, name):
            case = f"anchor {found.name}" + ("" if name == used else f" {name}")
            yield Row(case, "published", None, found.published, RATE)
            yield Row(case, "no_overlap", None, found.no_overlap, RATE)
            yield Row(case, "ideal_overlap", None, found.ideal_overlap, RATE)
            yield Row(case, "bracketed", None, float(found.holds), "holds")
    for case, quantity, value, unit in anchors.derived(inputs):
        yield Row(f"anchor {case}", quantity, None, value, unit)


def _engines(inputs: Inputs) -> Iterator[Row]:
    yield Row("measured", "fixed_seconds", None, engines.fixed_seconds(inputs), "s")
    for known, seconds in engines.predictions(inputs):
        case = f"measured {known.name}"
        yield Row(case, "measured_seconds", None, known.seconds, "s")
        yield Row(case, "predicted_seconds", None, seconds, "s")
        yield Row(case, "predicted_over_measured", None, seconds / known.seconds, "ratio")
        used = float(known.name == inputs.calibrated_on)
        yield Row(case, "calibrated_on", None, used, "holds")
        if known.model == engines.OWN:
            updates = inputs.run.steps * inputs.run.outputs_per_update / known.outputs
            hours = known.seconds * known.gpus * updates / SECONDS_PER_HOUR
            yield Row(case, "gpu_hours_of_the_run_at_this_pace", None, hours, "GPU-hour")


def _constants(inputs: Inputs) -> Iterator[Row]:
    model, context = inputs.model.architecture, inputs.anchors.pretraining_context
    trained = flop.training_flop_per_token(model, context)
    known = inputs.anchors.pretraining_flop_per_token
    yield Row("model", f"training_flop_per_token_at_{context}", None, trained, "FLOP")
    yield Row("model", "training_flop_against_published", None, trained / known, "ratio")
    yield Row("model", "decode_flop_per_token_linear", None, 2 * model.active, "FLOP")
    for reach in CHECKED_CONTEXTS:
        attention = flop.decode_attention(model, reach)
        yield Row("model", f"decode_attention_flop_at_{reach}", None, attention, "FLOP")
    yield Row("model", "attention_overtakes_at", None, flop.crossover(model), "token")
    yield Row("model", "cache_bytes_per_token", None, model.cache_bytes, "B")
    yield Row("model", "routed_parameters", None, model.routed, "parameter")
    yield Row("model", "other_parameters", None, model.other, "parameter")
    run = inputs.run
    rollouts = run.steps * run.outputs_per_update / run.outputs_per_rollout
    yield Row("run", "rollouts", None, rollouts, "rollout")
    yield Row("run", "outputs", None, run.steps * run.outputs_per_update, "output")
    for factor in inputs.factors:
        total = flop.run_flop(inputs, factor)
        yield Row("run", "generated_tokens", factor, total.tokens, "token")
        yield Row("run", "mean_length", factor, total.tokens / run.steps / run.outputs_per_update,
                  "token")  # fmt: skip
        for name in ("update", "forward", "decode", "total"):
            yield Row("run", f"flop_{name}", factor, getattr(total, name), "FLOP")


def _hours(case: str, inputs: Inputs, factor: float, hours: float, kind: str = "") -> Iterator[Row]:
    """Yield GPU-hours and their ratio to the reported ones."""
    ratio = hours / inputs.run.reported_gpu_hours
    yield Row(case, f"{kind}gpu_hours", factor, hours, "GPU-hour")
    yield Row(case, "ratio_to_reported", factor, ratio, "ratio")


def _bounds(inputs: Inputs) -> Iterator[Row]:
    for factor in inputs.factors:
        for name, hours in bounds(inputs, factor).items():
            yield from _hours(name, inputs, factor, hours, "bound_")


def _distribution(inputs: Inputs) -> Iterator[Row]:
    hours = distribution.gpu_hours(inputs)
    case, reported = "distribution", inputs.run.reported_gpu_hours
    yield Row(case, "draws", None, len(hours), "draw")
    for share, value in zip(
        distribution.QUANTILES, np.quantile(hours, distribution.QUANTILES), strict=True
    ):
        yield Row(case, f"gpu_hours_{100 * share:g}_percent", None, value, "GPU-hour")
    low, high = distribution.central(hours, inputs.distribution.central_share)
    yield Row(case, "central_low", None, low, "GPU-hour")
    yield Row(case, "central_high", None, high, "GPU-hour")
    yield Row(case, "quantile_of_reported", None, (hours <= reported).mean(), "share")


def _scenarios(inputs: Inputs) -> Iterator[Row]:
    for factor in inputs.factors:
        yield from _hours("C0", inputs, factor, production_gpu_hours(inputs, factor))
    for name in SCENARIOS:
        for factor in inputs.factors:
            result = evaluate(inputs, settings_of(inputs, name, factor))
            yield from _hours(name, inputs, factor, result.gpu_hours)
            for quantity, value, unit in details(result, inputs):
                yield Row(name, quantity, factor, value, unit)
    for name, result in engines.on_the_run(inputs).items():
        yield from _hours(name, inputs, 1.0, result.gpu_hours)


def details(result: Result, inputs: Inputs) -> Iterator[tuple[str, float, str]]:
    """Yield quantity, value and unit of what a case consists of."""
    for name in ("rollout", "tail", "update", "forward", "fixed", "downtime", "wall"):
        hours = result.wall_hours if name == "wall" else getattr(result, name)
        yield f"{name}_hours", hours, "h"
    yield "seconds_per_update", result.wall_hours * SECONDS_PER_HOUR / result.steps, "s"
    spent = result.gpu_hours * SECONDS_PER_HOUR
    yield "tokens_per_second_per_gpu", result.tokens / spent, RATE
    yield "utilisation_bf16", result.utilisation(inputs.hardware.bf16_peak), "share"
    tail_seconds = result.tail * SECONDS_PER_HOUR
    yield "tail_stream_rate", result.tail_tokens / tail_seconds, RATE


def _implied(inputs: Inputs) -> Iterator[Row]:
    """Yield what the reported hours mean for speed and utilisation."""
    run = inputs.run
    spent = run.reported_gpu_hours * SECONDS_PER_HOUR
    yield Row("reported", "gpu_hours", None, run.reported_gpu_hours, "GPU-hour")
    yield Row("reported", "gpus_times_hours", None, run.gpus * run.hours, "GPU-hour")
    yield Row("reported", "seconds_per_update", None, run.hours * SECONDS_PER_HOUR / run.steps, "s")
    for factor in inputs.factors:
        total = flop.run_flop(inputs, factor)
        rate, work = total.tokens / spent, total.total / (spent * inputs.hardware.bf16_peak)
        share = rate / inputs.anchors.decode_rate
        yield Row("reported", "tokens_per_second_per_gpu", factor, rate, RATE)
        yield Row("reported", "share_of_production_decoding", factor, share, "share")
        yield Row("reported", "utilisation_bf16", factor, work, "share")


def _tail(inputs: Inputs) -> Iterator[Row]:
    run = inputs.run
    yield Row("tail", "tokens_in_a_row", None, tail.tokens_in_a_row(run), "token")
    yield Row("tail", "least_stream_rate", None, tail.least_speed(run), RATE)
    for rate, hours in tail.table(inputs):
        yield Row(f"tail stream_rate={rate:.4g}", "rollout_hours", None, hours, "h")
        yield Row(f"tail stream_rate={rate:.4g}", "within_reported_hours", None,
                  float(hours <= run.hours * (1 + 1e-9)), "holds")  # fmt: skip


def _sensitivity(inputs: Inputs) -> Iterator[Row]:
    base = inputs.sensitivity_base
    for change in sensitivity(inputs):
        case = f"{base} {change.name}={change.value:g}"
        yield Row(case, "gpu_hours", None, change.gpu_hours, "GPU-hour")
        yield Row(case, "ratio_to_base", None, change.ratio, "ratio")
