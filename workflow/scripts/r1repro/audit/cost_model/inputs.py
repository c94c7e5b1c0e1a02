# SPDX-License-Identifier: Apache-2.0
"""Read and check an input file of the cost model; every error names file and key.

Source   config/cost_model.yaml. Each number stands as {value, unit, status, source}, or in a group
         with one status and source. There is no default: a key that is missing, unknown or of the
         wrong kind stops the reading.
Choices  A length curve must begin at step 0 and reach the last step, with rising steps. A measured
         table is a CSV of step, mean, p50, p90, p99 and max, each row in rising order from p50 on.
"""

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path

import yaml

from r1repro.audit.cost_model.parameters import (
    Anchors,
    Columns,
    Curve,
    Distribution,
    Entry,
    GroupedExperts,
    Hardware,
    Inputs,
    Iteration,
    LatentExperts,
    Range,
    Run,
    Spread,
    Stack,
)
from r1repro.errors import InputError

STATUSES = ("reported", "derived", "digitised", "estimate", "assumed")
MEAN_ONLY = ("step", "mean")
MEASURED = (*MEAN_ONLY, "p50", "p90", "p99", "max")
SECTIONS = (
    "run", "spread", "length_curve", "model", "other_models", "hardware", "anchors", "iterations",
    "scenarios", "distribution", "sensitivity", "tail", "columns",
)  # fmt: skip
CASES = ("C1", "C2", "C3")
# how many numbers fix a distribution; a choice has any number of values
SHAPES = {"uniform": 2, "log_uniform": 2, "triangular": 3, "choice": None}
# inputs of the sensitivity that belong to the run and not to the stack, with their kind
OF_THE_RUN = {
    "length_factor": "positive",
    "sigma": "positive",
    "runaway_share": "share",
    "forward_passes": "whole",
    "outputs_per_rollout": "whole",
}
RULES = {
    "whole": "a whole number from 1",
    "positive": "a number above 0",
    "nonnegative": "a number from 0",
    "share": "a number from 0 to 1",
}


class CostInputsInvalid(InputError):
    """An input file of the cost model cannot be used."""


class Reader:
    """Checks the parts of one file and remembers where each value comes from."""

    def __init__(self, path: Path):
        self.path = path
        self.entries: dict[str, Entry] = {}

    def fault(self, key: str, what: str) -> CostInputsInvalid:
        """Return the error about a key."""
        return CostInputsInvalid(f"{self.path}: {key} {what}")

    def mapping(self, value: object, key: str, names: Iterable[str]) -> Mapping:
        """Return a section that has exactly these keys."""
        if not isinstance(value, dict):
            raise self.fault(key, f"must be a section with keys, found {value!r}")
        names = tuple(names)
        for name in names:
            if name not in value:
                raise self.fault(f"{key}.{name}" if key else name, "is missing; add it")
        for name in value:
            if name not in names:
                place = f"{key}.{name}" if key else name
                raise self.fault(str(place), f"is not known; known are {', '.join(names)}")
        return value

    def text(self, value: object, key: str) -> str:
        """Return a text that is not empty."""
        if not isinstance(value, str) or not value.strip():
            raise self.fault(key, f"must be a text, found {value!r}")
        return value

    def status(self, value: object, key: str) -> str:
        """Return one of the known words for where a value comes from."""
        if value not in STATUSES:
            raise self.fault(key, f"is {value!r}; write one of {', '.join(STATUSES)}")
        return value

    def number(self, value: object, key: str, kind: str) -> float:
        """Return a finite number of this kind."""
        right = isinstance(value, int) if kind == "whole" else isinstance(value, (int, float))
        least = {"whole": value != 0, "positive": value != 0}.get(kind, True)
        if isinstance(value, bool) or not right or not math.isfinite(value):
            advice = "; YAML needs a point and a sign, as in 37.0e+9" if _texted(value) else ""
            raise self.fault(key, f"must be {RULES[kind]}, found {value!r}{advice}")
        if value < 0 or not least or (kind == "share" and value > 1):
            raise self.fault(key, f"must be {RULES[kind]}, found {value!r}")
        return value

    def entry(self, value: object, key: str, kind: str) -> float:
        """Return the number of one {value, unit, status, source}."""
        part = self.mapping(value, key, ("value", "unit", "status", "source"))
        if not isinstance(part["unit"], str):
            raise self.fault(f"{key}.unit", f"must be a text, found {part['unit']!r}")
        found = Entry(
            self.number(part["value"], f"{key}.value", kind),
            part["unit"],
            self.status(part["status"], f"{key}.status"),
            self.text(part["source"], f"{key}.source"),
        )
        self.entries[key] = found
        return found.value

    def section(self, cls: type, value: object, key: str, texts: tuple[str, ...] = ()):
        """Return a dataclass of numbers; `texts` are its fields (or keys beside it) of text."""
        kinds = kinds_of(cls)
        part = self.mapping(value, key, (*kinds, *texts))
        words = {name: self.text(part[name], f"{key}.{name}") for name in texts}
        own = {f.name for f in fields(cls)}
        numbers = {name: self.entry(part[name], f"{key}.{name}", k) for name, k in kinds.items()}
        return cls(**numbers, **{name: word for name, word in words.items() if name in own})

    def group(self, value: object, key: str, names: tuple[str, ...]) -> Mapping:
        """Return a group of values that share one status and source."""
        part = self.mapping(value, key, ("status", "source", *names))
        self.status(part["status"], f"{key}.status")
        self.text(part["source"], f"{key}.source")
        return part

    def sequence(self, value: object, key: str) -> list:
        """Return a list that is not empty."""
        if not isinstance(value, list) or not value:
            raise self.fault(key, f"must be a list with at least one entry, found {value!r}")
        return value


def _texted(value: object) -> bool:
    """Say whether a text was meant as a number."""
    try:
        return isinstance(value, str) and math.isfinite(float(value))
    except ValueError:
        return False


def load(path: Path) -> object:
    """Return the content of a YAML file."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise CostInputsInvalid(f"the inputs {path} cannot be read: {reason}") from error


def read_inputs(path: Path, measured_curve: Path | None = None) -> Inputs:
    """Read an input file; `measured_curve` (CSV) replaces its length curve."""
    reader = Reader(path)
    content = reader.mapping(load(path), "", SECTIONS)
    run = reader.section(Run, content["run"], "run")
    curve, factors = _curve(reader, content["length_curve"])
    if measured_curve is not None:
        curve = read_measured(measured_curve)
    check_curve(curve, run.steps, measured_curve or path)
    stacks = _stacks(reader, content["scenarios"])
    base, changes = _changes(reader, content["sensitivity"])
    rates = reader.group(content["tail"], "tail", ("stream_rates",))["stream_rates"]
    inputs = Inputs(
        run=run,
        spread=reader.section(Spread, content["spread"], "spread"),
        curve=curve,
        factors=factors,
        model=reader.section(LatentExperts, content["model"], "model"),
        hardware=reader.section(Hardware, content["hardware"], "hardware", ("name",)),
        anchors=reader.section(Anchors, content["anchors"], "anchors", ("stack",)),
        others={
            name: reader.section(GroupedExperts, part, f"other_models.{name}")
            for name, part in content["other_models"].items()
        },
        **_iterations(reader, content["iterations"]),
        distribution=_distribution(reader, content["distribution"]),
        stacks=stacks,
        sensitivity_base=base,
        changes=changes,
        stream_rates=_numbers(reader, rates, "tail.stream_rates", "positive"),
        columns=reader.section(Columns, content["columns"], "columns"),
        entries=reader.entries,
    )
    _relations(reader, inputs)
    return inputs


def _numbers(reader: Reader, value: object, key: str, kind: str) -> tuple[float, ...]:
    return tuple(reader.number(item, key, kind) for item in reader.sequence(value, key))


def _curve(reader: Reader, value: object) -> tuple[Curve, tuple[float, ...]]:
    key = "length_curve"
    part = reader.mapping(value, key, ("columns", "factors", "parts"))
    columns = part["columns"]
    if columns not in (list(MEAN_ONLY), list(MEASURED)):
        known = f"[{', '.join(MEAN_ONLY)}] or [{', '.join(MEASURED)}]"
        raise reader.fault(f"{key}.columns", f"must be {known}, found {columns!r}")
    rows = []
    for number, item in enumerate(reader.sequence(part["parts"], f"{key}.parts"), start=1):
        place = f"{key}.parts[{number}]"
        group = reader.group(item, place, ("rows",))
        for row in reader.sequence(group["rows"], f"{place}.rows"):
            if not isinstance(row, list) or len(row) != len(columns):
                raise reader.fault(f"{place}.rows", f"must hold {len(columns)} numbers, not {row}")
            rows.append(tuple(reader.number(v, f"{place}.rows", "nonnegative") for v in row))
    factors = _numbers(reader, part["factors"], f"{key}.factors", "positive")
    if 1.0 not in factors:
        raise reader.fault(f"{key}.factors", "must hold 1.0, the curve as it stands")
    return Curve(tuple(columns), tuple(rows)), factors


def read_measured(path: Path) -> Curve:
    """Read a measured table of step, mean, p50, p90, p99 and max."""
    reader = Reader(path)
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            table = csv.DictReader(handle)
            missing = [name for name in MEASURED if name not in (table.fieldnames or ())]
            lines = list(table)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CostInputsInvalid(f"the length table {path} cannot be read: {error}") from error
    if missing or not lines:
        raise reader.fault("the table", f"lacks {', '.join(missing) or 'rows'}")
    rows = []
    for number, line in enumerate(lines, start=2):
        cells = [line[name] for name in MEASURED]
        if not all(_texted(cell) for cell in cells):
            raise reader.fault(f"line {number}", "must hold numbers only")
        rows.append(tuple(float(cell) for cell in cells))
    return Curve(MEASURED, tuple(rows))


def check_curve(curve: Curve, steps: int, path: Path) -> None:
    """Raise CostInputsInvalid for a curve that does not cover the run or contradicts itself."""
    marks = [row[0] for row in curve.rows]
    if marks[0] != 0 or marks[-1] < steps:
        raise CostInputsInvalid(
            f"{path}: length_curve must go from step 0 to {steps}, but goes from {marks[0]:g} "
            f"to {marks[-1]:g}"
        )
    for before, after in zip(marks, marks[1:], strict=False):
        if after <= before:
            raise CostInputsInvalid(
                f"{path}: length_curve goes back from step {before:g} to {after:g}"
            )
    for row in curve.rows:
        if min(row[1:]) <= 0:
            raise CostInputsInvalid(f"{path}: length_curve has no length above 0 at step {row[0]}")
        if curve.measured and not (list(row[2:]) == sorted(row[2:]) and row[1] < row[5]):
            raise CostInputsInvalid(
                f"{path}: length_curve at step {row[0]:g} must have p50 <= p90 <= p99 <= max and "
                "a mean below max"
            )


def kinds_of(cls: type) -> dict[str, str]:
    """Return the numbers of a dataclass and what each may be."""
    return {f.name: f.metadata["kind"] for f in fields(cls) if "kind" in f.metadata}


def _stack(reader: Reader, value: object, key: str) -> Stack:
    kinds = kinds_of(Stack)
    part = reader.mapping(value, key, kinds)
    numbers = {name: reader.number(part[name], f"{key}.{name}", kinds[name]) for name in kinds}
    check_stack(reader, numbers, key)
    return Stack(**numbers)


def check_stack(reader: Reader, numbers: Mapping, key: str) -> None:
    """Raise CostInputsInvalid for what would divide by zero or accept less than a token."""
    for name in numbers:
        if name.endswith(("efficiency", "utilisation")) and numbers[name] == 0:
            raise reader.fault(f"{key}.{name}", "must be above 0")
    if numbers.get("accepted", 1) < 1:
        raise reader.fault(f"{key}.accepted", f"must be at least 1, found {numbers['accepted']}")
    if numbers.get("weight_bytes", 1) not in (1, 2):
        raise reader.fault(f"{key}.weight_bytes", "must be 1 (FP8) or 2 (BF16)")


def _stacks(reader: Reader, value: object) -> dict[str, Stack]:
    group = reader.group(value, "scenarios", ("cases",))
    cases = reader.mapping(group["cases"], "scenarios.cases", CASES)
    return {name: _stack(reader, cases[name], f"scenarios.cases.{name}") for name in CASES}


def _changes(reader: Reader, value: object) -> tuple[str, dict[str, tuple[float, ...]]]:
    part = reader.group(value, "sensitivity", ("base", "changes"))
    if part["base"] not in CASES:
        raise reader.fault("sensitivity.base", f"must be one of {', '.join(CASES)}")
    kinds = kinds_of(Stack) | OF_THE_RUN
    changes = {}
    if not isinstance(part["changes"], dict) or not part["changes"]:
        raise reader.fault("sensitivity.changes", "must be a section with keys")
    for name, values in part["changes"].items():
        key = f"sensitivity.changes.{name}"
        if name not in kinds:
            raise reader.fault(key, f"is not an input; known are {', '.join(kinds)}")
        changes[name] = _numbers(reader, values, key, kinds[name])
        for number in changes[name]:
            check_stack(reader, {name: number}, "sensitivity.changes")
    return part["base"], changes


def _iterations(reader: Reader, value: object) -> dict:
    """Return the measured iterations, the one that calibrates and the stack beneath."""
    part = reader.group(value, "iterations", ("stack", "calibrated_on", "rows"))
    kinds, found = kinds_of(Iteration), {}
    for number, row in enumerate(reader.sequence(part["rows"], "iterations.rows"), start=1):
        key = f"iterations.rows[{number}]"
        line = reader.mapping(row, key, ("name", "model", *kinds))
        numbers = {name: reader.number(line[name], f"{key}.{name}", kinds[name]) for name in kinds}
        name, model = (reader.text(line[text], f"{key}.{text}") for text in ("name", "model"))
        found[name] = Iteration(name, model, **numbers)
    if part["calibrated_on"] not in found:
        raise reader.fault("iterations.calibrated_on", f"must be one of {', '.join(found)}")
    if part["stack"] not in CASES:
        raise reader.fault("iterations.stack", f"must be one of {', '.join(CASES)}")
    return {
        "iterations": tuple(found.values()),
        "calibrated_on": part["calibrated_on"],
        "iteration_stack": part["stack"],
    }


def _range(reader: Reader, value: object, key: str, kind: str) -> Range:
    part = reader.group(value, key, ("shape", "values"))
    shape, values = part["shape"], _numbers(reader, part["values"], f"{key}.values", kind)
    if shape not in SHAPES:
        raise reader.fault(f"{key}.shape", f"must be one of {', '.join(SHAPES)}, found {shape!r}")
    if SHAPES[shape] not in (None, len(values)) or list(values) != sorted(set(values)):
        raise reader.fault(f"{key}.values", f"must be {SHAPES[shape] or 'some'} rising numbers")
    if shape == "log_uniform" and values[0] == 0:
        raise reader.fault(f"{key}.values", "must be above 0 for the shape log_uniform")
    for number in values:
        check_stack(reader, {key.rpartition(".")[2]: number}, "distribution.ranges")
    return Range(shape, values)


def _distribution(reader: Reader, value: object) -> Distribution:
    kinds = kinds_of(Stack) | {k: v for k, v in OF_THE_RUN.items() if k != "outputs_per_rollout"}
    part = reader.mapping(value, "distribution", (*kinds_of(Distribution), "ranges"))
    ranges = reader.mapping(part["ranges"], "distribution.ranges", kinds)
    drawn = {
        name: _range(reader, ranges[name], f"distribution.ranges.{name}", kinds[name])
        for name in kinds
    }
    numbers = {name: value for name, value in part.items() if name != "ranges"}
    return replace(reader.section(Distribution, numbers, "distribution"), ranges=drawn)


def _relations(reader: Reader, inputs: Inputs) -> None:
    """Raise CostInputsInvalid for values that are sound alone but not together."""
    run, model, spread = inputs.run, inputs.model, inputs.spread
    sizes = (run.outputs_per_rollout, *inputs.changes.get("outputs_per_rollout", ()))
    for size in sizes:
        if size % run.outputs_per_update:
            raise reader.fault(
                "run.outputs_per_rollout",
                f"({size:g}) must be a multiple of outputs_per_update ({run.outputs_per_update})",
            )
    if run.jump_step > run.steps:
        raise reader.fault("run.jump_step", f"({run.jump_step}) must not exceed steps")
    if run.cap_before > run.cap_after:
        raise reader.fault("run.cap_before", "must not exceed cap_after")
    if model.active_experts > model.experts or model.moe_layers > model.layers:
        raise reader.fault("model", "has more active experts or expert layers than there are")
    if model.architecture.other <= 0:
        raise reader.fault("model.total_parameters", "must exceed what the routed experts hold")
    if inputs.anchors.stack not in inputs.stacks:
        raise reader.fault("anchors.stack", f"must be one of {', '.join(CASES)}")
    for row in inputs.iterations:
        if row.model != "own" and row.model not in inputs.others:
            raise reader.fault(f"iterations.rows {row.name}", f"names {row.model}, no model here")
    if spread.mean_most in (0, 1) or spread.runaway_most == 1 or spread.runaway_share == 1:
        raise reader.fault("spread", "leaves no outputs or no room below the cap")
    if spread.tail_from == 1:
        raise reader.fault("spread.tail_from", "must be below 1")
