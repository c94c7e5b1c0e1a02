# SPDX-License-Identifier: Apache-2.0
"""
Takes   the checkpoints and test prompts; of each RL stage in CURVES its checkpoints along the way
        and its metrics; results/prepare/rm_safety for the external risk control
Makes   results/evaluate: of each checkpoint samples, a line a question, and scores; of all
        together scores, preference, ladder, ladder_tests and filter; results/rl/STAGE/curve.csv
Keeps   results/state/score_* and results/state/curve_* (samples until a stage is done),
        results/attempts: not outputs
"""

# the configuration of an evaluation that asks fewer questions many times
ASKED_OFTEN = laid_over(config, {"evaluate": config["reach"]})


rule score:
    """Sample k responses to each test question and judge them."""
    input:
        program=f"{CODE}/scripts/score.py",
        fits=lambda wildcards: fits("evaluate"),
        model=lambda wildcards: (CHECKPOINTS | CONTROLS | LOOSE)[wildcards.checkpoint],
        given_files=lambda wildcards: (
            given_files(wildcards.checkpoint) + files_of(LOOSE.get(wildcards.checkpoint))
        ),
        test=rules.prompts.output.test,
    output:
        samples="<results>/evaluate/{checkpoint}/samples.jsonl",
        questions="<results>/evaluate/{checkpoint}/questions.csv",
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
        settings=lambda wildcards: settings(
            "compute",
            "evaluate",
            "sandbox",
            without=("evaluate.curve_prompts_per_category",),
            within=ASKED_OFTEN if wildcards.checkpoint in REACH else config,
        ),
        state=lambda wildcards: f"{RESULTS}/state/score_{wildcards.checkpoint}",
        attempts=f"{RESULTS}/attempts",
        code=code_digest("score"),
    message:
        "score: evaluating {wildcards.checkpoint} on the test prompts"
    shell:
        r"""
        PYTHONHASHSEED=0 OMP_WAIT_POLICY=PASSIVE \
            OMP_NUM_THREADS={threads} MKL_NUM_THREADS={threads} \
            python {input.program:q} \
            --settings {params.settings:q} --gpus {resources.gpu} --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --checkpoint {wildcards.checkpoint:q} --model {input.model:q} --test {input.test:q} \
            --out-samples {output.samples:q} --out-questions {output.questions:q} \
            --out-scores {output.scores:q} \
            >{log:q} 2>&1
        """


rule scores:
    """Put the scores of all checkpoints into one table, with the share preferred to the base."""
    input:
        program=f"{CODE}/scripts/scores.py",
        scores=expand("<results>/evaluate/{checkpoint}/scores.csv", checkpoint=CHECKPOINTS),
        samples=expand("<results>/evaluate/{checkpoint}/samples.jsonl", checkpoint=CHECKPOINTS),
    output:
        scores=report(
            "<results>/evaluate/scores.csv",
            caption="../report/scores.rst",
            category="Evaluation",
        ),
        preference="<results>/evaluate/preference.csv",
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
        settings=settings("evaluate.bootstrap"),
        state=f"{RESULTS}/state/scores",
        attempts=f"{RESULTS}/attempts",
        checkpoints=list(CHECKPOINTS),
        code=code_digest("scores"),
    message:
        "scores: joining the tables of the checkpoints"
    shell:
        r"""
        PYTHONHASHSEED=0 \
            python {input.program:q} \
            --settings {params.settings:q} --gpus 0 --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --checkpoints {params.checkpoints:q} --reference base \
            --scores {input.scores:q} --samples {input.samples:q} \
            --out-scores {output.scores:q} --out-preference {output.preference:q} \
            >{log:q} 2>&1
        """


rule ladder:
    """Lay the checkpoints of the recipe beside one another and test neighbours."""
    input:
        program=f"{CODE}/scripts/ladder.py",
        questions=expand("<results>/evaluate/{checkpoint}/questions.csv", checkpoint=LADDER),
        scores=rules.scores.output.scores,
        preference=rules.scores.output.preference,
    output:
        ladder=report(
            "<results>/evaluate/ladder.csv",
            caption="../report/ladder.rst",
            category="Evaluation",
        ),
        tests=report(
            "<results>/evaluate/ladder_tests.csv",
            caption="../report/ladder_tests.rst",
            category="Evaluation",
        ),
    log:
        "<logs>/ladder.log",
    benchmark:
        "<results>/benchmarks/ladder.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="10m",
    params:
        settings=settings("evaluate.samples", "evaluate.consensus"),
        state=f"{RESULTS}/state/ladder",
        attempts=f"{RESULTS}/attempts",
        checkpoints=LADDER,
        code=code_digest("ladder"),
    message:
        "ladder: comparing the checkpoints of the recipe"
    shell:
        r"""
        PYTHONHASHSEED=0 \
            python {input.program:q} \
            --settings {params.settings:q} --gpus 0 --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --checkpoints {params.checkpoints:q} --questions {input.questions:q} \
            --scores {input.scores:q} --preference {input.preference:q} \
            --out-ladder {output.ladder:q} --out-tests {output.tests:q} \
            >{log:q} 2>&1
        """


rule risk_control:
    """Put a keyword list and a review by the safety reward model in front of checkpoints."""
    input:
        program=f"{CODE}/scripts/risk_control.py",
        samples=expand("<results>/evaluate/{checkpoint}/samples.jsonl", checkpoint=LADDER[-1:]),
        reviewer=REWARD_MODELS["rm_safety"],
    output:
        filter=report(
            "<results>/evaluate/filter.csv",
            caption="../report/filter.rst",
            category="Evaluation",
        ),
    log:
        "<logs>/risk_control.log",
    benchmark:
        "<results>/benchmarks/risk_control.tsv"
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=2500,
        runtime="1h",
    params:
        settings=settings("compute", "evaluate.bootstrap"),
        state=f"{RESULTS}/state/risk_control",
        attempts=f"{RESULTS}/attempts",
        checkpoints=LADDER[-1:],
        code=code_digest("risk_control"),
    message:
        "risk_control: what an external filter changes"
    shell:
        r"""
        PYTHONHASHSEED=0 OMP_WAIT_POLICY=PASSIVE \
            OMP_NUM_THREADS={threads} MKL_NUM_THREADS={threads} \
            python {input.program:q} \
            --settings {params.settings:q} --gpus {resources.gpu} --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --checkpoints {params.checkpoints:q} --samples {input.samples:q} \
            --reviewer {input.reviewer:q} --out-filter {output.filter:q} \
            >{log:q} 2>&1
        """


rule curve:
    """Evaluate the checkpoints that an RL stage left along the way."""
    input:
        program=f"{CODE}/scripts/curve.py",
        fits=lambda wildcards: fits("evaluate"),
        along="<results>/rl/{stage}/along",
        metrics="<results>/rl/{stage}/metrics.csv",
        test=rules.prompts.output.test,
    output:
        curve=report(
            "<results>/rl/{stage}/curve.csv",
            caption="../report/curve.rst",
            category="Evaluation",
        ),
    log:
        "<logs>/curve_{stage}.log",
    benchmark:
        "<results>/benchmarks/curve_{stage}.tsv"
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=2500,
        runtime="6h",
    params:
        stage=lambda wildcards: wildcards.stage,
        # the two settings of the stage are what its FLOP are counted from
        settings=lambda wildcards: settings(
            "compute",
            "evaluate",
            "sandbox",
            f"{wildcards.stage}.questions_per_update",
            f"{wildcards.stage}.inner_epochs",
            without=("evaluate.prompts_per_category",),
        ),
        state=lambda wildcards: f"{RESULTS}/state/curve_{wildcards.stage}",
        attempts=f"{RESULTS}/attempts",
        code=code_digest("curve"),
    message:
        "curve: evaluating {wildcards.stage} along its training"
    shell:
        r"""
        PYTHONHASHSEED=0 OMP_WAIT_POLICY=PASSIVE \
            OMP_NUM_THREADS={threads} MKL_NUM_THREADS={threads} \
            python {input.program:q} \
            --settings {params.settings:q} --gpus {resources.gpu} --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} --stage {params.stage:q} \
            --along {input.along:q} --metrics {input.metrics:q} --test {input.test:q} \
            --out-curve {output.curve:q} \
            >{log:q} 2>&1
        """


rule evaluate:
    """Target: the scores of every checkpoint, the ladder and the curves; or of one folder alone."""
    input:
        (
            expand("<results>/evaluate/{checkpoint}/scores.csv", checkpoint=LOOSE)
            if LOOSE
            else [
                rules.scores.output,
                rules.ladder.output,
                expand(rules.curve.output, stage=CURVES),
                rules.risk_control.output,
            ]
        ),
        expand(
            "<results>/evaluate/{checkpoint}/{benchmark}/scores.csv",
            checkpoint=MEASURED,
            benchmark=[*BENCHMARKS, *(f"lm_eval/{task}" for task in TASKS)],
        ),
