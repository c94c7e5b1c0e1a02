# SPDX-License-Identifier: Apache-2.0
"""Read config/claims.yaml strictly: a fault stops with the claim's id and line.

Refused   an unknown, missing or doubled field; a doubled id; an unknown tier, area, speaker or kind
          of gap; an expression outside the allowed arithmetic; a name that nothing gives or nothing
          uses; a cell or table that does not exist; a tolerance without a reason; an effect that
          is not registered, or parameters other than its own; a claim without any check.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from r1repro.audit.claims import effects, world
from r1repro.audit.claims.cells import CellError, Tables, parse_reference
from r1repro.audit.claims.expressions import FUNCTIONS, ExpressionError, free_names, is_number
from r1repro.audit.claims.rows import AREAS, SPEAKERS, TIERS
from r1repro.errors import StageError
from r1repro.places import LOADER

GAPS = ("rounding", "typo", "contradiction", "misquotation")
NEEDED = ("id", "tier", "area", "speaker", "says", "place")
INPUTS = ("values", "cells", "columns")
CHECKS = ("paper", "world", "experiments", "untestable")
OPTIONAL = ("unit", "note", *INPUTS, *CHECKS)
TEXTS = (*NEEDED, "unit", "note", "untestable", "measures", "effect", "check")
WORLD_CHECK = ("measures", "unit", "check")
EXPERIMENT = ("measures", "unit", "effect", "supported_above", "contradicted_below")


class ClaimInvalid(StageError):
    """A claim of config/claims.yaml cannot be checked as it stands."""


class ClaimFault(Exception):
    """What is wrong in a claim, before its place is known."""


@dataclass(frozen=True)
class PaperCheck:
    """Whether a source agrees with itself: `computed` against `printed`, or what `holds`.

    within   absolute distance allowed, with the reason in `why`; exact without
    gap_is   what a larger distance would be
    """

    gap_is: str
    computed: str | None = None
    printed: str | None = None
    within: float | str = 0
    why: str = ""
    holds: str | None = None
    note: str = ""

    @property
    def texts(self) -> list[str]:
        """Return every expression of the check."""
        parts = (self.computed, self.printed, self.holds, self.within)
        return [part for part in parts if isinstance(part, str)]


@dataclass(frozen=True)
class WorldCheck:
    """Whether the reported figure is possible, by a registered check of the cost model."""

    measures: str
    unit: str
    check: str
    parameters: Mapping
    note: str = ""


@dataclass(frozen=True)
class Experiment:
    """An effect measured once a seed, and the rule written down for it.

    supported_above     supported if the effect is significantly above this
    contradicted_below  contradicted if it is significantly below this: the smallest effect of
                        interest, or the margin of a claim that something is not worse
    """

    measures: str
    unit: str
    effect: str
    supported_above: float
    contradicted_below: float
    parameters: Mapping
    note: str = ""


@dataclass(frozen=True)
class Claim:
    """One sentence that a source says; `line` is where it begins in the file."""

    id: str
    line: int
    tier: str
    area: str
    speaker: str
    says: str
    place: str
    unit: str = ""
    note: str = ""
    values: Mapping = field(default_factory=dict)
    cells: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    paper: tuple[PaperCheck, ...] = ()
    world: tuple[WorldCheck, ...] = ()
    experiments: tuple[Experiment, ...] = ()
    untestable: str = ""


class _Reader:
    """The document with its path, so that each fault has a place."""

    def __init__(self, path: Path, tables: Tables):
        self.path, self.tables = path, tables
        self.effects, self.world = effects.parameters(), world.parameters()

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
        if set(fields) != {"schema_version", "claims"} or fields["schema_version"].value != "2":
            raise self.fault(1, "the file must have schema_version: 2 and claims, nothing else")
        if not isinstance(fields["claims"], yaml.SequenceNode):
            raise self.fault(_line(fields["claims"]), "claims must be a list")
        found: dict[str, Claim] = {}
        for node in fields["claims"].value:
            claim = self._claim(loader, node)
            if claim.id in found:
                first = found[claim.id].line
                raise self.fault(claim.line, f"line {first} has the same id", claim.id)
            found[claim.id] = claim
        return list(found.values())

    def _compose(self) -> tuple[yaml.Loader, yaml.Node]:
        try:
            loader = LOADER(self.path.read_text(encoding="utf-8"))
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
            if key in INPUTS:
                list(self.pairs(value, key))
            try:
                raw[key] = loader.construct_object(value, deep=True)
            except yaml.YAMLError as error:
                raise self.fault(_line(value), f"{key} cannot be read", name) from error
            name = raw.get("id", name)
        if not isinstance(name, str) or not name:
            raise self.fault(line, "the claim has no id")
        try:
            return self._checked(line, raw)
        except (ClaimFault, CellError, ExpressionError) as error:
            raise self.fault(line, str(error), name) from error

    def _checked(self, line: int, raw: dict) -> Claim:
        """Return the claim; raises ClaimFault, CellError or ExpressionError for a fault in it."""
        _fields(raw, "the claim", NEEDED, OPTIONAL)
        for key, allowed in (("tier", TIERS), ("area", AREAS), ("speaker", SPEAKERS)):
            if raw[key] not in allowed:
                raise ClaimFault(f"{key} {raw[key]!r} is not one of {', '.join(allowed)}")
        if not any(key in raw for key in CHECKS):
            raise ClaimFault(f"needs a check: one of {', '.join(CHECKS)}")
        names = self._names(raw)
        checks = {
            "paper": tuple(_paper(entry) for entry in _entries(raw, "paper")),
            "world": tuple(self._world(entry) for entry in _entries(raw, "world")),
            "experiments": tuple(self._experiment(e) for e in _entries(raw, "experiments")),
        }
        used = set().union(*(free_names(t) for check in checks["paper"] for t in check.texts))
        texts = [v for w in checks["world"] for v in w.parameters.values() if isinstance(v, str)]
        used |= names & set(texts)
        if used - names:
            raise ClaimFault(f"nothing gives {', '.join(sorted(used - names))}")
        if names - used:
            raise ClaimFault(f"nothing uses {', '.join(sorted(names - used))}")
        return Claim(line=line, **(raw | checks))

    def _names(self, raw: dict) -> set[str]:
        """Return what values, cells and columns name, after looking up every table."""
        names: set[str] = set()
        for part in INPUTS:
            for name, value in raw.get(part, {}).items():
                if not isinstance(name, str) or not name.isidentifier() or name in names:
                    raise ClaimFault(f"{name!r} of {part} is not a name of its own")
                if name in FUNCTIONS:
                    raise ClaimFault(f"{name!r} of {part} already means something")
                names.add(name)
                if part == "values":
                    _check_value(name, value)
                    continue
                reference = parse_reference(value)
                if not self.tables.has(reference.file):
                    raise ClaimFault(f"its source table {reference.file} does not exist")
                read = self.tables.cell if part == "cells" else self.tables.column
                read(reference)
        return names

    def _world(self, entry: dict) -> WorldCheck:
        _fields(entry, "a world check", WORLD_CHECK, None)
        kept, note = {key: entry.pop(key) for key in WORLD_CHECK}, entry.pop("note", "")
        parameters = _parameters(kept["check"], entry, self.world, "world check")
        return WorldCheck(**kept, parameters=parameters, note=note)

    def _experiment(self, entry: dict) -> Experiment:
        _fields(entry, "an experiment", EXPERIMENT, None)
        kept = {key: entry.pop(key) for key in EXPERIMENT}
        above, below = kept["supported_above"], kept["contradicted_below"]
        if not (is_number(above) and is_number(below)) or below < above:
            raise ClaimFault("contradicted_below must be a number from supported_above up")
        note = entry.pop("note", "")
        parameters = _parameters(kept["effect"], entry, self.effects, "effect")
        return Experiment(**kept, parameters=parameters, note=note)


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1


def _text(node: yaml.Node) -> str:
    return str(getattr(node, "value", "?"))[:40]


def _fields(raw: dict, what: str, needed: tuple[str, ...], optional: tuple | None) -> None:
    """Raise ClaimFault for a missing field, an unknown one (None allows all) or an empty text."""
    for key in needed:
        if key not in raw:
            raise ClaimFault(f"{what} lacks the field {key}")
    for key, value in raw.items():
        if optional is not None and key not in (*needed, *optional):
            raise ClaimFault(f"{what} has an unknown field {key}")
        if isinstance(value, str) and not value.strip():
            raise ClaimFault(f"{key} of {what} is empty")
        if key in TEXTS and not isinstance(value, str):
            raise ClaimFault(f"{key} of {what} must be a text")


def _entries(raw: dict, key: str) -> list[dict]:
    """Return copies of the checks of one kind."""
    found = raw.get(key, [])
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise ClaimFault(f"{key} must be a list of mappings")
    if key in raw and not found:
        raise ClaimFault(f"{key} is empty")
    return [dict(entry) for entry in found]


def _parameters(name: str, given: dict, known: Mapping, what: str) -> dict:
    """Return the parameters of a registered check; raises ClaimFault for others than its own."""
    if name not in known:
        raise ClaimFault(f"there is no {what} {name!r}; there are {', '.join(sorted(known))}")
    if set(given) != set(known[name]):
        wanted = ", ".join(sorted(known[name])) or "none"
        raise ClaimFault(f"the {what} {name!r} takes the parameters {wanted}")
    return given


def _paper(entry: dict) -> PaperCheck:
    compared = "holds" not in entry
    needed = ("computed", "printed") if compared else ("holds",)
    optional = ("within", "why", "note") if compared else ("note",)
    _fields(entry, "a paper check", (*needed, "gap_is"), optional)
    if entry["gap_is"] not in GAPS:
        raise ClaimFault(f"gap_is {entry['gap_is']!r} is not one of {', '.join(GAPS)}")
    if ("within" in entry) != ("why" in entry):
        raise ClaimFault("a tolerance (within), and nothing else, has a reason (why)")
    for key in ("computed", "printed", "holds", "within"):
        if key in entry and not isinstance(entry[key], str):
            if not is_number(entry[key]):
                raise ClaimFault(f"{key} of a paper check must be an expression")
            entry[key] = str(entry[key])
    return PaperCheck(**entry)


def _check_value(name: str, value: object) -> None:
    """Allow numbers, texts and lists of them."""
    items = value if isinstance(value, list) else [value]
    for item in items:
        if isinstance(item, list):
            _check_value(name, item)
        elif not is_number(item) and not isinstance(item, str):
            raise ClaimFault(f"the value {name} is neither number, text nor list")


def read_claims(path: Path, tables: Tables) -> list[Claim]:
    """Return all claims in the order of the file; raises ClaimInvalid with id and line."""
    return _Reader(path, tables).claims()
