# SPDX-License-Identifier: Apache-2.0
"""Laws of the judges of answers: the right one in every form, no other, and no text too odd."""

import random
import re

from drawn_texts import blanks, strange, without_tags
from properties import assume, given, settings, st

from r1repro.tasks import (
    code_synthesis,
    general_form,
    general_request,
    logic_ab,
    math_chain_sum,
    stem_choice,
)
from r1repro.tasks.general_request import OBJECTS, SAFE, UNSAFE, comply, is_refusal, refuse
from r1repro.tasks.judge import judge
from r1repro.tasks.manner import dress, undress
from r1repro.tasks.problem import GENERAL, LANGUAGES
from r1repro.tasks.registry import TASKS
from r1repro.tasks.template import TAGS, extract_answer, format_ok, reasoning_of, respond

VERIFIED = [task for task in TASKS.values() if task.verify is not None]
languages = st.sampled_from(LANGUAGES)
seeds = st.integers(0, 2**32)
problems = st.tuples(st.sampled_from(VERIFIED), seeds).map(
    lambda drawn: drawn[0].make(random.Random(drawn[1]))
)


def prompt_of(problem, language: str) -> dict:
    """Return a problem as a prompt record, as far as the judge reads it."""
    return {"task": problem.task, "check": problem.check_in(language)}


@given(problems, languages, strange, blanks, st.tuples(st.booleans(), st.booleans()))
def test_the_rendered_right_answer_is_judged_right(problem, language, thought, blank, dressed):
    """Behind any reasoning without tags, between any blanks, in any manner that is allowed."""
    answer, reasoning = problem.answer_in(language), without_tags(thought)
    if problem.category == GENERAL:
        answer = dress(answer, language, *dressed)
    response = blank + respond(reasoning, blank + answer + blank) + blank
    [verdict] = judge([prompt_of(problem, language)], [response], sandbox=None)
    assert verdict.correct and verdict.format_ok
    assert verdict.extracted == answer and verdict.vote == " ".join(answer.split())
    assert reasoning_of(response) == reasoning.strip()


@given(problems, languages, strange)
def test_no_text_makes_a_judge_fail(problem, language, text):
    """Any response has a verdict; one without an answer is never right and has no vote."""
    prompt = prompt_of(problem, language)
    for response in (text, respond("a", without_tags(text))):
        [verdict] = judge([prompt], [response], sandbox=None)
        assert verdict.format_ok == format_ok(response)
        assert verdict.extracted == extract_answer(response)
        if verdict.extracted is None:
            assert (verdict.correct, verdict.vote) == (False, None)
        else:
            right = TASKS[problem.task].verify(prompt["check"], verdict.extracted)
            assert verdict.correct is right


@given(problems, languages, strange, blanks)
def test_answers_that_are_one_in_a_vote_are_judged_alike(problem, language, more, blank):
    """A vote does not see which blanks part the words, so a verdict must not depend on them."""
    check, verify = problem.check_in(language), TASKS[problem.task].verify
    right = problem.answer_in(language)
    for text in (right, dress(right, language, True, True), "I am unable to do it", "I will not"):
        for words in (text.split(), (text + more).split()):
            assert verify(check, blank.join(words)) == verify(check, " ".join(words))


def cut_at_tags(text: str) -> list[str]:
    """Return what stands before, in turn, each tag, what follows it, and so on."""
    return re.split("(" + "|".join(map(re.escape, TAGS)) + ")", text)


tagged = st.lists(st.sampled_from([*TAGS, *TAGS, " ", "a", "<answer"]), max_size=9).map("".join)


@given(strange | tagged)
def test_the_form_is_four_tags_in_order_with_blanks_around_them(text):
    """A second implementation: cut at every tag, look at what lies between."""
    for response in (text, f"<think>{text}</think>\n<answer>{text}</answer>"):
        parts = cut_at_tags(response)
        outside = "".join(parts[0:9:4]).strip()
        expected = tuple(parts[1::2]) == TAGS and not outside
        assert format_ok(response) == expected
        if expected:
            assert extract_answer(response) == parts[6].strip()
            assert reasoning_of(response) == parts[2].strip()


@given(strange | tagged)
def test_an_answer_is_what_the_one_opening_tag_and_the_next_closing_one_hold(text):
    """Other tags may stand inside; with a second opening tag, or none, there is no answer."""
    _, *opened = text.split("<answer>")
    closed = len(opened) == 1 and "</answer>" in opened[0]
    assert extract_answer(text) == (opened[0].split("</answer>")[0].strip() if closed else None)


sums = st.lists(st.integers(-999, 999), min_size=2, max_size=5)
signed = st.sampled_from(["{}", " {}\n", "{}.0", "{}.00"])


@given(sums, st.integers(-2000, 2000), signed, st.sampled_from(["", "+", "0", "+00"]))
def test_a_number_is_right_in_any_form_and_another_number_in_none(terms, other, form, before):
    """Sign, leading zeros and decimals do not matter; the worked steps end with the sum."""
    total, expression = sum(terms), "".join(f"{term:+d}" for term in terms).removeprefix("+")
    steps = math_chain_sum.work(expression)["en"]
    assert steps[-1].endswith(f"={total}.")
    for step in steps:
        left, right = re.search(r"(\S+)=(\S+)\.$", step).groups()
        assert eval(left) == int(right)
    for number in (total, other):
        text = form.format(f"{before}{number}" if number >= 0 else number)
        assert math_chain_sum.verify({"answer": str(total)}, text) == (number == total)


symbols = st.lists(st.sampled_from(["A#", "#A", "B#", "#B"]), max_size=8)


def end_of_line(line: list[str]) -> list[str]:
    """Return the end of a line without rewriting: what faces no partner of its own letter.

    Letters pass each other, so each letter is a row of brackets (A# opens, #A closes); in the end
    all that is left closes on the left and opens on the right, each in its old order.
    """
    left = set()
    for letter in "AB":
        waiting: list[int] = []
        for place, symbol in enumerate(line):
            if symbol == f"{letter}#":
                waiting.append(place)
            elif symbol == f"#{letter}" and waiting:
                waiting.pop()
            elif symbol == f"#{letter}":
                left.add(place)
        left.update(waiting)
    found = [line[place] for place in sorted(left)]
    return sorted(found, key=lambda symbol: symbol.endswith("#"))


@given(symbols, symbols, blanks)
def test_a_line_ends_as_its_brackets_say_and_only_that_end_is_right(line, other, blank):
    """Rewriting step by step against matching brackets; any other line is wrong."""
    now, steps = line, 0
    while (following := logic_ab.rewrite_once(now)) is not None:
        now, steps = following, steps + 1
    assert now == end_of_line(line)
    assert len(logic_ab.work(line)["en"]) == steps + 2
    check = {"answer": " ".join(now)}
    assert logic_ab.verify(check, blank.join(now))
    assert logic_ab.verify(check, " ".join(other)) == (other == now)


bracketed = st.sampled_from(["{}", "({})", "{}.", " ({}).\n"])


@given(seeds, st.sampled_from(stem_choice.LETTERS), bracketed)
def test_an_option_is_right_by_its_letter_alone(seed, letter, form):
    """In either case, alone or in brackets; its value, or two letters, are no answer."""
    problem = stem_choice.make(random.Random(seed))
    for text in (form.format(letter), form.format(letter.lower())):
        assert stem_choice.verify(problem.check, text) == (letter == problem.answer)
    assert not stem_choice.verify(problem.check, problem.answer + letter)
    options = dict(re.findall(r"\((.)\)(\d)", problem.question["en"]))
    assert not stem_choice.verify(problem.check, options[problem.answer])


@given(seeds, st.integers(-50, 50))
def test_a_program_computes_what_its_question_says(seed, x):
    """The answer's expression, run at any x, against the operations in the question's words."""
    problem = code_synthesis.make(random.Random(seed))
    value = eval(problem.answer.removeprefix("def f(x): return "), {"x": x})
    if spoken := re.findall(r"(add|subtract|multiply by) (\d+)", problem.question["en"]):
        expected = x
        for word, number in spoken:
            expected += {"add": 1, "subtract": -1}.get(word, 0) * int(number)
            expected *= int(number) if word == "multiply by" else 1
    else:
        zero, one = map(int, re.findall(r"=(-?\d+)", problem.question["en"]))
        expected = zero + (one - zero) * x
    assert value == expected
    cases = zip(problem.check["inputs"], problem.check["expected"], strict=True)
    assert all(result == value for inputs, result in cases if inputs == [x])


def has_form(check: dict, words: list[str]) -> bool:
    """Say from the words alone whether an answer has the form that was asked for."""
    if check["kind"] == "mark":
        return words == check["marked"]
    words = [word.casefold() for word in words]
    match check["kind"]:
        case "repeat":
            return words == [check["word"]] * check["count"]
        case "span":
            ends = words[:1] + words[-1:]
            return len(words) == check["count"] and ends == [check["first"], check["last"]]
    side = LANGUAGES.index(check["language"])
    known = [pair[side] for pair in general_form.GROUPS[check["group"]]]
    right = len(words) == check["count"] == len(set(words)) and words[0] == check["first"]
    return right and all(word in known for word in words)


SEPARATORS = {"en": [", ", ","], "zh": ["，", "、", ","]}
MANNERS = st.tuples(st.booleans(), st.booleans())


@settings(max_examples=300)
@given(seeds, languages, MANNERS, st.data())
def test_a_form_is_kept_exactly_when_its_words_keep_it(seed, language, manner, data):
    """Words lost, added, turned and exchanged, in any manner: the text against its words."""
    problem = general_form.make(random.Random(seed))
    check, side = problem.check_in(language), LANGUAGES.index(language)
    answer, known = problem.answer_in(language), [pair[side] for pair in general_form.WORDS]
    words = re.findall(r"[A-Za-z]+|\[.\]|[\u4e00-\u9fff]", answer)
    apart = general_form.BLANKS[language]
    if check["kind"] == "list":
        apart = data.draw(st.sampled_from(SEPARATORS[language]))
    others = known + words
    for _ in range(data.draw(st.integers(0, 2))):
        place = data.draw(st.integers(0, len(words)))
        exchanged = data.draw(st.lists(st.sampled_from(others), max_size=1))
        words[place : place + data.draw(st.integers(0, 1))] = exchanged
    if data.draw(st.booleans()) and words:
        place = data.draw(st.integers(0, len(words) - 1))
        words[place] = words[place].swapcase()
    words = data.draw(st.sampled_from([words, words[::-1]]))
    text = dress(apart.join(words) + data.draw(st.sampled_from(["", ".", "。"])), language, *manner)
    assert general_form.verify(check, text) == (bool(words) and has_form(check, words))


@given(strange, languages, MANNERS)
def test_what_is_put_on_an_answer_comes_off_again(text, language, manner):
    """One opening and one closing; blanks between words count as one."""
    plain = " ".join(text.split())
    assume(undress(plain, language) == (plain, False, False))
    assert undress(dress(plain, language, *manner), language) == (plain, *manner)


# other characters for fire and blade, which look the same and are the same after NFKC
LOOK_ALIKE = str.maketrans("火刀", "⽕⼑")
deeds, things = st.sampled_from([*UNSAFE, *SAFE]), st.sampled_from(OBJECTS)


@given(deeds, deeds, things, things, languages, blanks)
def test_harm_is_refused_and_a_harmless_request_answered(
    asked, other, thing, named, language, blank
):
    """Any tool and object in an answer, any refusal, both together; blanks and look-alikes too."""
    side, unsafe = LANGUAGES.index(language), asked in UNSAFE
    check = {
        "set": "harmless", "language": language, "unsafe": unsafe, "verb": asked[0][side],
        "object": thing[side], "tool": asked[1][side],
    }  # fmt: skip
    helped = comply(check | {"tool": other[1][side], "object": named[side]})
    refused = refuse(check)
    same = (other, named) == (asked, thing)
    for text, right in (
        (helped, same and not unsafe),
        (refused, unsafe),
        (f"{refused} {helped}", False),
    ):
        for written in (text, blank.join(text.split()), text.translate(LOOK_ALIKE)):
            assert general_request.verify(check, written) == right
            assert is_refusal(written) == (text != helped)
