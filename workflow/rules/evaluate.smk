# SPDX-License-Identifier: Apache-2.0
"""
Takes   the checkpoints base, dev1 and r1_zero, r1_zero's checkpoints along the way, test prompts
Makes   results/evaluate: samples and scores of each checkpoint and one table of all;
        results/rl/r1_zero/curve.csv
Keeps   results/state/score_* and results/state/curve, results/attempts: not outputs
"""


rule score:
    """Sample k responses to each test question and judge them."""
    input:
        program="workflow/scripts/score.py",
        model=lambda wildcards: CHECKPOINTS[wildcards.checkpoint],
        own_base_files=lambda wildcards: OWN_BASE_FILES if wildcards.checkpoint == "base" else [],
        test=rules.prompts.output.test,
    output:
        samples="<results>/evaluate/{checkpoint}/samples.jsonl",
        scores="<results>/evaluate/{checkpoint}/scores.csv",
    log:
        "<logs>/score_{checkpoint}.log",
    benchmark:
        "<results>/benchmarks/score_{checkpoint}.tsv"
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=2500,
        runtime="6h",
    params:
        settings=settings(
            "compute",
            "evaluate",
            "sandbox",
            without=("evaluate.curve_prompts_per_category",),
        ),
        state=f"{RESULTS}/state/score_{checkpoint}",
        attempts=f"{RESULTS}/attempts",
        code=code_digest("score"),
    message:
        "score: evaluating {wildcards.checkpoint} on the test prompts"
    shell:
        r"""
        R1REPRO_PROGRESS=3 PYTHONHASHSEED=0 OMP_WAIT_POLICY=PASSIVE \
            OMP_NUM_THREADS={threads} MKL_NUM_THREADS={threads} \
            python {input.program:q} \
            --settings {params.settings:q} --gpus {resources.gpu} --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --checkpoint {wildcards.checkpoint:q} --model {input.model:q} --test {input.test:q} \
            --out-samples {output.samples:q} --out-scores {output.scores:q} \
            3>&2 >{log:q} 2>&1
        """


rule scores:
    """Put the scores of all checkpoints into one table."""
    input:
        program="workflow/scripts/scores.py",
        scores=expand("<results>/evaluate/{checkpoint}/scores.csv", checkpoint=CHECKPOINTS),
    output:
        scores=report(
            "<results>/evaluate/scores.csv",
            caption="../report/scores.rst",
            category="Evaluation",
        ),
    log:
        "<logs>/scores.log",
    benchmark:
        "<results>/benchmarks/scores.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="10m",
    params:
        settings=settings(),
        state=f"{RESULTS}/state/scores",
        attempts=f"{RESULTS}/attempts",
        code=code_digest("scores"),
    message:
        "scores: joining the tables of the checkpoints"
    shell:
        r"""
        R1REPRO_PROGRESS=3 PYTHONHASHSEED=0 \
            python {input.program:q} \
            --settings {params.settings:q} --gpus 0 --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --scores {input.scores:q} --out-scores {output.scores:q} \
            3>&2 >{log:q} 2>&1
        """


rule curve:
    """Evaluate the checkpoints that R1-Zero left along the way."""
    input:
        program="workflow/scripts/curve.py",
        along=rules.r1_zero.output.along,
        test=rules.prompts.output.test,
    output:
        curve=report(
            "<results>/rl/r1_zero/curve.csv",
            caption="../report/curve.rst",
            category="Evaluation",
        ),
    log:
        "<logs>/curve.log",
    benchmark:
        "<results>/benchmarks/curve.tsv"
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=2500,
        runtime="6h",
    params:
        settings=settings("compute", "evaluate", "sandbox"),
        state=f"{RESULTS}/state/curve",
        attempts=f"{RESULTS}/attempts",
        code=code_digest("curve"),
    message:
        "curve: evaluating R1-Zero along its training"
    shell:
        r"""
        R1REPRO_PROGRESS=3 PYTHONHASHSEED=0 OMP_WAIT_POLICY=PASSIVE \
            OMP_NUM_THREADS={threads} MKL_NUM_THREADS={threads} \
            python {input.program:q} \
            --settings {params.settings:q} --gpus {resources.gpu} --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --along {input.along:q} --test {input.test:q} --out-curve {output.curve:q} \
            3>&2 >{log:q} 2>&1
        """


rule evaluate:
    """Target: the scores of every checkpoint and the learning curve."""
    input:
        rules.scores.output,
        rules.curve.output,
