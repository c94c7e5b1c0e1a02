# SPDX-License-Identifier: Apache-2.0
"""Read one line of JSON as a stranger's: what Python's parser lets through is refused by name.

Refused  a key that occurs twice (readers differ on which one counts), NaN and infinities, numbers
         with a fraction or an exponent (the ledger counts in whole units, so none is needed),
         whole numbers of more than 30 digits, nesting deeper than 8, bytes that are not UTF-8,
         and any text but the canonical one: sorted keys, no spaces, the shortest escapes. Two
         texts of one meaning would have two checksums.
"""

import json

from r1repro.files import canonical_json

MOST_DIGITS = 30
DEEPEST = 8


class NotStrict(ValueError):
    """A line that is not the canonical JSON of an object; the message says why."""


def _pairs(pairs: list[tuple[str, object]]) -> dict:
    keys = {}
    for key, value in pairs:
        if key in keys:
            raise NotStrict(f"the key {key!r} occurs twice")
        keys[key] = value
    return keys


def _constant(text: str):
    raise NotStrict(f"{text} is not a number")


def _fraction(text: str):
    raise NotStrict(f"the number {text[:40]} is not a whole one")


def _whole(text: str) -> int:
    if len(text.lstrip("-")) > MOST_DIGITS:
        raise NotStrict(f"a number of {len(text)} digits")
    return int(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_fraction, parse_int=_whole
)


def _depth(text: str) -> int:
    """Return an upper bound of the nesting, so that no line exhausts the stack."""
    level = deepest = 0
    for char in text:
        level += (char in "{[") - (char in "}]")
        deepest = max(deepest, level)
    return deepest


def parse(line: bytes) -> dict:
    """Return the object of one line without its line end; raises NotStrict."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise NotStrict("not UTF-8") from None
    if _depth(text) > DEEPEST:
        raise NotStrict(f"nested deeper than {DEEPEST}")
    try:
        value = _DECODER.decode(text)
    except NotStrict:
        raise
    except ValueError as error:
        raise NotStrict(f"not JSON ({error})") from None
    if not isinstance(value, dict):
        raise NotStrict("not a JSON object")
    try:
        canonical = canonical_json(value).encode()
    except UnicodeEncodeError:
        raise NotStrict("half of a surrogate pair") from None
    if canonical != line:
        raise NotStrict("not the canonical text (sorted keys, no spaces, shortest escapes)")
    return value
