# SPDX-License-Identifier: Apache-2.0
"""Predict the seconds of measured stages with the formulas that model the published run.

Inputs     config/cost_model_mini.yaml: device, efficiencies, what kind each stage is
           the configuration of the run: sizes of the models, rows, caps, outputs (own_run.py)
Measured   completed attempts: tokens_generated, tokens_trained, flop and billed seconds, summed
           over the attempts of a stage and part
Formulas   training  passes x tokens_trained (2N + A context / 2) / (devices x peak x utilisation),
                     3 passes with backward; a critic of PPO trains on the same tokens again
           forward   passes x tokens_trained x (2N + A context / 2) / (devices x peak x utilisation)
           calls     passes of all kinds x tokens_trained / tokens_per_pass x overhead / devices: a
                     pass over so many tokens calls the machine as often as a decoding step
           rollout   waves x seconds of one synchronous rollout (decode.py); a wave is at_once
                     outputs on each device, so waves = outputs / (at_once x devices)
           seconds   their sum + attempts x fixed seconds
           mean      tokens_generated / outputs, outputs counted from the configuration
Check      flop_ratio sets the FLOP of the same formulas beside what the attempts counted: far from
           1 means that the file describes another model.
Choices    An attempt on another kind of device or of another scale is listed without prediction.
           Failed attempts are left out: what they did after their last count is unknown. The passes
           that log the distance to the start are work that attempts do not count as FLOP.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from r1repro.audit.attempt_records import AttemptRecord
from r1repro.audit.cost_model.decode import rollout_seconds, step_of
from r1repro.audit.cost_model.flop import BACKWARD_TOO, decode_flop
from r1repro.audit.cost_model.lengths import Lengths, assumed_lengths
from r1repro.audit.cost_model.own_run import OwnRun, Plan, plan_of
from r1repro.audit.cost_model.parameters import Architecture, Machine, Stack

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Line:
    """One row of cost_model_measured.csv."""

    stage: str
    part: str
    predicted_seconds: str
    measured_seconds: str
    ratio: str
    attempts: str
    kind: str
    model: str
    tokens_generated: str
    tokens_trained: str
    flop_ratio: str
    device: str
    note: str


COLUMNS = tuple(field.name for field in fields(Line))


def _wave(own: OwnRun, plan: Plan, mean: float, at_once: int) -> tuple[Lengths, float]:
    """Return the lengths of one wave of outputs and its seconds."""
    spread, use, device = own.spread, own.use, own.device
    outputs = at_once * plan.devices
    lengths = assumed_lengths(mean, plan.cap, spread, spread.sigma, spread.runaway_share, outputs)
    stack = Stack(
        own.weight_bytes, 1.0, 1, 1, use.bandwidth_efficiency, use.tensor_efficiency, 0.0,
        use.step_overhead_seconds, use.train_utilisation, use.forward_utilisation, 0.0, 0.0, 0.0,
        0.0,
    )  # fmt: skip
    machine = Machine({own.weight_bytes: device.peak}, device.peak, device.memory_bandwidth, 1.0)
    step = step_of(stack, plan.model, machine)
    return lengths, rollout_seconds(lengths, outputs, plan.devices, plan.prompt, stack, step)[0]


def _forward_flop(model: Architecture, tokens: float, context: float) -> float:
    return tokens * (2 * model.active + model.attention_training * context / 2)


def predict(own: OwnRun, plan: Plan, generated: int, trained: int) -> tuple[float, float]:
    """Return seconds without fixed time, and FLOP, of a stage that handled so many tokens."""
    peak, use, seconds, flop = plan.devices * own.device.peak, own.use, 0.0, 0.0
    context = plan.context
    outputs = sum(count for count, _ in plan.waves)
    if outputs and generated:
        mean = generated / outputs
        for count, at_once in plan.waves:
            lengths, once = _wave(own, plan, mean, at_once)
            seconds += count / (at_once * plan.devices) * once
            flop += count * decode_flop(plan.model, lengths, plan.prompt)
        context = plan.prompt + mean
    forward = _forward_flop(plan.model, trained, context)
    trainings, passes = plan.trainings * BACKWARD_TOO, plan.counted_passes + plan.logged_passes
    seconds += trainings * forward / (peak * use.train_utilisation)
    seconds += passes * forward / (peak * use.forward_utilisation)
    calls = (trainings + passes) * trained / plan.tokens_per_pass
    seconds += calls * use.step_overhead_seconds / plan.devices
    return seconds, flop + (trainings + plan.counted_passes) * forward


def compare(own: OwnRun, records: Iterable[AttemptRecord], settings: Mapping) -> list[Line]:
    """Return one line per stage, part and device of the completed attempts that counted tokens."""
    groups: dict[tuple, list[AttemptRecord]] = {}
    for record in sorted(records, key=lambda record: (record.started_utc, record.attempt_id)):
        if record.completed and (record.tokens_generated or record.tokens_trained):
            key = (record.stage, record.part, record.scale, record.device, record.nodes)
            groups.setdefault((*key, record.gpus_per_node), []).append(record)
    return [_line(own, group, settings) for group in groups.values()]


def _line(own: OwnRun, group: list[AttemptRecord], settings: Mapping) -> Line:
    first = group[0]
    generated = sum(record.tokens_generated for record in group)
    trained = sum(record.tokens_trained for record in group)
    measured = sum(record.elapsed_ms for record in group) / 1000
    case = own.case(first.stage, settings)
    note = ""
    if first.scale != own.scale:
        note = f"the inputs describe the scale {own.scale}, this is {first.scale}"
    elif first.nodes != 1 or first.gpus_per_node != own.gpus_per_node:
        note = "the inputs describe another kind of device"
    elif case is None:
        note = "the inputs do not describe this stage"
    predicted = ratio = flop_ratio = UNKNOWN
    if not note and case is not None:
        plan = plan_of(own, case, first.stage, first.part, settings, len(group))
        seconds, flop = predict(own, plan, generated, trained)
        seconds += len(group) * own.use.fixed_seconds
        counted = sum(record.flop for record in group)
        predicted, ratio = f"{seconds:.3f}", f"{seconds / measured:.3f}" if measured else UNKNOWN
        flop_ratio = f"{flop / counted:.4f}" if counted else UNKNOWN
    return Line(
        stage=first.stage,
        part=first.part,
        predicted_seconds=predicted,
        measured_seconds=f"{measured:.3f}",
        ratio=ratio,
        attempts=str(len(group)),
        kind=UNKNOWN if case is None else case.kind,
        model=UNKNOWN if case is None else case.model_of(first.part),
        tokens_generated=str(generated),
        tokens_trained=str(trained),
        flop_ratio=flop_ratio,
        device=first.device,
        note=note,
    )
