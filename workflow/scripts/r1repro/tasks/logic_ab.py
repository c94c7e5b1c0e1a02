# SPDX-License-Identifier: Apache-2.0
"""Logic: a rewriting system with two letters, run until no rule applies.

Generator and scorer are reasoning-gym's `ab` (the A::B system): where the # of two neighbours
face each other, equal letters vanish and different letters pass each other. The wording and
the worked solution, which writes the line after every rewriting, are ours.
"""

import random

import reasoning_gym

from r1repro.tasks.problem import Problem, Task

NAME = "ab"
LENGTHS = (3, 5)
SCORE = reasoning_gym.get_score_answer_fn(NAME)


def make(rng: random.Random) -> Problem:
    """Draw one line from reasoning-gym that can be rewritten and whose end is not empty."""
    while True:
        entry = reasoning_gym.create_dataset(
            NAME, size=1, seed=rng.getrandbits(31), length=rng.randint(*LENGTHS)
        )[0]
        line = " ".join(entry["question"].rstrip().split("\n\n")[-2].split())
        if entry["answer"] not in ("", line):
            break
    return Problem(
        task=NAME,
        category="logic",
        question={"en": f"Rewrite to the end: {line}", "zh": f"改写到底： {line}"},
        answer=entry["answer"],
        check={"answer": entry["answer"]},
        key=f"{NAME}:{line}",
        steps=work(line.split()),
    )


def rewrite_once(line: list[str]) -> list[str] | None:
    """Apply the first rule that fits, from the left; None when the line is at its end."""
    for i, (left, right) in enumerate(zip(line, line[1:], strict=False)):
        if left.endswith("#") and right.startswith("#"):
            same = left[0] == right[1]
            return line[:i] + ([] if same else [right, left]) + line[i + 2 :]
    return None


def work(line: list[str]) -> dict[str, list[str]]:
    """Write the line as it is and after each rewriting; say when nothing can be rewritten."""
    english, chinese = [f"From {' '.join(line)} ."], [f"从 {' '.join(line)} 。"]
    while (line := rewrite_once(line)) is not None:
        english.append(f"Now {' '.join(line)} .")
        chinese.append(f"得到 {' '.join(line)} 。")
    english.append("Done.")
    chinese.append("完成。")
    return {"en": english, "zh": chinese}


def guess(problem: Problem, language: str, rng: random.Random) -> str:
    """Write down some symbols."""
    return " ".join(rng.choice(["A#", "B#", "#A", "#B"]) for _ in range(rng.randint(1, 4)))


def verify(check: dict, text: str) -> bool:
    """Ask reasoning-gym's scorer; only its full mark counts."""
    entry = {"answer": check["answer"], "metadata": {}}
    return SCORE(" ".join(text.split()), entry) == 1.0


TASK = Task(NAME, "logic", make, guess, verify)
