# SPDX-License-Identifier: Apache-2.0
"""STEM: multiple choice with four to eight options, from physics, chemistry and biology.

The answer is the letter of the option. Wrong options are near the right value or what a typical
slip would give (adding instead of multiplying). Splits are disjoint in subject and numbers:
the same question with other options never appears on both sides.
"""

import random

from r1repro.tasks.problem import Problem, Task

NAME = "stem_choice"
LETTERS = "ABCDEFGH"
OPTIONS = (4, 8)
FACTORS = (2, 9)

# Products of two small numbers, as (kind, English, Chinese).
PRODUCTS = (
    ("distance", "A cart moves {a} m/s for {b} s. How many metres?", "小车以{a}m/s行驶{b}s，走多少米？"),
    ("force", "What force in N gives {a} kg {b} m/s2?", "{a}kg物体加速{b}m/s2要多少N的力？"),
    ("work", "A force of {a} N acts over {b} m. How many joules?", "{a}N的力作用{b}m，做功多少J？"),
    ("voltage", "What voltage drives {a} A through {b} ohm?", "{a}A电流过{b}欧，电压多少V？"),
    ("charge", "A current of {a} A flows {b} s. How many coulombs?", "{a}A电流{b}s，电量多少C？"),
    ("cells", "{a} plates hold {b} cells each. How many cells?", "{a}个培养皿各有{b}个细胞，共多少？"),
)
ATOMS = {"H2O": 3, "CO2": 3, "NH3": 4, "CH4": 5, "SO3": 4, "N2O4": 6, "C2H6": 8, "HNO3": 5}


def draw_question(rng: random.Random) -> tuple[str, str, tuple[int, int], str]:
    """Return the question in English and Chinese, its two factors and its content."""
    a, b = rng.randint(*FACTORS), rng.randint(*FACTORS)
    choice = rng.randrange(len(PRODUCTS) + 1)
    if choice < len(PRODUCTS):
        kind, english, chinese = PRODUCTS[choice]
        return english.format(a=a, b=b), chinese.format(a=a, b=b), (a, b), f"{kind}:{a},{b}"
    formula = rng.choice(sorted(ATOMS))
    return (
        f"How many atoms are in {a} molecules of {formula}?",
        f"{a}个{formula}分子有多少个原子？",
        (a, ATOMS[formula]),
        f"atoms:{a},{formula}",
    )


def draw_options(right: int, factors: tuple[int, int], rng: random.Random) -> list[int]:
    """Draw four to eight different options that contain the right value."""
    near = {right + step for step in (-10, -3, -2, -1, 1, 2, 3, 10)}
    slips = {sum(factors), right + factors[0], right - factors[0], right + factors[1]}
    pool = sorted(value for value in near | slips if value > 0 and value != right)
    options = [*rng.sample(pool, rng.randint(*OPTIONS) - 1), right]
    rng.shuffle(options)
    return options


def make(rng: random.Random) -> Problem:
    """Draw one question with its options."""
    english, chinese, factors, content = draw_question(rng)
    right = factors[0] * factors[1]
    options = draw_options(right, factors, rng)
    listed = [f"{letter}{value}" for letter, value in zip(LETTERS, options, strict=False)]
    place = options.index(right)
    letter = LETTERS[place]
    product = f"{factors[0]}*{factors[1]}={right}"
    looked_at = " ".join(listed[: place + 1])
    return Problem(
        task=NAME,
        category="stem",
        question={"en": f"{english} {' '.join(listed)}", "zh": f"{chinese} {' '.join(listed)}"},
        answer=letter,
        check={"answer": letter, "options": len(options)},
        key=f"{NAME}:{content}",
        steps={
            "en": [f"It is {product}.", f"Look at {looked_at} yes."],
            "zh": [f"就是{product}。", f"看 {looked_at} 对。"],
        },
    )


def guess(problem: Problem, rng: random.Random) -> str:
    """Pick any option."""
    return rng.choice(LETTERS[: problem.check["options"]])


def verify(check: dict, text: str) -> bool:
    """Accept the option's letter, alone or in brackets, in either case."""
    return text.strip().strip("().").upper() == check["answer"]


TASK = Task(NAME, "stem", make, guess, verify)
