# SPDX-License-Identifier: Apache-2.0
"""Splits: disjoint, evenly filled, free of repetitions, the same for the same seed."""

import copy
import hashlib
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from data_settings import DATA, SETTINGS

from r1repro.errors import SettingsError
from r1repro.files import read_jsonl
from r1repro.tasks.data.draw import exact_counts
from r1repro.tasks.data.seeded_copies import copies_of, measure_recall, reword
from r1repro.tasks.data.splits import build_splits, prompts_of
from r1repro.tasks.data.user_prompts import UserPromptError
from r1repro.tasks.data.write import write_prompts
from r1repro.tasks.judge import judge
from r1repro.tasks.problem import CATEGORIES, GENERAL, LANGUAGES, REASONING
from r1repro.tasks.registry import TASKS
from r1repro.tasks.sandbox import Limits, Sandbox
from r1repro.tasks.template import frame, reasoning_of

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"


def build(seed=1, user=(), **changes):
    return build_splits(copy.deepcopy(DATA) | changes, seed, list(user), lambda done: None)


@pytest.fixture(scope="module")
def splits():
    return build()


def user_record(question, number=1):
    return {
        "id": f"user-{number:06d}",
        "category": "math",
        "task": "user_prompt",
        "language": "en",
        "question": question,
        "answer": "1",
        "check": {"rule": "number", "answer": "1"},
        "key": f"user_prompt:{number}",
    }


def test_splits_share_no_problem_in_either_language(splits):
    """Keys say what a problem is about, in both languages alike."""
    keys = {name: {r["key"] for r in records} for name, records in splits.records.items()}
    assert not keys["test"] & keys["validation"]
    assert not keys["train"] & (keys["test"] | keys["validation"])
    assert len(keys["test"]) == 4 * 20 + 12 and len(keys["validation"]) == 4 * 10 + 6


def test_every_category_is_filled_in_the_set_languages(splits):
    """60, 10 and 20 of each category of reasoning, 40, 6 and 12 general ones, 30 % Chinese."""
    for name in ("train", "validation", "test"):
        records = splits.records[name]
        counts = {category: prompts_of(DATA, category)[name] for category in CATEGORIES}
        assert Counter(r["category"] for r in records) == counts
        for category, count in counts.items():
            chinese = [r for r in records if (r["category"], r["language"]) == (category, "zh")]
            assert len(chinese) in (int(0.3 * count), int(0.3 * count) + 1)
        assert len({r["id"] for r in records}) == sum(counts.values())
        assert len({r["question"] for r in records}) == sum(counts.values())


def test_general_prompts_are_helpful_and_harmless_in_equal_number(splits):
    """Their answers are right by their own checks, and every prompt has a level."""
    for name, count in DATA["general_prompts"].items():
        general = [r for r in splits.records[name] if r["category"] == GENERAL]
        sets = Counter(r["check"]["set"] for r in general)
        assert sets == {"helpful": count / 2, "harmless": count / 2}
        for record in general:
            assert record["check"]["language"] == record["language"]
            assert TASKS[record["task"]].verify(record["check"], record["answer"])
        assert all(1 <= record["level"] <= 20 for record in splits.records[name])


def test_removed_training_prompts_are_replaced():
    """A stricter filter removes some: the counts hold, and it finds nothing more."""
    strict = build(decontamination=DATA["decontamination"] | {"content_words": 3})
    assert not [r["id"] for r in strict.records["train"] if strict.filter.find(r["question"])]
    report = strict.tallies["train"].report()
    assert sum(one["removed"] for one in report.values()) > 0
    kept = {name: one["checked"] - one["removed"] for name, one in report.items()}
    assert kept == {c: prompts_of(DATA, c)["train"] for c in CATEGORIES}


def test_the_same_seed_gives_the_same_prompts_and_another_gives_others(splits):
    """Nothing but (seed, stream, index) decides."""
    assert build().records == splits.records
    other = {r["key"] for r in build(seed=2).records["test"] if r["category"] == "math"}
    same = {r["key"] for r in splits.records["test"] if r["category"] == "math"}
    assert len(other & same) < 5


def test_a_prompt_does_not_depend_on_how_many_follow(splits):
    """Twice as many training prompts begin with the same problems in every category."""
    longer = build(prompts_per_category={"train": 120, "validation": 10, "test": 20})
    assert longer.records["test"] == splits.records["test"]
    first = {r["key"] for r in splits.records["train"] if r["category"] == "math"}
    again = [r["key"] for r in longer.records["train"] if r["category"] == "math"][:60]
    assert len(first & set(again)) >= 55


def test_own_prompts_join_the_split_of_the_settings(splits):
    """In train they come last; in test the rest of the data is kept apart from them."""
    own = user_record("How many legs have 3 spiders and 2 flies?")
    assert build(user=[own]).records["train"] == [*splits.records["train"], own]
    moved = build(user=[own], user_prompts_split="test")
    assert moved.records["test"][-1] == own and own not in moved.records["train"]
    assert moved.filter.find(own["question"]).evaluation_id == own["id"]


def test_an_own_prompt_that_repeats_a_test_question_is_left_out_and_reported(splits):
    """Literal and embedded copies are named with their line."""
    question = splits.records["test"][0]["question"]
    own = [
        user_record(question.upper(), 7),
        user_record("What is 1000+1?", 8),
        user_record(f"Please help. {question} Thanks.", 9),
    ]
    built = build(user=own)
    assert built.records["train"][-1]["id"] == "user-000008"
    assert [(r["line"], r["evaluation_id"]) for r in built.user_removed] == [
        (7, splits.records["test"][0]["id"]),
        (9, splits.records["test"][0]["id"]),
    ]


def test_more_problems_than_there_are_stop_with_one_sentence():
    """STEM has a few hundred different problems; 5000 for the test cannot be had."""
    with pytest.raises(SettingsError, match="stem_choice.*fewer stem problems"):
        build(prompts_per_category={"train": 1, "validation": 1, "test": 5000}, **{})


def test_an_unknown_split_for_own_prompts_is_refused():
    """The sentence lists the three names."""
    with pytest.raises(SettingsError, match="'dev'.*train, validation, test"):
        build(user_prompts_split="dev")


def test_shares_become_exact_counts():
    """10 by thirds is 4, 3, 3; shares that do not add up to 1 are refused."""
    third = {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}
    assert sum(exact_counts(10, third).values()) == 10
    assert exact_counts(1000, {"a": 0.7, "b": 0.3}) == {"a": 700, "b": 300}
    for wrong in ({"a": 0.7, "b": 0.2}, {"a": 1.2, "b": -0.2}):
        with pytest.raises(SettingsError, match="add up to 1"):
            exact_counts(10, wrong)


def outputs(folder):
    files = {name: folder / f"{name}.jsonl" for name in ("train", "validation", "test")}
    names = ("prompts_manifest.json", "decontamination.json", "decontamination_test.csv")
    names += ("worked_train.jsonl",)
    return files, *(folder / name for name in names)


def test_the_manifest_describes_the_files_on_disk(tmp_path):
    """Checksum, bytes, counts, seed and versions; lengths say that they are words."""
    files, manifest_path, decontamination_path, recall_path, worked_path = outputs(tmp_path)
    own = tmp_path / "own.jsonl"
    own.write_text('{"prompt": "Is 97 prime?", "answer": "yes", "category": "logic"}\n')
    made = (manifest_path, decontamination_path, recall_path, worked_path)
    write_prompts(SETTINGS, [own], files, *made)
    manifest = json.loads(manifest_path.read_text())
    assert set(manifest["files"]) == {path.name for path in (*files.values(), worked_path)}
    for path in (*files.values(), worked_path):
        entry = manifest["files"][path.name]
        assert entry["bytes"] == path.stat().st_size
        assert entry["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert entry["records"] == len(lines)
    train = manifest["files"]["train.jsonl"]["by_category"]
    assert train["logic"]["records"] == 61 and train["math"]["records"] == 60
    assert train["math"]["average_normalised_words"] > 5
    assert manifest["generator"].keys() == {"r1repro_data", "reasoning_gym"}
    assert manifest["seed"] == 1 and manifest["user_prompts"]["added"] == 1
    report = json.loads(decontamination_path.read_text())
    assert report["parameters"]["ngram"] == 10
    assert set(report["streams"]) == {"train", "validation"}
    table = recall_path.read_text().splitlines()
    assert table[0] == "kind,items,found,recall" and table[1] == "literal,92,92,1.0"


def test_worked_answers_are_those_of_the_reasoning_prompts_of_train_and_right(tmp_path):
    """One a prompt, in its order and language; an own prompt has no worked answer.

    Judged as in RL, programs run; the answer to the next prompt of a category is mostly wrong.
    """
    own = tmp_path / "own.jsonl"
    own.write_text('{"prompt": "Is 97 prime?", "answer": "yes", "category": "logic"}\n')
    files, *made = outputs(tmp_path)
    write_prompts(SETTINGS, [own], files, *made)
    train = read_jsonl(files["train"])
    assert [r["question"] for r in train].count("Is 97 prime?") == 1
    prompts = [r for r in train if r["category"] in REASONING and r["question"] != "Is 97 prime?"]
    worked = read_jsonl(made[-1])
    assert len(worked) == len(prompts) == 4 * 60
    assert [r["prompt"] for r in worked] == [frame(r["question"]) for r in prompts]
    fields = ("category", "language", "key")
    assert [[r[f] for f in fields] for r in worked] == [[r[f] for f in fields] for r in prompts]
    assert all(reasoning_of(r["response"]) for r in worked)
    responses = {c: [r["response"] for r in worked if r["category"] == c] for c in REASONING}
    with Sandbox(Limits(cpu_seconds=2, wall_seconds=10)) as sandbox:
        for category, answers in responses.items():
            asked = [r for r in prompts if r["category"] == category]
            verdicts = judge(asked, answers, sandbox)
            assert all(v.correct and v.format_ok for v in verdicts), category
            turned = judge(asked, answers[1:] + answers[:1], sandbox)
            assert sum(v.correct for v in turned) < 0.5 * len(turned), category


def test_no_evaluation_question_is_among_the_worked_answers(tmp_path):
    """Neither its text nor, in the other language, its problem."""
    files, *made = outputs(tmp_path)
    write_prompts(SETTINGS, [], files, *made)
    evaluation = [record for name in ("test", "validation") for record in read_jsonl(files[name])]
    worked = read_jsonl(made[-1])
    assert worked and len(evaluation) == 4 * 30 + 18
    assert not {r["key"] for r in worked} & {r["key"] for r in evaluation}
    assert not {r["prompt"] for r in worked} & {frame(r["question"]) for r in evaluation}


def test_a_bad_own_line_leaves_nothing_behind(tmp_path):
    """The third line of the user's file is broken: no output, not even a partial one."""
    own = tmp_path / "own.jsonl"
    good = '{{"prompt": "What is 9{0}+1?", "answer": "9", "category": "math"}}\n'
    own.write_text(good.format(1) + good.format(2) + "{broken\n")
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(UserPromptError, match="own.jsonl, line 3: is not JSON"):
        write_prompts(SETTINGS, [own], *outputs(out))
    assert list(out.iterdir()) == []


def test_the_program_prints_one_line_for_a_bad_own_line_and_records_the_attempt(tmp_path):
    """Exit status 1, one line, no traceback; the attempt ends with the error."""
    own = tmp_path / "own.jsonl"
    own.write_text('{"prompt": "What is 9+1?", "answer": 10, "category": "math"}\n')
    out = tmp_path / "out"
    command = [sys.executable, "-W", "ignore", SCRIPTS / "prompts.py", "--gpus", "0"]
    command += ["--settings", json.dumps(SETTINGS), "--code", "0", "--state", tmp_path / "state"]
    command += ["--attempts", tmp_path / "attempts", "--user-prompts", own]
    for name in ("train", "validation", "test", "manifest", "decontamination", "recall", "worked"):
        command += [f"--out-{name}", out / name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: {own}, line 1: 'answer' is a number; write a text in double quotes\n"
    )
    assert not out.exists()
    (record,) = (tmp_path / "attempts" / "prompts").glob("*.jsonl")
    assert '"UserPromptError"' in record.read_text().splitlines()[-1]


def test_hidden_copies_are_found_and_paraphrases_mostly_not(splits):
    """92 test questions: all literal copies are found, and few of the reworded."""
    rows = {row["kind"]: row for row in measure_recall(splits, seed=1)}
    assert rows["literal"] == {"kind": "literal", "items": 92, "found": 92, "recall": 1.0}
    assert rows["paraphrase"]["items"] == 2 * 92
    parts = [rows["paraphrase_reworded"], rows["paraphrase_language"]]
    assert rows["paraphrase"]["found"] == sum(part["found"] for part in parts)
    assert rows["paraphrase"]["recall"] < 0.5 < rows["literal_inside"]["recall"] < 1


def test_a_paraphrase_is_another_text_with_the_same_numbers(splits):
    """Otherwise it would be a literal copy, or another question."""
    for record in splits.records["test"]:
        problem = splits.problems[record["id"]]
        assert problem.key == record["key"]
        for language in LANGUAGES:
            question = problem.question[language]
            other = reword(question, language)
            assert other != question, question
            assert re.findall(r"\d+", other) == re.findall(r"\d+", question)
        texts = {question or rest for _, question, rest in copies_of(record, splits)}
        assert len(texts) == 4


def test_an_own_prompt_in_the_test_split_has_literal_copies_only():
    """Nobody knows its other language or its wording."""
    own = user_record("How many legs have 3 spiders and 2 flies?")
    built = build(user=[own], user_prompts_split="test")
    assert [kind for kind, *_ in copies_of(own, built)] == ["literal", "literal_inside"]
