# SPDX-License-Identifier: Apache-2.0
"""Cut a text into normalised words, the unit of the n-gram filter and of word counts.

A word is a run of letters and digits that begins with a letter, a number, one symbol, or one
Chinese, Japanese or Korean character (those languages write no spaces).
Choices  NFKC and case folding first, so full-width and typographic forms fall together; minus,
         times and division signs become - * /; punctuation of sentences is no word, operators
         and brackets are, because they carry the content of formulas.
"""

import re
import unicodedata

CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
SAME_SYMBOL = str.maketrans({"−": "-", "–": "-", "—": "-", "×": "*", "·": "*", "÷": "/"})
PUNCTUATION = ".,:;!?\"'`‘’“”«»、。〈〉《》「」『』…~"
WORD = re.compile(
    rf"[{CJK}]"
    r"|\d+(?:\.\d+)?"
    rf"|[^\W\d_{CJK}][^\W_{CJK}]*"
    rf"|[^\w\s{re.escape(PUNCTUATION)}]"
)
HAN = re.compile(rf"[{CJK}]")


def words_of(text: str) -> tuple[str, ...]:
    """Return the normalised words of a text, in order."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return tuple(WORD.findall(text.casefold().translate(SAME_SYMBOL)))


def is_number(word: str) -> bool:
    """Say whether a word is a number."""
    return word[0].isdigit()


def language_of(text: str) -> str:
    """Return zh for a text with a Chinese, Japanese or Korean character, else en."""
    return "zh" if HAN.search(text) else "en"
