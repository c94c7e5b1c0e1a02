# SPDX-License-Identifier: Apache-2.0
"""Stand-in until the real module is merged: the share of words in the target language."""

import re

CHINESE = re.compile(r"[\u4e00-\u9fff]")
ENGLISH = re.compile(r"[A-Za-z]{2,}")


def language_share(text: str, language: str) -> float | None:
    """Return the share of words in the language, or None where there is no word."""
    counts = {"zh": len(CHINESE.findall(text)), "en": len(ENGLISH.findall(text))}
    total = sum(counts.values())
    return counts[language] / total if total else None
