# SPDX-License-Identifier: Apache-2.0
"""
Takes   results/prepare/base or model.checkpoint, results/data/train.jsonl
Makes   results/rl/r1_zero: checkpoint (Hugging Face folder), checkpoints along the way, metrics
Keeps   results/state/r1_zero (checkpoints), results/attempts, results/wandb: not outputs
"""


rule r1_zero:
    """Improve the base with GRPO on accuracy and format rewards alone."""
    input:
        program="workflow/scripts/reinforce.py",
        base=BASE,
        own_base_files=OWN_BASE_FILES,
        train=rules.prompts.output.train,
    output:
        checkpoint=directory("results/rl/r1_zero/checkpoint"),
        along=directory("results/rl/r1_zero/along"),
        metrics="results/rl/r1_zero/metrics.csv",
    log:
        "logs/r1_zero.log",
    benchmark:
        "results/benchmarks/r1_zero.tsv"
    conda:
        "../../envs/train.yaml"
    threads: 2
    resources:
        gpu=1,
        mem_mb=4000,
        runtime="24h",
        tracking=json.dumps(config["tracking"]),
    params:
        settings=settings("compute", "r1_zero", "sandbox"),
        state="results/state/r1_zero",
        attempts="results/attempts",
        wandb="results/wandb",
        code=code_digest("reinforce"),
    message:
        "r1_zero: reinforcement learning from the base, without any worked example"
    shell:
        r"""
        R1REPRO_PROGRESS=3 PYTHONHASHSEED=0 OMP_WAIT_POLICY=PASSIVE \
            OMP_NUM_THREADS={threads} MKL_NUM_THREADS={threads} \
            python {input.program:q} \
            --settings {params.settings:q} --gpus {resources.gpu} --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --stage r1_zero --planned-device H800 \
            --start {input.base:q} --train {input.train:q} \
            --tracking {resources.tracking:q} --wandb {params.wandb:q} \
            --out-checkpoint {output.checkpoint:q} --out-along {output.along:q} \
            --out-metrics {output.metrics:q} \
            3>&2 >{log:q} 2>&1
        """


rule rl:
    """Target: R1-Zero."""
    input:
        rules.r1_zero.output,
