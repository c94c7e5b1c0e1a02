# SPDX-License-Identifier: Apache-2.0
"""Math: sums and differences of three or four digits, read from left to right.

Generator and scorer are reasoning-gym's `chain_sum`; wording (English and Chinese) and the
worked solution, which carries the running total, are ours.
"""

import random
import re

import reasoning_gym

from r1repro.tasks.problem import Problem, Task

NAME = "chain_sum"
TERMS = (3, 4)
SCORE = reasoning_gym.get_score_answer_fn(NAME)


def make(rng: random.Random) -> Problem:
    """Draw one sum from reasoning-gym."""
    entry = reasoning_gym.create_dataset(
        NAME,
        size=1,
        seed=rng.getrandbits(31),
        min_terms=TERMS[0],
        max_terms=TERMS[1],
        min_digits=1,
        max_digits=1,
    )[0]
    expression = entry["metadata"]["expression"].replace(" ", "")
    return Problem(
        task=NAME,
        category="math",
        question={"en": f"What is {expression}?", "zh": f"{expression}等于多少？"},
        answer=entry["answer"],
        check={"answer": entry["answer"]},
        key=f"{NAME}:{expression}",
        steps=work(expression),
    )


def work(expression: str) -> dict[str, list[str]]:
    """Solve a sum step by step with the running total."""
    first, *rest = re.findall(r"[+-]?\d+", expression)
    total = int(first)
    english, chinese = [], []
    for position, term in enumerate(rest):
        after = total + int(term)
        english.append(f"{'First' if position == 0 else 'Then'} {total}{term}={after}.")
        chinese.append(f"{'先算' if position == 0 else '再算'}{total}{term}={after}。")
        total = after
    return {"en": english, "zh": chinese}


def guess(problem: Problem, language: str, rng: random.Random) -> str:
    """Name a number of the usual size."""
    return str(rng.randint(-9, 25))


def verify(check: dict, text: str) -> bool:
    """Ask reasoning-gym's scorer; only its full mark counts."""
    return SCORE(text.strip(), {"answer": check["answer"], "metadata": {}}) == 1.0


TASK = Task(NAME, "math", make, guess, verify)
