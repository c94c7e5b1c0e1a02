# SPDX-License-Identifier: Apache-2.0
"""What the reward models learn from: pairs of helpful answers, and safe and unsafe responses.

Pairs    A helpful prompt gets two of six kinds of answers: right or with a fault in its form, and
         each plain, with the courteous opening, or with a needless closing. The judge of
         `preference` compares them; a pair is kept when its gap is above `least_gap`, and the
         preferred one is `chosen`. Lengths are balanced: as many pairs whose chosen answer is the
         longer (in words of the final answer) as pairs whose chosen is the shorter; up to a third
         of the pairs are equally long.
Safety   refused    a harmful request refused: safe
         answered   a harmless request answered: safe
         complied   a harmful request answered: unsafe
         thought    a harmful request refused in the answer, but worked out in the reasoning:
                    unsafe, because the whole response counts
         A refused harmless request is neither and does not occur: the paper's guidelines concern
         harm alone.
Held out One problem key in five belongs to the held-out files alone; problems of validation and
         test belong to neither.
Source   Nature Methods: 66,000 pairs; 106,000 responses marked safe or unsafe.
"""

import random
from collections.abc import Callable, Iterator

from r1repro.tasks import general_form, general_request
from r1repro.tasks.data.corpus import SHORT_THOUGHTS
from r1repro.tasks.data.decontamination import Decontaminator, Tally
from r1repro.tasks.data.draw import draw_from, language_shares, shuffled_labels, stream
from r1repro.tasks.data.splits import prompt_record
from r1repro.tasks.manner import dress
from r1repro.tasks.preference import answer_words, judge_gap, utility
from r1repro.tasks.problem import Problem, Task, join_steps
from r1repro.tasks.template import respond

HELDOUT_SHARE = 0.2  # of the problem keys
SAFETY_SHARES = {"refused": 0.25, "answered": 0.25, "complied": 0.35, "thought": 0.15}
SAFE_KINDS = ("refused", "answered")
RESPONSES = ("chosen", "rejected", "response")
# opened, closed
MANNERS = ((False, False), (True, False), (True, True), (False, True))


class Source:
    """Draws problems for one file: free of evaluation problems, training or held-out keys."""

    def __init__(self, data: dict, seed: int, evaluation: list[dict], filter_: Decontaminator):
        """`evaluation` are the prompts of validation and test, which `filter_` knows."""
        self.data, self.seed, self.filter = data, seed, filter_
        self.taken = {record["key"] for record in evaluation}

    def is_held_out(self, key: str) -> bool:
        """Say whether a problem belongs to the held-out files."""
        return stream(self.seed, "preferences", "held out", key).random() < HELDOUT_SHARE

    def records(
        self,
        name: str,
        held_out: bool,
        task: Task,
        labels: list[str],
        make: Callable[[Problem, str, str, random.Random], dict | None],
        tally: Tally,
    ) -> Iterator[dict]:
        """Yield one record a label; `make(problem, language, label, rng)` may refuse a problem."""
        shares = language_shares(self.data["chinese_share"])
        languages = shuffled_labels(len(labels), shares, self.seed, name, "languages")
        seen: set[tuple] = set()
        for index, (label, language) in enumerate(zip(labels, languages, strict=True)):
            rng = stream(self.seed, name, "texts", index)

            def use(problem: Problem, label=label, language=language, rng=rng) -> dict | None:
                if problem.key in self.taken:
                    tally.same_key[problem.category] += 1
                    return None
                if self.is_held_out(problem.key) != held_out:
                    return None
                record = make(problem, language, label, rng)
                if record is None:
                    return None
                question = problem.question[language]
                texts = question, *(record[name] for name in RESPONSES if name in record)
                if texts in seen:
                    return None
                match = self.filter.find(question, " ".join(texts[1:]))
                if not tally.count(problem.category, question, match):
                    return None
                seen.add(texts)
                return {
                    "prompt": question,
                    "language": language,
                    "category": problem.category,
                    "key": problem.key,
                    "kind": label,
                } | record

            yield draw_from(task, use, index, self.seed, name)


def pair_labels(count: int, seed: int, name: str) -> list[str]:
    """Return whether the chosen answer is longer, shorter or equal: longer as often as shorter."""
    longer = (count + 1) // 3
    labels = ["longer"] * longer + ["shorter"] * longer + ["equal"] * (count - 2 * longer)
    stream(seed, name, "lengths").shuffle(labels)
    return labels


def preference_pairs(
    name: str, held_out: bool, count: int, source: Source, tally: Tally
) -> Iterator[dict]:
    """Yield judged pairs of responses to helpful prompts."""
    settings = source.data["preferences"]

    def make(problem: Problem, language: str, label: str, rng: random.Random) -> dict | None:
        prompt = prompt_record(problem, language, problem.key)
        first, second = (_candidate(problem, language, rng) for _ in range(2))
        gap = judge_gap(prompt, first, second, settings, rng)
        if gap < 0:
            first, second, gap = second, first, -gap
        lengths = answer_words(first), answer_words(second)
        relation = "equal" if lengths[0] == lengths[1] else "shorter"
        relation = "longer" if lengths[0] > lengths[1] else relation
        if gap <= settings["least_gap"] or relation != label:
            return None
        return {
            "chosen": first,
            "rejected": second,
            "utility_chosen": utility(prompt, first),
            "utility_rejected": utility(prompt, second),
            "judge_gap": round(gap, 6),
        }

    labels = pair_labels(count, source.seed, name)
    yield from source.records(name, held_out, general_form.TASK, labels, make, tally)


def _candidate(problem: Problem, language: str, rng: random.Random) -> str:
    """Write a response to a helpful prompt, right or wrong, in one of the manners."""
    right = rng.random() < 0.5
    answer = problem.answer_in(language)
    if not right:
        answer = general_form.guess(problem, language, rng)
    opened, closed = rng.choice(MANNERS)
    worked = rng.random() < 0.5
    thought = join_steps(problem.steps[language]) if worked else _short_thought(language, rng)
    return respond(thought, dress(answer, language, opened, closed))


def _short_thought(language: str, rng: random.Random) -> str:
    return rng.choice(SHORT_THOUGHTS[language])


def safety_responses(
    name: str, held_out: bool, count: int, source: Source, tally: Tally
) -> Iterator[dict]:
    """Yield whole responses to harmless-set prompts, marked safe or unsafe."""

    def make(problem: Problem, language: str, label: str, rng: random.Random) -> dict | None:
        check = problem.check_in(language)
        if check["unsafe"] == (label == "answered"):
            return None
        refused = label in ("refused", "thought")
        answer = general_request.refuse(check) if refused else general_request.comply(check)
        steps = general_request.reasoning(check, harmful=label == "refused")
        short = _short_thought(language, rng)
        if label == "thought":
            thought = f"{short} {steps}".strip()
        else:
            thought = steps if rng.random() < 0.5 else short
        return {"response": respond(thought, answer), "safe": label in SAFE_KINDS}

    labels = shuffled_labels(count, SAFETY_SHARES, source.seed, name, "kinds")
    yield from source.records(name, held_out, general_request.TASK, labels, make, tally)
