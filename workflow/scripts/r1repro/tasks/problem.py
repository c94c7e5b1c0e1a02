# SPDX-License-Identifier: Apache-2.0
"""What every task makes: a problem in two languages, its answer, and how to check one.

A task never decides whether a model's text is right by looking at its own solution text: it
calls `verify` with the `check` data that travel with the prompt (for code, the sandbox runs
hidden cases instead).

Categories  the four of reasoning, whose answers are right or wrong in any language, and
            `general`, whose answers are sentences: there answer and check are by language.
Source      The five categories of Supplementary Table 1.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

LANGUAGES = ("en", "zh")
REASONING = ("math", "code", "stem", "logic")
GENERAL = "general"
CATEGORIES = (*REASONING, GENERAL)


@dataclass(frozen=True)
class Problem:
    """One problem.

    question    by language, as shown to the model
    answer      the reference answer text, one for all languages or by language
    check       JSON data for the verifier, by language where the answer is; never shown to the
                model
    key         the content, the same in both languages; splits are disjoint in it
    steps       by language, the worked solution, one text a step, same number of steps
    inner_steps steps that share a text of `steps` with another one
    """

    task: str
    category: str
    question: dict[str, str]
    answer: str | dict[str, str]
    check: dict
    key: str
    steps: dict[str, list[str]]
    inner_steps: int = 0

    @property
    def level(self) -> int:
        """The number of worked steps, the measure of difficulty."""
        return len(self.steps["en"]) + self.inner_steps

    def answer_in(self, language: str) -> str:
        """Return the reference answer to the question in one language."""
        return self.answer if isinstance(self.answer, str) else self.answer[language]

    def check_in(self, language: str) -> dict:
        """Return what the verifier needs for answers to the question in one language."""
        return self.check if isinstance(self.answer, str) else self.check[language]


@dataclass(frozen=True)
class Task:
    """A generator with its solver, its guesser and its verifier.

    make(rng)                        a Problem
    guess(problem, language, rng)    a short answer of the right form, seldom right
    verify(check, text)              whether an answer text is right; None for code (the sandbox
                                     judges)
    """

    name: str
    category: str
    make: Callable[[random.Random], Problem]
    guess: Callable[[Problem, str, random.Random], str]
    verify: Callable[[dict, str], bool] | None


def join_steps(steps: list[str]) -> str:
    """Put the steps of a worked solution into one text."""
    return " ".join(steps)
