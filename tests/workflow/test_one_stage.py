# SPDX-License-Identifier: Apache-2.0
"""One stage alone: what it starts from comes from outside, and nothing else is run."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch
from clones import copy_repository, snakemake
from foreign_checkpoints import our_tokenizer, write_folder
from safetensors.torch import save_file
from test_own_checkpoint import teach_the_form
from test_plan import EVALUATE, RL, planned

from r1repro.files import sha256_tree
from r1repro.tasks.template import frame, respond

SMOKE = ("--configfile", "config/smoke.yaml")
SAMPLES = [
    {"prompt": frame(f"What is {n}+{n}?"), "response": respond(f"{n}+{n}={2 * n}.", str(2 * n))}
    for n in range(24)
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Path:
    """A clone with a lab's own things in a folder whose name has a blank and a quote."""
    clone = copy_repository(tmp_path_factory.mktemp("lab"))
    own = clone / "lab's own"
    for name in ("tiny", "rewards"):
        write_folder(own / name, "qwen2", our_tokenizer(), max_position_embeddings=512)
    width = json.loads((own / "rewards/config.json").read_text())["hidden_size"]
    head = {"weight": torch.zeros(1, width), "bias": torch.zeros(1)}
    save_file(head, own / "rewards/value_head.safetensors")
    teach_the_form(own / "tiny")
    text = "".join(json.dumps(sample) + "\n" for sample in SAMPLES)
    (own / "theirs.jsonl").write_text(text)
    return clone


TINY, REWARDS, THEIRS = "lab's own/tiny", "lab's own/rewards", "lab's own/theirs.jsonl"
PLANS = {
    "r1_zero from a base": (("r1_zero", f"base={TINY}"), {"prompts", "r1_zero"}),
    "dev1 from a base": (("dev1", f"base={TINY}"), {"prompts", "corpus", "dev1"}),
    "dev2 from dev1": (("dev2", f"dev1={TINY}"), {"prompts", "dev2"}),
    "sft_data from dev2": (("sft_data", f"dev2={TINY}"), {"prompts", "corpus", "sft_data"}),
    "dev3 from samples": (("dev3", f"sft_data={THEIRS}", f"base={TINY}"), {"dev3"}),
    "distill from samples": (("distill", f"sft_data={THEIRS}", f"small_base={TINY}"), {"distill"}),
    "r1 from dev3 and reward models": (
        ("r1", f"dev3={TINY}", f"rm_helpful={REWARDS}", f"rm_safety={REWARDS}"),
        {"prompts", "r1"},
    ),
    "evaluate a folder": (("evaluate", f"checkpoint={TINY}"), {"prompts", "score"}),
    "the ladder with an own dev1": (("evaluate", f"dev1={TINY}"), EVALUATE - {"dev1"}),
    "rl with own samples": (("rl", f"sft_data={THEIRS}"), RL - {"sft_data"}),
}


@pytest.mark.workflow
@pytest.mark.parametrize("case", PLANS)
def test_what_comes_from_outside_is_not_made(case, lab):
    """The plan holds the stage, the prompts it asks, and nothing that leads to its start."""
    (target, *given), wanted = PLANS[case]
    answer = snakemake(lab, target, "-n", *SMOKE, "--config", *given)
    assert answer.returncode == 0, answer.stdout
    assert planned(answer.stdout) == wanted


REFUSALS = {
    "page": ((), (f"dev1={TINY}",), "with dev1 from outside there is no whole run to report on"),
    "verdicts": (("verdicts",), (f"sft_data={THEIRS}",), "with sft_data from outside"),
    "page of a folder": ((), (f"checkpoint={TINY}",), "with checkpoint from outside"),
    "missing folder": (("r1_zero",), ("base=none",), "'base': none is no folder"),
    "missing samples": (("dev3",), ("sft_data=none",), "'sft_data': none is no file"),
    "samples for a folder": (("dev3",), (f"sft_data={TINY}",), "'sft_data': "),
    "no reward model": (("r1",), (f"rm_safety={TINY}",), "is no reward model"),
    "end of the chain": (("r1",), (f"r1={TINY}",), "a path may stand for base, small_base"),
    "no records": (("cost",), (f"attempts={TINY}",), "holds no attempt record"),
}


@pytest.mark.workflow
@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_be_used_is_told_in_a_sentence(case, lab):
    """Exit 1 and no traceback, before anything is run."""
    targets, given, words = REFUSALS[case]
    answer = snakemake(lab, *targets, "-n", *SMOKE, "--config", *given)
    assert answer.returncode == 1
    assert words in answer.stdout
    assert "error: " in answer.stdout and "Traceback" not in answer.stdout


@pytest.mark.workflow
@pytest.mark.slow
def test_a_lab_fine_tunes_evaluates_and_bills_with_nothing_of_ours(lab):
    """dev3 from someone else's samples, the scores of its folder, the bill of its records.

    A second command has nothing to do; a changed folder is evaluated again.
    """
    given = ("--config", f"base={TINY}", f"sft_data={THEIRS}")
    answer = snakemake(lab, "dev3", *SMOKE, *given)
    assert answer.returncode == 0, answer.stdout[-3000:]
    made = sorted(path.name for path in (lab / "results").iterdir() if path.name[0] != ".")
    assert "data" not in made and "prepare" not in made
    assert "Nothing to be done" in snakemake(lab, "dev3", "-n", *SMOKE, *given).stdout

    shutil.copytree(lab / "results/rl/dev3", lab / "lab's own/dev 3")
    before = sha256_tree(lab / "lab's own/dev 3")
    looked_at = ("evaluate", *SMOKE, "--config", "checkpoint=lab's own/dev 3")
    answer = snakemake(lab, *looked_at)
    assert answer.returncode == 0, answer.stdout[-3000:]
    with (lab / "results/evaluate/given_dev_3/scores.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert {row["checkpoint"] for row in rows} == {"given_dev_3"}
    assert {"pass@1", "cons@16"} <= {row["metric"] for row in rows}
    [record] = (lab / "results/attempts/score").glob("*.jsonl")
    inputs = json.loads(record.read_text().splitlines()[0])["inputs"]
    assert inputs["lab's own/dev 3"] == before == sha256_tree(lab / "lab's own/dev 3")
    assert "Nothing to be done" in snakemake(lab, "-n", *looked_at).stdout
    with (lab / "lab's own/dev 3/config.json").open("a") as file:
        file.write("\n")
    assert planned(snakemake(lab, "-n", *looked_at).stdout) == {"score"}

    shutil.copytree(lab / "results/attempts", lab / "lab's own/records")
    bill = ("cost", *SMOKE, "--config", "attempts=lab's own/records")
    answer = snakemake(lab, *bill)
    assert answer.returncode == 0, answer.stdout[-3000:]
    with (lab / "results/cost/given/cost_by_stage.csv").open() as table:
        billed = {row["stage"]: row["attempts"] for row in csv.DictReader(table)}
    assert billed == {"dev3": "1", "prompts": "1", "score": "1"}
    assert not (lab / "results/cost/cost_by_stage.csv").exists()
    (lab / "lab's own/records/dev3/more.jsonl").write_text("{}\n")
    assert planned(snakemake(lab, "-n", *bill).stdout) == {"given_cost"}
    answer = snakemake(lab, *bill)
    assert answer.returncode == 1 and "more.jsonl, line 1: " in answer.stdout
