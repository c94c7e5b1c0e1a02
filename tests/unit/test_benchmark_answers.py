# SPDX-License-Identifier: Apache-2.0
"""Claims about the judge of benchmarks: math-verify in a process of its own, letters, boxes."""

import time
from importlib.util import find_spec

import pytest

from r1repro.errors import InputError
from r1repro.tasks.benchmarks import answers
from r1repro.tasks.benchmarks.answers import Worker, answer_in, bare, examine, judge_with
from r1repro.tasks.template import respond

needs_math_verify = pytest.mark.skipif(
    find_spec("math_verify") is None, reason="math-verify is not installed: make harness"
)


@pytest.fixture(scope="module")
def worker():
    """One process for all tests of this file."""
    one = Worker()
    yield one
    one.close()


def math(answer: str) -> dict:
    return {"rule": "math", "answer": answer}


RIGHT = [
    ("18", "18"), ("18", "18."), ("18", "$18$"), ("18", "$18"), ("18", "\\$18"), ("18", "18.0"),
    ("12,000", "12000"), ("12000", "12,000"), ("009", "9"), ("33", "033"),
    ("\\frac{1}{2}", "0.5"), ("\\frac{1}{2}", "1/2"), ("\\frac{14}{3}", "14/3"),
    ("x+1", "1+x"), ("3\\sqrt{13}", "3 \\sqrt{13}"), ("(3,4)", "(3, 4)"),
    ("6 - 5i", "6-5i"), ("90^\\circ", "90"), ("\\text{Evelyn}", "Evelyn"),
    ("\\text{Evelyn}", "\\text{evelyn}"), ("18", "\\boxed{18}"),
]  # fmt: skip
WRONG = [
    ("18", "19"), ("18", "-18"), ("\\frac{1}{2}", "0.49"), ("x+1", "x-1"), ("(3,4)", "(4,3)"),
    ("18", ""), ("18", "the answer is 18"), ("5", "five"), ("18", "\\frac{"), ("18", "{{{"),
    ("\\text{Evelyn}", "Evelny"), ("\\text{north}", "thorn"), ("2", "2 or 3"),
]  # fmt: skip


@needs_math_verify
@pytest.mark.parametrize(("reference", "answer"), RIGHT)
def test_the_same_value_in_another_form_is_right(reference, answer, worker):
    """As the benchmark's authors would count it."""
    assert examine(worker, math(reference), answer)[0]


@needs_math_verify
@pytest.mark.parametrize(("reference", "answer"), WRONG)
def test_another_value_is_wrong(reference, answer, worker):
    """Also words whose letters are the same, and text that holds the answer."""
    assert not examine(worker, math(reference), answer)[0]


@needs_math_verify
def test_equal_expressions_are_one_vote(worker):
    """So that cons@k counts values and not spellings."""
    votes = {examine(worker, math("3"), text)[1] for text in ("\\frac{1}{2}", "1/2", "$1/2$.")}
    assert len(votes) == 1
    assert examine(worker, math("3"), "2")[1] not in votes


HOSTILE = [
    "9^{9^{9^{9^{9}}}}",
    "__import__('os').system('touch hacked')",
    "10^{10^{10}}!",
    "\\" * 3000,
]


@needs_math_verify
@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_answer_is_wrong_and_costs_seconds(text, tmp_path, monkeypatch):
    """It neither runs nor stops the judge: the next answer is judged as ever."""
    monkeypatch.chdir(tmp_path)
    worker = Worker()
    try:
        assert examine(worker, math("2"), "2")[0]
        begin = time.monotonic()
        assert not examine(worker, math("2"), text)[0]
        assert time.monotonic() - begin < 2 * answers.ANSWER_SECONDS + 5
        assert list(tmp_path.iterdir()) == []
        assert examine(worker, math("4"), "4")[0]
    finally:
        worker.close()


@pytest.mark.parametrize(
    ("answer", "right"),
    [("B", True), ("(b)", True), ("B.", True), ("$B$", True), ("A", False), ("B or C", False)],
)
def test_an_option_is_one_letter(answer, right):
    """No other process is needed for it."""
    assert examine(None, {"rule": "choice", "answer": "B"}, answer)[0] is right


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (respond("work", "7"), "7"),
        (respond("\\boxed{8}", "7"), "7"),
        ("so it is \\boxed{1} or rather \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}"),
        ("it is 7", None),
        ("\\boxed{1", None),
        ("\\boxed{}", None),
        ("<answer>1</answer><answer>2</answer>", None),
        (f"<answer>{'1' * 5000}</answer>", None),
    ],
)
def test_the_answer_is_in_the_tags_or_in_the_last_box(response, answer):
    """Hand-worked; two answers are none."""
    assert answer_in(response) == answer


def test_what_wraps_an_expression_is_taken_off():
    """Hand-worked."""
    assert bare(" \\boxed{18}. ") == "18"
    assert bare("$x^2$") == "x^2"
    assert bare("\\$ 18") == "18"


def test_the_judge_tells_format_and_answer_apart():
    """A right letter outside of the form is right, and the form is not kept."""
    prompts = [{"check": {"rule": "choice", "answer": "C"}}] * 3
    responses = [respond("because", "C"), "thus \\boxed{C}", "C"]
    verdicts = judge_with(None)(prompts, responses)
    assert [v.correct for v in verdicts] == [True, True, False]
    assert [v.format_ok for v in verdicts] == [True, False, False]
    assert [v.vote for v in verdicts] == ["C", "C", None]


def test_without_math_verify_a_sentence_says_how_to_install_it(tmp_path, monkeypatch):
    """The process ends at once."""
    broken = tmp_path / "worker.py"
    broken.write_text("raise SystemExit(1)\n")
    monkeypatch.setattr(answers, "WORKER", broken)
    with pytest.raises(InputError, match="math-verify cannot be started; run `make harness`"):
        Worker().compare("1", "1")
