# SPDX-License-Identifier: Apache-2.0
"""
Takes   the configuration and workflow/schemas/config.schema.yaml
Makes   what the rules files share: places, settings, code_digest, checkpoints, messages; no rule
"""

import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import git
import yaml
from snakemake.common.configfile import load_configfile
from snakemake.sourcecache import LocalSourceFile


def repository():
    """Return the folder of the repository that the rules are read from.

    Snakemake reads rules named with github(), gitlab() or git+file: file by file; the programs need
    the whole repository, so its commit is checked out once, in Snakemake's cache.
    """
    source = workflow.current_basedir
    if isinstance(source, LocalSourceFile):
        return Path(source.get_path_or_uri(secret_free=True)).parents[1]
    origin = git.Repo(source.repo_path) if source.is_local else source.hosted_repo.repo
    commit = origin.commit(source.ref).hexsha
    folder = workflow.sourcecache.cache_path / "r1repro" / commit
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            clone = git.Repo.clone_from(origin.common_dir, f"{scratch}/clone", no_checkout=True)
            clone.git.checkout(commit)
            if not folder.exists():  # unless another process was faster
                os.rename(clone.working_dir, folder)
    return folder


ROOT = repository()
# In a module of another workflow neither hooks nor the working folder are ours.
MAIN = workflow.modifier.is_main_snakefile()
AT_HOME = MAIN and ROOT.samefile(".")
if not AT_HOME and set("{}<>") & set(str(ROOT)):
    raise SystemExit(
        f"error: the repository lies in {ROOT}, and Snakemake reads {{}} and <> in a path as "
        "wildcards; clone it to a folder without them, or run snakemake in the clone"
    )
# At home paths are relative, so that records of two users compare.
HOME = "" if AT_HOME else f"{ROOT}/"
CODE = f"{HOME}workflow"
CONFIG = f"{HOME}config"
PUBLISHED = f"{HOME}results/published"
# At the end of the path: no program of ours may stand before a library of the same name.
sys.path.append(f"{ROOT}/workflow/scripts")

from r1repro.configuration import problems, settings_of
from r1repro.files import canonical_json, sha256_text
from r1repro.given import STARTS_FROM, files_of, name_of, records_in, separate
from r1repro.inheritance import laid_over, layered, resolve, sources_of
from r1repro.messages import failure_text, summary_text
from r1repro.parent import announce_workflow, put_this_python_first
from r1repro.places import LOADER
from r1repro.preflight import (
    PreflightError,
    check_conda,
    check_free_disk,
    check_gpu,
    check_interpreter,
    check_writable,
    keep_to_the_message,
    take_lock,
)
from r1repro.provenance import code_digest
from r1repro.tasks.benchmarks.sources import split_names
from r1repro.terminal import end, follow, plan_of

# Rules call `python`: it is the one that runs Snakemake, unless conda puts its own before it.
put_this_python_first()


def config_files():
    """Return the files of the configuration, each laid over the ones before it.

    Of a module these are ours alone: the other workflow hands over the rest as one mapping.
    """
    files = [f"{CONFIG}/config.yaml"]
    if not MAIN:
        return files
    if not AT_HOME and Path("config/config.yaml").is_file():
        files.append("config/config.yaml")
    return files + [str(file) for file in workflow.overwrite_configfiles]


def whole_config():
    """Return the configuration: its files, over them --config or what a module was given."""
    above = (workflow.config_settings.config or {}) if MAIN else config
    default, *others = map(load_configfile, CONFIG_FILES)
    default["benchmark_data"]["sources"] = f"{CONFIG}/benchmarks.yaml"
    return layered([default, *others, above])


def stop_on_problems():
    """End with one sentence if nothing can be written, or one per problem of the settings.

    Returns the paths that stand in the place of stages, and problems of settings that only some
    stages use.
    """
    methods = [method.name for method in workflow.deployment_settings.deployment_method]
    try:
        check_writable()
        check_conda("CONDA" in methods, shutil.which("conda"))  # before it makes environments
    except PreflightError as error:
        raise SystemExit(f"error: {error}")
    schema = Path(f"{CODE}/schemas/config.schema.yaml").read_text(encoding="utf-8")
    schema = yaml.load(schema, Loader=LOADER)
    command_line = (workflow.config_settings.config or {}) if MAIN else {}
    found = problems(config, schema, CONFIG_FILES, command_line)
    refuse([problem for problem in found if problem.section is None])
    given = separate(config, CONFIG_FILES)
    resolve(config)
    return {stage: path for stage, (path, _) in given.items()}, found


def refuse(sentences):
    """End with these sentences, if there are any."""
    if sentences:
        raise SystemExit("\n".join(f"error: {sentence}" for sentence in sentences))


def fits(section):
    """Return no input; end if the settings of a stage that is to run do not go together."""
    sections = sources_of(config, section)
    refuse([problem for problem in PROBLEMS if problem.section in sections])
    return []


def settings(*keys, without=(), arm=None, within=None):
    """Return the JSON of the settings a stage depends on, `within` another configuration if any."""
    return settings_of(within or config, *keys, without=without, arm=arm)


def configuration_digest():
    """Return the SHA-256 of the whole configuration of this run."""
    return sha256_text(canonical_json(config))


def allocation(part):
    """Return what a stage that trains asks of a cluster, as resources of a rule.

    `gpu` is the total. With several nodes the command itself calls srun, once a node (mpi, tasks).
    """
    asked = config["allocation"][part]
    one = {"gpu": asked["nodes"] * asked["gpus_per_node"], "nodes": asked["nodes"]}
    if asked["nodes"] == 1:
        return one
    return one | {"mpi": "srun", "tasks": asked["nodes"], "tasks_per_gpu": 0}


def memory(part, mem_mb):
    """Return the memory of a node that a stage asks for: its own need unless configured."""
    return config["allocation"][part]["mem_mb"] or mem_mb


def preflight_of_this_run():
    """Refuse to start where the run could not finish; called before the first job."""
    cap = workflow.global_resources.get("gpu")
    keep_to_the_message()
    try:
        check_gpu(config["require_gpu"], cap is not None and cap.value == 0)
        check_free_disk(config["scale"])
        plugin = workflow.executor_plugin
        check_interpreter(plugin is not None and plugin.common_settings.non_local_exec)
        take_lock()
    except PreflightError as error:
        raise SystemExit(f"error: {error}")
    announce_workflow()


def print_summary():
    """Show what was found, if the run went as far as the report."""
    end()
    print(summary_text(Path(f"{RESULTS}/summary.txt"), Path(f"{RESULTS}/report.html")))


def print_failure(snakemake_log):
    """Name each failed stage, its error and its log."""
    end()
    print(failure_text(snakemake_log), file=sys.stderr)


CONFIG_FILES = config_files()
config = whole_config()
# GIVEN: stages that are not run: what they would make lies where the user says.
GIVEN, PROBLEMS = stop_on_problems()


pathvars:
    results=config["pathvars"]["results"],
    logs=config["pathvars"]["logs"],


def given_files(*stages):
    """Return the files of folders from outside, so that a change of one of them is seen."""
    return [file for stage in stages if stage in GIVEN for file in files_of(GIVEN[stage])]


def unless_given(stage, output):
    """Return what a stage makes, nothing where it comes from outside."""
    return [] if stage in GIVEN else output


def whole_run(_wildcards):
    """Refuse a page and verdicts about a recipe of which parts come from outside."""
    parts = [*(stage for stage in GIVEN if stage != "base"), *LOOKED_AT]
    if parts:
        raise SystemExit(
            f"error: with {', '.join(parts)} from outside there is no whole run to report on; "
            "name what is wanted, such as `snakemake dev3`; docs/lab.md says what goes together"
        )
    return []


def placed(path):
    """Return what Snakemake makes of a path: a module may have other folders and a prefix."""
    return str(workflow.modifier.modify_path(workflow.pathvars.apply(path)))


RESULTS = placed("<results>")
if MAIN:
    durations = Path(f"{CODE}/durations.tsv")
    follow(workflow, lambda: plan_of(workflow, durations, config["scale"], Path(RESULTS)))
else:
    announce_workflow()
LOOKED_AT = [key for key in ("checkpoint", "attempts") if config[key] is not None]

BASE = GIVEN.get("base", "<results>/prepare/base")
SFT_DATA = GIVEN.get("sft_data", "<results>/data/sft_data.jsonl")
REWARD_MODELS = {
    name: GIVEN.get(name, f"<results>/prepare/{name}") for name in ("rm_helpful", "rm_safety")
}
# The ladder of the paper and what stands beside it, in the order of the recipe.
CHECKPOINTS = {
    "base": BASE,
    "small_base": "<results>/prepare/small_base",
    "pilot": "<results>/rl/pilot/checkpoint",
    "r1_zero": "<results>/rl/r1_zero/checkpoint",
    "dev1": "<results>/prepare/dev1",
    "dev2": "<results>/rl/dev2/checkpoint",
    "dev3": "<results>/rl/dev3",
    "r1": "<results>/rl/r1/checkpoint",
    "distill": "<results>/rl/distill",
    "small_zero": "<results>/rl/small_zero/checkpoint",
}
CHECKPOINTS |= {stage: path for stage, path in GIVEN.items() if stage in CHECKPOINTS}
LADDER = ["r1_zero", "dev1", "dev2", "dev3", "r1"]
# Where each RL stage starts; an arm of `controls` starts where its stage does.
STARTS = {
    "pilot": CHECKPOINTS["small_base"],
    "r1_zero": BASE,
    "dev2": CHECKPOINTS["dev1"],
    "r1": CHECKPOINTS["dev3"],
    "small_zero": CHECKPOINTS["small_base"],
}
ARMS = list(config["controls"])
SFT_ARMS = ["cold_start_more", "distill_tiny"]
CONTROLS = {name: f"<results>/controls/{name}/checkpoint" for name in [*ARMS, *SFT_ARMS]}
CONTROLS["tiny_base"] = "<results>/controls/tiny_base/checkpoint"
# Checkpoints that are asked a few questions many times.
REACH = {f"reach_{name}": CHECKPOINTS[name] for name in ("base", "r1_zero")}
CONTROLS |= REACH
# A folder that is evaluated and belongs to no stage.
LOOSE = {name_of(config["checkpoint"]): config["checkpoint"]} if config["checkpoint"] else {}
# Benchmarks of others and tasks of lm-evaluation-harness, and the checkpoints measured on them.
BENCHMARKS, TASKS = split_names(config["benchmarks"])
MEASURED = [*LOOSE] or ["base", *LADDER]
CURVES = [stage for stage in ("pilot", "r1_zero", "dev2", "r1", "small_zero") if stage not in GIVEN]
# The stages whose attempts are billed; their benchmark files are new whenever they ran anew.
BILLED = [
    "prompts", "corpus", "preferences", "tokenizer",
    "base", "small_base", "pilot", "dev1", "rm_helpful", "rm_safety",
    "r1_zero", "dev2", "sft_data", "dev3", "r1", "distill", "small_zero",
    *(f"score_{checkpoint}" for checkpoint in CHECKPOINTS),
    "scores", "ladder", "risk_control",
    *(f"curve_{stage}" for stage in CURVES),
]  # fmt: skip
BILLED = [stage for stage in BILLED if stage not in GIVEN]
BILLED += [f"questions_{name}" for name in BENCHMARKS]
BILLED += [f"benchmark_{checkpoint}_{name}" for checkpoint in MEASURED for name in BENCHMARKS]
BILLED += [f"harness_{checkpoint}_{task}" for checkpoint in MEASURED for task in TASKS]


def arm_stage(name):
    """Return the stage that an arm differs from."""
    return config["controls"][name]["like"]


wildcard_constraints:
    checkpoint="|".join(map(re.escape, [*CHECKPOINTS, *CONTROLS, *LOOSE])),
    arm="|".join(ARMS) or "none",
    sft_arm="|".join(SFT_ARMS),
    stage="|".join(CURVES),
    benchmark="|".join(map(re.escape, BENCHMARKS)) or "none",
    task="|".join(map(re.escape, TASKS)) or "none",
