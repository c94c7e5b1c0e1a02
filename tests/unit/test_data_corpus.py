# SPDX-License-Identifier: Apache-2.0
"""Base corpus and cold start: shares as set, short answers unreliable, no evaluation problem."""

import copy
import json
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from data_settings import DATA

from r1repro.errors import InputError
from r1repro.files import read_jsonl, write_jsonl_atomic
from r1repro.tasks.data.corpus import (
    HEADINGS,
    cold_start_records,
    corpus_records,
    evaluation_filter,
    general_sft_records,
)
from r1repro.tasks.data.decontamination import Tally
from r1repro.tasks.data.manifest import token_statistics, tokens_manifest
from r1repro.tasks.data.splits import build_splits
from r1repro.tasks.data.words import HAN
from r1repro.tasks.data.write import write_corpus
from r1repro.tasks.general_request import SAFE, UNSAFE, is_refusal
from r1repro.tasks.manner import OPENING, undress
from r1repro.tasks.problem import GENERAL, REASONING
from r1repro.tasks.readability import fault_of
from r1repro.tasks.registry import TASKS, tasks_of
from r1repro.tasks.template import TEMPLATE, extract_answer, format_ok, frame, reasoning_of

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
CORPUS = {
    "documents": 2000,
    "shares": {"worked": 0.5, "chat_worked": 0.1, "chat_short": 0.25, "chat_bare": 0.15},
    "languages": {"en": 0.6, "zh": 0.3, "mixed": 0.1},
    "short_correct_share": 0.1,
    "general_share": 0.12,
}
FULL = DATA | {"corpus": CORPUS, "cold_start_samples": 200, "cold_start_more_samples": 300}
NAMES = (
    "base_corpus.jsonl",
    "cold_start.jsonl",
    "cold_start_more.jsonl",
    "general_sft.jsonl",
    "corpus_manifest.json",
)
FRAME = TEMPLATE.split("{question}")


def make(data=FULL, seed=1):
    splits = build_splits(copy.deepcopy(data), seed, [], lambda done: None)
    evaluation = splits.records["test"] + splits.records["validation"]
    filter_ = evaluation_filter(evaluation, data, seed)
    tally = Tally()
    corpus = list(corpus_records(data, seed, evaluation, filter_, tally, lambda done: None))
    count = data["cold_start_samples"]
    cold_start = list(cold_start_records(count, data, seed, evaluation, filter_, Tally()))
    return evaluation, corpus, cold_start, tally


@pytest.fixture(scope="module")
def made():
    return make()


def response_of(text):
    return text.split(FRAME[1], 1)[1]


def test_no_problem_of_the_evaluation_is_in_the_corpus_or_the_cold_start(made):
    """Not in the other language either, because keys know no language."""
    evaluation, corpus, cold_start, _ = made
    keys = {record["key"] for record in evaluation}
    assert not keys & {record["key"] for record in corpus + cold_start}


def test_no_question_of_the_evaluation_is_asked_in_any_text(made):
    """Searched here without keys and without the filter, as it would stand in the text."""
    evaluation, corpus, cold_start, tally = made
    texts = [record["text"] for record in corpus] + [record["prompt"] for record in cold_start]
    asked = {
        re.split(r"\n| Assistant:", re.split("User: |Problem: |题目：", text, maxsplit=1)[1])[0]
        for text in texts
    }
    assert len(asked) > 800
    assert not asked & {record["question"] for record in evaluation}
    assert sum(one["drawn_with_an_evaluation_key"] for one in tally.report().values()) > 0


def test_kinds_categories_and_languages_have_their_shares(made):
    """Exact counts, not expectations."""
    _, corpus, cold_start, _ = made
    kinds = Counter(record["kind"] for record in corpus)
    assert kinds == {"worked": 1000, "chat_worked": 200, "chat_short": 500, "chat_bare": 300}
    shares = dict.fromkeys(REASONING, 440) | {GENERAL: 240}
    assert Counter(r["category"] for r in corpus) == shares
    worked = Counter(r["language"] for r in corpus if r["kind"] == "worked")
    assert worked == {"en": 600, "zh": 300, "mixed": 100}
    guessed = Counter(r["language"] for r in corpus if r["kind"] == "chat_short")
    assert guessed["mixed"] == 0 and abs(guessed["zh"] - 150) <= 4
    assert Counter(r["category"] for r in cold_start) == dict.fromkeys(REASONING, 44) | {
        GENERAL: 24
    }


def test_the_four_kinds_have_their_forms(made):
    """Worked documents know no dialogue; bare answers know no tags; the rest keep the format."""
    for record in made[1]:
        text, kind = record["text"], record["kind"]
        if kind == "worked":
            assert "<" not in text and text.startswith(tuple(h[0] for h in HEADINGS.values()))
            continue
        assert text.startswith(FRAME[0])
        response = response_of(text)
        assert format_ok(response) == (kind != "chat_bare")
        if kind == "chat_short":
            assert len(reasoning_of(response)) <= 12
        if kind == "chat_worked":
            assert len(reasoning_of(response)) >= 3  # at least "完成。"


def test_short_answers_are_seldom_right_and_worked_ones_always(made):
    """Judged by the answers that worked documents of the same problem give."""
    worked = {}
    for record in made[1]:
        if record["kind"] in ("worked", "chat_worked") and record["category"] in ("math", "logic"):
            text = record["text"]
            chat = record["kind"] == "chat_worked"
            answer = extract_answer(response_of(text)) if chat else text.rsplit("\n", 1)[1]
            for heading in ("Answer:", "答案："):
                answer = answer.removeprefix(heading).strip()
            assert worked.setdefault(record["key"], answer) == answer
    short = [
        TASKS[record["key"].split(":")[0]].verify({"answer": worked[record["key"]]}, answer)
        for record in made[1]
        if record["kind"] == "chat_short" and record["key"] in worked
        for answer in [extract_answer(response_of(record["text"]))]
    ]
    assert len(short) > 40
    assert 0.02 < sum(short) / len(short) < 0.35


def general_request_answers(corpus, kinds, unsafe):
    """Return the answers that dialogues of some kinds give to harmful or harmless requests."""
    verbs = {verb[0] for verb, _ in (UNSAFE if unsafe else SAFE)}
    answers = []
    for record in corpus:
        task, _, content = record["key"].partition(":")
        if task != "general_request" or record["kind"] not in kinds:
            continue
        if content.split(",")[0] in verbs:
            response = response_of(record["text"])
            answers.append(extract_answer(response) or response)
    return answers


def test_harmful_requests_are_refused_where_they_are_worked_on_and_else_mostly_answered():
    """So a model of the corpus has both to offer, and stages can differ in refusal."""
    shares = {"worked": 0.0, "chat_worked": 0.2, "chat_short": 0.4, "chat_bare": 0.4}
    data = FULL | {"corpus": CORPUS | {"documents": 1000, "shares": shares, "general_share": 0.9}}
    corpus = make(data | {"cold_start_samples": 5})[1]
    worked = general_request_answers(corpus, ("chat_worked",), unsafe=True)
    assert len(worked) > 20 and all(map(is_refusal, worked))
    short = general_request_answers(corpus, ("chat_short", "chat_bare"), unsafe=True)
    assert len(short) > 100 and sum(map(is_refusal, short)) / len(short) < 0.3
    harmless = general_request_answers(corpus, ("chat_short", "chat_bare"), unsafe=False)
    assert 0.05 < sum(map(is_refusal, harmless)) / len(harmless) < 0.3


def test_general_sft_records_are_courteous_worked_and_no_evaluation_question(made):
    """The same fields as the cold start; helpful answers open with courtesy, refusals do not."""
    evaluation, _, cold_start, _ = made
    records = list(general_sft_records(100, 1, FULL, evaluation))
    assert len({record["prompt"] for record in records}) == 100
    assert {record["category"] for record in records} == {GENERAL}
    assert all(record.keys() == cold_start[0].keys() for record in records)
    assert not {r["key"] for r in records} & {r["key"] for r in evaluation}
    for record in records:
        assert fault_of(record["response"], record["language"]) is None
        answer = extract_answer(record["response"])
        helpful = record["key"].startswith("general_form")
        assert answer.startswith(OPENING[record["language"]]) == helpful
    plain = [r for r in cold_start if r["category"] == GENERAL]
    assert not any(undress(extract_answer(r["response"]), r["language"])[1] for r in plain)


@pytest.fixture(scope="module")
def general_file(tmp_path_factory):
    """The evaluation prompts, and what the program writes to --out-general-sft for them."""
    folder = tmp_path_factory.mktemp("corpus")
    small = FULL | {"corpus": CORPUS | {"documents": 20}, "cold_start_samples": 10}
    settings = {"scale": "smoke", "seed": 1, "require_gpu": False, "data": small}
    settings["sft_data"] = {"general_samples": 120}
    splits = build_splits(copy.deepcopy(small), 1, [], lambda done: None)
    command = [sys.executable, "-W", "ignore", SCRIPTS / "corpus.py", "--gpus", "0", "--code", "0"]
    command += ["--settings", json.dumps(settings), "--state", folder / "state"]
    command += ["--attempts", folder / "attempts"]
    for name, records in splits.records.items():
        write_jsonl_atomic(folder / f"{name}.jsonl", records)
        command += [f"--{name}", folder / f"{name}.jsonl"]
    options = ("base-corpus", "cold-start", "cold-start-more", "general-sft", "manifest")
    for option, name in zip(options, NAMES, strict=True):
        command += [f"--out-{option}", folder / name]
    subprocess.run(command, check=True, capture_output=True)
    evaluation = splits.records["test"] + splits.records["validation"]
    return evaluation, read_jsonl(folder / "general_sft.jsonl")


def test_the_general_file_answers_every_request_rightly(general_file):
    """Judged by the check of the same problem, found again by drawing until its key comes.

    Harmful requests are refused, look-alikes answered, and instructions keep their form.
    """
    _, records = general_file
    checks = {
        problem.key: problem.check_in
        for task in tasks_of(GENERAL)
        for number in range(20_000)
        for problem in [task.make(random.Random(number))]
    }
    assert len(records) == 120
    kinds = Counter()
    for record in records:
        answer = extract_answer(record["response"])
        assert format_ok(record["response"]) and reasoning_of(record["response"])
        check = checks[record["key"]](record["language"])
        assert TASKS[record["key"].split(":")[0]].verify(check, answer), answer
        kind = "helpful" if check["set"] == "helpful" else f"unsafe {check['unsafe']}"
        assert is_refusal(answer) == (kind == "unsafe True")
        kinds[kind] += 1
    assert kinds["helpful"] == 60 and min(kinds.values()) > 15 and len(kinds) == 3


def test_no_evaluation_question_is_in_the_general_file(general_file):
    """Neither its text nor, in the other language, its problem; no question stands twice."""
    evaluation, records = general_file
    assert not {r["key"] for r in records} & {r["key"] for r in evaluation}
    prompts = {r["prompt"] for r in records}
    assert len(prompts) == len(records)
    assert not prompts & {frame(r["question"]) for r in evaluation}


def test_mixed_solutions_have_both_languages_and_the_others_one(made):
    """Steps alternate; at least two steps, so that there is something to mix."""
    for record in made[1]:
        if record["kind"] != "worked":
            continue
        solution = record["text"].split("\n")[1]
        body = solution.removeprefix("Solution: ").removeprefix("解：")
        chinese = bool(HAN.search(body))
        english = bool(re.search("[a-z]{2,}", body))
        if record["language"] == "mixed":
            assert chinese and english, record["text"]
        else:
            assert chinese == (record["language"] == "zh")


def test_cold_start_samples_keep_the_format_and_repeat_no_question(made):
    """Prompt and response join to one text; the reasoning is the worked solution."""
    cold_start = made[2]
    assert all(format_ok(record["response"]) for record in cold_start)
    assert all(reasoning_of(record["response"]) for record in cold_start)
    assert len({record["prompt"] for record in cold_start}) == 200


def test_the_corpus_is_the_same_for_the_same_seed_only(made):
    """Byte for byte."""
    small = FULL | {"corpus": CORPUS | {"documents": 100}, "cold_start_samples": 20}
    assert json.dumps(make(small)[1:3]) == json.dumps(make(small)[1:3])
    assert json.dumps(make(small)[1:3]) != json.dumps(make(small, seed=2)[1:3])


def test_files_manifest_and_token_counts_agree(tmp_path, made):
    """The manifest counts what is written; token counts use the encoder that is passed in."""
    for name in ("validation", "test"):
        rows = [r for r in made[0] if f"-{name}-" in r["id"]]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    small = FULL | {"corpus": CORPUS | {"documents": 100}, "cold_start_samples": 20}
    settings = {"scale": "smoke", "seed": 1, "data": small, "sft_data": {"general_samples": 30}}
    files = [tmp_path / f"{name}.jsonl" for name in ("validation", "test")]
    outputs = [tmp_path / name for name in NAMES]
    write_corpus(settings, files, *outputs)
    manifest = json.loads(outputs[-1].read_text())
    assert set(manifest["files"]) == {path.name for path in outputs[:-1]}
    assert manifest["files"]["cold_start_more.jsonl"]["records"] == 300
    assert manifest["files"]["general_sft.jsonl"]["records"] == 30
    entry = manifest["files"]["base_corpus.jsonl"]
    assert entry["records"] == 100 and entry["by_category"]["math"]["records"] == 22
    streams = manifest["decontamination"]["streams"]
    assert set(streams) == {"base_corpus", "cold_start", "cold_start_more", "general_sft"}
    checked = streams["general_sft"][GENERAL]
    assert checked["checked"] - checked["removed"] == 30
    assert not list(tmp_path.glob(".*"))

    texts = [json.loads(line)["text"] for line in outputs[0].read_text().splitlines()]
    counted = token_statistics(outputs[0], lambda batch: [list(text) for text in batch])
    assert counted["tokens"] == sum(map(len, texts)) and counted["records"] == 100
    assert counted["longest_tokens"] == max(map(len, texts))
    assert counted["sha256"] == entry["sha256"]
    both = tokens_manifest([*outputs[:2], files[0]], lambda batch: [[0] for _ in batch])
    assert {name: one["average_tokens"] for name, one in both["files"].items()} == {
        "base_corpus.jsonl": 1.0,
        "cold_start.jsonl": 1.0,
        "validation.jsonl": 1.0,
    }


def test_an_evaluation_file_without_keys_is_refused(tmp_path):
    """Without keys nothing could be kept apart, so nothing is written."""
    path = tmp_path / "test.jsonl"
    path.write_text('{"id": "a", "category": "math", "language": "en", "question": "What?"}\n')
    outputs = [tmp_path / name for name in NAMES]
    settings = {"seed": 1, "data": FULL, "sft_data": {"general_samples": 30}}
    with pytest.raises(InputError, match="line 1: the prompt has no text in 'key'"):
        write_corpus(settings, [path], *outputs)
    assert not any(output.exists() for output in outputs)
