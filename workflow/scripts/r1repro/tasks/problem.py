# SPDX-License-Identifier: Apache-2.0
"""What every task makes: a problem in two languages, its answer, and how to check one.

A task never decides whether a model's text is right by looking at its own solution text: it
calls `verify` with the `check` data that travel with the prompt (for code, the sandbox runs
hidden cases instead).
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

LANGUAGES = ("en", "zh")
REASONING = ("math", "code", "stem", "logic")
CATEGORIES = REASONING


@dataclass(frozen=True)
class Problem:
    """One problem.

    question    by language, as shown to the model
    answer      the reference answer text
    check       JSON data for the verifier; never shown to the model
    key         the content, the same in both languages; splits are disjoint in it
    steps       by language, the worked solution, one text a step, same number of steps
    """

    task: str
    category: str
    question: dict[str, str]
    answer: str
    check: dict
    key: str
    steps: dict[str, list[str]]


@dataclass(frozen=True)
class Task:
    """A generator with its solver, its guesser and its verifier.

    make(rng)              a Problem
    guess(problem, rng)    a short answer of the right form, seldom right
    verify(check, text)    whether an answer text is right; None for code (the sandbox judges)
    """

    name: str
    category: str
    make: Callable[[random.Random], Problem]
    guess: Callable[[Problem, random.Random], str]
    verify: Callable[[dict, str], bool] | None


def join_steps(steps: list[str]) -> str:
    """Put the steps of a worked solution into one text."""
    return " ".join(steps)
