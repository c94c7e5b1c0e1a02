# SPDX-License-Identifier: Apache-2.0
"""How a helpful answer is dressed: a courteous opening, a closing that is needless length.

An answer may begin with one opening and end with one closing of its language; both are taken off
before its form is checked, so neither makes a right answer wrong. The opening is courtesy and is
worth something; the closing says nothing and costs the reader time (see `preference`).
Choice   The paper's helpful answers are judged by a large model. Here manner is one phrase each,
         so that a rule can see it and a small model can learn it.
"""

import random

OPENING = {"en": "Sure:", "zh": "好的："}
CLOSING = {"en": "Hope it helps.", "zh": "希望有用。"}
# of the helpful answers in the dialogues of the base corpus
OPENED_SHARE, CLOSED_SHARE = 0.25, 0.15


def dress(answer: str, language: str, opened: bool, closed: bool) -> str:
    """Put an opening before an answer and a closing after it, as asked."""
    before = f"{OPENING[language]} " if opened else ""
    after = f" {CLOSING[language]}" if closed else ""
    return f"{before}{answer}{after}"


def dress_at_random(answer: str, language: str, rng: random.Random) -> str:
    """Dress an answer as often as the base corpus does."""
    return dress(answer, language, rng.random() < OPENED_SHARE, rng.random() < CLOSED_SHARE)


def undress(text: str, language: str) -> tuple[str, bool, bool]:
    """Return the answer alone, whether it had an opening, and whether it had a closing.

    Only one of each is taken off: a second opening stays in the answer and breaks its form.
    Blanks between words count as one, as in a vote.
    """
    core = " ".join(text.split())
    opening, closing = OPENING[language], CLOSING[language]
    opened = core.startswith(opening)
    core = core.removeprefix(opening).strip()
    closed = core.endswith(closing)
    return core.removesuffix(closing).strip(), opened, closed
