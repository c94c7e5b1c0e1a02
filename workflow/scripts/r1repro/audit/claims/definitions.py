# SPDX-License-Identifier: Apache-2.0
"""Read config/claims.yaml strictly: what is wrong stops with the claim's id and its line.

Refused   an unknown, missing or doubled field; a doubled id; an unknown kind, area or status; an
          expression outside the allowed arithmetic, a name that nothing gives or nothing uses; a
          cell or source table that is not there; a number without a tolerance, a tolerance without
          its reason; a mechanism no check is registered for, or other parameters than its own.
Reading   PyYAML's C parser where it is installed, its Python twin elsewhere: the same document.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from r1repro.audit.claims.cells import CellError, Tables, parse_reference
from r1repro.audit.claims.expressions import FUNCTIONS, ExpressionError, free_names, is_number
from r1repro.errors import StageError

KINDS = ("arithmetic", "cross-table", "mechanism", "physical", "full-scale-only")
AREAS = ("cost", "training", "data", "results", "safety", "press")
STATUSES = ("reported", "derived", "digitised", "estimate")
ALWAYS = ("id", "area", "kind", "statement", "unit", "source", "status")
NUMBERS = ("values", "cells", "columns")
COMPUTED = ("expression", "expected", "tolerance", "tolerance_why", "check", "reported")
TESTED = ("mechanism", "parameters", "test", "pass_rule", "needs", "reported")
FULL_SCALE = ("reason", "reported")
TEXTS = (*ALWAYS, "expression", "tolerance_why", "check", "reported", "note", "mechanism", "test",
         "pass_rule", "needs", "reason")  # fmt: skip
RESULT = "result"


class ClaimInvalid(StageError):
    """A claim of config/claims.yaml cannot be checked as it stands."""


@dataclass(frozen=True)
class Claim:
    """One claim as it is written; `line` is where it begins."""

    id: str
    line: int
    area: str
    kind: str
    statement: str
    unit: str
    source: str
    status: str
    values: Mapping = field(default_factory=dict)
    cells: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    expression: str | None = None
    expected: float | None = None
    tolerance: float | None = None
    tolerance_why: str | None = None
    check: str | None = None
    reported: str | None = None
    note: str = ""
    mechanism: str | None = None
    parameters: Mapping = field(default_factory=dict)
    test: str | None = None
    pass_rule: str | None = None
    needs: str | None = None
    reason: str | None = None


class _Reader:
    """The document with its path, so that each fault has a place."""

    def __init__(self, path: Path, tables: Tables, checks: Mapping[str, frozenset[str]]):
        self.path, self.tables, self.checks = path, tables, checks

    def fault(self, line: int, what: str, name: str | None = None) -> ClaimInvalid:
        claim = f", claim {name}" if name else ""
        return ClaimInvalid(f"{self.path}, line {line}{claim}: {what}")

    def pairs(self, node: yaml.Node, what: str) -> Iterator[tuple[str, yaml.Node]]:
        """Yield the fields of a mapping; raises ClaimInvalid for a doubled one."""
        if not isinstance(node, yaml.MappingNode):
            raise self.fault(_line(node), f"{what} must be a mapping")
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value in seen:
                raise self.fault(_line(key), f"{what} has the field {_text(key)} twice")
            seen.add(key.value)
            yield key.value, value

    def claims(self) -> list[Claim]:
        """Return all claims in the order of the file."""
        loader, root = self._compose()
        fields = dict(self.pairs(root, "the file"))
        if set(fields) != {"schema_version", "claims"} or fields["schema_version"].value != "1":
            raise self.fault(1, "the file must have schema_version: 1 and claims, nothing else")
        if not isinstance(fields["claims"], yaml.SequenceNode):
            raise self.fault(_line(fields["claims"]), "claims must be a list")
        found: dict[str, Claim] = {}
        for node in fields["claims"].value:
            claim = self._claim(loader, node)
            if claim.id in found:
                first = found[claim.id].line
                raise self.fault(claim.line, f"the id stands already in line {first}", claim.id)
            found[claim.id] = claim
        return list(found.values())

    def _compose(self) -> tuple[yaml.Loader, yaml.Node]:
        kind = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            loader = kind(self.path.read_text(encoding="utf-8"))
            root = loader.get_single_node()
        except OSError as error:
            raise ClaimInvalid(f"{self.path} cannot be read; restore it with git") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            mark = getattr(error, "problem_mark", None)
            line = 1 if mark is None else mark.line + 1
            raise self.fault(line, f"not YAML ({getattr(error, 'problem', error)})") from error
        if root is None:
            raise self.fault(1, "the file is empty")
        return loader, root

    def _claim(self, loader: yaml.Loader, node: yaml.Node) -> Claim:
        line, raw = _line(node), {}
        name = None
        for key, value in self.pairs(node, "a claim"):
            if key in ("values", "cells", "columns", "parameters"):
                list(self.pairs(value, key))
            try:
                raw[key] = loader.construct_object(value, deep=True)
            except yaml.YAMLError as error:
                raise self.fault(_line(value), f"{key} cannot be read", name) from error
            name = raw.get("id", name)
        if not isinstance(name, str) or not name:
            raise self.fault(line, "the claim has no id")
        try:
            self._check(raw)
        except (ClaimFault, CellError, ExpressionError) as error:
            raise self.fault(line, str(error), name) from error
        return Claim(line=line, **raw)

    def _check(self, raw: dict) -> None:
        """Raise ClaimFault, CellError or ExpressionError for what is wrong in one claim."""
        for key in ALWAYS:
            if key not in raw:
                raise ClaimFault(f"the field {key} is missing")
        for key, allowed in (("kind", KINDS), ("area", AREAS), ("status", STATUSES)):
            if raw[key] not in allowed:
                raise ClaimFault(f"{key} {raw[key]!r} is not one of {', '.join(allowed)}")
        tested = raw["kind"] == "mechanism" or "mechanism" in raw
        part = TESTED if tested else FULL_SCALE if raw["kind"] == "full-scale-only" else COMPUTED
        for key in raw:
            if key not in (*ALWAYS, *NUMBERS, "note", *part):
                raise ClaimFault(f"a claim of kind {raw['kind']} has no field {key}")
        for key in TEXTS:
            if key in raw and (not isinstance(raw[key], str) or not raw[key].strip()):
                raise ClaimFault(f"{key} must be a text")
        names = self._names(raw)
        if tested:
            self._tested(raw)
            self._expressions(raw, names, ("reported",))
        elif raw["kind"] == "full-scale-only":
            _needed(raw, "reason")
            self._expressions(raw, names, ("reported",))
        else:
            _computed(raw)
            self._expressions(raw, names, ("expression",))
            self._expressions(raw, names | {RESULT}, ("check", "reported"))
            parts = ("expression", "check", "reported")
            used = set().union(*(free_names(raw[key]) for key in parts if key in raw))
            if names - used:
                raise ClaimFault(f"nothing uses {', '.join(sorted(names - used))}")

    def _names(self, raw: dict) -> set[str]:
        """Return what values, cells and columns name, after looking up every table."""
        names: set[str] = set()
        for part in NUMBERS:
            for name, value in raw.get(part, {}).items():
                if not isinstance(name, str) or not name.isidentifier() or name in names:
                    raise ClaimFault(f"{name!r} of {part} is not a name of its own")
                if name == RESULT or name in FUNCTIONS:
                    raise ClaimFault(f"{name!r} of {part} already means something")
                names.add(name)
                if part == "values":
                    _check_value(name, value)
                    continue
                reference = parse_reference(value)
                if not self.tables.has(reference.file):
                    raise ClaimFault(f"its source table {reference.file} is not there")
                read = self.tables.cell if part == "cells" else self.tables.column
                read(reference)
        return names

    def _expressions(self, raw: dict, names: set[str], keys: tuple[str, ...]) -> None:
        for key in keys:
            unknown = free_names(raw[key]) - names if key in raw else set()
            if unknown:
                raise ClaimFault(f"{key} names {', '.join(sorted(unknown))}, which nothing gives")

    def _tested(self, raw: dict) -> None:
        _needed(raw, "mechanism")
        if raw["kind"] not in ("mechanism", "physical"):
            raise ClaimFault(f"a claim of kind {raw['kind']} is computed, not tested by a run")
        for key in ("test", "pass_rule"):
            _needed(raw, key)
        if raw["mechanism"] not in self.checks:
            raise ClaimFault(f"no check is registered under the name {raw['mechanism']!r}")
        expected, given = self.checks[raw["mechanism"]], set(raw.get("parameters", {}))
        if given != expected:
            wanted = ", ".join(sorted(expected)) or "none"
            raise ClaimFault(f"the check {raw['mechanism']!r} takes the parameters {wanted}")


class ClaimFault(Exception):
    """What is wrong in a claim, before its place is known."""


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1


def _text(node: yaml.Node) -> str:
    return str(getattr(node, "value", "?"))[:40]


def _needed(raw: dict, key: str) -> None:
    if key not in raw:
        raise ClaimFault(f"the field {key} is missing")


def _check_value(name: str, value: object) -> None:
    """Allow numbers, texts and lists of them."""
    items = value if isinstance(value, list) else [value]
    for item in items:
        if isinstance(item, list):
            _check_value(name, item)
        elif not is_number(item) and not isinstance(item, str):
            raise ClaimFault(f"the value {name} is neither number, text nor list")


def _computed(raw: dict) -> None:
    """Demand expression, expected value, tolerance and the reason of a tolerance above 0."""
    for key in ("expression", "expected", "tolerance"):
        _needed(raw, key)
    for key in ("expected", "tolerance"):
        if not is_number(raw[key]) or (key == "tolerance" and raw[key] < 0):
            raise ClaimFault(f"{key} must be a number" + (" from 0" if key == "tolerance" else ""))
    if (raw["tolerance"] > 0) != ("tolerance_why" in raw):
        raise ClaimFault("a tolerance above 0, and no other, says why it is so (tolerance_why)")


def read_claims(path: Path, tables: Tables, checks: Mapping[str, frozenset[str]]) -> list[Claim]:
    """Return all claims in the order of the file; raises ClaimInvalid with id and line.

    checks   name of each registered check -> the names of its parameters
    """
    return _Reader(path, tables, checks).claims()
