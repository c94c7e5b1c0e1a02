# SPDX-License-Identifier: Apache-2.0
"""Claims about lm-evaluation-harness on a folder of ours: it and `evaluate` agree, offline."""

import json
import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from foreign_checkpoints import our_tokenizer, random_model
from transformers import PreTrainedTokenizerFast

from r1repro.errors import InputError
from r1repro.files import write_jsonl_atomic
from r1repro.learn import harness
from r1repro.learn.compute import Compute
from r1repro.learn.evaluation import question_rows, sample_all
from r1repro.learn.harness import COLUMNS, evaluate_task, sample_rows, score_rows
from r1repro.learn.tokenizer import encode_all
from r1repro.tasks.template import frame, respond

if find_spec("lm_eval") is None:
    pytest.skip("lm-evaluation-harness is not installed: make harness", allow_module_level=True)

ROOT = Path(__file__).resolve().parents[2]
TASKS = [ROOT / "workflow/harness"]
SETTINGS = {"seed": 3, "evaluate": {"max_response_tokens": 40, "bootstrap": 100}}
GREEDY = {"samples": 1, "temperature": 0.0, "top_p": 1.0, "max_response_tokens": 40}
SAMPLED = GREEDY | {"samples": 4, "temperature": 1.0}
LOCAL = """
task: local_choice
output_type: multiple_choice
dataset_path: json
dataset_kwargs: {data_files: {test: FILE}}
test_split: test
doc_to_text: "{{question}}"
doc_to_choice: ["one", "two"]
doc_to_target: "{{answer}}"
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
"""


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Whatever asks the hub fails at once."""
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)


def prompt(number: int, category: str = "math") -> dict:
    """A prompt of the test split, as `prompts` writes it."""
    return {
        "id": f"p{number}", "category": category, "task": "chain_sum", "language": "en",
        "question": f"What is {number}+{number}?", "answer": str(2 * number),
        "check": {"answer": str(2 * number)}, "key": f"chain_sum:{number}", "level": 1,
    }  # fmt: skip


PROMPTS = [prompt(number) for number in range(12)]


@pytest.fixture(scope="module")
def trained() -> tuple[torch.nn.Module, PreTrainedTokenizerFast]:
    """A model that keeps to the form and knows some sums."""
    tokenizer = our_tokenizer()
    size = max(tokenizer.get_vocab().values()) + 1
    model = random_model("llama", size, tokenizer.eos_token_id)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    texts = [frame(p["question"]) + respond("so", p["answer"]) for p in PROMPTS]
    rows = [[*ids, tokenizer.eos_token_id] for ids in encode_all(tokenizer, texts)]
    longest = max(map(len, rows))
    pad = torch.tensor([row + [tokenizer.eos_token_id] * (longest - len(row)) for row in rows])
    labels = pad.clone()
    for number, row in enumerate(rows):
        labels[number, len(row) :] = -100
    for _ in range(40):
        optimiser.zero_grad()
        model(input_ids=pad, labels=labels).loss.backward()
        optimiser.step()
    return model.eval(), tokenizer


@pytest.fixture(scope="module")
def test_file(tmp_path_factory) -> Path:
    """The test prompts; one of code and one that is general are not for the harness."""
    file = tmp_path_factory.mktemp("data") / "the test.jsonl"
    others = [prompt(90, "code"), prompt(91, "general")]
    write_jsonl_atomic(file, [*PROMPTS, *others])
    return file


def ours(trained, settings) -> list[list]:
    """Return the samples of `evaluate`."""
    model, tokenizer = trained
    return list(
        sample_all(
            Compute(), model, tokenizer, PROMPTS, None, settings, 3, "score", lambda count: None
        )
    )


@pytest.fixture(scope="module")
def found(trained, test_file):
    """What the harness finds on the same questions, decoding greedily."""
    return evaluate_task("r1repro", *trained, test_file, TASKS, SETTINGS)


def test_evaluate_and_the_harness_agree_on_every_response_and_every_verdict(trained, found):
    """Two samplers, two decoders and two ways of counting: the same texts, the same score."""
    samples = [group[0] for group in ours(trained, GREEDY)]
    theirs = found.results["samples"]["r1repro"]
    assert [sample["resps"][0][0] for sample in theirs] == [s.response for s in samples]
    assert [sample["pass_at_1"] for sample in theirs] == [s.verdict.correct for s in samples]
    assert [sample["format_ok"] for sample in theirs] == [s.verdict.format_ok for s in samples]
    score = sum(s.verdict.correct for s in samples) / len(samples)
    assert 0 < score < 1  # or agreement would be cheap
    rows = {row["metric"]: row for row in score_rows("dev1", "r1repro", found.results)}
    assert rows["pass_at_1"]["value"] == pytest.approx(score, abs=1e-6)
    assert rows["pass_at_1"]["n_prompts"] == len(PROMPTS)


def test_the_harness_counts_our_own_samples_as_evaluate_does(trained, test_file):
    """Drawn at temperature 1 by `evaluate`, given to the harness as if a model had said them."""
    from lm_eval import simple_evaluate
    from lm_eval.api.model import LM
    from lm_eval.tasks import TaskManager

    groups = ours(trained, SAMPLED)

    class Replay(LM):
        """Says what was said before."""

        def __init__(self, number: int):
            super().__init__()
            self.said = {frame(g[0].prompt["question"]): g[number].response for g in groups}

        def generate_until(self, requests, disable_tqdm=False):
            return [self.said[request.args[0]] for request in requests]

        def loglikelihood(self, requests):
            raise AssertionError("no likelihood is asked for")

        loglikelihood_rolling = loglikelihood

    manager = TaskManager(
        include_path=[str(TASKS[0])], include_defaults=False, metadata={"test": str(test_file)}
    )
    scores = []
    for number in range(SAMPLED["samples"]):
        answer = simple_evaluate(
            model=Replay(number), tasks=["r1repro"], task_manager=manager, bootstrap_iters=0
        )
        scores.append(answer["results"]["r1repro"]["pass_at_1,none"])
    rows = question_rows("dev1", groups, 1)
    assert sum(scores) / len(scores) == pytest.approx(sum(r["pass@1"] for r in rows) / len(rows))
    assert len({sample.response for group in groups for sample in group}) > len(PROMPTS)


def test_tables_hold_what_was_asked_said_and_used(found):
    """Every row has every column; tokens are counted."""
    rows = score_rows("dev1", "r1repro", found.results)
    assert {tuple(row) for row in rows} == {COLUMNS}
    assert {row["metric"] for row in rows} == {"pass_at_1", "format_ok"}
    assert rows[0]["version"] == 1.0 and rows[0]["stderr"] >= 0
    lines = sample_rows(found.results)
    assert len(lines) == len(PROMPTS)
    assert json.loads(lines[0]["doc"]["record"])["id"] == "p0"
    assert 0 < found.generated < found.processed


def test_the_same_seed_finds_the_same(trained, test_file, found):
    """Bitwise, on one machine."""
    again = evaluate_task("r1repro", *trained, test_file, TASKS, SETTINGS)
    assert sample_rows(again.results) == sample_rows(found.results)


def test_a_task_of_a_folder_of_the_users_own_runs(trained, test_file, tmp_path):
    """Likelihoods, from a local file: acc is what the model's own log-probabilities say."""
    data = tmp_path / "data.jsonl"
    write_jsonl_atomic(data, [{"question": f"What is {n}?", "answer": n % 2} for n in range(6)])
    (tmp_path / "local.yaml").write_text(LOCAL.replace("FILE", json.dumps(str(data))))
    model, tokenizer = trained
    outcome = evaluate_task(
        "local_choice", model, tokenizer, test_file, [*TASKS, tmp_path], SETTINGS
    )
    right = 0
    for number in range(6):
        sums = []
        for choice in (" one", " two"):
            before = tokenizer(f"What is {number}?", add_special_tokens=False)["input_ids"]
            whole = tokenizer(f"What is {number}?{choice}", add_special_tokens=False)["input_ids"]
            with torch.no_grad():
                logprobs = model(torch.tensor([whole])).logits[0].log_softmax(-1)
            places = range(len(before), len(whole))
            sums.append(sum(float(logprobs[i - 1, whole[i]]) for i in places))
        right += int(sums[1] > sums[0]) == number % 2
    [row] = [
        row for row in score_rows("x", "local_choice", outcome.results) if row["metric"] == "acc"
    ]
    assert row["value"] == pytest.approx(right / 6, abs=1e-6) and row["n_prompts"] == 6
    assert outcome.generated == 0 and outcome.processed > 0


@pytest.mark.slow
def test_an_unknown_task_and_one_without_its_data_are_sentences(trained, test_file, monkeypatch):
    """What to do: name another, or bring the data."""
    from lm_eval.tasks import TaskManager

    @cache  # reading thousands of task files takes seconds, and both need them
    def manager(include_defaults: bool) -> TaskManager:
        return TaskManager(include_path=[str(TASKS[0])], include_defaults=include_defaults)

    monkeypatch.setattr(
        "lm_eval.tasks.TaskManager", lambda include_defaults, **_: manager(include_defaults)
    )
    with pytest.raises(InputError, match="has no task 'r1repo'"):
        evaluate_task("r1repo", *trained, test_file, TASKS, SETTINGS)
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    with pytest.raises(InputError, match="the task 'arc_easy' cannot be run: .*HF_HOME"):
        evaluate_task("arc_easy", *trained, test_file, TASKS, SETTINGS)


def test_without_the_harness_a_sentence_says_how_to_install_it(monkeypatch):
    """Before the model is loaded."""
    monkeypatch.setattr(harness, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="is not installed; run `make harness`"):
        harness.run_task("r1repro", Path("none"), Path("none"), TASKS, SETTINGS, None)
