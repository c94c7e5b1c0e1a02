# SPDX-License-Identifier: Apache-2.0
"""Files for the reward models: lengths balanced, gaps above one, held-out problems apart."""

import copy
import json
from collections import Counter

import pytest
from data_settings import DATA, PREFERENCES

from r1repro.errors import SettingsError
from r1repro.tasks.data.preferences import pair_labels
from r1repro.tasks.data.splits import build_splits
from r1repro.tasks.data.words import words_of
from r1repro.tasks.data.write import write_preferences
from r1repro.tasks.general_request import SAFE, TASK, UNSAFE, is_refusal
from r1repro.tasks.template import extract_answer, format_ok, reasoning_of

NAMES = ("pairs", "heldout", "safety", "safety_heldout")


def write(folder, evaluation, seed=1, **changes):
    """Write the four files of small settings and return their records and the manifest."""
    data = DATA | {"preferences": PREFERENCES | changes}
    folder.mkdir(exist_ok=True)
    prompts = folder / "test.jsonl"
    prompts.write_text("".join(json.dumps(record) + "\n" for record in evaluation))
    files = {name: folder / f"{name}.jsonl" for name in NAMES}
    settings = {"scale": "smoke", "seed": seed, "data": data}
    write_preferences(settings, [prompts], files, folder / "manifest.json")
    records = {
        name: [json.loads(line) for line in path.read_text().splitlines()]
        for name, path in files.items()
    }
    return records, json.loads((folder / "manifest.json").read_text())


@pytest.fixture(scope="module")
def evaluation():
    splits = build_splits(copy.deepcopy(DATA), 1, [], lambda done: None)
    return splits.records["test"] + splits.records["validation"]


@pytest.fixture(scope="module")
def made(tmp_path_factory, evaluation):
    return write(tmp_path_factory.mktemp("made"), evaluation)


def words_of_answer(response):
    return len(words_of(extract_answer(response)))


def test_as_many_pairs_have_the_longer_answer_chosen_as_the_shorter(made):
    """61 pairs: 20, 20 and 21 equally long ones."""
    for name, expected in (("pairs", (20, 20, 21)), ("heldout", (10, 10, 10))):
        longer = [
            words_of_answer(pair["chosen"]) - words_of_answer(pair["rejected"])
            for pair in made[0][name]
        ]
        signs = Counter((gap > 0) - (gap < 0) for gap in longer)
        assert (signs[1], signs[-1], signs[0]) == expected
    for count in range(1, 30):
        labels = Counter(pair_labels(count, 1, "x"))
        assert labels["longer"] == labels["shorter"] and labels.total() == count


def test_only_clear_preferences_are_kept(made):
    """Gap above 1; a noiseless, unbiased judge chooses the better response."""
    pairs = made[0]["pairs"] + made[0]["heldout"]
    assert all(pair["judge_gap"] > 1 for pair in pairs)
    right = sum(pair["utility_chosen"] > pair["utility_rejected"] for pair in pairs)
    assert 0.85 < right / len(pairs) <= 1


def test_a_judge_without_noise_and_bias_never_errs(tmp_path, evaluation):
    """Its gap is the difference of the two utilities."""
    fair = {"judge_noise": 0.0, "position_bias": 0.0, "length_bias": 0.0, "pairs": 30}
    for pair in write(tmp_path, evaluation, **fair)[0]["pairs"]:
        gap = pair["utility_chosen"] - pair["utility_rejected"]
        assert pair["judge_gap"] == pytest.approx(gap) and gap > 1


def test_a_judge_that_likes_length_errs_towards_length(tmp_path, evaluation):
    """Among the pairs it judges wrongly the chosen answer is mostly the longer one."""
    biased = {"judge_noise": 0.0, "position_bias": 0.0, "length_bias": 3.0, "pairs": 90}
    pairs = write(tmp_path, evaluation, **biased)[0]["pairs"]
    wrong = [pair for pair in pairs if pair["utility_chosen"] < pair["utility_rejected"]]
    longer = [p for p in wrong if words_of_answer(p["chosen"]) > words_of_answer(p["rejected"])]
    assert len(wrong) >= 5 and len(longer) == len(wrong)


def test_held_out_training_and_evaluation_problems_are_three_different_sets(made, evaluation):
    """By key, so in both languages and all wordings."""
    keys = {name: {record["key"] for record in records} for name, records in made[0].items()}
    assert not keys["pairs"] & keys["heldout"]
    assert not keys["safety"] & keys["safety_heldout"]
    tested = {record["key"] for record in evaluation}
    assert not tested & set().union(*keys.values())


def test_responses_are_whole_and_marked_by_what_they_do(made):
    """Refusals and harmless answers are safe; harm in the answer or in the reasoning is not."""
    harmful = {verb for (verb, _), _ in UNSAFE}
    harmless = {verb for (verb, _), _ in SAFE}
    for record in made[0]["safety"] + made[0]["safety_heldout"]:
        response = record["response"]
        assert format_ok(response)
        verb = record["key"].split(":")[1].split(",")[0]
        refused = is_refusal(extract_answer(response))
        if record["safe"]:
            assert (verb in harmful) == refused and verb in harmful | harmless
        else:
            assert verb in harmful
            assert not refused or reasoning_of(response)
    kinds = Counter(record["kind"] for record in made[0]["safety"])
    assert kinds == {"refused": 15, "answered": 15, "complied": 21, "thought": 9}
    assert Counter(record["safe"] for record in made[0]["safety"]) == {True: 30, False: 30}


def test_an_unsafe_refusal_differs_from_a_safe_one_in_its_reasoning_only(made):
    """So a model that reads the answer alone cannot tell them apart."""
    by_kind = {"refused": set(), "thought": set()}
    for record in made[0]["safety"]:
        if record["kind"] in by_kind:
            answer = extract_answer(record["response"])
            by_kind[record["kind"]].add(answer[:8])
            if record["kind"] == "thought":
                assert "fine" in record["response"] or "可以" in record["response"]
    assert by_kind["thought"] <= by_kind["refused"]


def test_no_text_is_there_twice_and_the_manifest_counts_them(made):
    """Otherwise a held-out accuracy would rest on fewer cases than it says."""
    records, manifest = made
    for name, rows in records.items():
        texts = [(r["prompt"], r.get("response"), r.get("chosen"), r.get("rejected")) for r in rows]
        assert len(set(texts)) == len(texts) == PREFERENCES[name]
        entry = manifest["files"][f"{name}.jsonl"]
        assert entry["records"] == len(rows)
        assert entry["by_category"]["general"]["by_kind"] == Counter(r["kind"] for r in rows)
    assert set(manifest["decontamination"]["streams"]) == set(NAMES)


def test_the_same_seed_writes_the_same_files_and_another_does_not(tmp_path, made, evaluation):
    """Byte for byte."""
    again = write(tmp_path / "again", evaluation)[0]
    assert again == made[0]
    assert write(tmp_path / "other", evaluation, seed=2)[0] != made[0]


def test_more_responses_than_there_are_stop_with_one_sentence(tmp_path, evaluation):
    """A few dozen held-out requests do not make 5000 different responses."""
    with pytest.raises(SettingsError, match=f"{TASK.name}.*fewer general problems"):
        write(tmp_path, evaluation, safety_heldout=5000)
