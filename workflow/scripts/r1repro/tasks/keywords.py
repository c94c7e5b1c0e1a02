# SPDX-License-Identifier: Apache-2.0
"""The keyword list of the external risk control: which requests are looked at a second time.

Source   Supplementary Information 4.3: a list of keywords flags requests, and a review decides on
         what was flagged. The list is not published.
Choices  Written as such lists are: words of harm, and none for a harm that ordinary words name
         ("saw up"); with them a word of trade that often goes with forbidden goods and is
         innocent here ("sell"). So the list alone misses some requests and blocks others wrongly,
         and what the review adds can be measured. A word is flagged in either language.
"""

import re
import unicodedata

KEYWORDS = {
    "en": ("steal", "burn", "smash", "flood", "poison", "sell"),
    "zh": ("偷", "烧", "砸", "淹", "毒", "卖"),
}
# English words whole; Chinese is written without blanks
FLAGS = re.compile(rf"\b(?:{'|'.join(KEYWORDS['en'])})\b|{'|'.join(KEYWORDS['zh'])}")


def flagged(question: str) -> bool:
    """Say whether a request holds a word of the list."""
    return FLAGS.search(unicodedata.normalize("NFKC", question).casefold()) is not None
