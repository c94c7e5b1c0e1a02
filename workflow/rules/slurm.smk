# SPDX-License-Identifier: Apache-2.0
"""
Takes   results/cost/sacct.txt, which the lab writes with Slurm's sacct; results/attempts
Makes   results/cost/slurm_by_rule.csv and slurm_jobs.csv: what the cluster accounted beside what
        the attempts recorded; not part of any target, because most runs have no Slurm
"""


rule slurm_accounting:
    """Reconcile the attempts of this run with Slurm's accounting of its jobs."""
    input:
        program=f"{CODE}/scripts/slurm_accounting.py",
        sacct="<results>/cost/sacct.txt",
    output:
        by_rule=report(
            "<results>/cost/slurm_by_rule.csv",
            caption="../report/slurm_by_rule.rst",
            category="Cost",
        ),
        jobs="<results>/cost/slurm_jobs.csv",
    log:
        "<logs>/slurm_accounting.log",
    benchmark:
        "<results>/benchmarks/slurm_accounting.tsv"
    localrule: True
    conda:
        "../../envs/cost.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="10m",
    params:
        settings=settings(),
        state=f"{RESULTS}/state/slurm_accounting",
        attempts=f"{RESULTS}/attempts",
        code=code_digest("slurm_accounting"),
    message:
        "slurm_accounting: the cluster's accounting beside the attempts"
    shell:
        r"""
        PYTHONHASHSEED=0 \
            python {input.program:q} \
            --settings {params.settings:q} --gpus 0 --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --sacct {input.sacct:q} --out-by-rule {output.by_rule:q} --out-jobs {output.jobs:q} \
            >{log:q} 2>&1
        """
