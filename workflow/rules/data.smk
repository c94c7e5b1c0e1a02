# SPDX-License-Identifier: Apache-2.0
"""
Takes   settings and, if data.user_prompts names one, a JSONL file with own prompts
Makes   results/data: prompts in three splits, base corpus, cold-start set, pairs and responses for
        the reward models, manifests, report and test of the decontamination
Keeps   results/attempts (the bill): on purpose not an output
"""


rule prompts:
    """Draw prompts in five categories, split them by content and filter them by n-grams."""
    input:
        program=f"{CODE}/scripts/prompts.py",
        user_prompts=config["data"]["user_prompts"] or [],
    output:
        train="<results>/data/train.jsonl",
        validation="<results>/data/validation.jsonl",
        test="<results>/data/test.jsonl",
        manifest="<results>/data/prompts_manifest.json",
        decontamination=report(
            "<results>/data/decontamination.json",
            caption="../report/decontamination.rst",
            category="Data",
        ),
        recall="<results>/data/decontamination_test.csv",
        worked="<results>/data/worked_train.jsonl",
    log:
        "<logs>/prompts.log",
    benchmark:
        "<results>/benchmarks/prompts.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime="30m",
    params:
        settings=settings(
            "data",
            without=(
                "data.corpus",
                "data.cold_start_samples",
                "data.cold_start_more_samples",
                "data.preferences",
            ),
        ),
        state=f"{RESULTS}/state/prompts",
        attempts=f"{RESULTS}/attempts",
        code=code_digest("prompts"),
    message:
        "prompts: drawing the questions of train, validation and test"
    shell:
        r"""
        PYTHONHASHSEED=0 \
            python {input.program:q} \
            --settings {params.settings:q} --gpus 0 --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --user-prompts {input.user_prompts:q} \
            --out-train {output.train:q} --out-validation {output.validation:q} \
            --out-test {output.test:q} --out-manifest {output.manifest:q} \
            --out-decontamination {output.decontamination:q} --out-recall {output.recall:q} \
            --out-worked {output.worked:q} \
            >{log:q} 2>&1
        """


rule corpus:
    """Write the base corpus and the cold-start set, without any evaluation question."""
    input:
        program=f"{CODE}/scripts/corpus.py",
        train=rules.prompts.output.train,
        validation=rules.prompts.output.validation,
        test=rules.prompts.output.test,
    output:
        base_corpus="<results>/data/base_corpus.jsonl",
        cold_start="<results>/data/cold_start.jsonl",
        cold_start_more="<results>/data/cold_start_more.jsonl",
        general_sft="<results>/data/general_sft.jsonl",
        manifest="<results>/data/corpus_manifest.json",
    log:
        "<logs>/corpus.log",
    benchmark:
        "<results>/benchmarks/corpus.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime="2h",
    params:
        settings=settings(
            "data.corpus",
            "data.cold_start_samples",
            "data.cold_start_more_samples",
            "sft_data.general_samples",
            "data.decontamination",
            "data.chinese_share",
        ),
        state=f"{RESULTS}/state/corpus",
        attempts=f"{RESULTS}/attempts",
        code=code_digest("corpus"),
    message:
        "corpus: writing what the base model reads and the cold-start samples"
    shell:
        r"""
        PYTHONHASHSEED=0 \
            python {input.program:q} \
            --settings {params.settings:q} --gpus 0 --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --train {input.train:q} --validation {input.validation:q} --test {input.test:q} \
            --out-base-corpus {output.base_corpus:q} --out-cold-start {output.cold_start:q} \
            --out-cold-start-more {output.cold_start_more:q} --out-general-sft {output.general_sft:q} \
            --out-manifest {output.manifest:q} \
            >{log:q} 2>&1
        """


rule preferences:
    """Write judged pairs and marked responses for the reward models, none on evaluation prompts."""
    input:
        program=f"{CODE}/scripts/preferences.py",
        validation=rules.prompts.output.validation,
        test=rules.prompts.output.test,
    output:
        pairs="<results>/data/preference_pairs.jsonl",
        heldout="<results>/data/preference_heldout.jsonl",
        safety="<results>/data/safety_responses.jsonl",
        safety_heldout="<results>/data/safety_heldout.jsonl",
        manifest="<results>/data/preferences_manifest.json",
    log:
        "<logs>/preferences.log",
    benchmark:
        "<results>/benchmarks/preferences.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime="30m",
    params:
        settings=settings(
            "data.preferences",
            "data.decontamination",
            "data.chinese_share",
        ),
        state=f"{RESULTS}/state/preferences",
        attempts=f"{RESULTS}/attempts",
        code=code_digest("preferences"),
    message:
        "preferences: writing what the reward models learn from"
    shell:
        r"""
        PYTHONHASHSEED=0 \
            python {input.program:q} \
            --settings {params.settings:q} --gpus 0 --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --validation {input.validation:q} --test {input.test:q} \
            --out-pairs {output.pairs:q} --out-heldout {output.heldout:q} \
            --out-safety {output.safety:q} --out-safety-heldout {output.safety_heldout:q} \
            --out-manifest {output.manifest:q} \
            >{log:q} 2>&1
        """


rule data:
    """Target: all data files and their manifests."""
    input:
        rules.prompts.output,
        rules.corpus.output,
        rules.preferences.output,
