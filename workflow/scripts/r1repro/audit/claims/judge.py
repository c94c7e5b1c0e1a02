# SPDX-License-Identifier: Apache-2.0
"""One claim, computed: from its definition, the published tables and the runs to its row.

The row is a pure function of these three; nothing of an earlier verdict is read. What arithmetic or
check gave goes to `verdicts`, which alone names a verdict.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from r1repro.audit.claims import verdicts
from r1repro.audit.claims.cells import CellError, Tables, parse_reference
from r1repro.audit.claims.definitions import RESULT, Claim, ClaimInvalid
from r1repro.audit.claims.expressions import ExpressionError, evaluate, free_names, is_number
from r1repro.audit.claims.mechanisms import REGISTRY, run_check
from r1repro.audit.claims.runs import Run

ANY_SCALE, NO_SCALE = "any", "none"


@dataclass(frozen=True)
class Row:
    """One row of claims.csv, as texts."""

    id: str
    area: str
    kind: str
    scale: str
    verdict: str
    reported: str
    obtained: str
    ci_low: str
    ci_high: str
    tolerance: str
    evidence: str
    note: str


def shown(value: object, digits: int = 10) -> str:
    """Return a value as text: whole numbers whole, others with so many significant digits."""
    if isinstance(value, list):
        return ", ".join(shown(item, digits) for item in value)
    if isinstance(value, bool) or not is_number(value):
        return "" if value is None else str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value) if isinstance(value, int) else f"{value:.{digits}g}"


def named_values(claim: Claim, tables: Tables) -> dict:
    """Return what values, cells and columns name; raises CellError."""
    cells = {name: tables.cell(parse_reference(text)) for name, text in claim.cells.items()}
    columns = {name: tables.column(parse_reference(text)) for name, text in claim.columns.items()}
    return {**claim.values, **cells, **columns}


def _evidence(claim: Claim, tables: Tables) -> str:
    """Return the tables that a claim reads, and the document behind them."""
    references = (*claim.cells.values(), *claim.columns.values())
    files = dict.fromkeys(parse_reference(text).file for text in references)
    return "; ".join([*((tables.folder / file).as_posix() for file in files), claim.source])


def _join(*parts: str) -> str:
    return " ".join(part if part[-1] in ".!?" else f"{part}." for part in parts if part)


def _reported(claim: Claim, tables: Tables) -> str:
    """Return what the source prints for a claim that is not recomputed here."""
    names = named_values(claim, tables)
    if claim.reported is not None:
        return shown(evaluate(claim.reported, names))
    return "; ".join(f"{name.replace('_', ' ')} {shown(value)}" for name, value in names.items())


def _condition_note(claim: Claim, names: Mapping, condition: bool | None) -> str:
    """Say what failed, with the numbers in it."""
    if condition is not False:
        return ""
    used = sorted(free_names(claim.check))
    numbers = ", ".join(f"{name} = {shown(names[name])}" for name in used)
    return f"Does not hold: {claim.check} ({numbers})"


def _computed(claim: Claim, tables: Tables) -> Row:
    names = named_values(claim, tables)
    result = evaluate(claim.expression, names)
    if not is_number(result):
        raise ExpressionError(f"{claim.expression} gives no number")
    names[RESULT] = result
    condition = None if claim.check is None else evaluate(claim.check, names)
    if condition is not None and not isinstance(condition, bool):
        raise ExpressionError(f"{claim.check} is neither true nor false")
    computed = verdicts.Computed(result, claim.expected, claim.tolerance, condition)
    if claim.kind == "physical":
        verdict = verdicts.of_bound(computed.holds)
    else:
        verdict = verdicts.of_arithmetic(computed, claim.area)
    reported = claim.expected if claim.reported is None else evaluate(claim.reported, names)
    differs = "" if computed.matches else f"Recomputed {shown(result)}, stated {claim.expected}"
    return _row(
        claim,
        scale=verdicts.FULL_SCALE,
        verdict=verdict,
        reported=shown(reported),
        obtained=shown(result),
        tolerance=shown(claim.tolerance),
        evidence=_evidence(claim, tables),
        note=_join(differs, _condition_note(claim, names, condition), claim.note),
    )


def _row(claim: Claim, **texts: str) -> Row:
    empty = dict.fromkeys(("reported", "obtained", "ci_low", "ci_high", "tolerance"), "")
    return Row(id=claim.id, area=claim.area, kind=claim.kind, **{**empty, **texts})


def _tested(claim: Claim, tables: Tables, runs: Sequence[Run]) -> Row:
    check = REGISTRY[claim.mechanism]
    names = named_values(claim, tables)  # a parameter may name a cell
    parameters = {
        key: names.get(value, value) if isinstance(value, str) else value
        for key, value in claim.parameters.items()
    }
    finding = run_check(check, list(runs), parameters)
    if claim.kind == "physical":
        verdict, scale = verdicts.of_bound(finding.holds), verdicts.FULL_SCALE
    else:
        verdict = verdicts.of_mechanism(finding.holds, len(finding.seeds), check.seeds)
        scale = runs[0].scale if runs else NO_SCALE
        if check.seeds == 0:
            scale = ANY_SCALE
    return _row(
        claim,
        scale=scale,
        verdict=verdict,
        reported=_reported(claim, tables),
        obtained=shown(finding.obtained, 6),
        ci_low=shown(finding.ci_low, 6),
        ci_high=shown(finding.ci_high, 6),
        evidence="; ".join(finding.evidence) or claim.source,
        note=_join(finding.note, claim.note),
    )


def _full_scale(claim: Claim, tables: Tables, runs: Sequence[Run]) -> Row:
    verdict = verdicts.of_full_scale({run.scale for run in runs})
    reason = claim.reason
    if verdict == verdicts.INCONCLUSIVE:
        reason = "A run of the published scale is given, but no check reads one"
    return _row(
        claim,
        scale=verdicts.FULL_SCALE,
        verdict=verdict,
        reported=_reported(claim, tables),
        evidence=_evidence(claim, tables),
        note=_join(reason, claim.note),
    )


def judge(claim: Claim, tables: Tables, runs: Sequence[Run]) -> Row:
    """Return a claim's row; raises ClaimInvalid where its own arithmetic has no value."""
    try:
        if claim.mechanism is not None:
            return _tested(claim, tables, runs)
        if claim.kind == "full-scale-only":
            return _full_scale(claim, tables, runs)
        return _computed(claim, tables)
    except (ExpressionError, CellError) as error:
        raise ClaimInvalid(f"line {claim.line}, claim {claim.id}: {error}") from error
