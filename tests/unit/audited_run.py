# SPDX-License-Identifier: Apache-2.0
"""A small run made by hand, as `audit.py verify` finds it: every number can be checked by eye.

prompts (CPU), base (killed, failed, completed; CPU), r1_zero (twice, 8 H800, Slurm, W&B), score of
r1_zero. Sealed after base and again at the end.
"""

import json
import zlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from r1repro.audit.ledger.contents import preferred_prices, read_entries
from r1repro.audit.ledger.contents import records as ledger_records
from r1repro.audit.ledger.sealing import Run, Sealed, seal
from r1repro.audit.prices import PriceRow
from r1repro.audit.stage_cost import COLUMNS, cells, cost_by_stage
from r1repro.files import canonical_json, sha256_path, sha256_text

BEGUN = datetime(2026, 1, 10, 12, 0, 0, tzinfo=UTC)
CPU = {"device": "CPU X", "device_uuids": [], "nodes": 1, "gpus_per_node": 0, "cpu_cores": 2}
GPUS = {
    "device": "NVIDIA H800",
    "device_uuids": [f"GPU-{number}" for number in range(8)],
    "nodes": 1,
    "gpus_per_node": 8,
    "cpu_cores": 96,
}
PRICE = PriceRow(
    id="h800", sku="H800-80GB", devices=("NVIDIA H800",), unit="gpu_hour", price=Decimal("2.00"),
    currency="USD", basis="assumed rental", region="China", source="own", confidence="own", note="",
    as_of="2025-09",
)  # fmt: skip


def utc(seconds: float) -> str:
    """Return a moment of the run."""
    at = BEGUN + timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


class Builder:
    """Writes the files of a run in the order in which they come about."""

    def __init__(self, root: Path):
        self.root, self.results = root, root / "results"
        self.number = 0

    def write(self, name: str, text: str) -> Path:
        """Write a file below results."""
        path = self.results / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def digests(self, names) -> dict[str, str]:
        """Return the checksums of files and folders as records name them."""
        return {f"results/{name}": sha256_path(self.results / name) for name in names}

    def attempt(
        self, stage: str, start: float, seconds: float, *, part: str = "", inputs=(), outputs=(),
        held: dict = CPU, code: int | None = 0, **more,
    ) -> Path:  # fmt: skip
        """Write the record of an attempt; `code` None is one that was killed."""
        self.number += 1
        stamp = (BEGUN + timedelta(seconds=start)).strftime("%Y%m%dT%H%M%SZ")
        ident = f"{stamp}-{self.number}-0000000{self.number}"
        own = {"number": self.number} | more.get("settings", {})
        settings = {"scale": "mini", "seed": 1, stage: own}
        begin = {
            "kind": "begin", "record_version": 1, "attempt_id": ident, "time_utc": utc(start),
            "elapsed_ms": 0, "stage": stage, "part": part, **held,
            "host": more.get("host", "vm"), "slurm_job_id": more.get("job"),
            "process_id": 100 + self.number, "process_seconds_before": 1.5, "git_commit": "c" * 40,
            "git_dirty": False, "packages": {"python": "3.11.7"}, "inputs": self.digests(inputs),
            "inputs_hashed_later": [], "scale": "mini", "purpose": more.get("purpose", "final"),
            "planned_device": None, "gpus_given": held["gpus_per_node"], "seed": 1,
            "settings": settings, "config_digest": sha256_text(canonical_json(settings)),
            "code_digest": "d" * 64,
        }  # fmt: skip
        steps = more.get("steps")
        moments = [seconds / 2, seconds]
        lines = [begin]
        for at in moments:
            share = at / seconds
            lines.append(
                {
                    "kind": "heartbeat", "time_utc": utc(start + at),
                    "elapsed_ms": round(at * 1000),
                    "tokens_generated": round(more.get("tokens", 0) * share),
                    "tokens_trained": 0, "flop": round(more.get("flop", 0) * share),
                    "step": None if steps is None else round(steps * share), "total": steps,
                    "energy": {"microjoules": None, "source": "unknown"},
                    "wandb_run_id": more.get("wandb"), "precision": "float32",
                }
            )  # fmt: skip
        if code is not None:
            lines[-1] |= {"kind": "end", "exit_code": code, "signal": None}
            lines[-1]["outputs"] = {} if code else self.digests(outputs)
        text = "".join(json.dumps(line) + "\n" for line in lines)
        return self.write(f"attempts/{stage}/{ident}.jsonl", text)

    def benchmark(self, name: str, seconds: float) -> None:
        """Write what Snakemake timed."""
        self.write(f"benchmarks/{name}.tsv", f"s\th:m:s\n{seconds:.2f}\t0:00:00\n")

    def wandb(self, run_id: str, start: float, seconds: int, steps: int, code: int | None) -> None:
        """Write an offline run as the W&B client does."""
        folder = f"wandb/offline-run-20260110_120000-{run_id}"
        path = self.write(f"{folder}/run-{run_id}.wandb", "")
        path.write_bytes(offline_run(run_id, start, seconds, steps, code))

    def seal(self, after: float, prices=(PRICE,), table="a" * 64) -> Sealed:
        """Seal what is there so many seconds after the run began."""
        run = Run("results", "mini", 1, ("c" * 40, False), "b" * 64, utc(after))
        cost, attempts = self.results / "cost", self.results / "attempts"
        return seal(cost, self.results, attempts, run, list(prices), table)

    def bill(self) -> None:
        """Write the bill of the ledger."""
        entries = read_entries(self.results / "cost/ledger.jsonl")
        rows = cost_by_stage(ledger_records(entries), preferred_prices(entries))
        lines = [COLUMNS, *(cells(row).values() for row in rows)]
        text = "".join(",".join(line) + "\n" for line in lines)
        self.write("cost/cost_by_stage.csv", text)


def build(root: Path) -> Path:
    """Write the whole run; return its folder of results."""
    made = Builder(root)
    made.write("data/train.jsonl", '{"id": 1}\n')
    made.write("data/test.jsonl", '{"id": 2}\n')
    both = ("data/train.jsonl", "data/test.jsonl")
    made.attempt("prompts", 0, 10, outputs=both, purpose="preparatory")
    made.benchmark("prompts", 12)
    base = {"inputs": ["data/train.jsonl"], "purpose": "preparatory", "flop": 10**12}
    made.attempt("base", 20, 40, code=None, **base)
    made.attempt("base", 70, 30, code=1, **base)
    made.write("prepare/base/config.json", "{}")
    made.write("prepare/base/model.safetensors", "weights")
    made.attempt("base", 110, 100, outputs=["prepare/base"], **base)
    made.benchmark("base", 102.5)
    made.write("prepare/base/.snakemake_timestamp", "")
    made.seal(220)
    reinforce = {"held": GPUS, "steps": 10, "tokens": 1000, "flop": 3 * 10**18}
    reinforce |= {"inputs": ["prepare/base", "data/train.jsonl"]}
    reinforce |= {"settings": {"questions_per_update": 2, "group_size": 4}}
    results = ("rl/r1_zero/checkpoint", "rl/r1_zero/metrics.csv")
    made.write("rl/r1_zero/checkpoint/model.safetensors", "first")
    made.write("rl/r1_zero/metrics.csv", METRICS)
    made.attempt("r1_zero", 300, 3600, outputs=results, job="71", wandb="aaaa1111", **reinforce)
    made.wandb("aaaa1111", 305, 3590, 10, 0)
    made.write("rl/r1_zero/checkpoint/model.safetensors", "second")
    made.attempt("r1_zero", 4000, 1800, outputs=results, job="72", wandb="bbbb2222", **reinforce)
    made.wandb("bbbb2222", 4005, 1790, 10, 0)
    made.benchmark("r1_zero", 1803)
    scored = ["evaluate/r1_zero/samples.jsonl", "evaluate/r1_zero/scores.csv"]
    made.write(scored[0], '{"sample": 1}\n')
    made.write(scored[1], "metric,value\n")
    made.attempt(
        "score", 5900, 50, part="r1_zero", outputs=scored,
        inputs=["rl/r1_zero/checkpoint", "data/test.jsonl"],
    )  # fmt: skip
    made.benchmark("score_r1_zero", 52)
    made.write("published/nature/cost.csv", "a,b\n")
    listed = f"{sha256_path(made.results / 'published/nature/cost.csv')}  cost.csv\n"
    made.write("published/nature/SHA256SUMS", listed)
    made.seal(6000)
    made.bill()
    (root / "sacct.txt").write_text(SACCT, encoding="utf-8")
    return made.results


METRICS = (
    "update,length_mean,length_max,max_response_tokens,tokens_generated,"
    "seconds_rollout,seconds_reference,seconds_reward,seconds_update\n"
) + "".join(f"{update},12.5,40,48,100,100,20,10,30\n" for update in range(1, 11))
HELD = "billing=96,cpu=96,gres/gpu:h800=8,gres/gpu=8,mem=1T,node=1"


def sacct_row(job: str, rule: str, seconds: int, state: str, tres: str = HELD, hour: int = 12):
    """Return one line of Slurm's accounting: a job that began at a full hour."""
    start = datetime(2026, 1, 10, hour, tzinfo=UTC)
    times = "|".join(f"{t:%Y-%m-%dT%H:%M:%S}" for t in (start, start + timedelta(seconds=seconds)))
    return f"{job}|h800|1|{tres}|{seconds}|{state}|{times}|rule_{rule}\n"


SACCT = (
    "JobIDRaw|Partition|NNodes|AllocTRES|ElapsedRaw|State|Start|End|Comment\n"
    + sacct_row("71", "r1_zero", 3610, "COMPLETED")
    + sacct_row("72", "r1_zero", 1808, "COMPLETED")
)


def _varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def _field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def offline_run(run_id: str, start: float, seconds: int, steps: int, code: int | None) -> bytes:
    """Return the bytes of an offline run: header, run, a row a step, exit."""
    at = int((BEGUN + timedelta(seconds=start)).timestamp())
    records = [_field(17, _field(1, run_id.encode()) + _field(17, _field(1, at)))]
    for step in range(1, steps + 1):
        item = _field(2, b"step") + _field(16, str(step).encode())
        records.append(_field(2, _field(1, item)))
    if code is not None:
        # protobuf leaves out a number that is 0
        exit_code = _field(1, code) if code else b""
        records.append(_field(18, exit_code + _field(2, seconds)))
    return framed(records)


def framed(records: list[bytes]) -> bytes:
    """Return records in the framing of a LevelDB log, cut at blocks of 32 KiB."""
    out = b":W&B\xe1\xbe\x00"
    for record in records:
        first = True
        while True:
            left = 32_768 - len(out) % 32_768
            if left < 7:
                out += b"\x00" * left
                continue
            piece, record = record[: left - 7], record[left - 7 :]
            kind = (1 if not record else 2) if first else (4 if not record else 3)
            data = bytes([kind]) + piece
            checksum = zlib.crc32(data).to_bytes(4, "little")
            out += checksum + len(piece).to_bytes(2, "little") + data
            first = False
            if not record:
                break
    return out
