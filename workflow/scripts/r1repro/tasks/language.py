# SPDX-License-Identifier: Apache-2.0
"""Which share of the words of a text is in its language: the language-consistency reward.

Source   Nature Methods: "the proportion of target language words in the CoT", added to the reward.
Choices  The paper says neither what a word is nor what counts for a reasoning without words.
         A word is one Chinese character, or a run of two or more letters of any other script
         (an apostrophe or hyphen may stand inside). English is Latin letters.
         No words, because both languages write them alike: digits, formulas and units (a run of
         letters that touches a digit or one of # _ ^ = + * / \\ < >), single letters (options,
         variables), and symbols such as A#.
         Other scripts, Japanese and Korean too, are words of neither language.
         A text without any word has no share: None. A reward should be 0 there, otherwise saying
         nothing is the surest way to be consistent.
Limits   A Chinese character and an English word count alike, so that two characters of a Chinese
         word weigh as two. Other languages in Latin letters count as English.
"""

import re
import unicodedata

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
FORMULA = r"\d#_^=+*/\\<>"
CHARACTER = re.compile(f"[{HAN}]")
# A run of letters of one script: Chinese characters end it, because no space parts them from it.
RUN = re.compile(
    rf"(?<![^\W{HAN}])(?<![{FORMULA}])"
    rf"[^\W\d_{HAN}]+(?:['-][^\W\d_{HAN}]+)*"
    rf"(?![^\W{HAN}])(?![{FORMULA}])"
)


def words_by_language(text: str) -> dict[str, int]:
    """Return how many words of a text are Chinese, English (Latin letters) and of neither."""
    plain = unicodedata.normalize("NFKC", text).replace("’", "'")
    counts = {"zh": len(CHARACTER.findall(plain)), "en": 0, "other": 0}
    for run in RUN.findall(plain):
        if len(run) >= 2:
            counts["en" if _latin(run) else "other"] += 1
    return counts


def language_share(text: str, language: str) -> float | None:
    """Return the share of a text's words that are in one language; None without any word."""
    counts = words_by_language(text)
    total = sum(counts.values())
    return counts[language] / total if total else None


def _latin(run: str) -> bool:
    letters = [character for character in run if character.isalpha()]
    return all(c.isascii() or "LATIN" in unicodedata.name(c, "") for c in letters)
