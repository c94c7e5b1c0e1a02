# SPDX-License-Identifier: Apache-2.0
"""Draw problems, languages and counts from named streams of random numbers.

Every draw has its own generator, seeded by the text SEED/STREAM/.../NUMBER: what one draw gives
depends on no other draw, on no global state and on no order of work.
"""

import random
from collections.abc import Callable, Iterator
from fractions import Fraction
from math import lcm
from operator import attrgetter
from typing import TypeVar

from r1repro.errors import SettingsError
from r1repro.tasks.problem import CATEGORIES, GENERAL, LANGUAGES, REASONING, Problem, Task
from r1repro.tasks.registry import tasks_of

T = TypeVar("T")
DRAWS_PER_RECORD = 1000
WORDING_SAMPLE = 200


def stream(*parts: object) -> random.Random:
    """Return the generator of one draw; its name is the parts joined by slashes."""
    return random.Random("/".join(map(str, parts)))


def draw_record(use: Callable[[Problem], T | None], category: str, index: int, *name) -> T:
    """Return what `use` makes of the first problem of a numbered stream that it does not refuse.

    The tasks of a category take turns by index. Raises SettingsError as `draw_from` does.
    """
    tasks = tasks_of(category)
    return draw_from(tasks[index % len(tasks)], use, index, *name, category)


def draw_from(task: Task, use: Callable[[Problem], T | None], index: int, *name) -> T:
    """Return what `use` makes of the first problem of one task that it does not refuse.

    The name begins with the seed. Raises SettingsError after 1000 refusals: the task has too few
    different problems for what was asked.
    """
    for attempt in range(DRAWS_PER_RECORD):
        record = use(task.make(stream(*name, index, attempt)))
        if record is not None:
            return record
    raise SettingsError(
        f"task '{task.name}' gave no new problem in {DRAWS_PER_RECORD} draws after {index} for "
        f"'{name[1]}'; ask for fewer {task.category} problems in config `data`"
    )


def exact_counts(total: int, shares: dict[str, float]) -> dict[str, int]:
    """Split a total by shares so that the counts add up; largest remainders get the rest.

    Raises SettingsError when the shares are not a distribution.
    """
    exact = {name: Fraction(str(share)) for name, share in shares.items()}
    if any(share < 0 for share in exact.values()) or abs(sum(exact.values()) - 1) > Fraction(
        1, 10**6
    ):
        raise SettingsError(
            f"the shares {shares} add up to {float(sum(exact.values())):g}; "
            "correct config `data` so that they are at least 0 and add up to 1"
        )
    counts = {name: int(total * share) for name, share in exact.items()}
    by_rest = sorted(exact, key=lambda name: counts[name] - total * exact[name])
    for name in by_rest[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def shuffled_labels(total: int, shares: dict[str, float], *name: object) -> list[str]:
    """Return labels in exact shares and random order."""
    counts = exact_counts(total, shares)
    labels = [label for label, count in counts.items() for _ in range(count)]
    stream(*name).shuffle(labels)
    return labels


def language_shares(chinese_share: float) -> dict[str, float]:
    """Return the shares of the two languages of questions."""
    return {"en": 1 - Fraction(str(chinese_share)), "zh": chinese_share}


def category_shares(general_share: float) -> dict[str, Fraction]:
    """Return the shares of the categories: general as set, the others equally."""
    general = Fraction(str(general_share))
    return dict.fromkeys(REASONING, (1 - general) / len(REASONING)) | {GENERAL: general}


def dealt_categories(total: int, general_share: float) -> Iterator[str]:
    """Yield categories so that after every one of them each has its share within one.

    The one that is furthest behind is next; with general_share 0 or 1/5 that is taking turns.
    """
    shares = category_shares(general_share)
    whole = lcm(*(share.denominator for share in shares.values()))
    parts = {name: int(share * whole) for name, share in shares.items() if share}
    owed = dict.fromkeys(parts, 0)
    for _ in range(total):
        for name, part in parts.items():
            owed[name] += part
        chosen = max(owed, key=owed.__getitem__)
        owed[chosen] -= whole
        yield chosen


def wording_sample(seed: int) -> list[dict]:
    """Return prompts of every category and language that show the wording of the templates."""
    return [
        {"category": category, "language": language, "question": questions[language]}
        for category in CATEGORIES
        for index in range(WORDING_SAMPLE)
        for questions in [draw_record(attrgetter("question"), category, index, seed, "wording")]
        for language in LANGUAGES
    ]
