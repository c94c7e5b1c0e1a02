# SPDX-License-Identifier: Apache-2.0
"""Check the arms of `controls`: the stage that each differs from, and its name.

The name of an arm becomes a wildcard, a log, a benchmark file, a record and folders, so it must not
be that of a stage, also where a file system takes capitals for small letters.
"""

import re
from collections.abc import Iterator, Mapping

from r1repro.inheritance import CONTROLS, LIKE
from r1repro.provenance import SCRIPTS

RL_STAGES = ("r1_zero", "pilot", "dev2", "r1", "small_zero")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
# what logs, benchmarks and records are called besides the sections of the configuration
PROGRAMS = sorted(path.stem for path in SCRIPTS.glob("*.py"))
PREFIXES = ("score_", "curve_", "questions_", "benchmark_", "harness_", "given_")


def _arms(config: Mapping) -> Mapping:
    arms = config.get(CONTROLS)
    return arms if isinstance(arms, Mapping) else {}


def wrong_arms(config: Mapping) -> Iterator[tuple[list[str], str]]:
    """Yield (keys, sentence) for arms that differ from no stage of RL."""
    for name, arm in _arms(config).items():
        if isinstance(arm, Mapping) and arm.get(LIKE) not in RL_STAGES:
            key = f"{CONTROLS}.{name}.{LIKE}"
            yield [key], f"'{key}' must name one of {', '.join(RL_STAGES)}"


def wrong_names(config: Mapping) -> Iterator[tuple[str, str]]:
    """Yield (name, sentence) for names that no arm can have."""
    names = [str(name) for name in _arms(config)]
    folded = [name.casefold() for name in names]
    taken = {name.casefold() for name in (*map(str, config), *PROGRAMS)}
    for name in names:
        if not NAME.fullmatch(name):
            rule = "use letters, digits and '_', a letter first, 64 at most"
        elif name.casefold() in taken or name.casefold().startswith(PREFIXES):
            rule = "it is the name of another part of the workflow; choose another"
        elif folded.count(name.casefold()) > 1:
            rule = "another arm has it; choose another"
        else:
            continue
        yield name, f"{name[:80]!r} cannot name an arm of '{CONTROLS}': {rule}"
