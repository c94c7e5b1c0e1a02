# SPDX-License-Identifier: Apache-2.0
"""General, helpful: short instructions whose form a rule can check (the role of IF-Eval).

repeat   write one word a number of times
list     name a number of colours or animals with commas between, a given one first
mark     put words in capitals (English) or in square brackets (Chinese, which has no capitals)
span     write a number of words (Chinese: characters) of which the first and the last are given
The worked solution makes the answer piece by piece. Only the form counts: which colours are
named, or which words stand inside a span, is free.
Choice   One opening or closing phrase is no part of the form (`manner`).
"""

import random
import re
import unicodedata

from r1repro.tasks.manner import undress
from r1repro.tasks.problem import GENERAL, Problem, Task

NAME = "general_form"
SET = "helpful"
GROUPS = {
    "colours": (("red", "红"), ("blue", "蓝"), ("green", "绿"), ("black", "黑"), ("white", "白"),
                ("pink", "粉")),
    "animals": (("cat", "猫"), ("dog", "狗"), ("cow", "牛"), ("pig", "猪"), ("hen", "鸡"),
                ("fox", "狐")),
}  # fmt: skip
GROUP_IN_CHINESE = {"colours": "颜色", "animals": "动物"}
WORDS = tuple(pair for group in GROUPS.values() for pair in group)
COUNTS = (2, 4)
INSIDE = {"en": ("and", "then"), "zh": ("和", "再")}
COMMAS = {"en": ", ", "zh": "，"}
BLANKS = {"en": " ", "zh": ""}  # between words that are repeated or stand in a span
FAULTS = {
    "repeat": ("missing", "added", "other"),
    "list": ("missing", "added", "turned", "plain", "other"),
    "mark": ("missing", "added", "turned", "plain", "other"),
    "span": ("missing", "added", "turned", "other"),
}
STOPS = {"en": ".", "zh": "。"}


def _problem(kind: str, content: str, question: dict, pieces: dict, answer: dict, facts) -> Problem:
    """Put a problem together; `facts(side)` is the check's data for language 0 or 1."""
    return Problem(
        task=NAME,
        category=GENERAL,
        question=question,
        answer=answer,
        check={
            language: {"set": SET, "language": language, "kind": kind} | facts(side)
            for side, language in enumerate(("en", "zh"))
        },
        key=f"{NAME}:{kind}:{content}",
        steps={
            language: [f"{piece}{STOPS[language]}" for piece in texts]
            for language, texts in pieces.items()
        },
    )


def make_repeat(rng: random.Random) -> Problem:
    """Draw a word and how often to write it."""
    word, count = rng.choice(WORDS), rng.randint(*COUNTS)
    english, chinese = word
    return _problem(
        "repeat",
        f"{english},{count}",
        {"en": f"Write {english} {count} times", "zh": f"写{count}遍{chinese}"},
        {
            "en": [f"{i} {english}" for i in range(1, count + 1)],
            "zh": [f"{i} {chinese}" for i in range(1, count + 1)],
        },
        {"en": " ".join([english] * count), "zh": chinese * count},
        lambda side: {"word": word[side], "count": count},
    )


def make_list(rng: random.Random) -> Problem:
    """Draw a group, how many to name, and the first; the others follow in the group's order."""
    group, count = rng.choice(sorted(GROUPS)), rng.randint(*COUNTS)
    members = GROUPS[group]
    start = rng.randrange(len(members))
    chosen = [members[(start + i) % len(members)] for i in range(count)]
    english, chinese = ([pair[side] for pair in chosen] for side in (0, 1))
    return _problem(
        "list",
        f"{group},{english[0]},{count}",
        {
            "en": f"List {count} {group} with commas, {english[0]} first",
            "zh": f"列{count}种{GROUP_IN_CHINESE[group]}，用逗号，{chinese[0]}在前",
        },
        {
            "en": [f"{i} {name}" for i, name in enumerate(english, start=1)],
            "zh": [f"{i} {name}" for i, name in enumerate(chinese, start=1)],
        },
        {"en": COMMAS["en"].join(english), "zh": COMMAS["zh"].join(chinese)},
        lambda side: {"group": group, "first": members[start][side], "count": count},
    )


def make_mark(rng: random.Random) -> Problem:
    """Draw two words to mark."""
    chosen = rng.sample(WORDS, 2)
    english, chinese = ([pair[side] for pair in chosen] for side in (0, 1))
    return _problem(
        "mark",
        ",".join(english),
        {
            "en": f"Put {' '.join(english)} in capitals",
            "zh": f"给{' '.join(chinese)}加方括号",
        },
        {
            "en": [f"{word} is {word.upper()}" for word in english],
            "zh": [f"{word}成[{word}]" for word in chinese],
        },
        {"en": " ".join(map(str.upper, english)), "zh": " ".join(f"[{w}]" for w in chinese)},
        lambda side: {"marked": [(word.upper(), f"[{other}]")[side] for word, other in chosen]},
    )


def make_span(rng: random.Random) -> Problem:
    """Draw first and last word and how many words there are with them."""
    (first, last), count = rng.sample(WORDS, 2), rng.randint(*COUNTS)
    pieces = {
        language: [first[side], *INSIDE[language][: count - 2], last[side]]
        for side, language in enumerate(("en", "zh"))
    }
    return _problem(
        "span",
        f"{first[0]},{last[0]},{count}",
        {
            "en": f"Write {count} words, first {first[0]}, last {last[0]}",
            "zh": f"写{count}个字，{first[1]}开头，{last[1]}结尾",
        },
        {
            language: [f"{i} {word}" for i, word in enumerate(words, start=1)]
            for language, words in pieces.items()
        },
        {language: BLANKS[language].join(words) for language, words in pieces.items()},
        lambda side: {"first": first[side], "last": last[side], "count": count},
    )


MAKERS = {"repeat": make_repeat, "list": make_list, "mark": make_mark, "span": make_span}


def make(rng: random.Random) -> Problem:
    """Draw one of the kinds."""
    return rng.choice(list(MAKERS.values()))(rng)


def guess(problem: Problem, language: str, rng: random.Random) -> str:
    """Write the answer with a piece missing, too many, in the wrong place or unmarked."""
    answer, check = problem.answer_in(language), problem.check_in(language)
    kind = check["kind"]
    between = {"list": COMMAS[language], "mark": " "}.get(kind, BLANKS[language])
    pieces = answer.split(between) if between else list(answer)
    fault = rng.choice(FAULTS[kind])
    if fault == "missing":
        pieces = pieces[:-1]
    elif fault == "added":
        pieces.append(pieces[0])
    elif fault == "turned":
        pieces.reverse()
    elif fault == "plain":
        return " ".join(pieces).lower().replace("[", "").replace("]", "")
    else:
        pieces[rng.randrange(len(pieces))] = rng.choice(WORDS)[language == "zh"]
    return between.join(pieces)


def verify(check: dict, text: str) -> bool:
    """Say whether an answer has the form that was asked for, its manner aside."""
    language = check["language"]
    core = unicodedata.normalize("NFKC", undress(text, language)[0]).strip()
    core = core.removesuffix(".").removesuffix("。").strip()
    return RULES[check["kind"]](check, core)


def _words(check: dict, core: str) -> list[str]:
    """Cut an answer into words, English without regard to case; Chinese into its characters."""
    if check["language"] == "zh":
        return list("".join(core.split()))
    return core.casefold().split()


def _is_repeat(check: dict, core: str) -> bool:
    """The word as often as it was asked for."""
    return _words(check, core) == [check["word"]] * check["count"]


def _is_list(check: dict, core: str) -> bool:
    """Members of the group, each once, with commas between them and the given one first."""
    named = [name.strip() for name in re.split("[,、]", core.casefold())]
    known = {pair[check["language"] == "zh"] for pair in GROUPS[check["group"]]}
    different = len(set(named)) == len(named) == check["count"]
    return different and named[0] == check["first"] and set(named) <= known


def _is_marked(check: dict, core: str) -> bool:
    """The words in their order, marked; blanks between brackets do not matter."""
    if check["language"] == "zh":
        return "".join(core.split()) == "".join(check["marked"])
    return core.split() == check["marked"]


def _is_span(check: dict, core: str) -> bool:
    """The right number of words, all of them letters, between the given ends."""
    words = _words(check, core)
    letters = "[a-z]+" if check["language"] == "en" else "[\u4e00-\u9fff]"
    if len(words) != check["count"] or not all(re.fullmatch(letters, word) for word in words):
        return False
    return [words[0], words[-1]] == [check["first"], check["last"]]


RULES = {"repeat": _is_repeat, "list": _is_list, "mark": _is_marked, "span": _is_span}
TASK = Task(NAME, GENERAL, make, guess, verify)
