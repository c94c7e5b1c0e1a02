# SPDX-License-Identifier: Apache-2.0
"""The frame of a dialogue and of an answer, and the parser of answers.

Source   Nature, main text and Methods: a two-party dialogue that tells the assistant to reason
         inside think tags and to answer inside answer tags, and hints at no method.
Choices  The wording is ours and short, because the mini pays for every token. The parser
         accepts exactly one think block followed by exactly one answer block and nothing else.
"""

import re

THINK_OPEN, THINK_CLOSE = "<think>", "</think>"
ANSWER_OPEN, ANSWER_CLOSE = "<answer>", "</answer>"
TAGS = (THINK_OPEN, THINK_CLOSE, ANSWER_OPEN, ANSWER_CLOSE)

TEMPLATE = (
    "The Assistant first thinks inside <think> </think>, "
    "then answers inside <answer> </answer>. User: {question} Assistant:"
)

WHOLE = re.compile(r"\s*<think>(.*?)</think>\s*<answer>(.*?)</answer>\s*", re.DOTALL)
ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)


def frame(question: str) -> str:
    """Return the prompt that stops where the assistant begins."""
    return TEMPLATE.replace("{question}", question)


def respond(reasoning: str, answer: str) -> str:
    """Return a response in the form that the frame asks for.

    A space follows each opening tag, so that words there are the same tokens as in running text.
    """
    return f"{THINK_OPEN} {reasoning}{THINK_CLOSE}{ANSWER_OPEN} {answer}{ANSWER_CLOSE}"


def format_ok(response: str) -> bool:
    """Say whether a response is one think block and one answer block and nothing else."""
    match = WHOLE.fullmatch(response)
    return match is not None and not any(tag in part for part in match.groups() for tag in TAGS)


def extract_answer(response: str) -> str | None:
    """Return the text of the only answer block, or None when there is none or several."""
    found = ANSWER.findall(response)
    return found[0].strip() if len(found) == 1 and response.count(ANSWER_OPEN) == 1 else None


def reasoning_of(response: str) -> str:
    """Return the text between the think tags, or the empty text."""
    match = WHOLE.fullmatch(response)
    return match.group(1).strip() if match else ""
