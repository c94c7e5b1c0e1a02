# SPDX-License-Identifier: Apache-2.0
"""
Takes   results/data: base corpus, cold-start set, preference pairs; folders from outside in the
        place of stages (GIVEN)
Makes   results/prepare: tokenizer, bases, pilot, dev1 and reward models as Hugging Face folders, and
        their metrics: what the paper prepared on A100
Keeps   results/state (checkpoints), results/attempts, results/wandb: not outputs, because Snakemake
        deletes the outputs of a job that fails
"""


rule tokenizer:
    """Train the tokenizer on the corpus, or take the own base's, and count all data in tokens."""
    input:
        program=f"{CODE}/scripts/tokenizer.py",
        base_corpus=rules.corpus.output.base_corpus,
        cold_start=rules.corpus.output.cold_start,
        samples=[
            rules.corpus.output.cold_start_more,
            rules.corpus.output.general_sft,
            rules.prompts.output.worked,
        ],
        train=rules.prompts.output.train,
        validation=rules.prompts.output.validation,
        test=rules.prompts.output.test,
        own_base=GIVEN.get("base", []),
    output:
        tokenizer=directory("<results>/prepare/tokenizer"),
        tokens_manifest="<results>/data/tokens_manifest.json",
    log:
        "<logs>/tokenizer.log",
    benchmark:
        "<results>/benchmarks/tokenizer.tsv"
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime="30m",
    params:
        settings=settings("tokenizer"),
        state=f"{RESULTS}/state/tokenizer",
        attempts=f"{RESULTS}/attempts",
        code=code_digest("tokenizer"),
    message:
        "tokenizer: learning the vocabulary"
    shell:
        r"""
        PYTHONHASHSEED=0 \
            python {input.program:q} \
            --settings {params.settings:q} --gpus 0 --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --base-corpus {input.base_corpus:q} --cold-start {input.cold_start:q} \
            --train {input.train:q} --validation {input.validation:q} --test {input.test:q} \
            --samples {input.samples:q} --own-base {input.own_base:q} \
            --out-tokenizer {output.tokenizer:q} \
            --out-tokens-manifest {output.tokens_manifest:q} \
            >{log:q} 2>&1
        """


rule base:
    """Pretrain the base model from scratch on packed rows."""
    input:
        program=f"{CODE}/scripts/pretrain.py",
        fits=lambda wildcards: fits("base"),
        base_corpus=rules.corpus.output.base_corpus,
        tokenizer=rules.tokenizer.output.tokenizer,
    output:
        checkpoint=directory("<results>/prepare/base"),
        metrics="<results>/prepare/base_metrics.csv",
    log:
        "<logs>/base.log",
    benchmark:
        "<results>/benchmarks/base.tsv"
    conda:
        "../../envs/train.yaml"
    threads: config["allocation"]["preparation"]["cores"]
    resources:
        **allocation("preparation"),
        mem_mb=memory("preparation", 3000),
        runtime="12h",
        tracking=json.dumps(config["tracking"]),
    params:
        stage="base",
        device="A100",
        settings=settings("model", "compute", "base", without=("model.checkpoint",)),
        state=f"{RESULTS}/state/base",
        attempts=f"{RESULTS}/attempts",
        wandb=f"{RESULTS}/wandb",
        code=code_digest("pretrain"),
    message:
        "base: pretraining from scratch"
    shell:
        r"""
        PYTHONHASHSEED=0 OMP_WAIT_POLICY=PASSIVE \
            OMP_NUM_THREADS={threads} MKL_NUM_THREADS={threads} \
            python {input.program:q} --stage {params.stage:q} --planned-device {params.device:q} \
            --settings {params.settings:q} --gpus {resources.gpu} --nodes {resources.nodes} \
            --state {params.state:q} --attempts {params.attempts:q} --code {params.code:q} \
            --base-corpus {input.base_corpus:q} --tokenizer {input.tokenizer:q} \
            --tracking {resources.tracking:q} --wandb {params.wandb:q} \
            --out-checkpoint {output.checkpoint:q} --out-metrics {output.metrics:q} \
            >{log:q} 2>&1
        """


use rule base as small_base with:
    input:
        program=f"{CODE}/scripts/pretrain.py",
        fits=lambda wildcards: fits("small_base"),
        base_corpus=rules.corpus.output.base_corpus,
        tokenizer=rules.tokenizer.output.tokenizer,
    output:
        checkpoint=directory("<results>/prepare/small_base"),
        metrics="<results>/prepare/small_base_metrics.csv",
    log:
        "<logs>/small_base.log",
    benchmark:
        "<results>/benchmarks/small_base.tsv"
    params:
        stage="small_base",
        settings=settings("model", "compute", "small_base", without=("model.checkpoint",)),
        state=f"{RESULTS}/state/small_base",
    message:
        "small_base: pretraining a smaller model"


rule dev1:
    """Fine-tune the base on the cold-start set, loss on responses only."""
    input:
        program=f"{CODE}/scripts/finetune.py",
        fits=lambda wildcards: fits("dev1"),
        start=BASE,
        given_files=given_files("base"),
        samples=rules.corpus.output.cold_start,
    output:
        checkpoint=directory("<results>/prepare/dev1"),
        metrics="<results>/prepare/dev1_metrics.csv",
    log:
        "<logs>/dev1.log",
    benchmark:
        "<results>/benchmarks/dev1.tsv"
    conda:
        "../../envs/train.yaml"
    threads: config["allocation"]["preparation"]["cores"]
    resources:
        **allocation("preparation"),
        mem_mb=memory("preparation", 3000),
        runtime="12h",
        tracking=json.dumps(config["tracking"]),
    params:
        stage="dev1",
        streams="dev1",
        device="A100",
        settings=settings("compute", "dev1"),
        state=f"{RESULTS}/state/dev1",
        attempts=f"{RESULTS}/attempts",
        wandb=f"{RESULTS}/wandb",
        code=code_digest("finetune"),
    message:
        "dev1: fine-tuning the base on worked responses"
    shell:
        r"""
        PYTHONHASHSEED=0 OMP_WAIT_POLICY=PASSIVE \
            OMP_NUM_THREADS={threads} MKL_NUM_THREADS={threads} \
            python {input.program:q} --stage {params.stage:q} --planned-device {params.device:q} \
            --settings {params.settings:q} --gpus {resources.gpu} --nodes {resources.nodes} \
            --state {params.state:q} --attempts {params.attempts:q} --code {params.code:q} \
            --start {input.start:q} --samples {input.samples:q} --streams {params.streams:q} \
            --tracking {resources.tracking:q} --wandb {params.wandb:q} \
            --out-checkpoint {output.checkpoint:q} --out-metrics {output.metrics:q} \
            >{log:q} 2>&1
        """


rule rm_helpful:
    """Train the pairwise reward model of helpfulness, scored on the final answer."""
    input:
        program=f"{CODE}/scripts/reward_model.py",
        fits=lambda wildcards: fits("rm_helpful"),
        start=CHECKPOINTS["dev1"],
        given_files=given_files("dev1"),
        train=rules.preferences.output.pairs,
        heldout=rules.preferences.output.heldout,
    output:
        model=directory("<results>/prepare/rm_helpful"),
        metrics="<results>/prepare/rm_helpful_metrics.csv",
        accuracy="<results>/prepare/rm_helpful_accuracy.csv",
    log:
        "<logs>/rm_helpful.log",
    benchmark:
        "<results>/benchmarks/rm_helpful.tsv"
    conda:
        "../../envs/train.yaml"
    threads: config["allocation"]["preparation"]["cores"]
    resources:
        **allocation("preparation"),
        mem_mb=memory("preparation", 3000),
        runtime="12h",
        tracking=json.dumps(config["tracking"]),
    params:
        stage="rm_helpful",
        device="A100",
        settings=settings("compute", "rm_helpful"),
        state=f"{RESULTS}/state/rm_helpful",
        attempts=f"{RESULTS}/attempts",
        wandb=f"{RESULTS}/wandb",
        code=code_digest("reward_model"),
    message:
        "rm_helpful: learning which answer is preferred"
    shell:
        r"""
        PYTHONHASHSEED=0 OMP_WAIT_POLICY=PASSIVE \
            OMP_NUM_THREADS={threads} MKL_NUM_THREADS={threads} \
            python {input.program:q} --stage {params.stage:q} --planned-device {params.device:q} \
            --settings {params.settings:q} --gpus {resources.gpu} --nodes {resources.nodes} \
            --state {params.state:q} --attempts {params.attempts:q} --code {params.code:q} \
            --start {input.start:q} --train {input.train:q} --heldout {input.heldout:q} \
            --tracking {resources.tracking:q} --wandb {params.wandb:q} \
            --out-model {output.model:q} --out-metrics {output.metrics:q} \
            --out-accuracy {output.accuracy:q} \
            >{log:q} 2>&1
        """


use rule rm_helpful as rm_safety with:
    input:
        program=f"{CODE}/scripts/reward_model.py",
        fits=lambda wildcards: fits("rm_safety"),
        start=CHECKPOINTS["dev1"],
        given_files=given_files("dev1"),
        train=rules.preferences.output.safety,
        heldout=rules.preferences.output.safety_heldout,
    output:
        model=directory("<results>/prepare/rm_safety"),
        metrics="<results>/prepare/rm_safety_metrics.csv",
        accuracy="<results>/prepare/rm_safety_accuracy.csv",
    log:
        "<logs>/rm_safety.log",
    benchmark:
        "<results>/benchmarks/rm_safety.tsv"
    params:
        stage="rm_safety",
        settings=settings("compute", "rm_safety"),
        state=f"{RESULTS}/state/rm_safety",
    message:
        "rm_safety: learning which response is safe"


rule rm_accuracy:
    """Put the held-out accuracies of both reward models into one table."""
    input:
        program=f"{CODE}/scripts/rm_accuracy.py",
        accuracies=[rules.rm_helpful.output.accuracy, rules.rm_safety.output.accuracy],
    output:
        table="<results>/prepare/rm_accuracy.csv",
    log:
        "<logs>/rm_accuracy.log",
    benchmark:
        "<results>/benchmarks/rm_accuracy.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="10m",
    params:
        settings=settings(),
        state=f"{RESULTS}/state/rm_accuracy",
        attempts=f"{RESULTS}/attempts",
        code=code_digest("rm_accuracy"),
    message:
        "rm_accuracy: joining the held-out accuracies"
    shell:
        r"""
        PYTHONHASHSEED=0 \
            python {input.program:q} \
            --settings {params.settings:q} --gpus 0 --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --accuracies {input.accuracies:q} --out {output.table:q} \
            >{log:q} 2>&1
        """


rule prepare:
    """Target: tokenizer, bases unless the user brings one, dev1 and both reward models."""
    input:
        rules.tokenizer.output,
        unless_given("base", rules.base.output),
        unless_given("small_base", rules.small_base.output),
        unless_given("dev1", rules.dev1.output),
        unless_given("rm_helpful", unless_given("rm_safety", rules.rm_accuracy.output)),
