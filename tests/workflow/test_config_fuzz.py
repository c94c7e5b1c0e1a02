# SPDX-License-Identifier: Apache-2.0
"""150 generated configurations, each wrong in one place: a sentence names the key and the file.

Each takes a key that the schema knows and spoils it: another type, nothing, a number out of reach,
a look-alike letter, a key that does not exist. Seeds are fixed, so a failure can be repeated.
"""

import random
from pathlib import Path

import pytest
import yaml
from clones import snakemake
from test_config_refusals import DEFAULT, SCHEMA, laid_over

from r1repro.configuration import problems

CASES = 150
END_TO_END = 3
LOOK_ALIKES = {"a": "\u0430", "e": "\u0435", "o": "\u043e", "p": "\u0440", "s": "\u0455"}
OF_ANOTHER_TYPE = {
    "integer": ["many", 1.5, True, [1], {"a": 1}, "1\u0660", "\u0661\u0662"],
    "number": ["1e-3", True, [0.5], {"a": 1}, float("nan"), float("inf"), "½"],
    "string": [3, 1.5, True, ["x"], {"a": "b"}],
    "boolean": ["yes please", 1, 0.0, [True]],
    "array": ["x", 3, {"a": 1}, True],
    "object": ["x", 3, [1], True, None],
    "null": [],
}
EXTREMES = [10**30, -(10**30), 2**63, 1.0e300, -1.0e300]


def keys(schema: dict, path: tuple = ()) -> list[tuple[tuple, dict]]:
    """Return every key that the schema describes, with its part of the schema."""
    found = []
    for name, part in schema.get("properties", {}).items():
        found.append(((*path, name), part))
        found += keys(part, (*path, name))
    return found


KEYS = keys(SCHEMA)
SHIPPED = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))


def nested(path: tuple, value: object) -> dict:
    """Return a configuration that sets one key."""
    for name in reversed(path):
        value = {name: value}
    return value


def types_of(part: dict) -> list[str]:
    found = part.get("type", [])
    return [found] if isinstance(found, str) else list(found)


def another_type(rng, path, part):
    """A value of a type that the key does not take."""
    allowed = set(types_of(part))
    if "number" in allowed:
        allowed.add("integer")
    if not allowed:  # one of some words
        return path, f"{rng.choice(part['enum'])}\u200b"
    values = [v for kind in sorted(allowed) for v in OF_ANOTHER_TYPE[kind]]
    return path, rng.choice([v for v in values if not fits(v, allowed)])


def fits(value, allowed) -> bool:
    """Say whether a value is of one of the types, as the schema counts them."""
    kinds = {bool: "boolean", str: "string", list: "array", dict: "object", type(None): "null"}
    if isinstance(value, int) and not isinstance(value, bool):
        return "integer" in allowed
    if isinstance(value, float):
        return "number" in allowed and abs(value) < float("inf")
    return kinds[type(value)] in allowed


def nothing(rng, path, part):
    """Null for a key that needs a value; a section emptied."""
    return (path, None) if "null" not in types_of(part) else another_type(rng, path, part)


def extreme(rng, path, part):
    """A number that nothing real reaches."""
    numbers = {"integer", "number"} & set(types_of(part))
    value = rng.choice(EXTREMES)
    return (path, value) if numbers else another_type(rng, path, part)


def unknown(rng, path, part):
    """A key with a letter too many, or of no language."""
    return (*path[:-1], path[-1] + rng.choice(["s", "_", "\u0301", "𝕩", " ", "\u202e"])), 1


def look_alike(rng, path, part):
    """A key that looks right: one Latin letter is a Cyrillic one."""
    letters = [i for i, letter in enumerate(path[-1]) if letter in LOOK_ALIKES]
    if not letters:
        return unknown(rng, path, part)
    at = rng.choice(letters)
    name = path[-1][:at] + LOOK_ALIKES[path[-1][at]] + path[-1][at + 1 :]
    return (*path[:-1], name), 1


SPOIL = (another_type, nothing, extreme, unknown, look_alike)


def spoiled(number: int) -> tuple[tuple, str]:
    """Return the path of the key that is wrong, and the file's text."""
    rng = random.Random(number)
    path, part = rng.choice([key for key in KEYS if key[0][-1] != "like"])
    path, value = rng.choice(SPOIL)(rng, path, part)
    return path, yaml.safe_dump(nested(path, value), allow_unicode=True)


def merged(text: str) -> dict:
    return laid_over(SHIPPED, yaml.safe_load(text))


@pytest.mark.parametrize("fifty", range(CASES // 50))
def test_every_spoiled_configuration_is_refused_with_key_and_file(fifty, tmp_path):
    """No exception, at least one sentence, and the first that names the file names the key."""
    upper = tmp_path / "mine.yaml"
    for number in range(50 * fifty, 50 * (fifty + 1)):
        path, text = spoiled(number)
        upper.write_text(text, encoding="utf-8")
        sentences = problems(merged(text), SCHEMA, [DEFAULT, upper], {})
        shown = f"case {number}: {text!r} -> {sentences}"
        assert sentences, shown
        ours = [s for s in sentences if "mine.yaml, line" in s]
        assert ours, shown
        assert any(".".join(path[:2]) in s or path[0] in s for s in ours), shown
        assert all("\n" not in s for s in sentences), shown


@pytest.mark.workflow
@pytest.mark.parametrize("number", range(0, CASES, CASES // END_TO_END))
def test_snakemake_refuses_a_spoiled_file_and_leaves_nothing(number, shared_clone, tmp_path):
    """The command itself ends with exit code 1, the sentence and nothing written."""
    path, text = spoiled(number)
    upper = tmp_path / "mine ü.yaml"
    upper.write_text(text, encoding="utf-8")
    before = sorted(Path(shared_clone, "results").rglob("*"))
    answer = snakemake(shared_clone, "base", "--configfile", str(upper))
    assert answer.returncode == 1, answer.stdout
    assert path[0] in answer.stdout
    assert "mine ü.yaml, line" in answer.stdout
    assert "Traceback" not in answer.stdout + (answer.stderr or "")
    assert sorted(Path(shared_clone, "results").rglob("*")) == before
