# SPDX-License-Identifier: Apache-2.0
"""Stand-in until the real module is merged: how much of a text repeats itself."""


def repetition_rate(text: str) -> float:
    """Return the share of three-word sequences that occurred before in the text."""
    words = text.split()
    grams = list(zip(words, words[1:], words[2:], strict=False))
    return 1 - len(set(grams)) / len(grams) if grams else 0.0
