# SPDX-License-Identifier: Apache-2.0
"""The n-gram filter: what it must catch, what it must let through."""

import pytest

from r1repro.errors import SettingsError
from r1repro.tasks.data.decontamination import Decontaminator, Tally
from r1repro.tasks.data.words import language_of, words_of


def question(text, number=0, category="math", language="en"):
    return {"id": f"q{number}", "category": category, "language": language, "question": text}


def build(questions, others=(), **changes):
    parameters = {"ngram": 10, "content_words": 4, "wording_share": 0.05, "whole_words": 6}
    built = Decontaminator(**(parameters | changes))
    built.add(questions, others)
    return built


FOX = "the quick brown fox jumps over the lazy dog while seven wise owls watch quietly from afar"
SHOP = "A shop sells {} pens by noon and {} pens later. How many pens does it sell on that one day?"
SHOPS = [question(SHOP.format(n, 2 * n), n) for n in range(3, 40)]


def test_words_are_normalised_and_chinese_characters_count_singly():
    """Case, width, typographic signs and sentence punctuation make no difference."""
    assert words_of("What is ３−4×2?") == ("what", "is", "3", "-", "4", "*", "2")
    assert words_of("小车以3m/s行驶") == ("小", "车", "以", "3", "m", "/", "s", "行", "驶")
    assert words_of("H2O, 3.50 (NH3)") == ("h2o", "3.50", "(", "nh3", ")")
    assert words_of("A# #B") == ("a", "#", "#", "b")
    assert words_of("...?!，。") == ()
    assert (language_of("what is 3"), language_of("3等于")) == ("en", "zh")


def test_ten_shared_words_are_found_and_nine_are_not():
    """The paper's 10-gram: the same text one word shorter stays."""
    filter_ = build([question(FOX)])
    ten, nine = " ".join(FOX.split()[3:13]), " ".join(FOX.split()[3:12])
    assert filter_.find(f"Yesterday {ten} again").rule == "ngram"
    assert filter_.find(f"Yesterday {ten} again").words == ten
    assert filter_.find(f"Yesterday {nine} again") is None


def test_template_wording_alone_is_no_repetition():
    """37 questions share every word but two numbers; a 38th with other numbers stays."""
    fresh = SHOP.format(50, 100)
    assert build(SHOPS).find(fresh) is None
    assert build(SHOPS, content_words=0).find(fresh).rule == "ngram"


def test_wording_is_learnt_from_prompts_that_are_not_evaluated():
    """One evaluation question cannot show its template; other prompts of the group do."""
    fresh = SHOP.format(50, 100)
    assert build(SHOPS[:1]).find(fresh).rule == "ngram"
    assert build(SHOPS[:1], others=SHOPS[1:]).find(fresh) is None
    other_language = [record | {"language": "zh"} for record in SHOPS[1:]]
    assert build(SHOPS[:1], others=other_language).find(fresh).rule == "ngram"


def test_literal_copies_are_found_alone_and_inside_a_document():
    """Recall of literal copies is 1, in other case and spacing too."""
    filter_ = build(SHOPS)
    for record in SHOPS:
        copy = record["question"].upper().replace(" ", "  ").rstrip("?")
        assert filter_.find(copy).rule == "same_question"
        assert filter_.find(copy).evaluation_id == record["id"]
        assert filter_.find("Please solve this.", f"{copy} Thank you").rule == "whole_question"


def test_short_questions_are_found_whole_but_not_by_their_parts():
    """`What is 3+4?` equals itself; a worked step 3+4=7 is no copy of it."""
    filter_ = build([question("What is 3+4?"), question("What is 3+4-5?", 1)])
    assert filter_.find("what is 3 + 4").rule == "same_question"
    assert filter_.find("What is 1+3+4?", "First 1+3=4. Then 4+4=8. 3+4=7.") is None
    assert filter_.find("Tell me: what is 3+4-5? Quickly.").evaluation_id == "q1"


def test_a_longer_problem_does_not_contain_a_shorter_one():
    """3+4-5 is no copy in 3+4-5+2, and a line of letters none in a longer line."""
    sums = build([question("What is 3+4-5?"), question("2-4+4等于多少？", 1, language="zh")])
    assert sums.find("What is 3+4-5+2?") is None
    assert sums.find("7-9+2-4+4等于多少？") is None
    assert sums.find("请算2-4+4等于多少？谢谢").rule == "whole_question"
    more = [question("Rewrite to the end: A# A# #B"), question("Rewrite to the end: B# #A B#")]
    lines = build([question("Rewrite to the end: #B A# #B")], others=more)
    assert lines.find("Rewrite to the end: #B A# #B A#") is None
    assert lines.find("Rewrite to the end: #B A# #B #A") is None
    assert lines.find("Task. Rewrite to the end: #B A# #B", "Now A#.").rule == "whole_question"


def test_paraphrases_and_translations_pass_as_the_paper_admits():
    """The limit of the method is part of its description, so it is held by a test."""
    filter_ = build([question("A cart moves 3 m/s for 4 s. How many metres does it go in all?")])
    assert filter_.find("How far does a cart get in 4 s at 3 m/s?") is None
    assert filter_.find("小车以3m/s行驶4s，走多少米？") is None


def test_a_shared_ngram_across_the_end_of_the_question_counts():
    """Question and solution are one text: a copy may begin in one and end in the other."""
    filter_ = build([question(FOX)])
    words = FOX.split()
    assert filter_.find(" ".join(words[:5]), " ".join(words[5:12])).rule == "ngram"


def test_impossible_parameters_are_refused():
    """Eleven content words out of ten cannot be asked for."""
    with pytest.raises(SettingsError, match="content_words is 11"):
        build([], content_words=11)


def test_the_report_counts_what_was_checked_and_shows_what_was_in_common():
    """Two kept, one removed, one drawn with a key of the test split."""
    filter_, tally = build([question(FOX)]), Tally()
    tally.same_key["math"] += 1
    kept = [tally.count("math", text, filter_.find(text)) for text in ("What is 1+1?", FOX, "Hi")]
    assert kept == [True, False, True]
    report = tally.report()["math"]
    assert (report["checked"], report["removed"]) == (3, 1)
    assert report["drawn_with_an_evaluation_key"] == 1
    assert report["removed_by_rule"] == {"same_question": 1, "whole_question": 0, "ngram": 0}
    assert report["examples"][0]["words_in_common"] == FOX
