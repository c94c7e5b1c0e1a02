# SPDX-License-Identifier: Apache-2.0
"""Predict the seconds of measured stages with the formulas that model the published run.

Inputs     config/cost_model_mini.yaml: device, sizes of the model, efficiencies, kinds of stages
Measured   completed attempts: tokens_generated, tokens_trained, flop and billed seconds, summed
           over the attempts of a stage
Formulas   training  tokens_trained x 3 (2N + A context / 2) / (devices x peak x train utilisation)
           forward   passes x tokens_trained x (2N + A context / 2) / (devices x peak x utilisation)
           rollout   waves x seconds of one synchronous rollout (decode.py); a wave is
                     outputs_at_once outputs on each device, so waves = tokens_generated /
                     (outputs_at_once x devices x mean)
           seconds   their sum + attempts x fixed seconds
Check      flop_ratio sets the FLOP of the same formulas beside what the attempts counted: far from
           1 means that the file describes another model.
Choices    An attempt on another kind of device or of another scale is listed without prediction.
           Failed attempts are left out: what they did after their last count is unknown.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from r1repro.audit.attempt_records import AttemptRecord
from r1repro.audit.cost_model.decode import rollout_seconds, step_of
from r1repro.audit.cost_model.flop import BACKWARD_TOO, decode_flop
from r1repro.audit.cost_model.inputs import Reader, load
from r1repro.audit.cost_model.lengths import Lengths, assumed_lengths
from r1repro.audit.cost_model.parameters import Architecture, Machine, Spread, Stack, number

UNKNOWN = "unknown"
SECTIONS = ("scale", "gpus_per_node", "hardware", "model", "stack", "spread", "stages")
SAMPLED = {"outputs_at_once": "whole", "mean": "positive", "prompt": "nonnegative", "cap": "whole"}
KINDS = {
    "supervised": {"devices": "whole", "context": "whole"},
    "sampling": {"devices": "whole", **SAMPLED},
    "reinforcement": {"devices": "whole", **SAMPLED, "forward_passes": "whole"},
}


@dataclass(frozen=True)
class Dense:
    """Sizes of a decoder with one gated feed-forward part in each layer."""

    vocabulary: int = number("whole")
    hidden: int = number("whole")
    layers: int = number("whole")
    heads_width: int = number("whole")
    cached_heads_width: int = number("whole")
    intermediate: int = number("whole")
    bytes_per_number: int = number("whole")

    @property
    def architecture(self) -> Architecture:
        """Derive what one token costs; the table of embeddings counts once, as output layer."""
        layer = 2 * self.hidden * (self.heads_width + self.cached_heads_width)
        layer += 3 * self.hidden * self.intermediate
        weights = self.layers * layer + self.vocabulary * self.hidden
        attention = 4 * self.heads_width * self.layers
        cache = 2 * self.cached_heads_width * self.layers * self.bytes_per_number
        return Architecture(weights, 0, weights, 0, 0, 0, attention, attention, cache, 0)


@dataclass(frozen=True)
class Device:
    """Peaks of what one lane of the work runs on: a core, or a GPU."""

    peak: float = number("positive")
    memory_bandwidth: float = number("positive")


@dataclass(frozen=True)
class Use:
    """How well the software uses it."""

    train_utilisation: float = number("share")
    forward_utilisation: float = number("share")
    tensor_efficiency: float = number("share")
    bandwidth_efficiency: float = number("share")
    step_overhead_seconds: float = number("nonnegative")
    fixed_seconds: float = number("nonnegative")


@dataclass(frozen=True)
class Case:
    """What a stage does; fields that its kind does not have are 0."""

    kind: str
    devices: int
    context: int = 0
    outputs_at_once: int = 0
    mean: float = 0.0
    prompt: float = 0.0
    cap: int = 0
    forward_passes: int = 0


@dataclass(frozen=True)
class OwnRun:
    """One file that describes this run's hardware, model and stages."""

    scale: str
    gpus_per_node: int
    model: Architecture
    device: Device
    use: Use
    weight_bytes: int
    spread: Spread
    cases: dict[str, Case]


@dataclass(frozen=True)
class Line:
    """One row of cost_model_measured.csv."""

    stage: str
    predicted_seconds: str
    measured_seconds: str
    ratio: str
    attempts: str
    kind: str
    tokens_generated: str
    tokens_trained: str
    flop_ratio: str
    device: str
    note: str


COLUMNS = tuple(field.name for field in fields(Line))


def read_own_run(path: Path) -> OwnRun:
    """Read and check a file that describes this run; raises CostInputsInvalid."""
    reader = Reader(path)
    content = reader.mapping(load(path), "", SECTIONS)
    gpus = content["gpus_per_node"]
    if isinstance(gpus, bool) or not isinstance(gpus, int) or gpus < 0:
        raise reader.fault("gpus_per_node", f"must be a whole number from 0, found {gpus!r}")
    dense = reader.section(Dense, content["model"], "model")
    use = reader.section(Use, content["stack"], "stack")
    for name in ("train_utilisation", "forward_utilisation", "tensor_efficiency",
                 "bandwidth_efficiency"):  # fmt: skip
        if getattr(use, name) == 0:
            raise reader.fault(f"stack.{name}", "must be above 0")
    cases = reader.group(content["stages"], "stages", ("cases",))["cases"]
    if not isinstance(cases, dict) or not cases:
        raise reader.fault("stages.cases", "must be a section with keys")
    return OwnRun(
        scale=reader.text(content["scale"], "scale"),
        gpus_per_node=gpus,
        model=dense.architecture,
        device=reader.section(Device, content["hardware"], "hardware", ("name",)),
        use=use,
        weight_bytes=dense.bytes_per_number,
        spread=reader.section(Spread, content["spread"], "spread"),
        cases={name: _case(reader, name, case) for name, case in cases.items()},
    )


def _case(reader: Reader, name: str, value: object) -> Case:
    key = f"stages.cases.{name}"
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise reader.fault(f"{key}.kind", f"must be one of {', '.join(KINDS)}, found {kind!r}")
    part = reader.mapping(value, key, ("kind", *KINDS[kind]))
    numbers = {n: reader.number(part[n], f"{key}.{n}", k) for n, k in KINDS[kind].items()}
    return Case(kind=kind, **numbers)


def _wave(own: OwnRun, case: Case) -> tuple[Lengths, float]:
    """Return the lengths of one wave of outputs and its seconds."""
    spread, use, device = own.spread, own.use, own.device
    outputs = case.outputs_at_once * case.devices
    lengths = assumed_lengths(
        case.mean, case.cap, spread, spread.sigma, spread.runaway_share, outputs
    )
    stack = Stack(
        own.weight_bytes, 1.0, 1, use.bandwidth_efficiency, use.tensor_efficiency, 0.0,
        use.step_overhead_seconds, use.train_utilisation, use.forward_utilisation, 0.0, 0.0,
    )  # fmt: skip
    machine = Machine({own.weight_bytes: device.peak}, device.peak, device.memory_bandwidth, 1.0)
    step = step_of(stack, own.model, machine)
    return lengths, rollout_seconds(lengths, outputs, case.devices, case.prompt, stack, step)[0]


def predict(own: OwnRun, case: Case, generated: int, trained: int) -> tuple[float, float]:
    """Return seconds without fixed time, and FLOP, of a stage that handled so many tokens."""
    peak, use, seconds, flop = case.devices * own.device.peak, own.use, 0.0, 0.0
    context = case.context
    if case.kind != "supervised":
        lengths, once = _wave(own, case)
        outputs = generated / lengths.mean
        seconds += outputs / (case.outputs_at_once * case.devices) * once
        flop += outputs * decode_flop(own.model, lengths, case.prompt)
        context = case.prompt + case.mean
    forward = trained * (2 * own.model.active + own.model.attention_training * context / 2)
    seconds += BACKWARD_TOO * forward / (peak * use.train_utilisation)
    seconds += case.forward_passes * forward / (peak * use.forward_utilisation)
    return seconds, flop + (BACKWARD_TOO + case.forward_passes) * forward


def compare(own: OwnRun, records: Iterable[AttemptRecord]) -> list[Line]:
    """Return one line per stage and device of the completed attempts that counted tokens."""
    groups: dict[tuple, list[AttemptRecord]] = {}
    for record in sorted(records, key=lambda record: (record.started_utc, record.attempt_id)):
        if record.completed and (record.tokens_generated or record.tokens_trained):
            key = (record.stage, record.scale, record.device, record.nodes, record.gpus_per_node)
            groups.setdefault(key, []).append(record)
    return [_line(own, group) for group in groups.values()]


def _line(own: OwnRun, group: list[AttemptRecord]) -> Line:
    first = group[0]
    generated = sum(record.tokens_generated for record in group)
    trained = sum(record.tokens_trained for record in group)
    measured = sum(record.elapsed_ms for record in group) / 1000
    case = own.cases.get(first.stage)
    note = ""
    if first.scale != own.scale:
        note = f"the inputs describe the scale {own.scale}, this is {first.scale}"
    elif first.nodes != 1 or first.gpus_per_node != own.gpus_per_node:
        note = "the inputs describe another kind of device"
    elif case is None:
        note = "the inputs do not describe this stage"
    predicted = ratio = flop_ratio = UNKNOWN
    if not note:
        seconds, flop = predict(own, case, generated, trained)
        seconds += len(group) * own.use.fixed_seconds
        counted = sum(record.flop for record in group)
        predicted, ratio = f"{seconds:.3f}", f"{seconds / measured:.3f}" if measured else UNKNOWN
        flop_ratio = f"{flop / counted:.4f}" if counted else UNKNOWN
    return Line(
        stage=first.stage,
        predicted_seconds=predicted,
        measured_seconds=f"{measured:.3f}",
        ratio=ratio,
        attempts=str(len(group)),
        kind=UNKNOWN if case is None else case.kind,
        tokens_generated=str(generated),
        tokens_trained=str(trained),
        flop_ratio=flop_ratio,
        device=first.device,
        note=note,
    )
