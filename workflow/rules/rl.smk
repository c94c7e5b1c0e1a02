# SPDX-License-Identifier: Apache-2.0
"""
Takes   the checkpoints and reward models of results/prepare, results/data
Makes   results/rl: r1_zero, and the ladder dev2, sft_data, dev3, r1; the students distill and
        small_zero; results/prepare/pilot, the recipe tried on a smaller model first
Keeps   results/state (checkpoints, samples), results/attempts, results/wandb: not outputs
"""

# With a gate the larger runs wait for the pilot's result.
GATE = [] if config["gate"]["pilot_gain"] is None else "<results>/prepare/gate.json"


rule r1_zero:
    """Improve the base with GRPO on accuracy and format rewards alone."""
    input:
        program=f"{CODE}/scripts/reinforce.py",
        fits=lambda wildcards: fits("r1_zero"),
        gate=GATE,
        start=STARTS["r1_zero"],
        given_files=given_files("base"),
        train=rules.prompts.output.train,
        rm_helpful=[],
        rm_safety=[],
    output:
        checkpoint=directory("<results>/rl/r1_zero/checkpoint"),
        along=directory("<results>/rl/r1_zero/along"),
        metrics="<results>/rl/r1_zero/metrics.csv",
        memory="<results>/rl/r1_zero/memory.csv",
    log:
        "<logs>/r1_zero.log",
    benchmark:
        "<results>/benchmarks/r1_zero.tsv"
    conda:
        "../../envs/train.yaml"
    threads: config["allocation"]["rl"]["cores"]
    resources:
        **allocation("rl"),
        mem_mb=memory("rl", 4000),
        runtime="24h",
        tracking=json.dumps(config["tracking"]),
    params:
        stage="r1_zero",
        streams="r1_zero",
        device="H800",
        settings=settings("compute", "r1_zero", "sandbox"),
        state=f"{RESULTS}/state/r1_zero",
        attempts=f"{RESULTS}/attempts",
        wandb=f"{RESULTS}/wandb",
        code=code_digest("reinforce"),
    message:
        "r1_zero: reinforcement learning from the base, without any worked example"
    shell:
        r"""
        PYTHONHASHSEED=0 OMP_WAIT_POLICY=PASSIVE \
            OMP_NUM_THREADS={threads} MKL_NUM_THREADS={threads} \
            python {input.program:q} --stage {params.stage:q} --planned-device {params.device:q} \
            --settings {params.settings:q} --gpus {resources.gpu} --nodes {resources.nodes} \
            --state {params.state:q} --attempts {params.attempts:q} --code {params.code:q} \
            --start {input.start:q} --train {input.train:q} \
            --rm-helpful {input.rm_helpful:q} --rm-safety {input.rm_safety:q} \
            --streams {params.streams:q} \
            --tracking {resources.tracking:q} --wandb {params.wandb:q} \
            --out-checkpoint {output.checkpoint:q} --out-along {output.along:q} \
            --out-metrics {output.metrics:q} --out-memory {output.memory:q} \
            >{log:q} 2>&1
        """


use rule r1_zero as pilot with:
    input:
        program=f"{CODE}/scripts/reinforce.py",
        fits=lambda wildcards: fits("pilot"),
        start=STARTS["pilot"],
        given_files=given_files("small_base"),
        train=rules.prompts.output.train,
        rm_helpful=[],
        rm_safety=[],
    output:
        checkpoint=directory("<results>/rl/pilot/checkpoint"),
        along=directory("<results>/rl/pilot/along"),
        metrics="<results>/rl/pilot/metrics.csv",
        memory="<results>/rl/pilot/memory.csv",
    log:
        "<logs>/pilot.log",
    benchmark:
        "<results>/benchmarks/pilot.tsv"
    resources:
        **allocation("preparation"),
        mem_mb=memory("preparation", 4000),
        runtime="24h",
        tracking=json.dumps(config["tracking"]),
    params:
        stage="pilot",
        streams="pilot",
        device="A100",
        settings=settings("compute", "pilot", "sandbox"),
        state=f"{RESULTS}/state/pilot",
    message:
        "pilot: the recipe of r1_zero on the smaller model first"


use rule r1_zero as dev2 with:
    input:
        program=f"{CODE}/scripts/reinforce.py",
        fits=lambda wildcards: fits("dev2"),
        gate=GATE,
        start=STARTS["dev2"],
        given_files=given_files("dev1"),
        train=rules.prompts.output.train,
        rm_helpful=[],
        rm_safety=[],
    output:
        checkpoint=directory("<results>/rl/dev2/checkpoint"),
        along=directory("<results>/rl/dev2/along"),
        metrics="<results>/rl/dev2/metrics.csv",
        memory="<results>/rl/dev2/memory.csv",
    log:
        "<logs>/dev2.log",
    benchmark:
        "<results>/benchmarks/dev2.tsv"
    params:
        stage="dev2",
        streams="dev2",
        settings=settings("compute", "dev2", "sandbox"),
        state=f"{RESULTS}/state/dev2",
    message:
        "dev2: first RL stage of R1, with the language reward"


rule gate:
    """Stop before the larger runs unless the pilot gained what gate.pilot_gain asks for."""
    input:
        program=f"{CODE}/scripts/gate.py",
        before="<results>/evaluate/small_base/scores.csv",
        after="<results>/evaluate/pilot/scores.csv",
    output:
        gain="<results>/prepare/gate.json",
    log:
        "<logs>/gate.log",
    benchmark:
        "<results>/benchmarks/gate.tsv"
    localrule: True
    conda:
        "../../envs/cost.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="10m",
    params:
        settings=settings("gate"),
        state=f"{RESULTS}/state/gate",
        attempts=f"{RESULTS}/attempts",
        code=code_digest("gate"),
    message:
        "gate: comparing the pilot with its base"
    shell:
        r"""
        PYTHONHASHSEED=0 \
            python {input.program:q} \
            --settings {params.settings:q} --gpus 0 --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --before {input.before:q} --after {input.after:q} --out {output.gain:q} \
            >{log:q} 2>&1
        """


rule sft_data:
    """Sample from dev2, keep what is right and readable, add general data."""
    input:
        program=f"{CODE}/scripts/sft_data.py",
        fits=lambda wildcards: fits("sft_data"),
        checkpoint=CHECKPOINTS["dev2"],
        given_files=given_files("dev2"),
        train=rules.prompts.output.train,
        general=rules.corpus.output.general_sft,
    output:
        data="<results>/data/sft_data.jsonl",
        statistics="<results>/data/sft_statistics.csv",
        rejections="<results>/data/sft_rejections.csv",
    log:
        "<logs>/sft_data.log",
    benchmark:
        "<results>/benchmarks/sft_data.tsv"
    conda:
        "../../envs/train.yaml"
    threads: config["allocation"]["rl"]["cores"]
    resources:
        gpu=1,
        mem_mb=3000,
        runtime="12h",
    params:
        settings=settings("compute", "sft_data", "sandbox"),
        state=f"{RESULTS}/state/sft_data",
        attempts=f"{RESULTS}/attempts",
        code=code_digest("sft_data"),
    message:
        "sft_data: rejection sampling from dev2"
    shell:
        r"""
        PYTHONHASHSEED=0 OMP_WAIT_POLICY=PASSIVE \
            OMP_NUM_THREADS={threads} MKL_NUM_THREADS={threads} \
            python {input.program:q} \
            --settings {params.settings:q} --gpus {resources.gpu} --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --checkpoint {input.checkpoint:q} --prompts {input.train:q} \
            --general {input.general:q} \
            --out-data {output.data:q} --out-statistics {output.statistics:q} \
            --out-rejections {output.rejections:q} \
            >{log:q} 2>&1
        """


use rule dev1 as dev3 with:
    input:
        program=f"{CODE}/scripts/finetune.py",
        fits=lambda wildcards: fits("dev3"),
        start=BASE,
        given_files=given_files("base"),
        samples=SFT_DATA,
    output:
        checkpoint=directory("<results>/rl/dev3"),
        metrics="<results>/rl/dev3_metrics.csv",
    log:
        "<logs>/dev3.log",
    benchmark:
        "<results>/benchmarks/dev3.tsv"
    resources:
        **allocation("rl"),
        mem_mb=memory("rl", 3000),
        runtime="12h",
        tracking=json.dumps(config["tracking"]),
    params:
        stage="dev3",
        streams="dev3",
        device="H800",
        settings=settings("compute", "dev3"),
        state=f"{RESULTS}/state/dev3",
    message:
        "dev3: fine-tuning the base on what dev2 sampled"


use rule r1_zero as r1 with:
    input:
        program=f"{CODE}/scripts/reinforce.py",
        fits=lambda wildcards: fits("r1"),
        start=STARTS["r1"],
        given_files=given_files("dev3", "rm_helpful", "rm_safety"),
        train=rules.prompts.output.train,
        rm_helpful=REWARD_MODELS["rm_helpful"],
        rm_safety=REWARD_MODELS["rm_safety"],
    output:
        checkpoint=directory("<results>/rl/r1/checkpoint"),
        along=directory("<results>/rl/r1/along"),
        metrics="<results>/rl/r1/metrics.csv",
        memory="<results>/rl/r1/memory.csv",
    log:
        "<logs>/r1.log",
    benchmark:
        "<results>/benchmarks/r1.tsv"
    params:
        stage="r1",
        streams="r1",
        settings=settings("compute", "r1", "sandbox"),
        state=f"{RESULTS}/state/r1",
    message:
        "r1: second RL stage of R1, preference rewards in its last part"


use rule dev3 as distill with:
    input:
        program=f"{CODE}/scripts/finetune.py",
        fits=lambda wildcards: fits("distill"),
        start=CHECKPOINTS["small_base"],
        given_files=given_files("small_base"),
        samples=SFT_DATA,
    output:
        checkpoint=directory("<results>/rl/distill"),
        metrics="<results>/rl/distill_metrics.csv",
    log:
        "<logs>/distill.log",
    benchmark:
        "<results>/benchmarks/distill.tsv"
    params:
        stage="distill",
        streams="distill",
        settings=settings("compute", "distill"),
        state=f"{RESULTS}/state/distill",
    message:
        "distill: fine-tuning the smaller base on what dev2 sampled"


use rule r1_zero as small_zero with:
    input:
        program=f"{CODE}/scripts/reinforce.py",
        fits=lambda wildcards: fits("small_zero"),
        start=STARTS["small_zero"],
        given_files=given_files("small_base"),
        train=rules.prompts.output.train,
        rm_helpful=[],
        rm_safety=[],
    output:
        checkpoint=directory("<results>/rl/small_zero/checkpoint"),
        along=directory("<results>/rl/small_zero/along"),
        metrics="<results>/rl/small_zero/metrics.csv",
        memory="<results>/rl/small_zero/memory.csv",
    log:
        "<logs>/small_zero.log",
    benchmark:
        "<results>/benchmarks/small_zero.tsv"
    params:
        stage="small_zero",
        streams="small_zero",
        settings=settings("compute", "small_zero", "sandbox"),
        state=f"{RESULTS}/state/small_zero",
    message:
        "small_zero: reinforcement learning from the smaller base, to compare with distill"


rule rl:
    """Target: R1-Zero, the ladder to R1 and the students."""
    input:
        rules.pilot.output,
        rules.r1_zero.output,
        unless_given("dev2", rules.dev2.output),
        unless_given("sft_data", rules.sft_data.output),
        unless_given("dev3", rules.dev3.output),
        rules.r1.output,
        rules.distill.output,
        rules.small_zero.output,
