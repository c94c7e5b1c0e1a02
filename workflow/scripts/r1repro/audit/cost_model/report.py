# SPDX-License-Identifier: Apache-2.0
"""All results of the model as rows of case, quantity, factor, value and unit.

factor   factor of the length curve; empty where the curve plays no part
value    10 significant digits; yes and no are 1 and 0 (unit `holds`)
Order    checks against published speeds first, then constants, bounds, scenarios, what the reported
         hours imply, tail, sensitivity, other columns
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from r1repro.audit.cost_model import anchors, flop, tail
from r1repro.audit.cost_model.bounds import NAMES, bounds
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
ROOFLINE = NAMES[-1]


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
    parts = (_anchors, _constants, _bounds, _scenarios, _implied, _tail, _sensitivity)
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
    for known in inputs.iterations:
        yield Row(f"anchor {known.name}", "published", None, known.seconds, "s")
    for name, stack, seconds in anchors.iterations(inputs):
        yield Row(f"anchor {name} {stack}", "seconds_without_fixed", None, seconds, "s")


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


def _bounds(inputs: Inputs) -> Iterator[Row]:
    reported = inputs.run.reported_gpu_hours
    for factor in inputs.factors:
        for name, hours in bounds(inputs, factor).items():
            yield Row(name, "gpu_hours", factor, hours, "GPU-hour")
            yield Row(name, "ratio_to_reported", factor, hours / reported, "ratio")
            yield Row(name, "below_reported", factor, float(hours <= reported), "holds")


def _scenarios(inputs: Inputs) -> Iterator[Row]:
    for name in (ROOFLINE, *SCENARIOS):
        for factor in inputs.factors:
            result = evaluate(inputs, settings_of(inputs, name, factor))
            if name != ROOFLINE:
                ratio = result.gpu_hours / inputs.run.reported_gpu_hours
                yield Row(name, "gpu_hours", factor, result.gpu_hours, "GPU-hour")
                yield Row(name, "ratio_to_reported", factor, ratio, "ratio")
            for quantity, value, unit in details(result, inputs):
                yield Row(name, quantity, factor, value, unit)


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
