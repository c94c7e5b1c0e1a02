# SPDX-License-Identifier: Apache-2.0
"""The words of a verdict, and how the checks of one claim come together.

paper        does the source agree with itself       consistent, inconsistent
world        is the reported figure possible         plausible, implausible, undecided
experiment   does our experiment agree               supported, too small, contradicted,
                                                     undecided
nothing      only the published scale can test it    not testable here
"""

from collections.abc import Iterable

PAPER, WORLD, EXPERIMENT, NOTHING = "paper", "world", "experiment", "nothing"
CONSISTENT, INCONSISTENT = "consistent", "inconsistent"
PLAUSIBLE, IMPLAUSIBLE = "plausible", "implausible"
SUPPORTED, TOO_SMALL, CONTRADICTED = "supported", "too small", "contradicted"
UNDECIDED = "undecided"
NOT_TESTABLE = "not testable here"
# for each kind of agreement its verdicts: one bad check decides a claim, then an open one
WORST_FIRST = {
    PAPER: (INCONSISTENT, CONSISTENT),
    WORLD: (IMPLAUSIBLE, UNDECIDED, PLAUSIBLE),
    EXPERIMENT: (CONTRADICTED, TOO_SMALL, UNDECIDED, SUPPORTED),
    NOTHING: (NOT_TESTABLE,),
}


def of_paper(agrees: bool) -> str:
    """Return the verdict of a source against itself."""
    return CONSISTENT if agrees else INCONSISTENT


def of_world(holds: bool | None) -> str:
    """Return the verdict of the cost model; None is undecided."""
    if holds is None:
        return UNDECIDED
    return PLAUSIBLE if holds else IMPLAUSIBLE


def together(agrees_with: str, verdicts: Iterable[str]) -> str:
    """Return the verdict of a claim from those of its checks of one kind."""
    found = set(verdicts)
    return next(verdict for verdict in WORST_FIRST[agrees_with] if verdict in found)
