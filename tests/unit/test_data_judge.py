# SPDX-License-Identifier: Apache-2.0
"""A user's own prompts are judged like those of the tasks: by value, by option, by running."""

import json

from r1repro.tasks.data.user_prompts import read_user_prompts
from r1repro.tasks.judge import judge
from r1repro.tasks.registry import verifier_of
from r1repro.tasks.sandbox.job import Outcome

LINES = [
    {"prompt": "What is 1/2+1/4?", "answer": "3/4", "category": "math"},
    {"prompt": "Which is even? A)1 B)2 C)3 D)5", "answer": "B", "category": "stem"},
    {
        "prompt": "Write f(x) that squares x",
        "answer": {"entry": "f", "inputs": [[2], [-3]], "expected": [4, 9]},
        "category": "code",
    },
]


def test_own_prompts_find_their_verifier(tmp_path):
    """Texts are compared here; a program has no verifier, because the sandbox runs it."""
    path = tmp_path / "own.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    math, stem, code = read_user_prompts(path, max_bytes=300)
    assert verifier_of(math["task"])(math["check"], "0.75")
    assert not verifier_of(math["task"])(math["check"], "0.7")
    assert verifier_of(stem["task"])(stem["check"], "(b)")
    assert verifier_of(code["task"]) is None
    assert code["check"] == LINES[2]["answer"]


def test_verifiers_of_the_tasks_stay_their_own():
    """The two names for own prompts shadow no task."""
    assert verifier_of("chain_sum")({"answer": "7"}, "7")
    assert verifier_of("code_synthesis") is None


class Counting:
    """A sandbox that counts what it is asked to run and answers for f(x) = x * x."""

    def __init__(self):
        self.asked = []

    def run(self, jobs):
        self.asked += [(job.source, job.entry, job.inputs) for job in jobs]
        return [Outcome("ok", [x * x for (x,) in job.inputs], "", 0.0) for job in jobs]


def test_equal_answers_to_one_question_are_run_once(tmp_path):
    """Sixteen samples that agree cost one run; another question with the same text another."""
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(LINES[2]) + "\n")
    [code] = read_user_prompts(path, max_bytes=300)
    other = code | {"check": code["check"] | {"inputs": [[5]], "expected": [24]}}
    answers = ["<think> a</think><answer> one</answer>", "<think> b</think><answer> one</answer>"]
    sandbox = Counting()
    verdicts = judge([code, code, other], [*answers, answers[0]], sandbox)
    assert [verdict.correct for verdict in verdicts] == [True, True, False]
    assert sandbox.asked == [("one", "f", [[2], [-3]]), ("one", "f", [[5]])]
