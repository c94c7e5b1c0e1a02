# SPDX-License-Identifier: Apache-2.0
"""The environments that the attempts ran in, told apart by what was installed.

An environment is shown as its kind and the first digits of its digest (environment.py): the same
digits mean the same interpreter version and packages. Records of earlier versions tell none.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from r1repro.audit.environment import environment_digest
from r1repro.audit.page.tables import field
from r1repro.errors import InputError

NOT_RECORDED = "not recorded"
DIGITS = 8


class Environment(NamedTuple):
    """What one record says of its environment."""

    kind: str
    interpreter: str
    python: str
    packages: dict[str, str]


def environment_of(begin: dict, where: Path) -> Environment | None:
    """Return the environment of a record's first line, None where it tells none.

    Raises InputError for one that is damaged.
    """
    if "environment" not in begin:
        return None
    texts = [field(begin, where, "environment", name) for name in ("kind", "interpreter", "python")]
    packages = field(begin, where, "environment", "packages")
    versions = [*packages.items()] if isinstance(packages, dict) else [(None, None)]
    if not all(isinstance(text, str) for pair in [texts, *versions] for text in pair):
        raise InputError(f"{where}: environment is damaged; restore the record")
    return Environment(*texts, packages)


def label(environment: Environment | None) -> str:
    """Return kind and first digits of the digest, as the list of attempts has them."""
    if environment is None:
        return NOT_RECORDED
    digest = environment_digest(environment.python, environment.packages)
    return f"{environment.kind} {digest[:DIGITS]}"


def lines(attempts: Sequence[tuple[str, Environment | None]]) -> list[str]:
    """Return a sentence for each environment, in the order of first use.

    `attempts` are pairs of stage and environment.
    """
    found: dict[str, tuple[Environment | None, dict[str, None]]] = {}
    for stage, environment in attempts:
        found.setdefault(label(environment), (environment, {}))[1][stage] = None
    return [f"{_line(environment)}: {', '.join(stages)}" for environment, stages in found.values()]


def _line(environment: Environment | None) -> str:
    if environment is None:
        return NOT_RECORDED
    number = len(environment.packages)
    packages = f"{number} package{'' if number == 1 else 's'}"
    where = f"Python {environment.python} at {environment.interpreter}"
    return f"{label(environment)}: {where}, {packages}"
