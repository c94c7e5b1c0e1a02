# SPDX-License-Identifier: Apache-2.0
"""Claims about an evaluation that is killed: what was sampled is kept, billed once, the same."""

from argparse import Namespace
from types import SimpleNamespace

import pytest
import tiny_stage

from r1repro import evaluate
from r1repro.audit.attempt_records import read_attempts
from r1repro.learn import evaluation
from r1repro.learn.checkpoint import save_checkpoint
from r1repro.tasks.judge import Verdict

SETTINGS = {
    "scale": "mini",
    "seed": 3,
    "require_gpu": False,
    "sandbox": {},
    "compute": {"precision": "float32", "tokens_per_pass": 64, "responses_at_once": 8},
    "evaluate": {"samples": 2, "temperature": 1.0, "top_p": 0.95, "max_response_tokens": 6},
}


def by_length(prompts, responses, sandbox):
    """Judge in a way that depends on prompt and response."""
    return [
        Verdict(len(text) % 2 == 0, prompt["check"]["answer"] == "1", text[:3] or None, f"{text}²")
        for prompt, text in zip(prompts, responses, strict=True)
    ]


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A checkpoint, five questions in portions of two, and the options of a program."""
    monkeypatch.setattr(evaluation, "QUESTIONS_AT_ONCE", 2)
    tokenizer = tiny_stage.make_tokenizer()
    save_checkpoint(tiny_stage.make_model(tokenizer), tokenizer, tmp_path / "model")
    args = Namespace(
        settings=SETTINGS, gpus=0, code="c" * 64, state=tmp_path / "state",
        attempts=tmp_path / "attempts",
    )  # fmt: skip
    return SimpleNamespace(folder=tmp_path, args=args, prompts=tiny_stage.PROMPTS)


class Killed(BaseException):
    """Stands for the end of the process."""


def sampled(lab, killed_in=None, **changed):
    """Run an evaluation; it ends when it judges portion number `killed_in`, if that is told."""
    asked = []

    def judge(prompts, responses, sandbox):
        if len(asked) == killed_in:
            raise Killed
        asked.append([prompt["question"] for prompt in prompts])
        return by_length(prompts, responses, sandbox)

    args = Namespace(**vars(lab.args) | changed)
    inputs = [lab.folder / "model"]
    with evaluate.evaluation_run("score", args, inputs, sandboxed=False, judge=judge) as run:
        groups = run.sample("dev1", lab.folder / "model", lab.prompts)
    return groups, asked


def test_a_killed_evaluation_goes_on_with_the_portion_it_was_in(lab):
    """Same samples as in one go, no question asked twice, and no token billed twice."""
    whole, asked = sampled(lab, state=lab.folder / "other", attempts=lab.folder / "others")
    assert len(asked) == 3 and len(whole) == 5
    with pytest.raises(Killed):
        sampled(lab, killed_in=2)
    again, asked_again = sampled(lab)
    assert again == whole
    assert asked_again == asked[2:]
    once = read_attempts(lab.folder / "others")[0]
    both = read_attempts(lab.folder / "attempts")
    assert sum(record.tokens_generated for record in both) == once.tokens_generated > 0


def test_nothing_is_kept_once_an_evaluation_is_done(lab):
    """The next one samples anew."""
    sampled(lab)
    assert [path.name for path in lab.args.state.glob("portion_*")] == []
    assert len(sampled(lab)[1]) == 3


def test_what_was_kept_for_other_weights_or_settings_is_not_used(lab):
    """Another code digest stands for anything that the result depends on."""
    with pytest.raises(Killed):
        sampled(lab, killed_in=2)
    assert len(sampled(lab, code="d" * 64)[1]) == 3


def test_a_damaged_portion_is_made_again(lab, capsys):
    """It is named, and the result is that of a run in one go."""
    with pytest.raises(Killed):
        sampled(lab, killed_in=2)
    first = sorted(lab.args.state.glob("portion_*/rows.jsonl"))[0]
    first.write_text(first.read_text().replace('"tokens": ', '"tokens": 1'))
    again, asked = sampled(lab)
    assert "is damaged (rows.jsonl does not match its checksum)" in capsys.readouterr().err
    assert len(asked) == 2
    assert again == sampled(lab)[0]
