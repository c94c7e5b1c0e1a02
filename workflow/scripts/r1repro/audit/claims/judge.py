# SPDX-License-Identifier: Apache-2.0
"""From claims, published tables and runs to rows: one row a check, in the order of the claims.

A row is a pure function of these; nothing of an earlier verdict is read. Experiments are judged by
the evidence (several seeds). The present run, if it is not among them, is placed beside them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from r1repro.audit.claims import verdicts
from r1repro.audit.claims.cells import CellError, Tables, parse_reference
from r1repro.audit.claims.decide import (
    SEEDS,
    decide,
    holm,
    p_above,
    place_of,
    turning_shift,
)
from r1repro.audit.claims.definitions import (
    Claim,
    ClaimInvalid,
    Experiment,
    PaperCheck,
    WorldCheck,
)
from r1repro.audit.claims.effects import EFFECTS, Uninformative
from r1repro.audit.claims.expressions import ExpressionError, evaluate, free_names, is_number
from r1repro.audit.claims.mutation import turned_by
from r1repro.audit.claims.rows import Row
from r1repro.audit.claims.runs import MissingEvidence, Run
from r1repro.audit.claims.verdicts import TOO_SMALL, UNDECIDED
from r1repro.audit.claims.world import WORLD


def shown(value: object, digits: int = 10) -> str:
    """Return a value as text: whole numbers whole, others with so many significant digits."""
    if isinstance(value, list):
        return ", ".join(shown(item, digits) for item in value)
    if isinstance(value, bool) or not is_number(value):
        return "" if value is None else str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value) if isinstance(value, int) else f"{value:.{digits}g}"


def inputs_of(claim: Claim, tables: Tables) -> dict:
    """Return what cells, columns and values of a claim name, in this order; raises CellError."""
    cells = {name: tables.cell(parse_reference(text)) for name, text in claim.cells.items()}
    columns = {name: tables.column(parse_reference(text)) for name, text in claim.columns.items()}
    return {**cells, **columns, **claim.values}


def _number(text: str, names: Mapping) -> float:
    value = evaluate(text, names)
    if not is_number(value):
        raise ExpressionError(f"{text} gives no number")
    return value


def _agrees(check: PaperCheck, names: Mapping) -> bool:
    """Say whether a source agrees with itself; raises ExpressionError."""
    if check.holds is not None:
        value = evaluate(check.holds, names)
        if not isinstance(value, bool):
            raise ExpressionError(f"{check.holds} is neither true nor false")
        return value
    gap = _number(check.computed, names) - _number(check.printed, names)
    return abs(gap) <= _number(str(check.within), names) * (1 + 1e-9)


def _row(claim: Claim, agrees_with: str, verdict: str, **texts: str) -> Row:
    joined = " ".join(dict.fromkeys(part for part in (texts.pop("note", ""), claim.note) if part))
    return Row(
        claim=claim.id,
        check="",
        tier=claim.tier,
        area=claim.area,
        speaker=claim.speaker,
        agrees_with=agrees_with,
        verdict=verdict,
        note=joined,
        **texts,
    )


def _paper(claim: Claim, check: PaperCheck, tables: Tables) -> Row:
    names = inputs_of(claim, tables)
    agrees = _agrees(check, names)
    used = set().union(*map(free_names, check.texts))
    texts, ratio = {"what": check.holds or f"{check.computed} against {check.printed}"}, 1.0
    if check.holds is None:
        computed, printed = _number(check.computed, names), _number(check.printed, names)
        texts |= {"obtained": shown(computed), "reported": shown(printed), "unit": claim.unit}
        if computed and printed and computed != printed:
            ratio = computed / printed
            texts["gap_percent"] = f"{100 * (computed - printed) / abs(printed):+.2g}"
    else:
        texts["obtained"] = ", ".join(f"{n} = {shown(names[n], 6)}" for n in names if n in used)
    if not agrees:
        texts["gap_is"] = check.gap_is
    references = (*claim.cells.values(), *claim.columns.values())
    files = dict.fromkeys(parse_reference(text).file for text in references)
    return _row(
        claim,
        verdicts.PAPER,
        verdicts.of_paper(agrees),
        turned_by=turned_by(
            lambda n: _agrees(check, n), names, [n for n in names if n in used], ratio
        ),
        evidence="; ".join((tables.folder / file).as_posix() for file in files),
        note=" ".join(part for part in (check.note, check.why and f"Within: {check.why}.") if part),
        **texts,
    )


@dataclass
class Measured:
    """An effect by seed, what seeds lacked, and the files that were read."""

    values: dict[int, float] = field(default_factory=dict)
    lacking: list[str] = field(default_factory=list)
    uninformative: str = ""
    files: tuple[str, ...] = ()


def measure(experiment: Experiment, runs: Sequence[Run]) -> Measured:
    """Return the effect in each run that has its tables."""
    found, files = Measured(), []
    for run in runs:
        run.start()
        try:
            value = EFFECTS[experiment.effect](run, **experiment.parameters)
            found.values[run.seed] = value
        except MissingEvidence as error:
            found.lacking.append(f"seed {run.seed}: {error}")
        except Uninformative as error:
            found.uninformative = f"seed {run.seed}: {error}"
        files += [run.place(name) for name in run.opened]
    found.files = tuple(dict.fromkeys(files))
    return found


def _present(
    experiment: Experiment, run: Run | None, found: Measured, scale: str
) -> dict[str, str]:
    """Return the present run's value and whether the seeds of the evidence contain it."""
    if run is None:
        return {}
    if run.scale != scale:
        return {"this_run_is": "of another scale"}
    value = measure(experiment, [run]).values.get(run.seed)
    if value is None:
        return {"this_run_is": "not run"}
    values = list(found.values.values())
    same = found.values.get(run.seed) == value
    place = f"the same as seed {run.seed}" if same else place_of(value, values)
    return {"this_run": shown(value, 6), "this_run_is": place}


def _experiment(
    claim: Claim,
    experiment: Experiment,
    found: Measured,
    p_value: float,
    present: Run | None,
    scale: str,
) -> Row:
    texts = {"what": experiment.measures, "unit": experiment.unit}
    texts |= _present(experiment, present, found, scale)
    values, notes, verdict = list(found.values.values()), [], UNDECIDED
    if values:
        above, below = experiment.supported_above, experiment.contradicted_below
        decision = decide(values, above, below, p_value)
        verdict = decision.verdict
        texts |= {
            "obtained": shown(decision.effect, 6),
            "ci_low": shown(decision.low, 6),
            "ci_high": shown(decision.high, 6),
            "p_value": f"{decision.p_value:.2g}",
            "power": f"{decision.power:.2f}",
            "seeds_needed": shown(decision.seeds_needed),
        }
        raw = p_above(values, above)
        shift = turning_shift(values, above, below, p_value / raw if raw else 1.0)
        if shift is not None:
            texts["turned_by"] = f"every seed's effect {shift:+.3g}"
        if verdict == TOO_SMALL:
            notes.append(f"The smallest effect of interest is {below:g}.")
    if len(values) < SEEDS:
        notes.append(f"Has {len(values)} of the {SEEDS} seeds that it needs.")
    if found.uninformative:
        verdict = UNDECIDED
        notes.append(f"This world leaves no room for the effect ({found.uninformative}).")
    notes += [f"Without evidence: {text}." for text in found.lacking]
    return _row(
        claim,
        verdicts.EXPERIMENT,
        verdict,
        seeds=", ".join(map(str, found.values)),
        evidence="; ".join(found.files),
        note=" ".join([experiment.note, *notes]).strip(),
        **texts,
    )


def _world(claim: Claim, check: WorldCheck, tables: Tables, run: Run | None) -> Row:
    texts, holds = {"unit": check.unit}, None
    try:
        if run is None:
            raise MissingEvidence("no run was given")
        run.start()
        names = inputs_of(claim, tables)
        given = {key: _named(value, names) for key, value in check.parameters.items()}
        finding = WORLD[check.check](run, **given)
        holds, note = finding.holds, finding.note
        texts |= {
            "obtained": shown(finding.obtained, 6),
            "reported": shown(given.get("reported")),
            "ci_low": shown(finding.low, 6),
            "ci_high": shown(finding.high, 6),
        }
    except MissingEvidence as error:
        note = f"Evidence is missing: {error}."
    return _row(
        claim,
        verdicts.WORLD,
        verdicts.of_world(holds),
        what=check.measures,
        evidence="; ".join(map(run.place, run.opened)) if run else "",
        note=" ".join(part for part in (note, check.note) if part),
        **texts,
    )


def _named(value: object, names: Mapping) -> object:
    """Return what a parameter names, or the parameter itself."""
    return names.get(value, value) if isinstance(value, str) else value


def judge(
    claims: Sequence[Claim],
    tables: Tables,
    evidence: Sequence[Run],
    present: Run | None = None,
) -> list[Row]:
    """Return the rows of all claims; raises ClaimInvalid where arithmetic has no value.

    evidence   runs of several seeds that experiments are judged by
    present    a further run that is placed beside them, and whose cost model the world checks read
    """
    measured = {
        (claim.id, place): measure(experiment, evidence)
        for claim in claims
        for place, experiment in enumerate(claim.experiments)
    }
    adjusted = _adjusted(claims, measured)
    scale = evidence[0].scale if evidence else ""
    rows: list[Row] = []
    for claim in claims:
        try:
            found = [_paper(claim, check, tables) for check in claim.paper]
        except (ExpressionError, CellError) as error:
            raise ClaimInvalid(f"line {claim.line}, claim {claim.id}: {error}") from error
        modelled = present or next(iter(evidence), None)
        found += [_world(claim, check, tables, modelled) for check in claim.world]
        for place, experiment in enumerate(claim.experiments):
            key = claim.id, place
            found.append(
                _experiment(claim, experiment, measured[key], adjusted[key], present, scale)
            )
        if claim.untestable:
            found.append(
                _row(claim, verdicts.NOTHING, verdicts.NOT_TESTABLE, what="", note=claim.untestable)
            )
        rows += [
            Row(**{**vars(row), "check": str(number)}) for number, row in enumerate(found, start=1)
        ]
    return rows


def _adjusted(claims: Sequence[Claim], measured: Mapping) -> dict[tuple[str, int], float]:
    """Return the p value of every experiment; those of headline claims are adjusted together."""
    found = {
        (claim.id, place): p_above(
            list(measured[claim.id, place].values.values()), experiment.supported_above
        )
        for claim in claims
        for place, experiment in enumerate(claim.experiments)
    }
    headline = [
        (claim.id, place)
        for claim in claims
        if claim.tier == "headline"
        for place in range(len(claim.experiments))
    ]
    found |= zip(headline, holm([found[key] for key in headline]), strict=True)
    return found
