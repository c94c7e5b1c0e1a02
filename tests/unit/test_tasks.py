# SPDX-License-Identifier: Apache-2.0
"""Claims about the tasks: answers against second implementations, steps, and hostile answers."""

import random
import re

import pytest

from r1repro.tasks import code_synthesis, logic_ab, math_chain_sum, stem_choice
from r1repro.tasks.problem import CATEGORIES, GENERAL, LANGUAGES, REASONING, join_steps
from r1repro.tasks.registry import TASKS
from r1repro.tasks.template import extract_answer, format_ok, frame, respond

DRAWS = 300


def problems(task):
    rng = random.Random(7)
    return [task.make(rng) for _ in range(DRAWS)]


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_every_problem_is_complete_in_both_languages(task):
    for problem in problems(task):
        assert problem.task == task.name and problem.category == task.category in CATEGORIES
        assert (problem.category in REASONING) == isinstance(problem.answer, str)
        assert set(problem.question) == set(problem.steps) == set(LANGUAGES)
        assert len(problem.steps["en"]) == len(problem.steps["zh"]) >= 1
        assert not re.search(
            r"[\u4e00-\u9fff]", problem.question["en"] + join_steps(problem.steps["en"])
        )
        assert re.search(r"[\u4e00-\u9fff]", problem.question["zh"])


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_the_same_seed_draws_the_same_problems(task):
    assert problems(task) == problems(task)


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_the_same_content_never_has_two_answers(task):
    """A key stands for one content; only STEM may show it with other options."""
    answers = {}
    for problem in problems(task):
        answer = problem.answer if task.name != "stem_choice" else None
        assert answers.setdefault(problem.key, answer) == answer


@pytest.mark.parametrize(
    "task", [t for t in TASKS.values() if t.verify is not None], ids=lambda task: task.name
)
def test_reference_answers_are_right_and_guesses_mostly_wrong(task):
    rng = random.Random(3)
    drawn = problems(task)
    for language in LANGUAGES:
        checks = [p.check_in(language) for p in drawn]
        assert all(map(task.verify, checks, [p.answer_in(language) for p in drawn]))
        guesses = [task.guess(p, language, rng) for p in drawn]
        assert sum(map(task.verify, checks, guesses)) / len(drawn) < 0.35


def test_the_level_is_the_number_of_worked_steps():
    """Running totals, rewritings, pieces; in STEM the division and each option tried."""
    counted = {
        "chain_sum": lambda text: text.count("="),
        "code_synthesis": lambda text: text.count("."),
        "stem_choice": lambda text: text.count("="),
        "ab": lambda text: text.count("."),
        "general_form": lambda text: text.count("."),
        "general_request": lambda text: text.count("."),
    }
    levels = {name: set() for name in counted}
    for task in TASKS.values():
        for problem in problems(task):
            assert problem.level == counted[task.name](join_steps(problem.steps["en"]))
            levels[task.name].add(problem.level)
    assert levels["chain_sum"] == {2, 3} and len(levels["stem_choice"]) >= 4
    assert levels["general_form"] == {2, 3, 4} and levels["general_request"] == {2}


def test_general_has_a_helpful_and_a_harmless_task():
    """Every check of a general problem names its set and its language."""
    sets = {}
    for task in [task for task in TASKS.values() if task.category == GENERAL]:
        for problem in problems(task):
            for language in LANGUAGES:
                check = problem.check_in(language)
                assert check["language"] == language
                sets.setdefault(check["set"], set()).add(task.name)
    assert sets == {"helpful": {"general_form"}, "harmless": {"general_request"}}


def test_sums_agree_with_python_and_steps_carry_the_running_total():
    for problem in problems(math_chain_sum.TASK):
        expression = problem.key.split(":")[1]
        assert re.fullmatch(r"[\d+-]+", expression)
        assert eval(expression) == int(problem.answer)
        for step in problem.steps["en"]:
            left, right = re.search(r"(-?\d+[+-]\d+)=(-?\d+)", step).groups()
            assert eval(left) == int(right)
        assert problem.steps["en"][-1].endswith(f"={problem.answer}.")


def reduce_by_search(line):
    """Second implementation of A::B: rewrite a random pair each time; the end must not depend."""
    rng = random.Random(str(line))
    rules = {
        ("A#", "#A"): [],
        ("B#", "#B"): [],
        ("A#", "#B"): ["#B", "A#"],
        ("B#", "#A"): ["#A", "B#"],
    }
    while True:
        places = [i for i in range(len(line) - 1) if (line[i], line[i + 1]) in rules]
        if not places:
            return line
        i = rng.choice(places)
        line = line[:i] + rules[line[i], line[i + 1]] + line[i + 2 :]


def test_rewriting_agrees_with_a_second_implementation_in_any_order():
    for problem in problems(logic_ab.TASK):
        line = problem.key.split(":", 1)[1].split()
        assert reduce_by_search(line) == problem.answer.split()
        assert problem.steps["en"][0] == f"From {' '.join(line)} ."
        assert problem.steps["en"][-2] == f"Now {problem.answer} ."


def test_the_letter_is_that_of_the_quotient():
    for problem in problems(stem_choice.TASK):
        options = dict(re.findall(r"\(([A-H])\)(\d)", problem.question["en"]))
        first, trials = problem.steps["en"]
        a, b, quotient = map(int, re.search(r"(\d+)/(\d+)=(\d)", first).groups())
        assert b * quotient == a
        assert int(options[problem.answer]) == quotient
        assert 4 <= len(options) <= 8 and len(set(options.values())) == len(options)
        assert list(options) == list("ABCDEFGH")[: len(options)]
        tried = re.findall(r"\((.)\)(\d)-(\d)=(-?\d)", trials)
        assert [letter for letter, *_ in tried] == list("ABCDEFGH")[: len(tried)]
        for letter, value, taken, rest in tried:
            assert options[letter] == value and int(taken) == quotient
            assert int(value) - quotient == int(rest)
        assert [rest for *_, rest in tried].index("0") == len(tried) - 1
        assert tried[-1][0] == problem.answer
        for formula in re.findall(r"form (\S+)\.", problem.question["en"]):
            parts = re.findall(r"[A-Z](\d*)", formula)
            count = sum(int(part or 1) for part in parts)
            assert count == int(b)


def test_reference_programs_give_the_hidden_results():
    for problem in problems(code_synthesis.TASK):
        namespace = {}
        exec(problem.answer, namespace)
        results = [namespace["f"](*arguments) for arguments in problem.check["inputs"]]
        assert results == problem.check["expected"]


def test_the_question_of_a_line_shows_two_true_values():
    for problem in problems(code_synthesis.TASK):
        for x, y in re.findall(r"f\((\d)\)=(-?\d+)", problem.question["en"]):
            namespace = {}
            exec(problem.answer, namespace)
            assert namespace["f"](int(x)) == int(y)


@pytest.mark.parametrize(
    "text",
    ["", " ", "nan", "1e999", "十五", "15 or 16", "0x0f", "15;", "(((((", "1" * 5000, "\ud800"],
)
def test_hostile_text_is_simply_wrong(text):
    for task, check in (
        (math_chain_sum.TASK, {"answer": "15"}),
        (logic_ab.TASK, {"answer": "A# #B"}),
        (stem_choice.TASK, {"answer": "B", "options": 4}),
    ):
        assert task.verify(check, text) is False


def test_a_letter_may_stand_in_brackets():
    assert stem_choice.verify({"answer": "B"}, "(b).") is True
    assert stem_choice.verify({"answer": "B"}, "BB") is False


@pytest.mark.parametrize(
    ("response", "ok"),
    [
        (respond("a", "1"), True),
        (f" {respond('a', '1')}\n", True),
        ("<think>a</think> <answer>1</answer>", True),
        ("<answer>1</answer>", False),
        ("<think>a</think>", False),
        (respond("a", "1") + "x", False),
        ("x" + respond("a", "1"), False),
        (respond("a", "1") * 2, False),
        (respond("<think>", "1"), False),
        (respond("a</think><think>b", "1"), False),
        (respond("a", "1<answer>2"), False),
        ("<answer>1</answer><think>a</think>", False),
        ("", False),
    ],
)
def test_format_is_one_think_block_then_one_answer_block_and_nothing_else(response, ok):
    assert format_ok(response) is ok


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (respond("a", " 15 "), "15"),
        ("<answer>15</answer>", "15"),
        ("<answer>1</answer><answer>2</answer>", None),
        ("<answer>1<answer>2</answer>", None),
        ("15", None),
        ("<answer>15", None),
    ],
)
def test_an_answer_counts_only_when_there_is_exactly_one(response, answer):
    assert extract_answer(response) == answer


def test_the_frame_keeps_braces_of_a_question_and_stops_at_the_assistant():
    text = frame("What is {x} and {0}?")
    assert "{x} and {0}" in text and text.endswith("Assistant:")
