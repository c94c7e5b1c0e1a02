# SPDX-License-Identifier: Apache-2.0
"""
Takes   results/attempts (all attempts, also failed ones), config/prices.yaml, the tables of the
        run, results/cost/seal.json
Makes   results/exports: FOCUS, MLPerf logs, in-toto statements, a Workflow Run RO-Crate, and the
        attempts as CSV and Parquet
"""


rule exports:
    """Write the records of the run in the formats that auditors' tools read."""
    input:
        program=f"{CODE}/scripts/exports.py",
        prices=f"{CONFIG}/prices.yaml",
        prompts=rules.prompts.output.manifest,
        seal=rules.seal.output.seal,
        tables=[
            rules.stage_cost.output.table,
            rules.paper_cost.output.table,
            rules.cost_model.output.table,
            rules.cost_model_measured.output.table,
            rules.scores.output.scores,
            rules.ladder.output,
            *expand("<results>/rl/{stage}/curve.csv", stage=CURVES),
            *expand("<results>/rl/{stage}/metrics.csv", stage=CURVES),
            rules.claims.output.claims,
            rules.claims.output.manifest,
            rules.page.output.report,
        ],
        workflow=[
            f"{HOME}Snakefile",
            *sorted(str(file) for file in Path(f"{CODE}/rules").glob("*.smk")),
            *CONFIG_FILES,
        ],
    output:
        folder=directory("<results>/exports"),
    log:
        "<logs>/exports.log",
    benchmark:
        "<results>/benchmarks/exports.tsv"
    localrule: True
    conda:
        "../../envs/cost.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="10m",
    params:
        settings=settings("cost"),
        state=f"{RESULTS}/state/exports",
        attempts=f"{RESULTS}/attempts",
        results=lambda wildcards: RESULTS,  # its tables, and the seal if there is one
        stages=CURVES,
        code=code_digest("exports"),
    message:
        "exports: writing the records in auditors' formats"
    shell:
        r"""
        PYTHONHASHSEED=0 \
            python {input.program:q} \
            --settings {params.settings:q} --gpus 0 --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --results {params.results:q} --prices {input.prices:q} --stages {params.stages:q} \
            --tables {input.tables:q} --workflow {input.workflow:q} \
            --out {output.folder:q} \
            >{log:q} 2>&1
        """
