# SPDX-License-Identifier: Apache-2.0
"""
Takes   results/attempts and results/benchmarks of the run; config/economics.yaml, prices.yaml and
        cost_model.yaml; results/published/nature (committed evidence)
Makes   results/cost: scopes.csv, power.csv, sensitivity.csv, hourly.csv and rivals.csv about the
        paper's bill;
        allocation.csv and carbon.csv of this run; projection.csv from this run to the paper's
"""


rule economics:
    """Price what the paper's bill leaves out, and what it depends on."""
    input:
        program=f"{CODE}/scripts/economics.py",
        inputs=f"{CONFIG}/economics.yaml",
        prices=f"{CONFIG}/prices.yaml",
        cost=f"{PUBLISHED}/nature/cost.csv",
        v3_cost=f"{PUBLISHED}/nature/v3_cost.csv",
        rivals=f"{PUBLISHED}/nature/rivals.csv",
        sums=f"{PUBLISHED}/nature/SHA256SUMS",
    output:
        scopes=report(
            "<results>/cost/scopes.csv",
            caption="../report/scopes.rst",
            category="Cost",
        ),
        power="<results>/cost/power.csv",
        sensitivity=report(
            "<results>/cost/sensitivity.csv",
            caption="../report/sensitivity.rst",
            category="Cost",
        ),
        hourly="<results>/cost/hourly.csv",
        rivals="<results>/cost/rivals.csv",
    log:
        "<logs>/economics.log",
    benchmark:
        "<results>/benchmarks/economics.tsv"
    localrule: True
    conda:
        "../../envs/cost.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="10m",
    params:
        settings=settings("cost"),
        state=f"{RESULTS}/state/economics",
        attempts=f"{RESULTS}/attempts",
        code=code_digest("economics"),
    message:
        "economics: what the paper's bill leaves out and depends on"
    shell:
        r"""
        PYTHONHASHSEED=0 \
            python {input.program:q} \
            --settings {params.settings:q} --gpus 0 --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --inputs {input.inputs:q} --prices {input.prices:q} \
            --cost {input.cost:q} --v3-cost {input.v3_cost:q} --rivals {input.rivals:q} \
            --out-scopes {output.scopes:q} --out-power {output.power:q} \
            --out-sensitivity {output.sensitivity:q} --out-hourly {output.hourly:q} \
            --out-rivals {output.rivals:q} \
            >{log:q} 2>&1
        """


rule allocation:
    """Divide allocated time into busy, start-up and idle, and add the run's carbon."""
    input:
        program=f"{CODE}/scripts/allocation.py",
        inputs=f"{CONFIG}/economics.yaml",
        prices=f"{CONFIG}/prices.yaml",
        # as for stage_cost: whenever a stage ran anew, there is new time to divide
        ran=expand("<results>/benchmarks/{stage}.tsv", stage=BILLED),
    output:
        table=report(
            "<results>/cost/allocation.csv",
            caption="../report/allocation.rst",
            category="Cost",
        ),
        carbon="<results>/cost/carbon.csv",
    log:
        "<logs>/allocation.log",
    benchmark:
        "<results>/benchmarks/allocation.tsv"
    localrule: True
    conda:
        "../../envs/cost.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="10m",
    params:
        settings=settings("cost"),
        state=f"{RESULTS}/state/allocation",
        attempts=f"{RESULTS}/attempts",
        benchmarks=lambda wildcards, input: str(Path(input.ran[0]).parent),
        code=code_digest("allocation"),
    message:
        "allocation: dividing held time into busy, start-up and idle"
    shell:
        r"""
        PYTHONHASHSEED=0 \
            python {input.program:q} \
            --settings {params.settings:q} --gpus 0 --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --inputs {input.inputs:q} --prices {input.prices:q} \
            --benchmarks {params.benchmarks:q} \
            --out {output.table:q} --out-carbon {output.carbon:q} \
            >{log:q} 2>&1
        """


rule projection:
    """Carry the speed of this run's attempts to the published run."""
    input:
        program=f"{CODE}/scripts/projection.py",
        inputs=f"{CONFIG}/cost_model.yaml",
        economics=f"{CONFIG}/economics.yaml",
        prices=f"{CONFIG}/prices.yaml",
        ran=expand("<results>/benchmarks/{stage}.tsv", stage=BILLED),
    output:
        table=report(
            "<results>/cost/projection.csv",
            caption="../report/projection.rst",
            category="Cost",
        ),
    log:
        "<logs>/projection.log",
    benchmark:
        "<results>/benchmarks/projection.tsv"
    localrule: True
    conda:
        "../../envs/cost.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="10m",
    params:
        settings=settings("cost"),
        state=f"{RESULTS}/state/projection",
        attempts=f"{RESULTS}/attempts",
        measured=f"{RESULTS}/attempts",
        code=code_digest("projection"),
    message:
        "projection: from measured speed to the published run"
    shell:
        r"""
        PYTHONHASHSEED=0 \
            python {input.program:q} \
            --settings {params.settings:q} --gpus 0 --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --inputs {input.inputs:q} --economics {input.economics:q} --prices {input.prices:q} \
            --measured {params.measured:q} --out {output.table:q} \
            >{log:q} 2>&1
        """
