# SPDX-License-Identifier: Apache-2.0
"""
Takes   results/attempts (all attempts, also failed ones), config/prices.yaml
Makes   results/cost: ledger.jsonl, a line an attempt, hash-chained; seal.json, its Merkle roots;
        ledger.root, the last root, for publishing and signing
Keeps   all three: a seal only appends, so they are updated and never removed
"""


rule seal:
    """Seal every attempt of the run in a ledger that only grows."""
    input:
        program=f"{CODE}/scripts/seal.py",
        prices=f"{CONFIG}/prices.yaml",
        # new whenever a stage ran anew, also when its results are the same: then so is the bill
        ran=expand("<results>/benchmarks/{stage}.tsv", stage=BILLED),
    output:
        ledger=update("<results>/cost/ledger.jsonl"),
        seal=update("<results>/cost/seal.json"),
        root=update("<results>/cost/ledger.root"),
    log:
        "<logs>/seal.log",
    benchmark:
        "<results>/benchmarks/seal.tsv"
    localrule: True
    conda:
        "../../envs/cost.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="10m",
        # a resource: another configuration alone is no reason to seal again
        configuration=configuration_digest(),
    params:
        settings=settings("cost"),
        state=f"{RESULTS}/state/seal",
        attempts=f"{RESULTS}/attempts",
        code=code_digest("seal"),
    message:
        "seal: entering every attempt into the ledger"
    shell:
        r"""
        PYTHONHASHSEED=0 \
            python {input.program:q} \
            --settings {params.settings:q} --gpus 0 --state {params.state:q} \
            --attempts {params.attempts:q} --code {params.code:q} \
            --prices {input.prices:q} --configuration {resources.configuration:q} \
            --out-ledger {output.ledger:q} --out-seal {output.seal:q} --out-root {output.root:q} \
            >{log:q} 2>&1
        """
