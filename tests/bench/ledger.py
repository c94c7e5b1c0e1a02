# SPDX-License-Identifier: Apache-2.0
"""How long it takes to verify and price a ledger of 10^4, 10^5 and 10^6 attempts.

A ledger as a large lab would have it is made once a size: attempts of several stages on nodes of
eight H800 and A100, one in ten failed, inputs and outputs with checksums, one seal in between.
Then `audit.py verify` runs on its folder in a process of its own: chain, both roots, form of
each line, times, overlaps of GPUs, FLOP against peaks, and the bill recomputed from the ledger's
prices against the table beside it. Prints Markdown; writes a JSON record with every round.

    python tests/bench/ledger.py --record record.json
"""

import argparse
import heapq
import itertools
import json
import math
import os
import random
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import record
from shapes import ROOT
from turns import machine_busy_seconds

sys.path.insert(0, str(ROOT / "workflow/scripts"))

from r1repro.audit.ledger.entries import genesis, line_of, prices_entry
from r1repro.audit.ledger.fields import NO_LINE
from r1repro.audit.ledger.heads import LEDGER, Head, write_heads
from r1repro.audit.ledger.merkle import Accumulator, leaf_hash
from r1repro.audit.ledger.proofs import consistency
from r1repro.audit.ledger.scan import scan
from r1repro.audit.prices import load_prices
from r1repro.audit.stage_cost import COLUMNS, cells
from r1repro.files import sha256_bytes, sha256_file, sha256_text

SIZES = (10_000, 100_000, 1_000_000)
STAGES = ("base", "pilot", "dev1", "r1_zero", "dev2", "sft_data", "dev3", "r1", "score", "curve")
DEVICES = (("NVIDIA H800", 64), ("NVIDIA A100-SXM4-80GB", 16))
BEGUN = datetime(2025, 1, 1, tzinfo=UTC)
PRICES = ROOT / "config/prices.yaml"


def moment(milliseconds: int) -> str:
    """Return a time of the ledger so long after its beginning."""
    at = BEGUN + timedelta(milliseconds=milliseconds)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def attempts(size: int) -> Iterator[dict]:
    """Yield attempts in the order in which they begin; 80 nodes make a million in a year."""
    draw = random.Random(size)
    nodes = [(draw.randrange(60_000), node) for node in range(sum(n for _, n in DEVICES))]
    heapq.heapify(nodes)
    for number in range(size):
        start, node = nodes[0]
        elapsed = draw.randrange(60_000, 4_500_000)
        heapq.heapreplace(nodes, (start + elapsed + draw.randrange(2_001, 60_000), node))
        yield attempt(number, node, start, elapsed, draw)


def attempt(number: int, node: int, start: int, elapsed: int, draw: random.Random) -> dict:
    """Return one attempt of a node of eight GPUs."""
    stage = draw.choice(STAGES)
    code = 1 if draw.random() < 0.1 else 0
    device = DEVICES[0][0] if node < DEVICES[0][1] else DEVICES[1][0]
    digest = sha256_text(str(number))
    made = {f"results/rl/{stage}/checkpoint": digest, f"results/rl/{stage}/metrics.csv": digest}
    return {
        "kind": "attempt",
        "attempt_id": f"20250101T000000Z-{number}-{digest[:8]}",
        "stage": stage,
        "part": f"run_{draw.randrange(100)}" if stage in ("score", "curve") else "",
        "scale": "node",
        "seed": 1 + node,
        "purpose": "preparatory" if stage in ("base", "pilot", "dev1") else "final",
        "planned_device": "H800",
        "outcome": "failed" if code else "completed",
        "exit_code": code,
        "signal": None,
        "torn": False,
        "device": device,
        "device_uuids": [f"GPU-{node:04x}{n:04x}-0000-4000-8000-000000000000" for n in range(8)],
        "host": f"node{node:03d}",
        "nodes": 1,
        "gpus_per_node": 8,
        "cpu_cores": 96,
        "slurm_job_id": str(1_000_000 + number),
        "started_utc": moment(start),
        "ended_utc": moment(start + elapsed),
        "elapsed_ms": elapsed,
        "tokens_generated": elapsed * 4,
        "tokens_trained": elapsed * 5,
        "flop": elapsed * 10**11,
        "step": 400,
        "steps_total": 400,
        "energy_microjoules": elapsed * 5_600_000,
        "energy_source": "estimated",
        "precision": "bfloat16",
        "wandb_run_id": digest[:8],
        "git_commit": digest[:40],
        "git_dirty": False,
        "code_digest": digest,
        "settings_sha256": digest,
        "inputs": {"/data/train.jsonl": digest, "/models/base/checkpoint": digest},
        "outputs": {} if code else made,
        "record": f"attempts/{stage}/20250101T000000Z-{number}-{digest[:8]}.jsonl",
        "record_bytes": 6000,
        "record_sha256": digest,
    }


def make(folder: Path, size: int) -> int:
    """Write a sealed ledger of so many attempts and its bill; return the ledger's bytes."""
    cost = folder / "cost"
    preferred = [row for row in load_prices(PRICES) if row.unit == "gpu_hour"]
    first = genesis(
        results="results", scale="node", seed=1, commit=("unknown", "unknown"),
        configuration=sha256_text(""), now=moment(0),
    )  # fmt: skip
    cost.mkdir(parents=True)
    tree, leaves, previous, heads = Accumulator(), bytearray(), NO_LINE, []
    with open(cost / LEDGER, "wb") as handle:
        begun = (first, prices_entry(preferred, sha256_file(PRICES)))
        for entry in itertools.chain(begun, attempts(size)):
            line = line_of(entry, tree.size, previous)
            previous = sha256_bytes(line)
            handle.write(line + b"\n")
            leaf = leaf_hash(line)
            tree.add(leaf)
            leaves += leaf
            if tree.size in (size // 2, size + 2):
                proof = consistency(bytes(leaves), heads[-1].size) if heads else None
                now = entry["started_utc"]
                heads.append(Head(tree.size, tree.root().hex(), now, proof))
    write_heads(cost, heads)
    rows = scan(cost / LEDGER).part.tally.rows(preferred)
    table = [",".join(COLUMNS)] + [",".join(cells(row).values()) for row in rows]
    (cost / "cost_by_stage.csv").write_text("\n".join(table) + "\n", encoding="utf-8")
    return (cost / LEDGER).stat().st_size


def child(folder: Path) -> None:
    """Verify once and print seconds, processor seconds and the peak of all processes."""
    command = [sys.executable, str(ROOT / "workflow/scripts/audit.py"), "verify", str(folder)]
    started, busy = time.perf_counter(), machine_busy_seconds()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = used.ru_utime + used.ru_stime
    others = machine_busy_seconds() - busy - own
    if done.returncode != 0:
        sys.exit(f"audit.py ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr}")
    shown = {
        "seconds": seconds,
        "processor_seconds": own,
        "disturbed": max(others, 0.0) / (seconds * (os.cpu_count() or 1)),
    }
    print(json.dumps(shown))


def peak_bytes(folder: Path) -> int:
    """Return the largest sum of the memory of a verification and its processes."""
    command = [sys.executable, str(ROOT / "workflow/scripts/audit.py"), "verify", str(folder)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    peak = 0
    while process.poll() is None:
        peak = max(peak, _proportional_bytes(process.pid))
        time.sleep(0.1)
    return peak


def _proportional_bytes(group: int) -> int:
    """Add up the proportional set size of all processes of a group: shared pages count once."""
    total = 0
    for status in Path("/proc").glob("[0-9]*"):
        try:
            fields = (status / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            if int(fields[2]) == group:
                words = (status / "smaps_rollup").read_text(encoding="utf-8").split()
                total += int(words[words.index("Pss:") + 1]) * 1024
        except (OSError, ValueError):
            continue
    return total


def measure(size: int, rounds: int, folder: Path) -> dict:
    """Make a ledger and verify it several times, each in a process of its own."""
    found = {"attempts": size, "ledger_bytes": make(folder, size), "rounds": []}
    for _ in range(rounds):
        command = [sys.executable, __file__, "--child", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found["rounds"].append(json.loads(done.stdout))
    found["peak_bytes"] = peak_bytes(folder)
    return found


def growth(sizes: list[dict]) -> float | None:
    """Return the exponent of the growth between the largest two sizes: 1 is linear."""
    if len(sizes) < 2:
        return None
    small, large = sizes[-2:]
    seconds = [statistics.median(r["seconds"] for r in each["rounds"]) for each in (small, large)]
    return math.log(seconds[1] / seconds[0]) / math.log(large["attempts"] / small["attempts"])


def table(sizes: list[dict]) -> str:
    """Return the figures as Markdown."""
    rows = []
    for each in sizes:
        seconds = [entry["seconds"] for entry in each["rounds"]]
        processor = [entry["processor_seconds"] for entry in each["rounds"]]
        disturbed = statistics.median(entry["disturbed"] for entry in each["rounds"])
        rows.append(
            [
                f"{each['attempts']:,}".replace(",", "\u202f"),
                f"{each['ledger_bytes'] / 1e6:.0f}",
                record.spread(seconds),
                record.spread(processor),
                f"{each['peak_bytes'] / 1e6:.0f}",
                record.percent(disturbed),
            ]
        )
    head = ["attempts", "ledger, MB", "seconds", "processor seconds", "peak, MB", "others took"]
    shown = record.table(head, rows)
    exponent = growth(sizes)
    if exponent is not None:
        shown += f"\n\nGrowth between the largest two: attempts to the power of {exponent:.2f}."
    return shown


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    cli.add_argument("--rounds", type=int, default=5)
    cli.add_argument("--record", type=Path, help="write every figure there as JSON")
    cli.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = cli.parse_args()
    if args.child is not None:
        child(args.child)
        return
    sizes = []
    for size in args.sizes:
        with tempfile.TemporaryDirectory() as folder:
            sizes.append(measure(size, args.rounds, Path(folder) / "results"))
    print("### Verify and price a ledger\n\n" + table(sizes))
    if args.record:
        command = "python tests/bench/ledger.py " + shlex.join(sys.argv[1:])
        kept = {"command": command, "machine": record.machine(), "sizes": sizes}
        record.write(args.record, kept | {"growth_exponent": growth(sizes)})


if __name__ == "__main__":
    main()
