# SPDX-License-Identifier: Apache-2.0
"""Stand-in until the real module is merged: whether a text refuses."""


def is_refusal(text: str) -> bool:
    """Say whether a text is a refusal."""
    return "cannot" in text or "不能" in text
