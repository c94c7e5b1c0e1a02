# SPDX-License-Identifier: Apache-2.0
"""
Takes   the configuration and workflow/schemas/config.schema.yaml
Makes   what the rules files share: settings, code_digest, checkpoints, messages; no rule
"""

import json
import sys
from pathlib import Path

import yaml

HERE = Path(str(workflow.current_basedir.get_path_or_uri(secret_free=True)))
# At the end of the path: no program of ours may stand before a library of the same name.
sys.path.append(str(HERE.parent / "scripts"))

from r1repro.configuration import problems, settings_of
from r1repro.messages import failure_text, summary_text
from r1repro.own_base import files_of
from r1repro.parent import announce_workflow, put_this_python_first
from r1repro.preflight import PreflightError, check_free_disk, check_gpu, check_writable, take_lock
from r1repro.provenance import code_digest

# Rules call `python`: it is the one that runs Snakemake, unless conda puts its own before it.
put_this_python_first()


def stop_on_problems():
    """End with one sentence if nothing can be written, or one per problem of the settings."""
    try:
        check_writable()
    except PreflightError as error:
        raise SystemExit(f"error: {error}")
    schema = HERE.parent / "schemas" / "config.schema.yaml"
    found = problems(
        config,
        yaml.safe_load(schema.read_text(encoding="utf-8")),
        [str(file) for file in workflow.configfiles],
        workflow.config_settings.config or {},
    )
    if found:
        raise SystemExit("\n".join(f"error: {sentence}" for sentence in found))


def settings(*keys, without=()):
    """Return the JSON of the settings a stage depends on."""
    return settings_of(config, *keys, without=without)


def preflight_of_this_run():
    """Refuse to start where the run could not finish; called before the first job."""
    cap = workflow.global_resources.get("gpu")
    try:
        check_gpu(config["require_gpu"], cap is not None and cap.value == 0)
        check_free_disk(config["scale"])
        take_lock()
    except PreflightError as error:
        raise SystemExit(f"error: {error}")
    announce_workflow()


def print_summary():
    """Show what was found, if the run went as far as the report."""
    print(summary_text(Path("results/summary.txt"), Path("results/report.html")))


def print_failure(snakemake_log):
    """Name each failed stage, its error and its log."""
    print(failure_text(snakemake_log), file=sys.stderr)


stop_on_problems()

# The base is made here unless the user names a folder; its files are inputs, so that a change of
# one of them is seen.
OWN_BASE = config["model"]["checkpoint"] or []
OWN_BASE_FILES = files_of(config["model"]["checkpoint"])
BASE = OWN_BASE or "results/prepare/base"
CHECKPOINTS = {
    "base": BASE,
    "dev1": "results/prepare/dev1",
    "r1_zero": "results/rl/r1_zero/checkpoint",
}
# The stages whose attempts are billed; their benchmark files are new whenever they ran anew.
BILLED = [
    "prompts",
    "corpus",
    "preferences",
    "tokenizer",
    *([] if OWN_BASE else ["base"]),
    "dev1",
    "r1_zero",
    *(f"score_{checkpoint}" for checkpoint in CHECKPOINTS),
    "scores",
    "curve",
]


wildcard_constraints:
    checkpoint="|".join(CHECKPOINTS),
