# SPDX-License-Identifier: Apache-2.0
"""Claims about rejection sampling: each reason by an example, counts that add up, blind twins."""

import json
from argparse import Namespace

import pytest
from tiny_stage import NoSandbox, make_model, make_tokenizer

from r1repro.errors import InputError
from r1repro.files import read_jsonl
from r1repro.learn.checkpoint import save_checkpoint
from r1repro.learn.evaluation import Sample
from r1repro.learn.rejection import REASONS, Selection, choose, general_records, statistics_rows
from r1repro.learn.sft_data import make_sft_data
from r1repro.learn.tokenizer import encode_all
from r1repro.tasks.judge import Verdict
from r1repro.tasks.template import frame, respond

SETTINGS = {
    "samples_per_prompt": 4,
    "keep_per_prompt": 2,
    "temperature": 1.0,
    "max_response_tokens": 10,
    "general_samples": 1,
    "least_language_share": 1.0,
}
PROMPT = {
    "id": "m-1",
    "category": "math",
    "language": "en",
    "question": "What is 1+2?",
    "answer": "3",
    "task": "chain_sum",
    "check": {"answer": "3"},
    "key": "chain_sum:1+2",
}
GOOD = respond("First add one and two.", "3")
CIRCLES = respond("so " * 40 + "it is three.", "3")


def sample(response, correct=True, form=True, number=0, **prompt):
    return Sample(PROMPT | prompt, number, response, 9, Verdict(correct, form, "3", "3"))


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (sample(GOOD, correct=False), "wrong"),
        (sample("<answer> 3</answer>", form=False), "unreadable"),
        (sample(respond("First add\ufffd them.", "3")), "unreadable"),
        (sample(respond("First add 一 and two.", "3")), "mixed_language"),
        (sample(GOOD, language="zh"), "mixed_language"),
        (sample(CIRCLES), "repetition"),
        (sample(GOOD), "kept"),
        (sample(respond("1+2=3", "3")), "kept"),
    ],
)
def test_each_reason_by_an_example(one, reason):
    kept, counts = choose([one], SETTINGS)
    assert counts == {"sampled": 1, reason: 1} and len(kept) == (reason == "kept")


def test_the_share_of_words_that_is_asked_for_is_a_setting():
    """Four words of five are English."""
    one = sample(respond("First add 一 and two.", "3"))
    assert len(choose([one], SETTINGS | {"least_language_share": 0.8})[0]) == 1


def test_distinct_good_responses_are_kept_up_to_the_limit_and_the_counts_add_up():
    """Blanks make no difference between texts; the third good one is surplus."""
    texts = [GOOD, GOOD.replace(" and", "  and"), respond("One and two.", "3")]
    texts.append(respond("Two and one.", "3"))
    kept, counts = choose([sample(text) for text in texts], SETTINGS)
    assert [one.response for one in kept] == [texts[0], texts[2]]
    assert counts == {"sampled": 4, "kept": 2, "duplicate": 1, "surplus": 1}


def groups():
    first = [sample(GOOD, correct=i == 2, number=i) for i in range(4)]
    second = [sample(GOOD, correct=False, key="two", number=i) for i in range(4)]
    texts = [GOOD, respond("One and two.", "3"), "no", "nothing"]
    third = [sample(t, correct=i < 2, key="three", number=i) for i, t in enumerate(texts)]
    return first, second, third


def select():
    selection = Selection(SETTINGS)
    for group in groups():
        selection.add(group)
    return selection


def test_every_response_is_counted_for_one_reason():
    rows = {row["reason"]: row["count"] for row in select().rejections()}
    assert list(rows) == list(REASONS)
    assert rows.pop("sampled") == 12 == sum(rows.values())
    assert rows["kept"] == 3 and rows["wrong"] == 9


def test_statistics_by_hand():
    """Tokens of prompt, response and end mark; one round each; an empty domain has no mean."""
    tokenizer = make_tokenizer()
    records = select().filtered
    rows = {row["domain"]: row for row in statistics_rows(records, tokenizer)}
    assert list(rows) == ["math", "code", "stem", "logic", "general", "total"]
    texts = [record[name] for record in records for name in ("prompt", "response")]
    tokens = sum(map(len, encode_all(tokenizer, texts)))
    assert rows["math"]["samples"] == rows["total"]["samples"] == 3
    assert rows["total"]["mean_tokens"] == pytest.approx(tokens / 3 + 1, abs=1e-4)
    assert rows["total"]["mean_rounds"] == 1.0
    assert rows["general"] == {
        "domain": "general",
        "samples": 0,
        "mean_rounds": "",
        "mean_tokens": "",
    }


def general_file(folder, count, **changes):
    rows = [
        {
            "prompt": frame(f"Say {i}."),
            "response": respond("Fine.", str(i)),
            "category": "general" if i % 2 == 0 else "math",
            "language": "en",
            "key": f"general:{i}",
        }
        | changes
        for i in range(count)
    ]
    path = folder / "general.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_general_samples_are_drawn_by_the_seed_and_other_categories_passed_over(tmp_path):
    path = general_file(tmp_path, 20)
    one = general_records([path], 5, 1, "sft_data")
    assert len(one) == 5 and {record["category"] for record in one} == {"general"}
    assert one == general_records([path], 5, 1, "sft_data")
    assert one != general_records([path], 5, 2, "sft_data")
    with pytest.raises(InputError, match="hold 10 general samples, but .* asks for 11"):
        general_records([path], 11, 1, "sft_data")
    with pytest.raises(InputError, match="line 1: the text 'key' is missing"):
        general_records([general_file(tmp_path, 2, key=None)], 1, 1, "sft_data")


class Attempt:
    """Takes what a stage reports."""

    def count(self, **counted):
        self.counted = counted

    def outputs(self, paths):
        self.paths = paths


def run_stage(folder, monkeypatch, sampled, general_samples=SETTINGS["general_samples"]):
    """The stage with scripted samples; they are counted as those of a model would be."""
    tokenizer = make_tokenizer()
    save_checkpoint(make_model(tokenizer), tokenizer, folder / "dev2")
    prompts = [PROMPT, PROMPT | {"category": "general", "key": "g"}]
    (folder / "train.jsonl").write_text("".join(json.dumps(p) + "\n" for p in prompts))

    def sample_all(compute, model, tok, asked, sandbox, settings, seed, stage, step, kept):
        assert asked == [PROMPT] and settings["samples"] == 4 and settings["top_p"] == 1.0
        step(36)
        yield sampled

    monkeypatch.setattr("r1repro.learn.sft_data.sample_all", sample_all)
    out = {f"out_{n}": folder / f"{n}.out" for n in ("data", "statistics")}
    args = Namespace(
        settings={
            "sft_data": SETTINGS | {"general_samples": general_samples},
            "seed": 1,
            "require_gpu": False,
            "compute": {"precision": "float32", "tokens_per_pass": 64, "responses_at_once": 8},
        },
        gpus=0,
        checkpoint=folder / "dev2",
        prompts=folder / "train.jsonl",
        general=[general_file(folder, 4)],
        out_rejections=folder / "rejections.out",
        **out,
    )
    attempt = Attempt()
    make_sft_data(args, Namespace(attempt=attempt, sandbox=NoSandbox(), kept=lambda series: None))
    assert attempt.counted["tokens_generated"] == 36 and attempt.counted["flop"] > 0
    return args


def test_the_stage_asks_reasoning_prompts_and_adds_general_samples(tmp_path, monkeypatch):
    args = run_stage(tmp_path, monkeypatch, groups()[0])
    data = read_jsonl(args.out_data)
    assert [row["category"] for row in data] == ["math", "general"]
    assert data[0]["response"] == GOOD and data[0]["prompt"] == frame(PROMPT["question"])
    assert args.out_statistics.read_text().splitlines()[-1].startswith("total,2,1.0,")
    assert "wrong,3" in args.out_rejections.read_text().splitlines()


def test_a_checkpoint_without_one_good_response_is_refused_with_the_counts(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="none of the 4 responses .*'wrong': 4"):
        run_stage(tmp_path, monkeypatch, groups()[1], general_samples=0)


def test_where_there_is_general_data_it_alone_is_the_set_and_the_log_warns(
    tmp_path, monkeypatch, capsys
):
    args = run_stage(tmp_path, monkeypatch, groups()[1])
    assert [row["category"] for row in read_jsonl(args.out_data)] == ["general"]
    assert "warning: none of the 4 responses" in capsys.readouterr().out
