# SPDX-License-Identifier: Apache-2.0
"""How an answer to a user's own prompt is judged: as a number, an option, a text or a program.

number   integers, decimals and fractions, compared exactly (3/4 equals 0.75)
choice   one letter A to H, alone or in brackets, in either case
text     the same text after NFKC, case folding, joined blanks and no final full stop; an exponent
         that is set high is written out (x² is x^2, not x2)
program  code: hidden inputs run in the sandbox, results compared outside
The rule follows from category and answer and is written into the prompt's `check`.
Model output is data from a stranger: parsed here with limits, never evaluated.
"""

import re
import unicodedata
from fractions import Fraction

USER_TASK = "user_prompt"
USER_CODE_TASK = "user_code"
LETTERS = "ABCDEFGH"
NUMBER_CHARACTERS = 64
RAISED = re.compile("[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
NUMBER = re.compile(r"([+-]?)(\d+(?:\.\d+)?|\.\d+)(?:/(\d+(?:\.\d+)?))?", re.ASCII)


def plain_text(text: str) -> str:
    """Return the text in the form in which two texts are compared."""
    written_out = RAISED.sub(lambda found: f"^{found[0]}", text)
    folded = " ".join(unicodedata.normalize("NFKC", written_out).casefold().split())
    return folded.replace("−", "-").rstrip(".。 ")


def parse_number(text: str) -> Fraction | None:
    """Return the exact value of a number, or None for anything else."""
    if any(c.isnumeric() and not c.isdecimal() for c in text):  # NFKC makes digits of ₂ and ①
        return None
    text = plain_text(text).replace(" ", "")
    if len(text) > NUMBER_CHARACTERS or not (match := NUMBER.fullmatch(text)):
        return None
    sign, above, below = match.groups()
    divisor = Fraction(below) if below else Fraction(1)
    if divisor == 0:
        return None
    return Fraction(above) / divisor * (-1 if sign == "-" else 1)


def check_of(category: str, answer: str) -> dict:
    """Choose how answers to a math, stem or logic prompt are compared."""
    if category == "stem" and (letter := option_letter(answer)):
        return {"rule": "choice", "answer": letter}
    if parse_number(answer) is not None:
        return {"rule": "number", "answer": plain_text(answer)}
    return {"rule": "text", "answer": plain_text(answer)}


def option_letter(text: str) -> str | None:
    """Return the one option letter that a text consists of, or None."""
    letter = unicodedata.normalize("NFKC", text).strip().strip("().").upper()
    return letter if len(letter) == 1 and letter in LETTERS else None


def verify(check: dict, text: str) -> bool:
    """Say whether an answer text is right."""
    match check["rule"]:
        case "choice":
            return option_letter(text) == check["answer"]
        case "number":
            found = parse_number(text)
            return found is not None and found == parse_number(check["answer"])
        case "text":
            return plain_text(text) == check["answer"]
    raise ValueError(f"unknown rule {check['rule']!r} of a user prompt")
