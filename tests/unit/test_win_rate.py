# SPDX-License-Identifier: Apache-2.0
"""Claims about the share of responses preferred to the reference's."""

import json

import pytest

from r1repro.errors import InputError
from r1repro.learn.win_rate import preference_tables, wins
from r1repro.tables import csv_text, join_tables


def write(folder, name, utilities, set_name="helpful"):
    """Write samples.jsonl of a checkpoint from prompt -> utilities."""
    path = folder / f"{name}.jsonl"
    rows = [
        {"prompt_id": prompt, "set": set_name, "sample": number, "utility": value}
        for prompt, values in utilities.items()
        for number, value in enumerate(values)
    ]
    rows.append({"prompt_id": "m-1", "set": "", "sample": 0, "utility": None})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_wins_by_hand():
    """Better, equal, worse, better: (1 + 1/2 + 0 + 1) / 4."""
    assert wins([2, 1, 0, 5], [1, 1, 1, 4]) == 0.625


def test_the_reference_is_preferred_to_itself_half_the_time(tmp_path):
    paths = {
        "base": write(tmp_path, "base", {"h-1": [1, 2], "h-2": [0, 0]}),
        "r1": write(tmp_path, "r1", {"h-1": [2, 2], "h-2": [1, -1]}),
    }
    questions, scores = preference_tables(paths, "base", 200, seed=1)
    assert [(s["checkpoint"], s["value"], s["n_prompts"], s["k"]) for s in scores] == [
        ("base", 0.5, 2, 2),
        ("r1", 0.625, 2, 2),
    ]
    assert (scores[0]["ci_low"], scores[0]["ci_high"]) == (0.5, 0.5)
    assert [q["preference"] for q in questions] == [0.5, 0.5, 0.75, 0.5]


def test_pairs_go_by_prompt_and_number_and_not_by_place(tmp_path):
    paths = {
        "base": write(tmp_path, "base", {"h-1": [1, 1], "h-2": [9, 9]}),
        "r1": write(tmp_path, "r1", {"h-2": [9, 9], "h-1": [2, 2]}),
    }
    _, scores = preference_tables(paths, "base", 200, seed=1)
    assert scores[1]["value"] == 0.75


@pytest.mark.parametrize("other", [{"h-1": [1]}, {"h-2": [1, 1]}, {"h-1": [1, 1], "h-2": [0, 0]}])
def test_samples_that_cannot_be_paired_stop_with_the_name_of_the_checkpoint(tmp_path, other):
    paths = {
        "base": write(tmp_path, "base", {"h-1": [1, 1]}),
        "r1": write(tmp_path, "r1", other),
    }
    with pytest.raises(InputError, match="samples of r1 and of its reference"):
        preference_tables(paths, "base", 200, seed=1)


def test_a_missing_sample_stops_with_file_and_prompt(tmp_path):
    path = write(tmp_path, "base", {"h-1": [1, 1]})
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(lines[1:]) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"base\.jsonl: sample 1 of h-1 stands where sample 0"):
        preference_tables({"base": path}, "base", 200, seed=1)


def test_a_reference_that_was_not_evaluated_is_named(tmp_path):
    with pytest.raises(InputError, match="'base' is not among the checkpoints r1"):
        preference_tables({"r1": write(tmp_path, "r1", {})}, "base", 200, seed=1)


def test_without_helpful_prompts_there_is_nothing_to_prefer(tmp_path):
    path = write(tmp_path, "base", {"u-1": [1]}, set_name="harmless")
    assert preference_tables({"base": path}, "base", 200, seed=1) == ([], [])


def test_rows_are_joined_behind_tables_of_the_same_columns(tmp_path):
    table = tmp_path / "scores.csv"
    table.write_text(csv_text([{"a": "1.50", "b": None}]), encoding="utf-8")
    assert join_tables([table, table], [{"a": 2, "b": 3}]) == "a,b\n1.50,\n1.50,\n2,3\n"
    assert join_tables([table], []) == "a,b\n1.50,\n"
    with pytest.raises(ValueError, match="differ"):
        join_tables([table], [{"a": 2}])
    assert csv_text([], ("a", "b")) == "a,b\n"
