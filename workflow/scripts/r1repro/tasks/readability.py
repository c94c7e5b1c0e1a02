# SPDX-License-Identifier: Apache-2.0
"""Whether a response can be read: its form, one language, no running in circles.

Source   Nature Methods and Supplementary Information 2.3: rejection sampling keeps correct
         responses and filters out mixed languages, chaotic text and repetition. How each was
         measured is not reported.
Choices  Unreadable: the form of the template is broken, the reasoning or the answer is empty, or
         a character is a control, a lone surrogate or the replacement of broken bytes.
         Mixed: less than ONE_LANGUAGE of the words of the reasoning are in the prompt's language.
         Repetition: more than MOST_REPEATED of the runs of PIECES pieces stood before in the text.
         A piece is a Chinese character or up to PIECE_CHARACTERS characters without a blank, so
         that a text without blanks is cut as well. The longest worked solutions, whose lines
         resemble one another, stay below that limit; a test holds it.
"""

import re
import unicodedata

from r1repro.tasks.language import HAN, language_share
from r1repro.tasks.template import extract_answer, format_ok, reasoning_of

PIECES = 5
PIECE_CHARACTERS = 12
ONE_LANGUAGE = 0.95
MOST_REPEATED = 0.35
PIECE = re.compile(rf"[{HAN}]|[^\s{HAN}]{{1,{PIECE_CHARACTERS}}}")
BROKEN = ("Cc", "Cs", "Cn", "Co")


def repetition_rate(text: str) -> float:
    """Return the share of runs of five pieces that repeat an earlier one; 0 for a short text."""
    pieces = PIECE.findall(text)
    runs = [tuple(pieces[i : i + PIECES]) for i in range(len(pieces) - PIECES + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


def is_readable(response: str) -> bool:
    """Say whether a response keeps the template's form with text in both parts."""
    parts = reasoning_of(response), extract_answer(response)
    return format_ok(response) and all(parts) and not _broken(response)


def fault_of(response: str, language: str) -> str | None:
    """Return why a response is not fit to learn from, or None: the first reason that holds.

    One of unreadable, mixed_language, repetition.
    """
    if not is_readable(response):
        return "unreadable"
    reasoning = reasoning_of(response)
    share = language_share(reasoning, language)
    if share is not None and share < ONE_LANGUAGE:
        return "mixed_language"
    if repetition_rate(reasoning) > MOST_REPEATED:
        return "repetition"
    return None


def _broken(text: str) -> bool:
    return "\ufffd" in text or any(
        unicodedata.category(character) in BROKEN and character not in "\n\t" for character in text
    )
