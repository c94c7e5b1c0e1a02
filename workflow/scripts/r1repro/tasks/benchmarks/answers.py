# SPDX-License-Identifier: Apache-2.0
"""Right or wrong for answers to benchmarks of others: an option's letter, or mathematics.

math     math-verify says whether two expressions are the same; both are read as LaTeX. It runs in a
         process of its own (`math_worker`), which is ended when an answer takes too long: a
         response is text from a stranger, and 9^{9^{9^9}} is quickly written.
choice   one letter, alone or in brackets

Choices  The answer stands in the answer tags; where a response has none, in its last \\boxed{}, as
         models of others write it. A full stop at the end and a currency sign in front do not
         count. An answer in words is compared as text: as LaTeX its letters would be factors, and
         anagrams equal. In a vote, equal expressions count as one answer.
"""

import json
import re
import select
import subprocess
import sys
from pathlib import Path

from r1repro.errors import InputError
from r1repro.tasks.data.user_answers import option_letter, plain_text
from r1repro.tasks.judge import MAX_ANSWER_CHARACTERS, Verdict
from r1repro.tasks.template import extract_answer, format_ok

WORKER = Path(__file__).with_name("math_worker.py")
START_SECONDS = 300.0  # a cold disk and a busy machine; normally 2
ANSWER_SECONDS = 10.0
INSTALL = "run `make harness`, which installs it beside the locked packages"
BOXED = "\\boxed{"
WORDS = re.compile(r"(?:\\text\{)?\s*([A-Za-z][A-Za-z ,'-]+)\}?")


class Worker:
    """The process that compares expressions; started when it is first needed."""

    def __init__(self):
        self.process: subprocess.Popen | None = None
        self.known: dict[tuple[str, str], tuple[bool, str]] = {}

    def compare(self, reference: str, answer: str) -> tuple[bool, str]:
        """Return whether two expressions are equal and how the second is written plainly.

        An answer that takes too long is wrong, and written as it stands.
        """
        pair = (reference, answer)
        if pair not in self.known:
            if self.process is None:
                self._start()
            found = self._ask(pair, ANSWER_SECONDS)
            self.known[pair] = (False, answer) if found is None else (bool(found[0]), found[1])
        return self.known[pair]

    def _start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        if self._ask(("1", "1"), START_SECONDS) != [True, "1"]:
            self.close()
            raise InputError(f"math-verify cannot be started; {INSTALL}")

    def _ask(self, pair: tuple[str, str], seconds: float) -> list | None:
        """Return the worker's line, None when it ended or took too long; then it is ended."""
        line = ""
        try:
            self.process.stdin.write(json.dumps(pair) + "\n")
            self.process.stdin.flush()
            ready, _, _ = select.select([self.process.stdout], [], [], seconds)
            line = self.process.stdout.readline() if ready else ""
        except BrokenPipeError:  # it ended while it was asked
            pass
        if not line:
            self.close()
            return None
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None


def judge_with(worker: Worker):
    """Return a judge that stands where `judge.judge` stands, for prompts of benchmarks."""

    def judge(prompts: list[dict], responses: list[str], _sandbox=None) -> list[Verdict]:
        pairs = zip(prompts, responses, strict=True)
        return [_verdict(worker, prompt["check"], response) for prompt, response in pairs]

    return judge


def _verdict(worker: Worker, check: dict, response: str) -> Verdict:
    answer = answer_in(response)
    if answer is None:
        return Verdict(False, format_ok(response), None, None)
    correct, vote = examine(worker, check, answer)
    return Verdict(correct, format_ok(response), answer, vote)


def answer_in(response: str) -> str | None:
    """Return the answer of a response: what the tags hold, else its last boxed expression."""
    answer = extract_answer(response)
    if answer is None:
        answer = last_boxed(response)
    return None if not answer or len(answer) > MAX_ANSWER_CHARACTERS else answer


def last_boxed(text: str) -> str | None:
    """Return what the last \\boxed{} holds, None where there is none or it is not closed."""
    start = text.rfind(BOXED)
    depth = 0
    for place in range(start + len(BOXED) - 1, len(text)) if start >= 0 else ():
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[start + len(BOXED) : place].strip()
    return None


def examine(worker: Worker, check: dict, answer: str) -> tuple[bool, str]:
    """Return whether an answer is right and what it counts as in a vote."""
    if check["rule"] == "choice":
        letter = option_letter(bare(answer))
        return letter == check["answer"], letter or plain_text(answer)
    reference, given = bare(check["answer"]), bare(answer)
    if words := WORDS.fullmatch(reference):
        text = WORDS.fullmatch(given)
        said = plain_text(text[1] if text else given)
        return said == plain_text(words[1]), said
    return worker.compare(reference, given)


def bare(answer: str) -> str:
    """Return an answer without what wraps an expression: a box, dollars, a final full stop."""
    text = answer.strip()
    text = last_boxed(text) or text
    text = text.strip().rstrip(".").strip()
    text = text.removeprefix("\\$").removesuffix("\\$")
    return text.strip("$").strip()
