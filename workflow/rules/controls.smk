# SPDX-License-Identifier: Apache-2.0
"""
Takes   what the ladder made, config `controls`
Makes   results/controls: one folder an arm, beside which the paper's claims are read
Keeps   results/state (checkpoints), results/attempts, results/wandb: not outputs
"""


use rule r1_zero as control with:
    input:
        program=f"{CODE}/scripts/reinforce.py",
        fits=lambda wildcards: fits(f"controls.{wildcards.arm}"),
        start=lambda wildcards: STARTS[arm_stage(wildcards.arm)],
        given_files=lambda wildcards: given_files(STARTS_FROM[arm_stage(wildcards.arm)]),
        train=rules.prompts.output.train,
        rm_helpful=lambda wildcards: (
            REWARD_MODELS["rm_helpful"] if arm_stage(wildcards.arm) == "r1" else []
        ),
        rm_safety=lambda wildcards: (
            REWARD_MODELS["rm_safety"] if arm_stage(wildcards.arm) == "r1" else []
        ),
    output:
        checkpoint=directory("<results>/controls/{arm}/checkpoint"),
        along=directory("<results>/controls/{arm}/along"),
        metrics="<results>/controls/{arm}/metrics.csv",
        memory="<results>/controls/{arm}/memory.csv",
    log:
        "<logs>/{arm}.log",
    benchmark:
        "<results>/benchmarks/{arm}.tsv"
    params:
        stage=lambda wildcards: wildcards.arm,
        # the random numbers of the stage that the arm differs from: nothing else differs
        streams=lambda wildcards: arm_stage(wildcards.arm),
        settings=lambda wildcards: settings("compute", "sandbox", arm=wildcards.arm),
        state=lambda wildcards: f"{RESULTS}/state/{wildcards.arm}",
    message:
        "{wildcards.arm}: an arm of the controls"


use rule base as tiny_base with:
    input:
        program=f"{CODE}/scripts/pretrain.py",
        fits=lambda wildcards: fits("tiny_base"),
        base_corpus=rules.corpus.output.base_corpus,
        tokenizer=rules.tokenizer.output.tokenizer,
    output:
        checkpoint=directory("<results>/controls/tiny_base/checkpoint"),
        metrics="<results>/controls/tiny_base/metrics.csv",
    log:
        "<logs>/tiny_base.log",
    benchmark:
        "<results>/benchmarks/tiny_base.tsv"
    params:
        stage="tiny_base",
        settings=settings("model", "compute", "tiny_base", without=("model.checkpoint",)),
        state=f"{RESULTS}/state/tiny_base",
    message:
        "tiny_base: pretraining the smallest model"


# what each arm of fine-tuning starts from and reads, and the stage whose random numbers it takes
SFT_ARM_INPUTS = {
    "cold_start_more": (BASE, rules.corpus.output.cold_start_more, "dev1"),
    "distill_tiny": (CONTROLS["tiny_base"], SFT_DATA, "dev3"),
}


use rule dev3 as control_sft with:
    input:
        program=f"{CODE}/scripts/finetune.py",
        fits=lambda wildcards: fits(wildcards.sft_arm),
        start=lambda wildcards: SFT_ARM_INPUTS[wildcards.sft_arm][0],
        samples=lambda wildcards: SFT_ARM_INPUTS[wildcards.sft_arm][1],
    output:
        checkpoint=directory("<results>/controls/{sft_arm}/checkpoint"),
        metrics="<results>/controls/{sft_arm}/metrics.csv",
    log:
        "<logs>/{sft_arm}.log",
    benchmark:
        "<results>/benchmarks/{sft_arm}.tsv"
    params:
        stage=lambda wildcards: wildcards.sft_arm,
        streams=lambda wildcards: SFT_ARM_INPUTS[wildcards.sft_arm][2],
        settings=lambda wildcards: settings("compute", wildcards.sft_arm),
        state=lambda wildcards: f"{RESULTS}/state/{wildcards.sft_arm}",
    message:
        "{wildcards.sft_arm}: an arm of the controls"


# What claims read of these is their training alone, so `controls` does not score them.
UNSCORED = {
    "ppo_lambda_100", "ppo_lambda_095", "preference_too_long", "preference_by_rule",
    "hot_stage2", "no_accuracy_reward", "tiny_base",
}  # fmt: skip
SCORED_CONTROLS = [name for name in CONTROLS if name not in UNSCORED]


rule controls:
    """Target: every arm, trained; scored where a claim rests on its answers."""
    input:
        expand("<results>/evaluate/{checkpoint}/questions.csv", checkpoint=SCORED_CONTROLS),
        expand("<results>/controls/{arm}/metrics.csv", arm=ARMS),
