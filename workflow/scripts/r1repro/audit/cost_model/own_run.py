# SPDX-License-Identifier: Apache-2.0
"""This run as the cost model sees it: hardware from a file, everything else from the configuration.

File        config/cost_model_mini.yaml: device, efficiencies, spread of lengths, and for each stage
            its kind, its model and the cores that its rule asks for
Settings    sections of config.yaml: sizes of the models, and the section of each stage
Kinds       supervised     tokens_trained in rows of row_tokens
            scoring        the same without the output layer (reward models)
            reinforcement  outputs = updates x questions x group, trained on once; reference pass,
                           and one more that logs the distance to the start once the two differ;
                           PPO trains a critic of the same size
            score          outputs = samples x test questions
            curve          outputs = (samples + 1) x questions of the curve x its points; the one
                           greedy sample of each goes in small waves
            rejection      outputs = samples x training questions
An arm of `controls` is of the kind of the stage that it is like. `model: part` means the model of
the checkpoint that is scored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.cost_model.inputs import CostInputsInvalid, Reader, load
from r1repro.audit.cost_model.parameters import Architecture, Spread, number

SECTIONS = (
    "scale", "gpus_per_node", "hardware", "stack", "numbers", "spread", "prompts", "stages",
)  # fmt: skip
KINDS = ("supervised", "scoring", "reinforcement", "score", "curve", "rejection")
REASONING_CATEGORIES = 4
QUESTIONS_AT_ONCE = 32  # questions that evaluation samples together
LEAST_WAVES = 2
PART = "part"


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
class Prompts:
    """What is not counted anywhere: the tokens of a question."""

    mean_tokens: float = number("nonnegative")


@dataclass(frozen=True)
class Case:
    """What a stage does."""

    kind: str
    model: str
    devices: int
    models_of_parts: Mapping[str, str]

    def model_of(self, part: str) -> str:
        """Return the name of the model that the stage, or the checkpoint it scores, has."""
        if self.model != PART:
            return self.model
        return self.models_of_parts.get(part, "model")


@dataclass(frozen=True)
class OwnRun:
    """One file that describes this run's hardware and stages."""

    path: Path
    scale: str
    gpus_per_node: int
    device: Device
    use: Use
    weight_bytes: int
    spread: Spread
    prompt: float
    cases: dict[str, Case]

    def case(self, stage: str, settings: Mapping) -> Case | None:
        """Return the case of a stage; an arm has that of the stage it is like."""
        controls = settings.get("controls", {})
        while stage in controls and stage not in self.cases:
            stage = controls[stage]["like"]
        return self.cases.get(stage)


@dataclass(frozen=True)
class Plan:
    """Numbers of one stage; `waves` are pairs of outputs and outputs at once on a device."""

    model: Architecture
    devices: int
    tokens_per_pass: int
    context: float = 0.0
    cap: int = 0
    prompt: float = 0.0
    waves: tuple[tuple[float, int], ...] = ()
    trainings: int = 1
    counted_passes: float = 0.0
    logged_passes: float = 0.0


def dense(sizes: Mapping[str, int], vocabulary: int, bytes_per_number: int) -> Architecture:
    """Derive what one token costs; the table of embeddings counts once, as output layer.

    `vocabulary` 0 leaves the output layer out. As many heads hold keys as queries.
    """
    hidden, layers = sizes["hidden_size"], sizes["layers"]
    layer = 4 * hidden * hidden + 3 * hidden * sizes["intermediate_size"]
    weights = layers * layer + vocabulary * hidden
    attention, cache = 4 * hidden * layers, 2 * hidden * layers * bytes_per_number
    return Architecture(weights, 0, weights, 0, 0, 0, attention, attention, cache, 0)


def read_own_run(path: Path) -> OwnRun:
    """Read and check a file that describes this run; raises CostInputsInvalid."""
    reader = Reader(path)
    content = reader.mapping(load(path), "", SECTIONS)
    gpus = content["gpus_per_node"]
    if isinstance(gpus, bool) or not isinstance(gpus, int) or gpus < 0:
        raise reader.fault("gpus_per_node", f"must be a whole number from 0, found {gpus!r}")
    use = reader.section(Use, content["stack"], "stack")
    for name in ("train_utilisation", "forward_utilisation", "tensor_efficiency",
                 "bandwidth_efficiency"):  # fmt: skip
        if getattr(use, name) == 0:
            raise reader.fault(f"stack.{name}", "must be above 0")
    group = reader.group(content["stages"], "stages", ("cases", "parts"))
    numbers = reader.mapping(content["numbers"], "numbers", ("bytes",))
    return OwnRun(
        path=path,
        scale=reader.text(content["scale"], "scale"),
        gpus_per_node=gpus,
        device=reader.section(Device, content["hardware"], "hardware", ("name",)),
        use=use,
        weight_bytes=int(reader.entry(numbers["bytes"], "numbers.bytes", "whole")),
        spread=reader.section(Spread, content["spread"], "spread"),
        prompt=reader.section(Prompts, content["prompts"], "prompts").mean_tokens,
        cases=_cases(reader, group),
    )


def _cases(reader: Reader, group: Mapping) -> dict[str, Case]:
    parts, cases = group["parts"], group["cases"]
    if not isinstance(parts, dict):
        raise reader.fault("stages.parts", "must be a section: checkpoint and its model")
    if not isinstance(cases, dict) or not cases:
        raise reader.fault("stages.cases", "must be a section with keys")
    found = {}
    for name, value in cases.items():
        key = f"stages.cases.{name}"
        part = reader.mapping(value, key, ("kind", "model", "devices"))
        if part["kind"] not in KINDS:
            raise reader.fault(f"{key}.kind", f"must be one of {', '.join(KINDS)}")
        devices = int(reader.number(part["devices"], f"{key}.devices", "whole"))
        model = reader.text(part["model"], f"{key}.model")
        found[name] = Case(part["kind"], model, devices, parts)
    return found


class _Settings:
    """The configuration with errors that name what is missing."""

    def __init__(self, own: OwnRun, settings: Mapping):
        self.own, self.settings = own, settings

    def at(self, *names: str):
        """Return a nested value; raises CostInputsInvalid."""
        value: object = self.settings
        for name in names:
            if not isinstance(value, Mapping) or name not in value:
                raise CostInputsInvalid(
                    f"{self.own.path} needs {'.'.join(names)} of the configuration to predict a "
                    "stage; pass it with --settings"
                )
            value = value[name]
        return value

    def sizes(self, model: str) -> Mapping:
        """Return the sizes of `model`, or of another base: its own and, else, those of `model`."""
        if model == "model":
            return self.at("model")
        return {**self.at("model"), **self.at(model, "model")}


def plan_of(
    own: OwnRun, case: Case, stage: str, part: str, settings: Mapping, attempts: int
) -> Plan:
    """Return the numbers of a stage; raises CostInputsInvalid for a setting that is missing."""
    known = _Settings(own, settings)
    vocabulary = 0 if case.kind == "scoring" else known.at("tokenizer", "vocab_size")
    sizes = known.sizes(case.model_of(part))
    model = dense(sizes, vocabulary, own.weight_bytes)
    tokens_per_pass = known.at("compute", "tokens_per_pass")
    if case.kind in ("supervised", "scoring"):
        return Plan(model, case.devices, tokens_per_pass, known.at(stage, "row_tokens"))
    if case.kind == "reinforcement":
        return _reinforcement(own, case, known, stage, model)
    waves, cap = _sampled(case, known, part, attempts)
    return Plan(
        model, case.devices, tokens_per_pass, cap=cap, prompt=own.prompt, waves=waves, trainings=0
    )


def _reinforcement(
    own: OwnRun, case: Case, known: _Settings, stage: str, model: Architecture
) -> Plan:
    section = known.settings.get("controls", {}).get(stage) or known.at(stage)
    updates, late = section["updates"], min(section["late_from_update"], section["updates"])
    cap = late * section["max_response_tokens"]
    cap += (updates - late) * section["late_max_response_tokens"]
    per_update = section["questions_per_update"] * section["group_size"]
    per_rollout = per_update * section["updates_per_rollout"]
    at_once = min(known.at("compute", "responses_at_once"), -(-per_rollout // LEAST_WAVES))
    apart = max(updates - section["reference_reset_updates"], 0) / updates
    critic = section["algorithm"] == "ppo"
    return Plan(
        model,
        case.devices,
        known.at("compute", "tokens_per_pass"),
        cap=round(cap / updates),
        prompt=own.prompt,
        waves=((float(updates * per_update), at_once),),
        trainings=section["inner_epochs"] * (2 if critic else 1),
        counted_passes=1.0,
        logged_passes=apart if section["log_kl_to_start"] else 0.0,
    )


def _sampled(
    case: Case, known: _Settings, part: str, attempts: int
) -> tuple[tuple[tuple[float, int], ...], int]:
    """Return waves and cap of a stage that only samples."""
    at_once = known.at("compute", "responses_at_once")
    if case.kind == "rejection":
        samples = known.at("sft_data", "samples_per_prompt")
        questions = REASONING_CATEGORIES * known.at("data", "prompts_per_category", "train")
        size = min(at_once, QUESTIONS_AT_ONCE * samples // LEAST_WAVES)
        waves = ((float(attempts * questions * samples), size),)
        return waves, known.at("sft_data", "max_response_tokens")
    samples, cap = known.at("evaluate", "samples"), known.at("evaluate", "max_response_tokens")
    size = min(at_once, QUESTIONS_AT_ONCE * samples // LEAST_WAVES)
    if case.kind == "score":
        questions = REASONING_CATEGORIES * known.at("data", "prompts_per_category", "test")
        questions += known.at("data", "general_prompts", "test")
        return ((float(attempts * questions * samples), size),), cap
    section = known.settings.get("controls", {}).get(part) or known.at(part)
    points = 1 + -(-section["updates"] // section["curve_every_updates"])
    questions = REASONING_CATEGORIES * known.at("evaluate", "curve_prompts_per_category")
    asked = float(attempts * points * questions)
    return ((asked * samples, size), (asked, QUESTIONS_AT_ONCE // LEAST_WAVES)), cap
