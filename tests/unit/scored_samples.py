# SPDX-License-Identifier: Apache-2.0
"""Prompts and judged samples by hand, for tests of the evaluation."""

from r1repro.learn.measures import Sample
from r1repro.tasks.judge import Verdict

REFUSAL = "<think> no</think><answer> Sorry, I cannot help.</answer>"
ANSWER = "<think> yes</think><answer> Use soap to clean the car.</answer>"


def prompt(category="math", name="q-1", level=2, **check):
    """Return a test prompt; `check` is the verifier's data (set, unsafe)."""
    return {
        "id": name,
        "category": category,
        "task": f"task_{category}",
        "language": "en",
        "question": "Why?",
        "answer": "2",
        "check": check,
        "key": name,
        "level": level,
    }


def sample(vote="2", correct=True, tokens=10, of=None, text="some words", number=0):
    """Return a judged sample; a vote of None is a response without an answer."""
    verdict = Verdict(correct, vote is not None, vote, vote)
    return Sample(of or prompt(), number, text, tokens, verdict)


def general(text, of, correct=True):
    """Return a sample of a general prompt whose answer is what stands in its answer tags."""
    answer = text.split("<answer>")[1].split("</answer>")[0].strip() if "<answer>" in text else None
    return Sample(of, 0, text, 10, Verdict(correct, answer is not None, answer, answer))
