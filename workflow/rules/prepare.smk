# SPDX-License-Identifier: Apache-2.0
"""
Takes   results/data: base corpus and cold-start set; model.checkpoint, if it names a folder, in
        place of the base
Makes   results/prepare: tokenizer, base and dev1 as Hugging Face folders, and their metrics
Keeps   results/state/{base,dev1} (checkpoints), results/attempts, results/wandb: not outputs,
        because Snakemake deletes the outputs of a job that fails
"""


rule tokenizer:
    """Train the tokenizer on the corpus, or take the own base's, and count all data in tokens."""
    input:
        program="workflow/scripts/tokenizer.py",
        base_corpus=rules.corpus.output.base_corpus,
        cold_start=rules.corpus.output.cold_start,
        train=rules.prompts.output.train,
        validation=rules.prompts.output.validation,
        test=rules.prompts.output.test,
        own_base=OWN_BASE,
    output:
        tokenizer=directory("results/prepare/tokenizer"),
        tokens_manifest="results/data/tokens_manifest.json",
    log:
        "logs/tokenizer.log",
    benchmark:
        "results/benchmarks/tokenizer.tsv"
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime="30m",
    params:
        settings=settings("tokenizer"),
        state="results/state/tokenizer",
        attempts="results/attempts",
        code=code_digest("tokenizer"),
    message:
        "tokenizer: learning the vocabulary"
    shell:
        r"""
        R1REPRO_PROGRESS=3 PYTHONHASHSEED=0 \
            python {input.program:q} \
            --settings {params.settings:q} --gpus 0 --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --base-corpus {input.base_corpus:q} --cold-start {input.cold_start:q} \
            --train {input.train:q} --validation {input.validation:q} --test {input.test:q} \
            --own-base {input.own_base:q} \
            --out-tokenizer {output.tokenizer:q} \
            --out-tokens-manifest {output.tokens_manifest:q} \
            3>&2 >{log:q} 2>&1
        """


rule base:
    """Pretrain the base model from scratch on packed rows."""
    input:
        program="workflow/scripts/pretrain.py",
        base_corpus=rules.corpus.output.base_corpus,
        tokenizer=rules.tokenizer.output.tokenizer,
    output:
        base=directory("results/prepare/base"),
        metrics="results/prepare/base_metrics.csv",
    log:
        "logs/base.log",
    benchmark:
        "results/benchmarks/base.tsv"
    conda:
        "../../envs/train.yaml"
    threads: 2
    resources:
        gpu=1,
        mem_mb=3000,
        runtime="12h",
        tracking=json.dumps(config["tracking"]),
    params:
        settings=settings("model", "compute", "base", without=("model.checkpoint",)),
        state="results/state/base",
        attempts="results/attempts",
        wandb="results/wandb",
        code=code_digest("pretrain"),
    message:
        "base: pretraining from scratch"
    shell:
        r"""
        R1REPRO_PROGRESS=3 PYTHONHASHSEED=0 OMP_WAIT_POLICY=PASSIVE \
            OMP_NUM_THREADS={threads} MKL_NUM_THREADS={threads} \
            python {input.program:q} \
            --settings {params.settings:q} --gpus {resources.gpu} --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --stage base --planned-device A100 \
            --base-corpus {input.base_corpus:q} --tokenizer {input.tokenizer:q} \
            --tracking {resources.tracking:q} --wandb {params.wandb:q} \
            --out-checkpoint {output.base:q} --out-metrics {output.metrics:q} \
            3>&2 >{log:q} 2>&1
        """


rule dev1:
    """Fine-tune the base on the cold-start set, loss on responses only."""
    input:
        program="workflow/scripts/finetune.py",
        base=BASE,
        own_base_files=OWN_BASE_FILES,
        cold_start=rules.corpus.output.cold_start,
    output:
        dev1=directory("results/prepare/dev1"),
        metrics="results/prepare/dev1_metrics.csv",
    log:
        "logs/dev1.log",
    benchmark:
        "results/benchmarks/dev1.tsv"
    conda:
        "../../envs/train.yaml"
    threads: 2
    resources:
        gpu=1,
        mem_mb=3000,
        runtime="12h",
        tracking=json.dumps(config["tracking"]),
    params:
        settings=settings("compute", "dev1"),
        state="results/state/dev1",
        attempts="results/attempts",
        wandb="results/wandb",
        code=code_digest("finetune"),
    message:
        "dev1: fine-tuning the base on worked responses"
    shell:
        r"""
        R1REPRO_PROGRESS=3 PYTHONHASHSEED=0 OMP_WAIT_POLICY=PASSIVE \
            OMP_NUM_THREADS={threads} MKL_NUM_THREADS={threads} \
            python {input.program:q} \
            --settings {params.settings:q} --gpus {resources.gpu} --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --stage dev1 --planned-device A100 \
            --start {input.base:q} --samples {input.cold_start:q} \
            --tracking {resources.tracking:q} --wandb {params.wandb:q} \
            --out-checkpoint {output.dev1:q} --out-metrics {output.metrics:q} \
            3>&2 >{log:q} 2>&1
        """


rule prepare:
    """Target: tokenizer, base unless it is the user's own, and dev1."""
    input:
        rules.tokenizer.output,
        [] if OWN_BASE else rules.base.output,
        rules.dev1.output,
