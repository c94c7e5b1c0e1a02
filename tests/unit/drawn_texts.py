# SPDX-License-Identifier: Apache-2.0
"""Strategies for texts of strangers: any Unicode, and the pieces that parsers look for."""

from properties import st

from r1repro.tasks.manner import CLOSING, OPENING
from r1repro.tasks.template import TAGS

blanks = st.text(" \t\n\r\u3000\u00a0", min_size=1, max_size=2)
pieces = st.one_of(
    st.sampled_from([*TAGS, *OPENING.values(), *CLOSING.values(), "<answer", "Sorry", "15", "⽕"]),
    st.text("（）().ＡＢab#+-−01²½⁄/,，、：。猫红", max_size=6),
    st.text(max_size=5),
    blanks,
)
strange = st.lists(pieces, max_size=8).map("".join)


def without_tags(text: str) -> str:
    """Return a text in which no tag is left, whatever stood around those that were there."""
    return text.replace("<", "")
