# SPDX-License-Identifier: Apache-2.0
"""Claims about config/claims.yaml as input: every fault stops with the claim's id and its line."""

from pathlib import Path

import pytest

from r1repro.audit.claims.cells import Tables
from r1repro.audit.claims.definitions import ClaimInvalid, read_claims

ROOT = Path(__file__).parents[2]
TABLES = Tables(ROOT / "results/published/nature")
HEAD = "schema_version: 2\nclaims:\n\n"
FIRST = """- id: first-claim
  tier: number
  area: cost
  speaker: paper
  says: Three numbers add up to 67.
  place: nowhere
  unit: nodes
  values: {a: 1, b: 2, total: 67}
  cells: {c: "cost.csv:stage=r1:nodes"}
  paper:
  - computed: a+b+c
    printed: total
    gap_is: typo
  - holds: total > c
    gap_is: contradiction
"""
TESTED = """- id: tested-claim
  tier: finding
  area: results
  speaker: paper
  says: Training helps.
  place: nowhere
  experiments:
  - measures: pass@1
    unit: share
    effect: difference
    of: r1_zero
    minus: base
    column: pass@1
    supported_above: 0
    contradicted_below: 0.02
"""


def read(tmp_path, text):
    path = tmp_path / "claims.yaml"
    path.write_text(text, encoding="utf-8")
    return read_claims(path, TABLES)


def test_a_sound_file_gives_its_claims_with_their_lines(tmp_path):
    first, second = read(tmp_path, f"{HEAD}{FIRST}\n{TESTED}")
    assert (first.id, first.line, first.values) == ("first-claim", 4, {"a": 1, "b": 2, "total": 67})
    assert first.paper[0].computed == "a+b+c" and first.paper[1].holds == "total > c"
    (experiment,) = second.experiments
    assert (second.line, experiment.effect) == (20, "difference")
    assert experiment.parameters == {"of": "r1_zero", "minus": "base", "column": "pass@1"}


FAULTS = [
    ("    printed: total\n", "", "a paper check lacks the field printed"),
    ("gap_is: typo", "gap_is: typo\n    within: 1", "has a reason (why)"),
    ("gap_is: typo", "gap_is: typo\n    why: rounding", "has a reason (why)"),
    ("gap_is: typo", "gap_is: oddity", "gap_is 'oddity' is not one of"),
    (
        "gap_is: typo",
        "gap_is: typo\n    expected: 67",
        "a paper check has an unknown field expected",
    ),
    ("printed: total", "printed: [1]", "printed of a paper check must be an expression"),
    ("holds: total > c", "holds: total > c\n    printed: c", "has an unknown field printed"),
    ("tier: number", "tier: rumour", "tier 'rumour' is not one of"),
    ("area: cost", "area: weather", "area 'weather' is not one of"),
    ("speaker: paper", "speaker: nobody", "speaker 'nobody' is not one of"),
    ("  place: nowhere\n", "", "the claim lacks the field place"),
    ("place: nowhere", "place: 7", "place of the claim must be a text"),
    ("place: nowhere", "place: ' '", "place of the claim is empty"),
    ("a+b+c", "a+b+c+d", "nothing gives d"),
    ("a+b+c", "a+c", "nothing uses b"),
    ("a+b+c", "__import__('os')+a+b+c", "can be called"),
    ("a+b+c", "a+b+c.real", "Attribute is not allowed"),
    ("cost.csv:", "prices_of_2030.csv:", "source table prices_of_2030.csv does not exist"),
    ("stage=r1:", "stage=r2:", "0 rows have stage=r2"),
    (":nodes", ":node", "has no column node"),
    ("cost.csv:stage=r1:nodes", "cost.csv", "is not a reference"),
    ("b: 2,", "b: 2, a: 3,", "values has the field a twice"),
    ("b: 2,", "b: 2, max: 3,", "already means something"),
    ("b: 2,", "b: 2, c: 3,", "is not a name of its own"),
    ("b: 2,", "b: {x: 1},", "neither number, text nor list"),
    ("values: {a: 1, b: 2, total: 67}", "values: [1, 2]", "values must be a mapping"),
    ("  unit: nodes\n", "  unit: nodes\n  unit: some\n", "a claim has the field unit twice"),
    ("  unit: nodes\n", "  verdict: consistent\n", "the claim has an unknown field verdict"),
    ("  unit: nodes\n", "  world: []\n", "world is empty"),
    ("  unit: nodes\n", "  world: fine\n", "world must be a list of mappings"),
]


@pytest.mark.parametrize(("old", "new", "words"), FAULTS, ids=[f[2] for f in FAULTS])
def test_a_fault_stops_with_id_and_line(tmp_path, old, new, words):
    """The faulty claim is the second one, so that the line is not that of the file's start."""
    assert old in FIRST
    faulty = FIRST.replace("first-claim", "faulty-claim").replace(old, new, 1)
    with pytest.raises(ClaimInvalid, match="claims.yaml, line") as caught:
        read(tmp_path, f"{HEAD}{FIRST}\n{faulty}")
    assert words in str(caught.value)
    line = int(str(caught.value).split("line ")[1].split(",")[0].split(":")[0])
    begins = (HEAD + FIRST).count("\n") + 2
    assert begins <= line <= begins + 15
    if "twice" not in words and "must be a mapping" not in words:
        assert f"line {begins}, claim faulty-claim" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("effect: difference", "effect: cure", "there is no effect 'cure'; there are difference,"),
        ("    minus: base\n", "", "takes the parameters column, minus, of"),
        ("minus: base", "plus: base", "takes the parameters column, minus, of"),
        ("    supported_above: 0\n", "", "an experiment lacks the field supported_above"),
        ("contradicted_below: 0.02", "contradicted_below: -1", "from supported_above up"),
        ("contradicted_below: 0.02", "contradicted_below: small", "must be a number"),
        ("  experiments:", "  paper:", "a paper check lacks the field computed"),
        ("  experiments:", "  world:", "a world check lacks the field check"),
    ],
)
def test_an_experiment_names_a_registered_effect_and_its_parameters(tmp_path, old, new, words):
    with pytest.raises(ClaimInvalid, match="line 4, claim tested-claim") as caught:
        read(tmp_path, HEAD + TESTED.replace(old, new))
    assert words in str(caught.value)


def test_a_claim_without_any_check_is_refused_and_one_that_says_why_is_not(tmp_path):
    bare = TESTED.split("  experiments")[0]
    with pytest.raises(ClaimInvalid, match="needs a check: one of paper, world, experiments, unte"):
        read(tmp_path, HEAD + bare)
    assert read(tmp_path, HEAD + bare + "  untestable: It needs 512 GPUs.\n")[0].untestable


def test_an_id_that_occurs_twice_is_named_with_both_lines(tmp_path):
    with pytest.raises(ClaimInvalid, match=r"line 20, claim first-claim: line 4 has the same id"):
        read(tmp_path, f"{HEAD}{FIRST}\n{FIRST}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("- a\n- b\n", "must be a mapping"),
        ("schema_version: 1\nclaims: []\n", "schema_version: 2"),
        ("schema_version: 2\nclaims: {}\n", "claims must be a list"),
        ("schema_version: 2\nclaims: [\n", "not YAML"),
        (HEAD + "- just a text\n", "a claim must be a mapping"),
        (HEAD + "- area: cost\n", "the claim has no id"),
        (HEAD + "- id: x\n  area: !!python/object:os.system cost\n", "cannot be read"),
    ],
)
def test_a_file_that_holds_no_claims_is_refused_with_a_line(tmp_path, text, words):
    with pytest.raises(ClaimInvalid, match=r"claims.yaml, line \d+") as caught:
        read(tmp_path, text)
    assert words in str(caught.value)


def test_the_yaml_parser_in_python_reads_the_same_claims(tmp_path, monkeypatch):
    """Where PyYAML has no C parser, lines and values are the same."""
    import yaml

    fast = read(tmp_path, f"{HEAD}{FIRST}\n{TESTED}")
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert read(tmp_path, f"{HEAD}{FIRST}\n{TESTED}") == fast
