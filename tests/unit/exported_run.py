# SPDX-License-Identifier: Apache-2.0
"""A run small enough to be worked by hand, with every kind of attempt, and its exports.

By hand   base        CPU X, 2 cores: 12 s superseded, 18 s preparatory; 0.05 USD a core-hour
          r1_zero     8 x H800, 2.00 USD a GPU-hour: killed after 0.5 h (4 GPU-hours, 8 USD; its
                      last line is torn), then final in 1 h (8 GPU-hours, 16 USD)
          curve       one H800, 6 minutes: 0.1 GPU-hours, 0.20 USD
          score       three parts on one H800, 1,000,000 ms each: 5/18 h, together 5/6 h
          rm_safety   one A99, which no price names: failed after 15 minutes
          claims      makes the report: has a record, is in no bill
"""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from r1repro.audit.exports.folder import Source, load, write_exports
from r1repro.audit.prices import load_prices, preferred_rows
from r1repro.files import sha256_text

HOUR = 3_600_000
PRICES = """\
prices:
- {id: h800, sku: H800-80GB, devices: ["NVIDIA H800"], unit: gpu_hour, price: "2.00",
   currency: USD, basis: list, region: R, as_of: "2026", source: own, confidence: own, note: ""}
- {id: cpu_x, sku: CPU-X, devices: ["CPU X"], unit: core_hour, price: "0.05",
   currency: USD, basis: list, region: R, as_of: "2026", source: own, confidence: own, note: ""}
"""
BASIS = ["h800", "cpu_x"]
RL = {
    "algorithm": "grpo", "questions_per_update": 4, "group_size": 8, "row_tokens": 256,
    "updates": 10, "learning_rate": 1e-4, "betas": [0.9, 0.95], "weight_decay": 0.0,
    "gradient_clip_norm": 1.0, "warmup_updates": 2, "temperature": 1.0,
}  # fmt: skip
SETTINGS = {"r1_zero": RL, "compute": {"tokens_per_pass": 1024}, "scale": "mini", "seed": 1}
EVALUATE = {"curve_prompts_per_category": 3, "samples": 4, "temperature": 0.6, "top_p": 0.95}
MANIFEST = {
    "files": {
        "train.jsonl": {"records": 100, "by_category": {}},
        "test.jsonl": {
            "records": 13,
            "by_category": {
                "math": {"records": 5}, "code": {"records": 2}, "general": {"records": 6},
            },
        },
    }
}  # fmt: skip
METRICS = "".join(["update,learning_rate\n", "1,5e-05\n"] + [f"{n},0.0001\n" for n in range(2, 11)])
CURVE = "step,pass1\n0,0.125\n10,0.75\n"
CLAIMS = (
    "claim,check,verdict\nfirst,1,consistent\nfirst,2,inconsistent\nthird,1,undecided\n"
    "fourth,1,plausible\n"
)
TABLES = {
    "rl/r1_zero/metrics.csv": METRICS,
    "rl/r1_zero/curve.csv": CURVE,
    "claims/claims.csv": CLAIMS,
    "cost/cost_by_stage.csv": "stage,cost_usd\nr1_zero,24\n",
}
UNKNOWN_ENERGY = {"microjoules": None, "source": "unknown"}


def attempt(folder: Path, name: str, stage: str, minute: int, ms: int, **changes) -> Path:
    """Write a record that begins `minute` minutes after 2026-03-01 10:00 UTC; return its file.

    exit_code None is a kill: no end, and a torn last line.
    """
    given = {
        "part": "", "purpose": "final", "device": "NVIDIA H800", "gpus_per_node": 1, "nodes": 1,
        "cpu_cores": 16, "exit_code": 0, "inputs": {}, "outputs": {}, "settings": SETTINGS,
        "steps": (), "config_digest": "c" * 64,
    } | changes  # fmt: skip
    begun = datetime.fromisoformat("2026-03-01T10:00:00+00:00") + timedelta(minutes=minute)

    def at(elapsed: int) -> dict:
        now = begun + timedelta(milliseconds=elapsed)
        text = now.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        return {"time_utc": text, "elapsed_ms": elapsed}

    steps, exit_code = given.pop("steps"), given.pop("exit_code")
    outputs = given.pop("outputs")
    begin = {"kind": "begin", "attempt_id": name, "stage": stage, **at(0), **given} | {
        "scale": "mini", "seed": 1, "host": "box", "slurm_job_id": None, "git_commit": "f" * 40,
        "git_dirty": False, "code_digest": "d" * 64, "process_seconds_before": 2.5,
        "packages": {"snakemake": "9.27.1"},
    }  # fmt: skip
    used = {
        "tokens_generated": 7, "tokens_trained": 5, "flop": 10**21, "energy": UNKNOWN_ENERGY,
        "wandb_run_id": None, "precision": "float32", "total": 10,
    }  # fmt: skip
    lines = [begin]
    lines += [{"kind": "heartbeat", **at(then), **used, "step": step} for then, step in steps]
    kind = "heartbeat" if exit_code is None else "end"
    last = {"kind": kind, **at(ms), **used, "step": RL["updates"] if stage in SETTINGS else None}
    if exit_code is None:
        last["step"] = 4
    else:
        last |= {"exit_code": exit_code, "outputs": outputs}
    text = "".join(json.dumps(line) + "\n" for line in [*lines, last])
    path = folder / stage / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + ('{"kind": "heart' if exit_code is None else ""), encoding="utf-8")
    return path


def write_run(root: Path) -> None:
    """Write results and the workflow's files below `root`."""
    results = root / "results"
    manifest = {"claims": {"path": "config/claims.yaml", "sha256": "e" * 64}}
    texts = {f"results/{name}": text for name, text in TABLES.items()} | {
        "results/data/prompts_manifest.json": json.dumps(MANIFEST),
        "results/claims/manifest.json": json.dumps(manifest),
        "Snakefile": "rule all:\n    input: []\n",
        "config/prices.yaml": PRICES,
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    made = {f"results/{name}": sha256_text(text) for name, text in TABLES.items()}
    metrics = {"results/rl/r1_zero/metrics.csv": made["results/rl/r1_zero/metrics.csv"]}
    curve = {"results/rl/r1_zero/curve.csv": made["results/rl/r1_zero/curve.csv"]}
    base = {"results/prepare/base": "a" * 64}
    cpu = {"device": "CPU X", "gpus_per_node": 0, "cpu_cores": 2, "purpose": "preparatory"}
    node, folder = {"gpus_per_node": 8, "inputs": base}, results / "attempts"
    attempt(folder, "a01", "base", 0, 12_000, outputs=base, **cpu)
    attempt(folder, "a02", "base", 1, 18_000, outputs=base, **cpu)
    attempt(folder, "a03", "r1_zero", 10, HOUR // 2, exit_code=None, steps=((1000, 2),), **node)
    attempt(folder, "a04", "r1_zero", 50, HOUR, outputs=metrics, steps=((2000, 6),), **node)
    settings = SETTINGS | {"evaluate": EVALUATE}
    attempt(
        folder, "a05", "curve", 120, HOUR // 10,
        part="r1_zero", inputs=metrics, outputs=curve, settings=settings,
    )  # fmt: skip
    for number, part in enumerate("xyz"):
        scores = {f"results/evaluate/{part}/scores.csv": "b" * 64}
        attempt(folder, f"a06{part}", "score", 130 + 20 * number, 1_000_000, part=part,
                outputs=scores)  # fmt: skip
    attempt(folder, "a07", "rm_safety", 200, HOUR // 4, device="NVIDIA A99", exit_code=1)
    verdicts = {"results/claims/claims.csv": made["results/claims/claims.csv"]}
    attempt(folder, "a08", "claims", 220, 1000, inputs=curve, outputs=verdicts)
    cost = SETTINGS | {"cost": {"price_basis": BASIS}}
    attempt(folder, "a09", "exports", 230, 500, settings=cost)


class Exported:
    """The run and its exports below a folder."""

    def __init__(self, root: Path):
        self.root, self.results = root, root / "results"
        self.attempts, self.folder = self.results / "attempts", self.results / "exports"
        self.prices_file = root / "config" / "prices.yaml"
        self.prices = preferred_rows(load_prices(self.prices_file), BASIS)

    def source(self) -> Source:
        """Return what the exports are made of."""
        return Source(
            results=self.results,
            attempts=self.attempts,
            stages=("r1_zero",),
            tables=tuple(self.results / name for name in TABLES),
            workflow={"Snakefile": self.root / "Snakefile", "config/prices.yaml": self.prices_file},
            about="scale mini, seed 1",
            leave_out="a09",
        )

    def load(self):
        """Read records and bill."""
        return load(self.source(), self.prices)

    def write(self) -> None:
        """Write all exports."""
        self.folder.mkdir()
        write_exports(self.folder, self.source(), self.load())


def exported_run(root: Path) -> Exported:
    """Write the run and its exports."""
    write_run(root)
    run = Exported(root)
    run.write()
    return run


TOTAL_USD = (  # priced attempts only: 8 + 16 + 0.20 + 2 x 5/6 h and 2 x 30 s x 0.05
    Decimal("8") + Decimal("16") + Decimal("0.20") + Decimal("1.666666666")
    + Decimal("0.006666667") * Decimal("0.05") + Decimal("0.010000000") * Decimal("0.05")
)  # fmt: skip
