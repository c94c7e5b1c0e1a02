# SPDX-License-Identifier: Apache-2.0
"""Which change of one input turns a verdict of arithmetic: a check that none turns says nothing.

Each cell, value or element of a column behind a check is changed alone: a number by a factor, by
one, or to another number behind the check; a text to another text. The first change that turns the
verdict is reported.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from r1repro.audit.claims.expressions import ExpressionError, is_number

FACTORS = (0.25, 0.5, 0.7, 1.3, 2, 4)
STEPS = (-1, 1)
OTHER_TEXT = "another text"


def _leaves(value: object) -> Iterator[object]:
    """Yield the numbers and texts of a value."""
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _changed(
    value: object, factors: Sequence[float], others: Sequence[object]
) -> Iterator[tuple[object, str]]:
    """Yield changed values with how they were changed."""
    if isinstance(value, list):
        for place, item in enumerate(value):
            for new, how in _changed(item, factors, others):
                yield [*value[:place], new, *value[place + 1 :]], f"[{place}] {how}"
        return
    if is_number(value):
        for factor in factors:
            yield value * factor, f"x {factor:.3g}"
        for step in STEPS:
            yield value + step, f"{step:+}"
    for other in others:
        if is_number(other) == is_number(value) and other != value:
            yield other, f"= {other}"


def turned_by(
    agrees: Callable[[Mapping], bool], names: Mapping, used: Sequence[str], gap: float = 1.0
) -> str:
    """Return the first change of a used input that turns what `agrees` says, else nothing.

    gap   computed over printed: a change by this factor, or its inverse, may close a gap
    """
    before, factors = agrees(names), (*FACTORS, gap, 1 / gap)
    others = [*dict.fromkeys(leaf for name in used for leaf in _leaves(names[name])), OTHER_TEXT]
    for name in used:
        for value, how in _changed(names[name], factors, others):
            try:
                if agrees({**names, name: value}) != before:
                    return f"{name} {how}"
            except ExpressionError:  # no verdict at all, e.g. a division by zero
                continue
    return ""
