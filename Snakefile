# SPDX-License-Identifier: Apache-2.0
from snakemake.utils import min_version

min_version("9.20")


# configuration, and what the rules share


include: "workflow/rules/common.smk"


# image with the environments, made from Dockerfile; used with --sdm conda apptainer
if config["container"]:

    containerized: config["container"]


# rules


include: "workflow/rules/data.smk"
include: "workflow/rules/prepare.smk"
include: "workflow/rules/rl.smk"
include: "workflow/rules/controls.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/seal.smk"
include: "workflow/rules/economics.smk"
include: "workflow/rules/benchmarks.smk"
include: "workflow/rules/cost.smk"
include: "workflow/rules/slurm.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/exports.smk"


# messages


onstart:
    preflight_of_this_run()


onsuccess:
    print_summary()


onerror:
    print_failure(log)


# targets: all, full, and those at the end of each rules file (data prepare rl controls evaluate cost
# verdicts report), exports


rule all:
    """Everything from data to report."""
    default_target: True
    input:
        rules.data.input,
        rules.prepare.input,
        rules.rl.input,
        rules.evaluate.input,
        rules.cost.input,
        rules.verdicts.input,
        rules.report.input,
        rules.exports.output,


rule full:
    """Everything of one seed but verdicts and page, controls included."""
    input:
        rules.data.input,
        rules.prepare.input,
        rules.rl.input,
        rules.controls.input,
        rules.evaluate.input,
        rules.cost.input,
