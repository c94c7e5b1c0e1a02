# SPDX-License-Identifier: Apache-2.0
"""
Takes   config/claims.yaml, results/published/nature and mini (committed evidence), the tables of
        the run (scores, curves, training figures, bill) and of further seeds named in RUNS
Makes   results/claims: claims.csv, a verdict a check; manifest.json, what the verdicts rest on
"""

# Folders of runs that are judged together, one a seed. What a run has not made (controls, without
# `snakemake full`) leaves the experiments that need it undecided.
OTHER_RUNS = [f"results/seeds/{seed}" for seed in config["seeds"] or [] if seed != config["seed"]]
RUNS = ["<results>", *OTHER_RUNS]
# The seeds that judge the experiments of a run that is alone; each list vouches for its tables.
SEED_SUMS = sorted(map(str, Path(f"{PUBLISHED}/mini").glob("seed_*/SHA256SUMS")))


rule claims:
    """Judge every claim of the paper from its own numbers and from the runs."""
    input:
        program=f"{CODE}/scripts/claims.py",
        whole_run=whole_run,
        claims=f"{CONFIG}/claims.yaml",
        # it vouches for every published table, and the program refuses one that differs
        sums=f"{PUBLISHED}/nature/SHA256SUMS",
        seeds=SEED_SUMS,
        scores=rules.scores.output.scores,
        ladder=rules.ladder.output,
        curves=expand("<results>/rl/{stage}/curve.csv", stage=CURVES),
        metrics=expand("<results>/rl/{stage}/metrics.csv", stage=CURVES),
        filter=rules.risk_control.output.filter,
        decontamination=rules.prompts.output.recall,
        cost_model=rules.cost_model.output.table,
        # several seeds are judged with their controls: `make reproduce-full` has made them
        controls=[
            f"{run}/evaluate/{checkpoint}/questions.csv"
            for run in (RUNS if OTHER_RUNS else [])
            for checkpoint in CONTROLS
        ],
        bill=rules.stage_cost.output.table,
    output:
        claims=report(
            "<results>/claims/claims.csv",
            caption="../report/claims.rst",
            category="Claims",
        ),
        manifest="<results>/claims/manifest.json",
    log:
        "<logs>/claims.log",
    benchmark:
        "<results>/benchmarks/claims.tsv"
    localrule: True
    conda:
        "../../envs/cost.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="10m",
    params:
        settings=settings(),
        state=f"{RESULTS}/state/claims",
        attempts=f"{RESULTS}/attempts",
        tables=lambda wildcards, input: str(Path(input.sums).parent),
        runs=[*map(placed, RUNS)],
        published=lambda wildcards, input: [str(Path(sums).parent) for sums in input.seeds],
        code=code_digest("claims"),
    message:
        "claims: judging every claim of the paper"
    shell:
        r"""
        PYTHONHASHSEED=0 \
            python {input.program:q} \
            --settings {params.settings:q} --gpus 0 --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --claims {input.claims:q} --tables {params.tables:q} --runs {params.runs:q} \
            --published {params.published:q} \
            --out-claims {output.claims:q} --out-manifest {output.manifest:q} \
            >{log:q} 2>&1
        """


rule verdicts:
    """Target: a verdict for every claim of the paper."""
    input:
        rules.claims.output,
