# SPDX-License-Identifier: Apache-2.0
"""Code: write a one-line Python function, judged by running it on hidden cases.

Two kinds: a linear rule given by two of its values, and a rule given in words (a chain of
operations). The hidden cases and their results stay outside the sandbox.
"""

import random

from r1repro.tasks.problem import Problem, Task

NAME = "code_synthesis"
ENTRY = "f"
SLOPES, OFFSETS = (2, 9), (-9, 9)
HIDDEN_INPUTS = (-3, -1, 0, 1, 2, 4, 7, 10)

ENGLISH = {"+": "add", "-": "subtract", "*": "multiply by"}
CHINESE = {"+": "加", "-": "减", "*": "乘"}


def program(expression: str) -> str:
    """Wrap an expression of x in the function that the question asks for."""
    return f"def {ENTRY}(x): return {expression}"


def line_expression(slope: int, offset: int) -> str:
    """Write slope*x+offset without a zero term."""
    return f"{slope}*x{offset:+d}" if offset else f"{slope}*x"


def make_line(rng: random.Random) -> Problem:
    """The values of a linear function at 0 and 1."""
    slope, offset = rng.randint(*SLOPES), rng.randint(*OFFSETS)
    next_value = slope + offset
    difference = f"{next_value}-{offset}".replace("--", "+")
    return Problem(
        task=NAME,
        category="code",
        question={
            "en": f"Write linear f(x) with f(0)={offset}, f(1)={next_value}",
            "zh": f"写线性函数f(x)，f(0)={offset}，f(1)={next_value}",
        },
        answer=program(line_expression(slope, offset)),
        check=hidden_cases(lambda x: slope * x + offset),
        key=f"{NAME}:line:{slope},{offset}",
        steps={
            "en": [f"Slope {difference}={slope}.", f"At 0 it is {offset}."],
            "zh": [f"斜率{difference}={slope}。", f"在0是{offset}。"],
        },
    )


def make_chain(rng: random.Random) -> Problem:
    """Two or three operations, said in words."""
    operations = [(rng.choice("+-*"), rng.randint(2, 9)) for _ in range(rng.randint(2, 3))]
    expression = "x"
    english, chinese = [], []
    for position, (sign, number) in enumerate(operations):
        bracket = sign == "*" and position > 0 and operations[position - 1][0] != "*"
        expression = f"({expression}){sign}{number}" if bracket else f"{expression}{sign}{number}"
        english.append(f"{'First' if position == 0 else 'Then'} {expression}.")
        chinese.append(f"{'先得' if position == 0 else '再得'}{expression}。")
    spoken_en = ", ".join(f"{ENGLISH[sign]} {number}" for sign, number in operations)
    spoken_zh = "，".join(f"{CHINESE[sign]}{number}" for sign, number in operations)
    return Problem(
        task=NAME,
        category="code",
        question={"en": f"Write f(x): take x, {spoken_en}", "zh": f"写f(x)：取x，{spoken_zh}"},
        answer=program(expression),
        check=hidden_cases(lambda x: apply_operations(x, operations)),
        key=f"{NAME}:chain:" + ",".join(f"{sign}{number}" for sign, number in operations),
        steps={"en": english, "zh": chinese},
    )


def apply_operations(x: int, operations: list[tuple[str, int]]) -> int:
    """Run a chain of operations directly, without going through its source text."""
    for sign, number in operations:
        x = x + number if sign == "+" else x - number if sign == "-" else x * number
    return x


def hidden_cases(function) -> dict:
    """Return the inputs that go into the sandbox and the results that do not."""
    return {
        "entry": ENTRY,
        "inputs": [[x] for x in HIDDEN_INPUTS],
        "expected": [function(x) for x in HIDDEN_INPUTS],
    }


def make(rng: random.Random) -> Problem:
    """Draw one of the two kinds."""
    return rng.choice((make_line, make_chain))(rng)


def guess(problem: Problem, language: str, rng: random.Random) -> str:
    """Write some line."""
    return program(line_expression(rng.randint(*SLOPES), rng.randint(*OFFSETS)))


TASK = Task(NAME, "code", make, guess, verify=None)
