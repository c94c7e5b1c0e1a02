# SPDX-License-Identifier: Apache-2.0
"""A checkpoint folder of the user's own in place of the base that is trained here."""

import csv
import json
import re
from pathlib import Path

import page_tables
import pytest
import torch
import yaml
from clones import copy_repository, snakemake
from foreign_checkpoints import our_tokenizer, write_folder
from test_config_refusals import DEFAULT, SCHEMA, laid_over
from test_plan import EVERYTHING, RL, planned

from r1repro.configuration import problems
from r1repro.files import sha256_tree
from r1repro.learn.checkpoint import load_model, load_tokenizer, save_checkpoint
from r1repro.learn.tokenizer import encode_all
from r1repro.tasks.template import frame

ROOT = Path(__file__).resolve().parents[2]
NAME = "a base"
POSITIONS = 512
STEPS = 100


def write_base(parent: Path) -> Path:
    """Write a tiny Qwen2 with a tokenizer of ours below a folder."""
    return write_folder(parent / NAME, "qwen2", our_tokenizer(), max_position_embeddings=POSITIONS)


def teach_the_form(folder: Path) -> None:
    """Train a folder's model until some of its answers keep to the template and others do not."""
    tokenizer = load_tokenizer(folder)
    model = load_model(folder, torch.device("cpu"))
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    texts = [
        f"{frame(f'What is {n}+{n}?')}<think>{n}</think><answer>{n}</answer>" for n in range(8)
    ]
    rows = [[*ids, tokenizer.eos_token_id] for ids in encode_all(tokenizer, texts)]
    batch = torch.tensor([row[-min(map(len, rows)) :] for row in rows])
    for _ in range(STEPS):
        optimiser.zero_grad()
        model(input_ids=batch, labels=batch).loss.backward()
        optimiser.step()
    save_checkpoint(model, tokenizer, folder)


@pytest.fixture(scope="module")
def own_clone(tmp_path_factory) -> Path:
    """A copy of the repository with an own base and a file that names it."""
    clone = copy_repository(tmp_path_factory.mktemp("own"))
    teach_the_form(write_base(clone))
    (clone / "mine.yaml").write_text(f"model: {{checkpoint: {NAME}}}\n")
    return clone


MINE = ("--configfile", "config/smoke.yaml", "mine.yaml")


# ---- refusals -----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder to spoil, in the current directory."""
    monkeypatch.chdir(tmp_path)
    return write_base(tmp_path)


def told(text: str = "") -> list[str]:
    """Return the sentences about a configuration with the own base and more."""
    Path("mine.yaml").write_text(f"model: {{checkpoint: {NAME}}}\n{text}", encoding="utf-8")
    config = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    merged = laid_over(config, yaml.safe_load(Path("mine.yaml").read_text(encoding="utf-8")))
    return problems(merged, SCHEMA, [DEFAULT, "mine.yaml"], {})


def quantised(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": {}}))


REFUSED = {
    "no folder": (lambda f: f.rename("elsewhere"), "is no folder"),
    "a file": (lambda f: (f.rename("elsewhere"), Path(NAME).write_text("")), "is no folder"),
    "no config.json": (lambda f: (f / "config.json").unlink(), "config.json is missing"),
    "config.json cut": (lambda f: (f / "config.json").write_text("{"), "is not JSON"),
    "quantised": (quantised, "quantised"),
    "pickles only": (
        lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"),
        "no safetensors weights, and pickled weights are never loaded",
    ),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "tokenizer.json is missing"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_folder_that_is_no_base_is_refused_before_anything_runs(case, folder):
    """One sentence with file, line, key and folder."""
    spoil, words = REFUSED[case]
    spoil(folder)
    [sentence] = told()
    assert sentence.startswith("mine.yaml, line 1: 'model.checkpoint'") and words in sentence


def test_a_sound_folder_is_accepted(folder):
    """Nothing is said, and nothing is written into it."""
    before = sha256_tree(folder)
    assert told() == []
    assert sha256_tree(folder) == before


def test_a_folder_that_the_workflow_makes_is_refused(folder):
    """It would be an input and an output of the same run."""
    Path("results").mkdir()
    folder.rename(Path("results") / NAME)
    Path(NAME).symlink_to(Path("results") / NAME)
    [sentence] = told()
    assert "is made by this workflow; copy it out of results/ first" in sentence


def test_rows_longer_than_the_own_base_accepts_are_refused(folder):
    """512 positions; the rows of the base that is not trained do not matter."""
    assert told("base: {row_tokens: 4096}\ndev1: {row_tokens: 512}\n") == []
    [sentence] = told("r1_zero: {row_tokens: 513}\n")
    assert sentence.startswith("mine.yaml, line 2: 'r1_zero.row_tokens' (513) must not exceed")
    assert "the 512 positions of 'model.checkpoint'" in sentence


# ---- the plan -----------------------------------------------------------------------------------


@pytest.mark.workflow
def test_neither_base_nor_its_tokens_are_trained(own_clone):
    """R1-Zero needs the prompts alone; the report everything but the base."""
    assert planned(snakemake(own_clone, "r1_zero", "-n", *MINE).stdout) == {"prompts", "r1_zero"}
    assert planned(snakemake(own_clone, "rl", "-n", *MINE).stdout) == RL - {"base"}
    assert planned(snakemake(own_clone, "-n", *MINE).stdout) == EVERYTHING - {"base"}


@pytest.mark.workflow
def test_every_stage_reads_the_folder_where_it_lies(own_clone):
    """dev1, r1_zero, dev3 and the score of the base get its path."""
    answer = snakemake(own_clone, "-n", "-p", *MINE).stdout
    for stage in ("dev1", "r1_zero", "dev3"):
        [command] = re.findall(rf"--stage {stage} --planned-device .*?2>&1", answer, re.DOTALL)
        assert f"--start '{NAME}' " in command
    assert len(re.findall(rf"--start '{NAME}' ", answer)) == 3
    assert re.search(rf"--checkpoint base --model '{NAME}' ", answer)
    assert re.search(rf"--own-base '{NAME}' ", answer)
    assert "results/prepare/base " not in answer


# ---- the page -----------------------------------------------------------------------------------


def test_the_page_says_that_the_base_is_the_users_own(tmp_path):
    """No expectation of the miniature is applied, no training of a base shown, no path told."""
    options = page_tables.make(tmp_path)
    options["base_metrics"].unlink()
    options["base_metrics"] = None
    model = {"checkpoint": "/home/someone/models/tiny-7b"}
    page, summary = page_tables.render(options, model=model)
    for text in (page, summary):
        assert "Own base model" in text
        assert "/home/someone" not in text
    run = page.split('id="run"')[1].split("</section>")[0]
    assert "took tiny-7b as its base model" in run and "pretrain" not in run
    assert "base: pretraining loss" not in page and "dev1: fine-tuning loss" in page


# ---- a run --------------------------------------------------------------------------------------


@pytest.mark.workflow
@pytest.mark.slow
def test_r1_zero_is_trained_from_an_own_qwen2(own_clone):
    """The folder keeps its bytes, the record its checksum, and the result is a Qwen2 again.

    A second command has nothing to do; a change of a file of the folder trains again. Here a stage
    that trains is run by a new Python, as it is for a user; elsewhere it is forked (forks.py).
    """
    base, before = own_clone / NAME, sha256_tree(own_clone / NAME)
    answer = snakemake(own_clone, "r1_zero", *MINE, forked_stages=False)
    assert answer.returncode == 0, answer.stdout[-3000:]
    assert sha256_tree(base) == before
    trained = own_clone / "results/rl/r1_zero/checkpoint"
    assert json.loads((trained / "config.json").read_text())["model_type"] == "qwen2"
    weights = "model.safetensors"
    assert (trained / weights).read_bytes() != (base / weights).read_bytes()
    with (trained.parent / "metrics.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert any(0 < float(row["reward_format"]) < 1 for row in rows)
    assert max(float(row["sampling_logprob_gap"] or 0) for row in rows) < 1e-4
    [record] = (own_clone / "results/attempts/r1_zero").glob("*.jsonl")
    assert json.loads(record.read_text().splitlines()[0])["inputs"][NAME] == before
    assert "\r" not in (own_clone / "logs/r1_zero.log").read_bytes().decode()  # no bars
    assert not (own_clone / "results/prepare").exists()
    again = snakemake(own_clone, "r1_zero", "-n", *MINE).stdout
    assert "Nothing to be done" in again
    with (base / "config.json").open("a") as file:
        file.write("\n")
    assert planned(snakemake(own_clone, "r1_zero", "-n", *MINE).stdout) == {"r1_zero"}
