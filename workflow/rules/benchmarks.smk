# SPDX-License-Identifier: Apache-2.0
"""
Takes   config `benchmarks`: names of config/benchmarks.yaml, and lm_eval:TASK; the checkpoints that
        are measured (the folder `checkpoint`, else the base and the ladder); benchmark_data.folder
Makes   results/data/benchmarks: their questions as prompts; results/evaluate/CHECKPOINT/BENCHMARK:
        samples, questions and scores; results/evaluate/CHECKPOINT/lm_eval/TASK: what the harness found
Keeps   results/attempts; what was downloaded in benchmark_data.folder: not outputs
"""


rule questions:
    """Take the questions of a benchmark from its pinned file."""
    input:
        program=f"{CODE}/scripts/questions.py",
        sources=config["benchmark_data"]["sources"],
    output:
        prompts="<results>/data/benchmarks/{benchmark}.jsonl",
    log:
        "<logs>/questions_{benchmark}.log",
    benchmark:
        "<results>/benchmarks/questions_{benchmark}.tsv"
    conda:
        "../../envs/harness.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime="30m",
    params:
        settings=settings(),
        folder=config["benchmark_data"]["folder"],
        state=lambda wildcards: f"{RESULTS}/state/questions_{wildcards.benchmark}",
        attempts=f"{RESULTS}/attempts",
        code=code_digest("questions"),
    message:
        "questions: reading the questions of {wildcards.benchmark}"
    shell:
        r"""
        PYTHONHASHSEED=0 \
            python {input.program:q} \
            --settings {params.settings:q} --gpus 0 --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --benchmark {wildcards.benchmark:q} --sources {input.sources:q} \
            --folder {params.folder:q} --out-prompts {output.prompts:q} \
            >{log:q} 2>&1
        """


rule benchmark:
    """Sample k responses to each question of a benchmark and judge them."""
    input:
        program=f"{CODE}/scripts/benchmark.py",
        fits=lambda wildcards: fits("evaluate"),
        model=rules.score.input.model,
        given_files=rules.score.input.given_files,
        test=rules.questions.output.prompts,
    output:
        samples="<results>/evaluate/{checkpoint}/{benchmark}/samples.jsonl",
        questions="<results>/evaluate/{checkpoint}/{benchmark}/questions.csv",
        scores="<results>/evaluate/{checkpoint}/{benchmark}/scores.csv",
    log:
        "<logs>/benchmark_{checkpoint}_{benchmark}.log",
    benchmark:
        "<results>/benchmarks/benchmark_{checkpoint}_{benchmark}.tsv"
    conda:
        "../../envs/harness.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=4000,
        runtime="12h",
    params:
        settings=rules.score.params.settings,
        state=lambda wildcards: (
            f"{RESULTS}/state/benchmark_{wildcards.checkpoint}_{wildcards.benchmark}"
        ),
        attempts=f"{RESULTS}/attempts",
        code=code_digest("benchmark", "scripts/r1repro/tasks/benchmarks"),
    message:
        "benchmark: evaluating {wildcards.checkpoint} on {wildcards.benchmark}"
    shell:
        r"""
        PYTHONHASHSEED=0 OMP_WAIT_POLICY=PASSIVE \
            OMP_NUM_THREADS={threads} MKL_NUM_THREADS={threads} \
            python {input.program:q} \
            --settings {params.settings:q} --gpus {resources.gpu} --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --checkpoint {wildcards.checkpoint:q} --benchmark {wildcards.benchmark:q} \
            --model {input.model:q} --test {input.test:q} --out-samples {output.samples:q} \
            --out-questions {output.questions:q} --out-scores {output.scores:q} \
            >{log:q} 2>&1
        """


rule harness:
    """Score a checkpoint on a task of lm-evaluation-harness."""
    input:
        program=f"{CODE}/scripts/harness.py",
        model=rules.score.input.model,
        given_files=rules.score.input.given_files,
        test=rules.prompts.output.test,
    output:
        samples="<results>/evaluate/{checkpoint}/lm_eval/{task}/samples.jsonl",
        scores="<results>/evaluate/{checkpoint}/lm_eval/{task}/scores.csv",
    log:
        "<logs>/harness_{checkpoint}_{task}.log",
    benchmark:
        "<results>/benchmarks/harness_{checkpoint}_{task}.tsv"
    conda:
        "../../envs/harness.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=4000,
        runtime="12h",
    params:
        settings=settings("evaluate.max_response_tokens", "evaluate.bootstrap"),
        tasks=[f"{CODE}/harness", *filter(None, [config["benchmark_data"]["tasks"]])],
        state=lambda wildcards: f"{RESULTS}/state/harness_{wildcards.checkpoint}_{wildcards.task}",
        attempts=f"{RESULTS}/attempts",
        code=code_digest("harness", "harness"),
    message:
        "harness: {wildcards.checkpoint} on {wildcards.task} of lm-evaluation-harness"
    shell:
        r"""
        PYTHONHASHSEED=0 OMP_WAIT_POLICY=PASSIVE \
            OMP_NUM_THREADS={threads} MKL_NUM_THREADS={threads} \
            python {input.program:q} \
            --settings {params.settings:q} --gpus {resources.gpu} --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --checkpoint {wildcards.checkpoint:q} --task {wildcards.task:q} \
            --model {input.model:q} --test {input.test:q} --tasks {params.tasks:q} \
            --out-samples {output.samples:q} --out-scores {output.scores:q} \
            >{log:q} 2>&1
        """
