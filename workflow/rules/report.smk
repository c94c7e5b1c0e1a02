# SPDX-License-Identifier: Apache-2.0
"""
Takes   every table, metric and manifest of the run, its samples, its attempts, its verdicts;
        the paper's tables in results/published/nature
Makes   results/report.html (self-contained), results/summary.txt (what the terminal ends with)
"""


report: "../report/workflow.rst"


rule page:
    """Put what was run, what came out and what it cost on one page."""
    input:
        program=f"{CODE}/scripts/page.py",
        prompts_manifest=rules.prompts.output.manifest,
        corpus_manifest=rules.corpus.output.manifest,
        tokens_manifest=rules.tokenizer.output.tokens_manifest,
        decontamination=rules.prompts.output.decontamination,
        whole_run=whole_run,
        base_metrics=unless_given("base", rules.base.output.metrics),
        dev1_metrics=rules.dev1.output.metrics,
        rl_metrics=rules.r1_zero.output.metrics,
        samples=expand("<results>/evaluate/{checkpoint}/samples.jsonl", checkpoint=CHECKPOINTS),
        test=rules.prompts.output.test,
        scores=rules.scores.output.scores,
        claims="<results>/claims/claims.csv",
        claims_config=f"{CONFIG}/claims.yaml",
        ladder="<results>/evaluate/ladder.csv",
        ladder_tests="<results>/evaluate/ladder_tests.csv",
        published_ladder=f"{PUBLISHED}/nature/stages_benchmarks.csv",
        rm_accuracy=rules.rm_accuracy.output.table,
        sft_statistics="<results>/data/sft_statistics.csv",
        sft_rejections="<results>/data/sft_rejections.csv",
        published_sft=f"{PUBLISHED}/nature/sft_data.csv",
        curve="<results>/rl/r1_zero/curve.csv",
        curves=[f"<results>/rl/{stage}/curve.csv" for stage in CURVES if stage != "r1_zero"],
        published_curve=f"{PUBLISHED}/nature/r1_zero_curve.csv",
        cost_by_stage=rules.stage_cost.output.table,
        paper_cost=rules.paper_cost.output.table,
        seal=rules.seal.output.seal,
        scopes=rules.economics.output.scopes,
        power=rules.economics.output.power,
        sensitivity=rules.economics.output.sensitivity,
        hourly=rules.economics.output.hourly,
        rivals=rules.economics.output.rivals,
        allocation=rules.allocation.output.table,
        carbon=rules.allocation.output.carbon,
        projection=rules.projection.output.table,
        cost_model=rules.cost_model.output.table,
        cost_model_measured=rules.cost_model_measured.output.table,
        published_cost=f"{PUBLISHED}/nature/cost.csv",
        published_v3_cost=f"{PUBLISHED}/nature/v3_cost.csv",
        economics_config=f"{CONFIG}/economics.yaml",
        cost_model_config=f"{CONFIG}/cost_model.yaml",
        own_model_config=f"{CONFIG}/cost_model_mini.yaml",
        prices=f"{CONFIG}/prices.yaml",
    output:
        report=report(
            "<results>/report.html",
            caption="../report/page.rst",
            category="Report",
        ),
        summary=report(
            "<results>/summary.txt",
            caption="../report/summary.rst",
            category="Report",
        ),
    log:
        "<logs>/page.log",
    benchmark:
        "<results>/benchmarks/page.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        settings=settings(
            "data",
            "tokenizer",
            "model",
            "base",
            "dev1",
            "r1_zero",
            "evaluate",
            "sandbox",
            "cost",
        ),
        state=f"{RESULTS}/state/page",
        attempts=f"{RESULTS}/attempts",
        templates=f"{CODE}/report",
        code=code_digest("page", "report"),
    message:
        "page: writing the report"
    shell:
        r"""
        PYTHONHASHSEED=0 \
            python {input.program:q} \
            --settings {params.settings:q} --gpus 0 --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --prompts-manifest {input.prompts_manifest:q} \
            --corpus-manifest {input.corpus_manifest:q} \
            --tokens-manifest {input.tokens_manifest:q} \
            --decontamination {input.decontamination:q} \
            --base-metrics {input.base_metrics:q} --dev1-metrics {input.dev1_metrics:q} \
            --rl-metrics {input.rl_metrics:q} --samples {input.samples:q} --test {input.test:q} \
            --scores {input.scores:q} --curve {input.curve:q} --curves {input.curves:q} \
            --claims {input.claims:q} --claims-config {input.claims_config:q} \
            --ladder {input.ladder:q} --ladder-tests {input.ladder_tests:q} \
            --published-ladder {input.published_ladder:q} \
            --rm-accuracy {input.rm_accuracy:q} --sft-statistics {input.sft_statistics:q} \
            --sft-rejections {input.sft_rejections:q} --published-sft {input.published_sft:q} \
            --published-curve {input.published_curve:q} \
            --cost-by-stage {input.cost_by_stage:q} --paper-cost {input.paper_cost:q} \
            --seal {input.seal:q} \
            --scopes {input.scopes:q} --power {input.power:q} \
            --sensitivity {input.sensitivity:q} --hourly {input.hourly:q} \
            --rivals {input.rivals:q} \
            --allocation {input.allocation:q} --carbon {input.carbon:q} \
            --projection {input.projection:q} --cost-model {input.cost_model:q} \
            --cost-model-measured {input.cost_model_measured:q} \
            --published-cost {input.published_cost:q} \
            --published-v3-cost {input.published_v3_cost:q} \
            --economics-config {input.economics_config:q} \
            --cost-model-config {input.cost_model_config:q} \
            --own-model-config {input.own_model_config:q} --prices {input.prices:q} \
            --templates {params.templates:q} \
            --out-report {output.report:q} --out-summary {output.summary:q} \
            >{log:q} 2>&1
        """


rule report:
    """Target: the page."""
    input:
        rules.page.output,
