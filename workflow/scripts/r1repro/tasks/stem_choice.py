# SPDX-License-Identifier: Apache-2.0
"""STEM: multiple choice with four to eight options, from physics, chemistry and biology.

Each question is a quotient of small whole numbers; the answer is the letter of the option that
holds it. The worked solution divides, then subtracts the quotient from one option after the other
until nothing is left; each subtraction counts as a step. Splits are disjoint in subject and
numbers: the same question with other options never appears on both sides.
"""

import random

from r1repro.tasks.problem import Problem, Task

NAME = "stem_choice"
LETTERS = "ABCDEFGH"
OPTIONS = (4, 8)
VALUES = range(1, 10)  # of the options; the right one is 2 to 9
FACTORS = (2, 9)

# Quotients a / b, as (kind, English, Chinese).
QUOTIENTS = (
    ("speed", "A cart covers {a} m in {b} s. What speed in m/s?", "小车{b}s走{a}m，速度多少m/s？"),
    ("mass", "{a} N give {b} m/s2. What mass in kg?", "{a}N产生{b}m/s2，质量多少kg？"),
    ("length", "{b} N did {a} J of work. Over how many m?", "{b}N的力做功{a}J，位移多少m？"),
    ("current", "{a} V across {b} ohm. What current in A?", "{a}V加在{b}欧上，电流多少A？"),
    ("time", "{b} A carry {a} C. In how many s?", "{b}A电流通过{a}C，需要多少s？"),
    ("plates", "{a} cells, {b} on each plate. How many plates?", "{a}个细胞，每皿{b}个，共几皿？"),
)
ATOMS = {"H2": 2, "H2O": 3, "NH3": 4, "CH4": 5, "N2O4": 6, "C3H4": 7, "C2H6": 8, "C3H6": 9}


def draw_question(rng: random.Random) -> tuple[str, str, tuple[int, int], str]:
    """Return the question in English and Chinese, dividend and divisor, and its content."""
    quotient, b = rng.randint(*FACTORS), rng.randint(*FACTORS)
    choice = rng.randrange(len(QUOTIENTS) + 1)
    if choice < len(QUOTIENTS):
        kind, english, chinese = QUOTIENTS[choice]
        a = quotient * b
        return english.format(a=a, b=b), chinese.format(a=a, b=b), (a, b), f"{kind}:{a},{b}"
    formula = rng.choice(sorted(ATOMS))
    a = quotient * ATOMS[formula]
    return (
        f"{a} atoms form {formula}. How many molecules?",
        f"{a}个原子组成{formula}，共几个分子？",
        (a, ATOMS[formula]),
        f"molecules:{a},{formula}",
    )


def make(rng: random.Random) -> Problem:
    """Draw one question with its options."""
    english, chinese, (a, b), content = draw_question(rng)
    right = a // b
    others = [value for value in VALUES if value != right]
    options = [*rng.sample(others, rng.randint(*OPTIONS) - 1), right]
    rng.shuffle(options)
    marked = [f"({letter}){value}" for letter, value in zip(LETTERS, options, strict=False)]
    listed, letter = " ".join(marked), LETTERS[options.index(right)]
    tried = options[: options.index(right) + 1]
    trials = " ".join(f"{m}-{right}={o - right}" for m, o in zip(marked, tried, strict=False))
    return Problem(
        task=NAME,
        category="stem",
        question={"en": f"{english} {listed}", "zh": f"{chinese} {listed}"},
        answer=letter,
        check={"answer": letter, "options": len(options)},
        key=f"{NAME}:{content}",
        steps={
            "en": [f"It is {a}/{b}={right} .", f"Try {trials} ."],
            "zh": [f"就是{a}/{b}={right} 。", f"试 {trials} 。"],
        },
        inner_steps=len(tried) - 1,
    )


def guess(problem: Problem, language: str, rng: random.Random) -> str:
    """Pick any option."""
    return rng.choice(LETTERS[: problem.check["options"]])


def verify(check: dict, text: str) -> bool:
    """Accept the option's letter, alone or in brackets, in either case."""
    return text.strip().strip("().").upper() == check["answer"]


TASK = Task(NAME, "stem", make, guess, verify)
