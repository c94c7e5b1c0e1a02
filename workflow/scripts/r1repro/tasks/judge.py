# SPDX-License-Identifier: Apache-2.0
"""Right or wrong: the rule-based verdict on a response, as in the paper's accuracy and format
rewards.

A response is text from a stranger. Its answer is cut out by our own parser; text answers go to
the task's verifier, programs go to the sandbox, and only their results come back.
"""

from dataclasses import dataclass

from r1repro.files import canonical_json
from r1repro.tasks.registry import verifier_of
from r1repro.tasks.sandbox import Job, Sandbox
from r1repro.tasks.template import extract_answer, format_ok

MAX_ANSWER_CHARACTERS = 4000


@dataclass(frozen=True)
class Verdict:
    """One response judged.

    extracted  the answer text, None when there is none
    vote       what counts as the same answer in a majority vote, None when there is no answer
    """

    correct: bool
    format_ok: bool
    extracted: str | None
    vote: str | None


def judge(prompts: list[dict], responses: list[str], sandbox: Sandbox) -> list[Verdict]:
    """Judge responses[i] against prompts[i]."""
    extracted = [_extract(response) for response in responses]
    ran = _run_programs(prompts, extracted, sandbox)
    verdicts = []
    for i, (prompt, answer) in enumerate(zip(prompts, extracted, strict=True)):
        if answer is None:
            correct, vote = False, None
        elif i in ran:
            expected = prompt["check"]["expected"]
            correct = ran[i].outputs is not None and same_results(ran[i].outputs, expected)
            vote = answer if ran[i].outputs is None else canonical_json(ran[i].outputs)
        else:
            correct = verifier_of(prompt["task"])(prompt["check"], answer)
            vote = " ".join(answer.split())
        verdicts.append(Verdict(correct, format_ok(responses[i]), answer, vote))
    return verdicts


def _extract(response: str) -> str | None:
    answer = extract_answer(response)
    return None if answer is None or len(answer) > MAX_ANSWER_CHARACTERS else answer


def _run_programs(prompts, extracted, sandbox) -> dict:
    """Run all programs of a batch in one call; return outcome by position.

    Answers with the same text to the same question are run once: of a group that agrees, most
    answers are equal.
    """
    jobs: dict[tuple[str, str, str], Job] = {}
    key_of = {}
    for i, (prompt, answer) in enumerate(zip(prompts, extracted, strict=True)):
        if answer is None or verifier_of(prompt["task"]) is not None:
            continue
        entry, inputs = prompt["check"]["entry"], prompt["check"]["inputs"]
        key_of[i] = (answer, entry, canonical_json(inputs))
        jobs.setdefault(key_of[i], Job(answer, entry, inputs))
    outcomes = dict(zip(jobs, sandbox.run(list(jobs.values())), strict=True)) if jobs else {}
    return {i: outcomes[key] for i, key in key_of.items()}


def same_results(outputs: list, expected: list) -> bool:
    """Compare results exactly, at every depth: same type (True is not 1), same value."""
    return canonical_json(outputs) == canonical_json(expected)
