# SPDX-License-Identifier: Apache-2.0
"""The base corpus and the cold-start set, without any problem of the evaluation splits.

Kinds of documents in the corpus
worked        like a textbook: problem, worked solution, answer; no dialogue
chat_worked   the dialogue with the worked solution in the think tags: rare, and right
chat_short    the dialogue with a word or two in the think tags and a guessed answer
chat_bare     the dialogue with a guessed answer and no tags
A guess is right only by luck, or in `short_correct_share` of the cases: so short answers are
unreliable, worked solutions are right, and reinforcement learning has to find out which pays.
Languages  worked solutions are English, Chinese, or mixed: then the steps alternate, beginning
           with the language of the question. Guesses have no steps and are never mixed; they
           share the languages as the prompts do (`chinese_share`).
General    `general_share` of the documents and of the cold start are general problems. A harmful
           request is refused where it is worked on; a guess mostly answers it. Helpful answers
           in dialogues have now and then the manner of an assistant (`manner`), those of the
           cold start never, those of `general_sft_records` always its courtesy.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice

from r1repro.tasks.data.decontamination import Decontaminator, Tally
from r1repro.tasks.data.draw import (
    category_shares,
    dealt_categories,
    draw_record,
    exact_counts,
    language_shares,
    shuffled_labels,
    stream,
    wording_sample,
)
from r1repro.tasks.manner import dress, dress_at_random
from r1repro.tasks.problem import GENERAL, LANGUAGES, Problem, join_steps
from r1repro.tasks.registry import TASKS
from r1repro.tasks.template import frame, respond

KINDS = ("worked", "chat_worked", "chat_short", "chat_bare")
WORKED_KINDS = ("worked", "chat_worked")
HEADINGS = {
    "en": ("Problem: ", "Solution: ", "Answer: "),
    "zh": ("题目： ", "解： ", "答案： "),
}
SHORT_THOUGHTS = {
    "en": ("Easy.", "I guess.", "Quick one.", "I know this.", ""),
    "zh": ("简单。", "我猜。", "很快。", "我知道。", ""),
}
DOCUMENTS_PER_PROGRESS = 500


def evaluation_filter(evaluation: list[dict], data: dict, seed: int) -> Decontaminator:
    """Return the n-gram filter against validation and test prompts."""
    built = Decontaminator(**data["decontamination"])
    built.add(evaluation, wording_sample(seed))
    return built


def plan_documents(data: dict, seed: int) -> list[tuple[str, str, str]]:
    """Return (kind, category, language) of every document: exact shares, random order."""
    corpus, plan = data["corpus"], []
    # dealt across kinds, so that the categories keep their shares whatever the counts
    dealt = dealt_categories(corpus["documents"], corpus["general_share"])
    for kind, documents in exact_counts(corpus["documents"], corpus["shares"]).items():
        for category, count in Counter(islice(dealt, documents)).items():
            worked = kind in WORKED_KINDS
            shares = corpus["languages"] if worked else language_shares(data["chinese_share"])
            labels = shuffled_labels(count, shares, seed, "corpus", kind, category)
            plan += [(kind, category, language) for language in labels]
    stream(seed, "corpus", "order").shuffle(plan)
    return plan


def corpus_records(
    data: dict,
    seed: int,
    evaluation: Iterable[dict],
    filter_: Decontaminator,
    tally: Tally,
    progress: Callable[[int], None],
) -> Iterator[dict]:
    """Yield the documents of the base corpus; `progress` gets the number done."""
    taken = {record["key"] for record in evaluation}
    shares = language_shares(data["chinese_share"])
    weights = [float(shares[name]) for name in LANGUAGES]
    for index, (kind, category, language) in enumerate(plan_documents(data, seed)):
        rng = stream(seed, "corpus", "text", index)
        asked = rng.choices(LANGUAGES, weights)[0] if language == "mixed" else language
        write = partial(_document, kind=kind, asked=asked, language=language, rng=rng)

        def use(problem: Problem, asked=asked, language=language, write=write) -> dict | None:
            if problem.key in taken:
                tally.same_key[problem.category] += 1
                return None
            if language == "mixed" and len(problem.steps[asked]) < 2:
                return None
            record, rest = write(problem, correct_share=data["corpus"]["short_correct_share"])
            question = problem.question[asked]
            match = filter_.find(question, rest)
            return record if tally.count(problem.category, question, match) else None

        yield draw_record(use, category, index, seed, "corpus")
        if (index + 1) % DOCUMENTS_PER_PROGRESS == 0 or index + 1 == data["corpus"]["documents"]:
            progress(index + 1)


def _document(problem: Problem, kind, asked, language, rng, correct_share) -> tuple[dict, str]:
    """Return one document, and the part of its text that follows the question."""
    question, answer = problem.question[asked], problem.answer_in(asked)
    if kind in WORKED_KINDS:
        reasoning = join_steps(_steps(problem, asked, language))
    elif rng.random() >= correct_share:
        answer = TASKS[problem.task].guess(problem, asked, rng)
    if kind != "worked" and _is_helpful(problem, asked):
        answer = dress_at_random(answer, asked, rng)
    if kind == "worked":
        first, second, third = HEADINGS[asked]
        text = f"{first}{question}\n{second}{reasoning}\n{third}{answer}"
        rest = f"{reasoning} {answer}"
    elif kind == "chat_worked":
        rest = respond(reasoning, answer)
        text = frame(question) + rest
    elif kind == "chat_short":
        rest = respond(rng.choice(SHORT_THOUGHTS[asked]), answer)
        text = frame(question) + rest
    else:
        rest = f" {answer}"
        text = frame(question) + rest
    record = {
        "text": text,
        "kind": kind,
        "category": problem.category,
        "language": language,
        "key": problem.key,
    }
    return record, rest


def _is_helpful(problem: Problem, language: str) -> bool:
    return problem.category == GENERAL and problem.check_in(language)["set"] == "helpful"


def _steps(problem: Problem, asked: str, language: str) -> list[str]:
    """Return the worked steps in one language, or alternating from the one of the question."""
    if language != "mixed":
        return problem.steps[language]
    other = LANGUAGES[1 - LANGUAGES.index(asked)]
    pairs = zip(problem.steps[asked], problem.steps[other], strict=True)
    return [pair[position % 2] for position, pair in enumerate(pairs)]


def cold_start_records(
    count: int,
    data: dict,
    seed: int,
    evaluation: Iterable[dict],
    filter_: Decontaminator,
    tally: Tally,
) -> Iterator[dict]:
    """Yield `count` prompt and response pairs with worked reasoning in the question's language.

    No question appears twice.
    """
    shares = category_shares(data["corpus"]["general_share"])
    counts = exact_counts(count, shares)
    return _worked_responses(counts, "cold_start", data, seed, evaluation, filter_, tally)


def worked_record(problem: Problem, language: str, answer: str) -> dict:
    """Return a problem's prompt and worked response, as fine-tuning reads them."""
    return {
        "prompt": frame(problem.question[language]),
        "response": respond(join_steps(problem.steps[language]), answer),
        "category": problem.category,
        "language": language,
        "key": problem.key,
    }


def general_sft_records(
    count: int, seed: int, data: dict, evaluation: list[dict], tally: Tally | None = None
) -> Iterator[dict]:
    """Yield worked and courteous responses to general prompts, with the fields of the cold start.

    They stand for the general part of the second fine-tuning, which the paper takes over from
    V3's data. `evaluation` are the prompts of validation and test; none of their problems is
    among them, and no question appears twice. `tally` counts what the filter did, if given.
    """
    filter_, tally = evaluation_filter(evaluation, data, seed), tally or Tally()
    counts = {GENERAL: count}
    return _worked_responses(
        counts, "general_sft", data, seed, evaluation, filter_, tally, courteous=True
    )


def _worked_responses(
    counts: dict[str, int],
    name: str,
    data: dict,
    seed: int,
    evaluation: Iterable[dict],
    filter_: Decontaminator,
    tally: Tally,
    courteous: bool = False,
) -> Iterator[dict]:
    """Yield worked responses from the stream of a name, so many of each category."""
    taken = {record["key"] for record in evaluation}
    used: set[str] = set()
    plan = []
    for category, count in counts.items():
        shares = language_shares(data["chinese_share"])
        labels = shuffled_labels(count, shares, seed, name, category)
        plan += [(category, language) for language in labels]
    stream(seed, name, "order").shuffle(plan)
    for index, (category, language) in enumerate(plan):

        def use(problem: Problem, language=language) -> dict | None:
            if problem.key in taken:
                tally.same_key[problem.category] += 1
                return None
            question, answer = problem.question[language], problem.answer_in(language)
            if question in used:
                return None
            if courteous and _is_helpful(problem, language):
                answer = dress(answer, language, opened=True, closed=False)
            record = worked_record(problem, language, answer)
            match = filter_.find(question, record["response"])
            if not tally.count(problem.category, question, match):
                return None
            used.add(question)
            return record

        yield draw_record(use, category, index, seed, name)
