# SPDX-License-Identifier: Apache-2.0
"""What Snakemake plans, and that every rule keeps the same order of things."""

import csv
import re
from pathlib import Path

import pytest
from clones import snakemake
from rules import DERIVED, RULES, TARGETS

from r1repro.time_left import miniature_seconds

ROOT = Path(__file__).resolve().parents[2]
DATA = {"prompts", "corpus"}
BASES = DATA | {"tokenizer", "base", "small_base"}
PREPARE = BASES | {"preferences", "dev1", "rm_helpful", "rm_safety", "rm_accuracy"}
REWARDED = BASES | {"preferences", "dev1", "rm_helpful", "rm_safety"}
RL = REWARDED | {"pilot", "r1_zero", "dev2", "sft_data", "dev3", "r1", "distill", "small_zero"}
SCORED = RL | {"score", "scores", "curve"}
EVALUATE = SCORED | {"ladder", "risk_control"}
COST = EVALUATE | {"seal", "stage_cost", "paper_cost", "cost_model", "cost_model_measured"}
COST |= {"economics", "allocation", "projection"}
VERDICTS = EVALUATE | {"seal", "stage_cost", "cost_model", "claims"}
BILLS = {"paper_cost", "cost_model_measured", "economics", "allocation", "projection"}
REPORT = VERDICTS | BILLS | {"rm_accuracy", "page"}
EXPORTS = REPORT | COST | {"exports"}
EVERYTHING = EXPORTS
ARMS = {"control", "control_sft", "tiny_base"}
# arms start where r1_zero, dev2 and r1 start; distill_tiny reads sft_data
CONTROLS = ARMS | REWARDED - {"small_base"} | {"r1_zero", "dev2", "sft_data", "dev3", "score"}
FULL = EVERYTHING - {"claims", "page", "exports"} | ARMS
# only with gate.pilot_gain, a lab's sacct.txt, a folder in attempts, names in benchmarks
UNPLANNED = {"gate", "slurm_accounting", "given_cost", "questions", "benchmark", "harness"}
# what a shell command takes unquoted
NUMBERS = ("threads", "resources.gpu", "resources.nodes")
# the part of a name that comes from wildcards
PARTS = {
    "score": "_{checkpoint}",
    "curve": "_{stage}",
    "questions": "_{benchmark}",
    "benchmark": "_{checkpoint}_{benchmark}",
    "harness": "_{checkpoint}_{task}",
}
# programs that serve several stages
PROGRAMS = {
    "base": "pretrain",
    "dev1": "finetune",
    "r1_zero": "reinforce",
    "rm_helpful": "reward_model",
}
PLANS = {
    "all": EVERYTHING,
    "data": DATA | {"preferences"},
    "prepare": PREPARE,
    "rl": RL,
    "controls": CONTROLS,
    "full": FULL,
    "evaluate": EVALUATE,
    "cost": COST,
    "verdicts": VERDICTS,
    "report": REPORT,
    "exports": EXPORTS,
}


def planned(answer: str) -> set[str]:
    """Return the rules in the table of a dry run."""
    table = answer.split("Job stats:")[1].split("total")[0]
    return (
        set(re.findall(r"^(\w+)\s+\d+$", table, re.MULTILINE))
        - TARGETS
        - {"all", "everything", "full"}
    )


@pytest.mark.workflow
@pytest.mark.parametrize("target", PLANS)
def test_a_target_plans_its_stages_and_no_others(target, shared_clone):
    """A fresh clone plans the whole chain behind each named target."""
    answer = snakemake(shared_clone, target, "-n")
    assert answer.returncode == 0, answer.stdout
    assert planned(answer.stdout) == PLANS[target]


@pytest.mark.workflow
def test_the_bare_command_plans_everything(shared_clone):
    """No target, no option, no core count: the default profile knows them."""
    answer = snakemake(shared_clone, "-n")
    known = {rule.name for rule in RULES} | DERIVED.keys()
    assert planned(answer.stdout) == EVERYTHING == known - UNPLANNED - ARMS


@pytest.mark.workflow
@pytest.mark.parametrize("scale", ["node", "paper"])
def test_every_scale_plans_the_same_rules(scale, shared_clone):
    """Scales differ in their configuration only."""
    answer = snakemake(shared_clone, "-n", "--configfile", f"config/{scale}.yaml")
    assert planned(answer.stdout) == EVERYTHING


@pytest.mark.workflow
def test_the_second_entry_plans_the_same(shared_clone):
    """workflow/Snakefile, which the catalog wants, is the same workflow."""
    answer = snakemake(shared_clone, "-n", "-s", "workflow/Snakefile")
    assert planned(answer.stdout) == EVERYTHING


@pytest.mark.workflow
def test_the_gpu_profile_hands_out_a_gpu(shared_clone):
    """The same rule receives 0 under the default profile and 1 under the GPU profile."""
    command = ("base", "-n", "-p", "--configfile", "config/node.yaml")
    laptop = snakemake(shared_clone, *command)
    node = snakemake(shared_clone, *command, "--workflow-profile", "profiles/gpu")
    assert re.search(r"pretrain\.py[^']*'[^']*' --gpus 0 ", laptop.stdout)
    assert re.search(r"pretrain\.py[^']*'[^']*' --gpus 1 ", node.stdout)


@pytest.mark.workflow
def test_how_long_each_stage_of_the_miniature_takes_is_known(shared_clone):
    """Otherwise a first run could not tell the time left: a new stage needs a row in the table."""
    answer = snakemake(shared_clone, "all", "full", "-n", "-p")
    stages = set(re.findall(r">logs/(\w+)\.log 2>&1", answer.stdout))
    known = miniature_seconds(ROOT / "workflow/durations.tsv")
    assert stages == known.keys()
    assert all(seconds > 0 for seconds in known.values())


@pytest.mark.workflow
def test_a_run_with_controls_makes_every_table_that_an_experiment_rests_on(shared_clone):
    """An arm whose answers a claim reads is scored, though not every arm is."""
    with (ROOT / "results/published/mini/claims.csv").open(encoding="utf-8", newline="") as file:
        evidence = " ".join(row["evidence"] for row in csv.DictReader(file))
    needed = {f"score_{name}" for name in re.findall(r"seed_1/evaluate/(\w+)/", evidence)}
    needed |= {f"curve_{name}" for name in re.findall(r"seed_1/rl/(\w+)/curve", evidence)}
    needed |= set(re.findall(r"seed_1/(?:rl|controls)/(\w+)/", evidence))
    answer = snakemake(shared_clone, "full", "-n", "-p")
    made = set(re.findall(r">logs/(\w+)\.log 2>&1", answer.stdout))
    assert {"score_no_format_reward", "curve_small_zero", "hot_stage2"} <= needed <= made


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_names_its_stage_everywhere(rule):
    """Rule, program, log, benchmark and state folder have one name."""
    stage = rule.name + PARTS.get(rule.name, "")
    assert rule.program == PROGRAMS.get(rule.name, rule.name)
    assert f'log:\n        "<logs>/{stage}.log"' in rule.header
    assert f'benchmark:\n        "<results>/benchmarks/{stage}.tsv"' in rule.header
    state = stage.replace("{", "{wildcards.")
    assert f'f"{{RESULTS}}/state/{state}"' in rule.header
    assert f'code=code_digest("{rule.program}"' in rule.header
    assert (ROOT / "workflow/rules" / rule.conda).resolve().is_file()
    assert (ROOT / f"workflow/scripts/{rule.program}.py").is_file()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_quotes_what_it_passes_and_keeps_the_terminal_clean(rule):
    """Each placeholder is quoted or a number, and output goes to the log."""
    for placeholder in re.findall(r"\{([^{}]+)\}", rule.shell):
        assert placeholder.endswith(":q") or placeholder in NUMBERS
    assert re.search(r"\n +>\{log:q\} 2>&1\n\s+\"\"\"", rule.shell)


def test_each_rules_file_opens_with_its_contract():
    """A reader sees what a file takes and makes before the first rule."""
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        head = path.read_text(encoding="utf-8").split("rule ")[0]
        assert "Takes " in head, path
        assert "Makes " in head, path
