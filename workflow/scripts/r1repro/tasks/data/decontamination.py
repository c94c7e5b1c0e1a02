# SPDX-License-Identifier: Apache-2.0
"""Keep texts out of training that repeat a validation or test question.

Rule     A text is removed if
         same_question   its question has the same words as an evaluation question;
         whole_question  it contains all words, in a row, of an evaluation question of at least
                         `whole_words` words, and the problem does not go on there: a symbol or
                         single letter of the question just before or after makes it a longer
                         problem (3+4-5 in 3+4-5+2);
         ngram           it shares `ngram` words in a row with an evaluation question, and at
                         least `content_words` of them are problem content.
         Content is a number, or a word found in at most `wording_share` of the prompts of that
         category and language; every other word is wording of the template.
Source   10-gram match: Guo et al., Nature 645 (2025), Supplementary Information 4.1.
Departure  The paper filters natural text and counts every n-gram. Our questions come from
         templates, whose wording all of them share: the plain rule would remove two thirds of
         the code prompts and a third of STEM and logic (measured), none of them a repetition.
         In natural text most words are content, and the rule above comes close to the
         paper's; with content_words 0 it is the paper's.
Limits   Paraphrases and translations pass the filter, as the paper says of its own. Problems
         of our generators are therefore kept apart by their content key as well (`splits`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from r1repro.errors import SettingsError
from r1repro.tasks.data.words import is_number, words_of

Words = tuple[str, ...]
RULES = ("same_question", "whole_question", "ngram")
EXAMPLES_PER_RULE = 3
RULE_IN_WORDS = (
    "Removed: a text whose question has the same words as an evaluation question, that contains "
    "a whole evaluation question of at least whole_words words and does not go on with it as a "
    "longer problem, or that shares ngram words in a row with one, at least content_words of "
    "them content. Content is a number, or a word found in at most wording_share of the prompts "
    "of that category and language."
)


@dataclass(frozen=True)
class Match:
    """Why a text was removed: the rule, the evaluation question, and the words in common."""

    rule: str
    evaluation_id: str
    words: str


def _goes_on(words: Words, first: int, whole: Words) -> bool:
    """Say whether the problem that begins at `first` is only a part of a longer one."""
    after = first + len(whole)
    around = words[max(0, first - 1) : first] + words[after : after + 1]
    return any(
        len(word) == 1 and word in whole and (not word.isalnum() or word.isascii())
        for word in around
        if not is_number(word)
    )


class Decontaminator:
    """An index of evaluation questions to which texts are compared."""

    def __init__(self, ngram: int, content_words: int, wording_share: float, whole_words: int):
        """Check the parameters; raises SettingsError when they make no sense."""
        if not 0 <= content_words <= ngram:
            raise SettingsError(
                f"data.decontamination.content_words is {content_words}; "
                f"set it between 0 and ngram ({ngram})"
            )
        self.ngram, self.content_words = ngram, content_words
        self.wording_share, self.whole_words = wording_share, whole_words
        self.same: dict[Words, str] = {}
        self.starts: dict[Words, list[tuple[Words, str]]] = {}
        self.grams: dict[Words, str] = {}

    def add(self, evaluation: Iterable[dict], others: Iterable[dict]) -> None:
        """Index evaluation questions; `others` are more prompts to judge the wording by."""
        questions, prompts = defaultdict(list), defaultdict(list)
        for record in evaluation:
            group = (record["category"], record["language"])
            questions[group].append((record["id"], words_of(record["question"])))
            prompts[group].append(questions[group][-1][1])
        for record in others:
            prompts[record["category"], record["language"]].append(words_of(record["question"]))
        for group, members in questions.items():
            wording = self._wording(prompts[group])
            for evaluation_id, words in members:
                self._add_question(evaluation_id, words, wording)

    def _wording(self, prompts: list[Words]) -> set[str]:
        """Return the words (numbers aside) that too many prompts use to be content."""
        spread = Counter(word for words in prompts for word in set(words))
        most = max(1.0, self.wording_share * len(prompts))
        return {word for word, count in spread.items() if count > most and not is_number(word)}

    def _add_question(self, evaluation_id: str, words: Words, wording: set[str]) -> None:
        n = self.ngram
        self.same.setdefault(words, evaluation_id)
        if len(words) >= self.whole_words:
            start = words[: self.whole_words]
            self.starts.setdefault(start, []).append((words, evaluation_id))
        for i in range(len(words) - n + 1):
            gram = words[i : i + n]
            if sum(word not in wording for word in gram) >= self.content_words:
                self.grams.setdefault(gram, evaluation_id)

    def find(self, question: str, rest: str = "") -> Match | None:
        """Compare a question, and what follows it in the text, with all evaluation questions."""
        words = words_of(question)
        if (evaluation_id := self.same.get(words)) is not None:
            return Match("same_question", evaluation_id, " ".join(words))
        if rest:
            words += words_of(rest)
        return self._find_whole(words) or self._find_gram(words)

    def _find_whole(self, words: Words) -> Match | None:
        size, starts = self.whole_words, self.starts
        for i in range(len(words) - size + 1):
            for whole, evaluation_id in starts.get(words[i : i + size], ()):
                if words[i : i + len(whole)] == whole and not _goes_on(words, i, whole):
                    return Match("whole_question", evaluation_id, " ".join(whole))
        return None

    def _find_gram(self, words: Words) -> Match | None:
        n, grams = self.ngram, self.grams
        for i in range(len(words) - n + 1):
            if (gram := words[i : i + n]) in grams:
                return Match("ngram", grams[gram], " ".join(gram))
        return None

    def parameters(self) -> dict:
        """Return the rule in words and numbers, for the report."""
        return {
            "rule": RULE_IN_WORDS,
            "ngram": self.ngram,
            "content_words": self.content_words,
            "wording_share": self.wording_share,
            "whole_words": self.whole_words,
            "evaluation_questions": len(self.same),
            "counted_ngrams": len(self.grams),
        }


class Tally:
    """What was checked and removed in one stream of texts, by category."""

    def __init__(self):
        self.checked: Counter[str] = Counter()
        self.same_key: Counter[str] = Counter()
        self.removed: dict[str, Counter[str]] = defaultdict(Counter)
        self.examples: dict[str, list[dict]] = defaultdict(list)

    def count(self, category: str, question: str, match: Match | None) -> bool:
        """Count one comparison and say whether the text stays."""
        self.checked[category] += 1
        if match is None:
            return True
        self.removed[category][match.rule] += 1
        examples = self.examples[category]
        seen = sum(example["rule"] == match.rule for example in examples)
        if seen < EXAMPLES_PER_RULE:
            examples.append(
                {
                    "rule": match.rule,
                    "removed_question": question,
                    "evaluation_id": match.evaluation_id,
                    "words_in_common": match.words,
                }
            )
        return False

    def report(self) -> dict:
        """Return the counts and examples of every category."""
        return {
            category: {
                "drawn_with_an_evaluation_key": self.same_key[category],
                "checked": self.checked[category],
                "removed": sum(self.removed[category].values()),
                "removed_by_rule": {rule: self.removed[category][rule] for rule in RULES},
                "examples": self.examples[category],
            }
            for category in sorted(self.checked | self.same_key)
        }
