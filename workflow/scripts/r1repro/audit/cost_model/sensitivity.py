# SPDX-License-Identifier: Apache-2.0
"""What one input does to the GPU-hours of the base case while all others stay."""

from dataclasses import dataclass

from r1repro.audit.cost_model.parameters import Inputs
from r1repro.audit.cost_model.scenarios import changed, evaluate, settings_of


@dataclass(frozen=True)
class Change:
    """GPU-hours with one input changed, and against the base."""

    name: str
    value: float
    gpu_hours: float
    ratio: float


def sensitivity(inputs: Inputs) -> list[Change]:
    """Return all changes, the largest effect of an input first."""
    base = settings_of(inputs, inputs.sensitivity_base)
    hours = evaluate(inputs, base).gpu_hours
    found = []
    for name, values in inputs.changes.items():
        for value in values:
            other = evaluate(inputs, changed(base, name, value)).gpu_hours
            found.append(Change(name, value, other, other / hours))
    effect = {
        name: max(abs(change.ratio - 1) for change in found if change.name == name)
        for name in inputs.changes
    }
    return sorted(found, key=lambda change: (-effect[change.name], change.name, change.value))
