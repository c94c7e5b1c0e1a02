# SPDX-License-Identifier: Apache-2.0
"""
Takes   the ledger (seal.smk), results/attempts, config/prices.yaml,
        config/cost_model.yaml and cost_model_mini.yaml, results/published/nature (committed
        evidence)
Makes   results/cost: cost_by_stage.csv of this run, paper_cost.csv recomputed, cost_model.csv from
        first principles, cost_model_measured.csv with the same formulas on this run
"""

# stages whose seconds follow from their section of the configuration
PREDICTED = [
    "base", "small_base", "tiny_base", "pilot", "dev1", "rm_helpful", "rm_safety", "r1_zero",
    "dev2", "sft_data", "dev3", "r1", "distill", "small_zero", "distill_tiny",
    "cold_start_more",
]  # fmt: skip


rule stage_cost:
    """Price every attempt of the run by stage and purpose."""
    input:
        program=f"{CODE}/scripts/stage_cost.py",
        prices=f"{CONFIG}/prices.yaml",
        ledger=rules.seal.output.ledger,
        seal=rules.seal.output.seal,
    output:
        table=report(
            "<results>/cost/cost_by_stage.csv",
            caption="../report/cost_by_stage.rst",
            category="Cost",
        ),
    log:
        "<logs>/stage_cost.log",
    benchmark:
        "<results>/benchmarks/stage_cost.tsv"
    localrule: True
    conda:
        "../../envs/cost.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="10m",
        tracking=json.dumps(config["tracking"]),
    params:
        settings=settings("cost"),
        records=f"{RESULTS}/attempts",
        state=f"{RESULTS}/state/stage_cost",
        attempts=f"{RESULTS}/attempts",
        wandb=f"{RESULTS}/wandb",
        code=code_digest("stage_cost"),
    message:
        "stage_cost: pricing what every attempt used"
    shell:
        r"""
        PYTHONHASHSEED=0 \
            python {input.program:q} \
            --settings {params.settings:q} --gpus 0 --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --records {params.records:q} --prices {input.prices:q} --ledger {input.ledger:q} \
            --tracking {resources.tracking:q} --wandb {params.wandb:q} \
            --out {output.table:q} \
            >{log:q} 2>&1
        """


use rule stage_cost as given_cost with:
    input:
        program=f"{CODE}/scripts/stage_cost.py",
        prices=f"{CONFIG}/prices.yaml",
        # the records are inputs, so that one more of them makes the bill again
        ran=records_in(config["attempts"]),
        # another folder's records are read as they stand; they are in no ledger of this run
        ledger=[],
        seal=[],
    output:
        table="<results>/cost/given/cost_by_stage.csv",
    log:
        "<logs>/given_cost.log",
    benchmark:
        "<results>/benchmarks/given_cost.tsv"
    params:
        records=config["attempts"],
        state=f"{RESULTS}/state/given_cost",
    message:
        "given_cost: pricing the attempt records of another folder"


rule paper_cost:
    """Recompute the paper's cost table from nodes x GPUs x hours."""
    input:
        program=f"{CODE}/scripts/paper_cost.py",
        cost=f"{PUBLISHED}/nature/cost.csv",
        v3_cost=f"{PUBLISHED}/nature/v3_cost.csv",
        rl_data=f"{PUBLISHED}/nature/rl_data.csv",
        sums=f"{PUBLISHED}/nature/SHA256SUMS",
        prices=f"{CONFIG}/prices.yaml",
    output:
        table=report(
            "<results>/cost/paper_cost.csv",
            caption="../report/paper_cost.rst",
            category="Cost",
        ),
    log:
        "<logs>/paper_cost.log",
    benchmark:
        "<results>/benchmarks/paper_cost.tsv"
    localrule: True
    conda:
        "../../envs/cost.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="10m",
    params:
        settings=settings("cost"),
        state=f"{RESULTS}/state/paper_cost",
        attempts=f"{RESULTS}/attempts",
        code=code_digest("paper_cost"),
    message:
        "paper_cost: recomputing the paper's own table"
    shell:
        r"""
        PYTHONHASHSEED=0 \
            python {input.program:q} \
            --settings {params.settings:q} --gpus 0 --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --cost {input.cost:q} --v3-cost {input.v3_cost:q} \
            --rl-data {input.rl_data:q} --prices {input.prices:q} \
            --out {output.table:q} \
            >{log:q} 2>&1
        """


rule cost_model:
    """Bound and model the GPU-hours of the published run from first principles."""
    input:
        program=f"{CODE}/scripts/cost_model.py",
        inputs=f"{CONFIG}/cost_model.yaml",
    output:
        table=report(
            "<results>/cost/cost_model.csv",
            caption="../report/cost_model.rst",
            category="Cost",
        ),
    log:
        "<logs>/cost_model.log",
    benchmark:
        "<results>/benchmarks/cost_model.tsv"
    localrule: True
    conda:
        "../../envs/cost.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="10m",
    params:
        settings=settings("cost"),
        state=f"{RESULTS}/state/cost_model",
        attempts=f"{RESULTS}/attempts",
        code=code_digest("cost_model"),
    message:
        "cost_model: what the published run must have cost"
    shell:
        r"""
        PYTHONHASHSEED=0 \
            python {input.program:q} \
            --settings {params.settings:q} --gpus 0 --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --inputs {input.inputs:q} --out {output.table:q} \
            >{log:q} 2>&1
        """


rule cost_model_measured:
    """Predict this run's stages with the same formulas, beside what was measured."""
    input:
        program=f"{CODE}/scripts/cost_model_measured.py",
        inputs=f"{CONFIG}/cost_model_mini.yaml",
        # as for stage_cost: whenever a stage ran anew, there is a new measurement
        ran=expand("<results>/benchmarks/{stage}.tsv", stage=BILLED),
    output:
        table=report(
            "<results>/cost/cost_model_measured.csv",
            caption="../report/cost_model_measured.rst",
            category="Cost",
        ),
    log:
        "<logs>/cost_model_measured.log",
    benchmark:
        "<results>/benchmarks/cost_model_measured.tsv"
    localrule: True
    conda:
        "../../envs/cost.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="10m",
    params:
        settings=settings(
            "compute",
            "controls",
            "cost",
            "data",
            "evaluate",
            "model",
            "tokenizer",
            *PREDICTED,
        ),
        state=f"{RESULTS}/state/cost_model_measured",
        attempts=f"{RESULTS}/attempts",
        code=code_digest("cost_model_measured"),
    message:
        "cost_model_measured: predicting what this run measured"
    shell:
        r"""
        PYTHONHASHSEED=0 \
            python {input.program:q} \
            --settings {params.settings:q} --gpus 0 --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --inputs {input.inputs:q} --out {output.table:q} \
            >{log:q} 2>&1
        """


rule cost:
    """Target: the cost of this run and the paper's; or of one folder of records alone."""
    input:
        (
            rules.given_cost.output
            if config["attempts"]
            else [
                rules.seal.output,
                rules.stage_cost.output,
                rules.paper_cost.output,
                rules.cost_model.output,
                rules.cost_model_measured.output,
                rules.economics.output,
                rules.allocation.output,
                rules.projection.output,
            ]
        ),
