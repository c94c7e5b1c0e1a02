# SPDX-License-Identifier: Apache-2.0
"""The checks that read results of runs, by name, and what they give back.

A check is a function of the runs (one a seed) and of its parameters in config/claims.yaml. It looks
at each seed by itself through `by_seed`, which keeps the seeds whose evidence is missing apart,
and then decides by the published pass rule. Too few seeds decide nothing; `conclude` says so.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from r1repro.audit.claims.intervals import Interval
from r1repro.audit.claims.runs import MissingEvidence, Run

SEEDS = 3  # a mechanism is judged from so many seeds on


@dataclass(frozen=True)
class Finding:
    """What a check found: an effect with its interval, whether the pass rule holds, and a note.

    holds  None where the rule does not decide
    seeds  that had the evidence; lacking says what the others had not
    """

    obtained: float | None
    ci_low: float | None
    ci_high: float | None
    holds: bool | None
    note: str
    seeds: tuple[int, ...] = ()
    lacking: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """A registered check; `seeds` is how many it needs at least."""

    name: str
    function: Callable[[list[Run], Mapping], Finding]
    seeds: int
    parameters: frozenset[str]


REGISTRY: dict[str, Check] = {}


def check(name: str, *parameters: str, seeds: int = SEEDS) -> Callable:
    """Register a function as the check of that name, with the parameters it takes."""

    def register(function: Callable) -> Callable:
        if name in REGISTRY:
            raise ValueError(f"the check {name} is registered twice")
        REGISTRY[name] = Check(name, function, seeds, frozenset(parameters))
        return function

    return register


@dataclass
class BySeed:
    """The values of those seeds that had the evidence, and what the others lacked."""

    seeds: list[int] = field(default_factory=list)
    values: list = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)

    def column(self, name: str) -> list[float]:
        """Return one named figure of every seed."""
        return [value[name] for value in self.values]

    def finding(self, interval: Interval, holds: bool | None, note: str) -> Finding:
        """Return the finding over these seeds."""
        return Finding(*interval, holds, note, tuple(self.seeds), tuple(self.lacking))


def by_seed(runs: Iterable[Run], function: Callable[[Run], object]) -> BySeed:
    """Apply a function to each run; raises MissingEvidence when no seed has the evidence."""
    found = BySeed()
    for run in runs:
        try:
            found.values.append(function(run))
            found.seeds.append(run.seed)
        except MissingEvidence as error:
            found.lacking.append(f"seed {run.seed}: {error}")
    if not found.values:
        raise MissingEvidence("; ".join(found.lacking) or "no run was given")
    return found


def in_every_seed(values: Iterable[bool]) -> bool:
    """Say whether something holds in every seed, as rules that name every seed ask."""
    return all(values)


def unanimous(values: Iterable[bool]) -> bool | None:
    """Say whether all seeds agree, where a rule does not say in how many it must hold."""
    values = list(values)
    if all(values):
        return True
    return None if any(values) else False


def run_check(check_: Check, runs: list[Run], parameters: Mapping) -> Finding:
    """Run one check and name the files it read; missing evidence becomes its note."""
    for run in runs:
        run.start()
    try:
        finding = check_.function(runs, parameters)
    except MissingEvidence as error:
        finding = Finding(None, None, None, None, f"evidence is missing: {error}")
    files = tuple(run.place(name) for run in runs for name in run.opened)
    return replace(finding, evidence=files, note=conclude(finding, check_.seeds))


def conclude(finding: Finding, needed: int) -> str:
    """Return the note with the seeds behind it, and what they show where they are too few."""
    parts = [finding.note]
    if finding.seeds:
        listed = ", ".join(map(str, finding.seeds))
        parts.append(f"seed{'s' if len(finding.seeds) > 1 else ''} {listed}")
        if len(finding.seeds) < needed:
            shown = {True: "meet", False: "do not meet", None: "do not decide"}[finding.holds]
            parts.append(
                f"{len(finding.seeds)} of the {needed} seeds needed; these {shown} the pass rule"
            )
    if finding.lacking and finding.seeds:
        parts.append(f"without evidence: {'; '.join(finding.lacking)}")
    return ". ".join(part for part in parts if part)
