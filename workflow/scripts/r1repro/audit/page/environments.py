# SPDX-License-Identifier: Apache-2.0
"""The environments that the attempts ran in, told apart by what was installed.

An environment is shown as its kind and the first eight digits of its digest (environment.py): two
attempts with the same digits ran with the same interpreter version and the same packages. Records
of earlier versions of this workflow tell none: NOT_RECORDED.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.environment import environment_digest
from r1repro.audit.page.tables import field
from r1repro.errors import InputError

NOT_RECORDED = "not recorded"
DIGITS = 8


@dataclass(frozen=True)
class Environment:
    """What one record says of its environment."""

    kind: str
    interpreter: str
    python: str
    packages: dict[str, str]

    @property
    def digest(self) -> str:
        """Return the SHA-256 over interpreter version and packages."""
        return environment_digest(self.python, self.packages)

    @property
    def label(self) -> str:
        """Return kind and first digits, as the table of attempts shows it."""
        return f"{self.kind} {self.digest[:DIGITS]}"


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
    """Return the cell of an attempt."""
    return NOT_RECORDED if environment is None else environment.label


def lines(attempts: Sequence[tuple[str, Environment | None]]) -> list[str]:
    """Return a sentence for each environment, in the order of first use.

    `attempts` are pairs of stage and environment.
    """
    stages: dict[str, dict[str, None]] = {}
    known: dict[str, Environment | None] = {}
    for stage, environment in attempts:
        name = label(environment)
        known.setdefault(name, environment)
        stages.setdefault(name, {})[stage] = None
    return [_line(known[name], list(names)) for name, names in stages.items()]


def _line(environment: Environment | None, stages: list[str]) -> str:
    """Say what an environment is and which stages ran in it."""
    if environment is None:
        return f"{NOT_RECORDED}: {', '.join(stages)}"
    count = len(environment.packages)
    return (
        f"{environment.label}: Python {environment.python} at {environment.interpreter}, "
        f"{count} package{'' if count == 1 else 's'}: {', '.join(stages)}"
    )
