# SPDX-License-Identifier: Apache-2.0
"""Claims about config/claims.yaml as input: every fault stops with the claim's id and its line."""

from pathlib import Path

import pytest

from r1repro.audit.claims.cells import Tables
from r1repro.audit.claims.definitions import ClaimInvalid
from r1repro.audit.claims.table import definitions

ROOT = Path(__file__).parents[2]
TABLES = Tables(ROOT / "results/published/nature")
HEAD = "schema_version: 1\nclaims:\n\n"
FIRST = """- id: first-claim
  area: cost
  kind: arithmetic
  statement: Three numbers add up.
  values: {a: 1, b: 2}
  cells: {c: "cost.csv:stage=r1:nodes"}
  expression: "a+b+c"
  expected: 67
  tolerance: 0
  check: "result > c"
  unit: none
  source: nowhere
  status: derived
"""
TESTED = """- id: tested-claim
  area: results
  kind: mechanism
  statement: Training helps.
  mechanism: rl-raises-pass1
  parameters: {start: base, end: r1_zero}
  test: Train.
  pass_rule: it is better
  unit: none
  source: nowhere
  status: reported
"""


def read(tmp_path, text):
    path = tmp_path / "claims.yaml"
    path.write_text(text, encoding="utf-8")
    return definitions(path, TABLES)


def test_a_sound_file_gives_its_claims_with_their_lines(tmp_path):
    first, second = read(tmp_path, f"{HEAD}{FIRST}\n{TESTED}")
    assert (first.id, first.line, first.values, first.expected) == (
        "first-claim", 4, {"a": 1, "b": 2}, 67,
    )  # fmt: skip
    assert (second.id, second.line, second.mechanism) == ("tested-claim", 18, "rl-raises-pass1")


FAULTS = [
    ("  tolerance: 0\n", "", "the field tolerance is missing"),
    ("tolerance: 0", "tolerance: 0.1", "says why it is so"),
    ("tolerance: 0", 'tolerance: 0\n  tolerance_why: "rounding"', "says why it is so"),
    ("tolerance: 0", "tolerance: -1", "tolerance must be a number from 0"),
    ("expected: 67", "expected: many", "expected must be a number"),
    ("  expected: 67\n", "", "the field expected is missing"),
    ('  expression: "a+b+c"\n', "", "the field expression is missing"),
    ("kind: arithmetic", "kind: guess", "kind 'guess' is not one of"),
    ("area: cost", "area: weather", "area 'weather' is not one of"),
    ("status: derived", "status: felt", "status 'felt' is not one of"),
    ("  source: nowhere\n", "", "the field source is missing"),
    ("source: nowhere", "source: 7", "source must be a text"),
    ('"a+b+c"', '"a+b+c+d"', "expression names d, which nothing gives"),
    ('"a+b+c"', '"a+c"', "nothing uses b"),
    ('"result > c"', '"verdict > c"', "check names verdict, which nothing gives"),
    ('"a+b+c"', "\"__import__('os')+a+b+c\"", "can be called"),
    ('"a+b+c"', '"a+b+c.real"', "Attribute is not allowed"),
    ("cost.csv:", "prices_of_2030.csv:", "source table prices_of_2030.csv is not there"),
    ("stage=r1:", "stage=r2:", "0 rows have stage=r2"),
    (":nodes", ":node", "has no column node"),
    ("cost.csv:stage=r1:nodes", "cost.csv", "is not a reference"),
    ("values: {a: 1, b: 2}", "values: {a: 1, b: 2, a: 3}", "values has the field a twice"),
    ("values: {a: 1, b: 2}", "values: {a: 1, b: 2, result: 3}", "already means something"),
    ("values: {a: 1, b: 2}", "values: {a: 1, b: 2, max: 3}", "already means something"),
    ("values: {a: 1, b: 2}", "values: {a: 1, b: 2, c: 3}", "is not a name of its own"),
    ("values: {a: 1, b: 2}", "values: {a: 1, b: {x: 1}}", "neither number, text nor list"),
    ("values: {a: 1, b: 2}", "values: [1, 2]", "values must be a mapping"),
    ("  unit: none\n", "  unit: none\n  unit: some\n", "a claim has the field unit twice"),
    ("  unit: none\n", "  unit: none\n  verdict: confirmed\n", "has no field verdict"),
    ("  unit: none\n", "  unit: none\n  check_holds: true\n", "has no field check_holds"),
    ("  unit: none\n", "  unit: none\n  mechanism: wide-clip\n", "has no field expression"),
]


@pytest.mark.parametrize(("old", "new", "words"), FAULTS, ids=[f[2] for f in FAULTS])
def test_a_fault_stops_with_id_and_line(tmp_path, old, new, words):
    """The faulty claim is the second one, so that the line is not that of the file's start."""
    assert old in FIRST
    faulty = FIRST.replace("first-claim", "faulty-claim").replace(old, new)
    with pytest.raises(ClaimInvalid, match="claims.yaml, line") as caught:
        read(tmp_path, f"{HEAD}{FIRST}\n{faulty}")
    assert words in str(caught.value)
    line = int(str(caught.value).split("line ")[1].split(",")[0].split(":")[0])
    begins = (HEAD + FIRST).count("\n") + 2
    assert begins <= line <= begins + 14
    if "twice" not in words and "must be a mapping" not in words:
        assert f"line {begins}, claim faulty-claim" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("mechanism: rl-raises-pass1", "mechanism: rl-cures-all", "no check is registered under"),
        ("  mechanism: rl-raises-pass1\n", "", "the field mechanism is missing"),
        ("  pass_rule: it is better\n", "", "the field pass_rule is missing"),
        ("end: r1_zero}", "stop: r1_zero}", "takes the parameters end, start"),
        ("  parameters: {start: base, end: r1_zero}\n", "", "takes the parameters end, start"),
        ("kind: mechanism", "kind: cross-table", "is computed, not tested by a run"),
        ("kind: mechanism", "kind: full-scale-only", "is computed, not tested by a run"),
    ],
)
def test_a_mechanism_names_a_registered_check_and_its_parameters(tmp_path, old, new, words):
    with pytest.raises(ClaimInvalid, match="line 4, claim tested-claim") as caught:
        read(tmp_path, HEAD + TESTED.replace(old, new))
    assert words in str(caught.value)


def test_an_id_that_stands_twice_is_named_with_both_lines(tmp_path):
    with pytest.raises(ClaimInvalid, match=r"line 18, claim first-claim: .* already in line 4"):
        read(tmp_path, f"{HEAD}{FIRST}\n{FIRST}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("- a\n- b\n", "must be a mapping"),
        ("schema_version: 2\nclaims: []\n", "schema_version: 1"),
        ("schema_version: 1\nclaims: {}\n", "claims must be a list"),
        ("schema_version: 1\nclaims: [\n", "not YAML"),
        (HEAD + "- just a text\n", "a claim must be a mapping"),
        (HEAD + "- area: cost\n", "the claim has no id"),
        (HEAD + "- id: x\n  area: !!python/object:os.system cost\n", "cannot be read"),
    ],
)
def test_a_file_that_holds_no_claims_is_refused_with_a_line(tmp_path, text, words):
    with pytest.raises(ClaimInvalid, match=r"claims.yaml, line \d+") as caught:
        read(tmp_path, text)
    assert words in str(caught.value)


def test_a_full_scale_claim_says_why(tmp_path):
    claim = TESTED.split("  mechanism")[0].replace("kind: mechanism", "kind: full-scale-only")
    claim += "  unit: none\n  source: nowhere\n  status: reported\n"
    with pytest.raises(ClaimInvalid, match="the field reason is missing"):
        read(tmp_path, HEAD + claim)
    assert read(tmp_path, HEAD + claim + "  reason: It needs 512 GPUs.\n")[0].reason


def test_the_yaml_parser_in_python_reads_the_same_claims(tmp_path, monkeypatch):
    """Where PyYAML has no C parser, lines and values are the same."""
    import yaml

    fast = read(tmp_path, f"{HEAD}{FIRST}\n{TESTED}")
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert read(tmp_path, f"{HEAD}{FIRST}\n{TESTED}") == fast
