# SPDX-License-Identifier: Apache-2.0
"""Measure the numbers that README and docs/results.md state: `make measure`.

For each seed: a fresh clone of HEAD in a new folder whose name holds a space, `make setup`, the
workflow, and a second `snakemake` with nothing to do. With --repeat the first seed is run once more
in another clone and every weight file and result table is compared by SHA-256. Prints Markdown.

    python tests/bench/measure.py --seeds 1 2 3 --repeat --work /some/disk
"""

import argparse
import csv
import hashlib
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RSS_UNITS = 2**30 if sys.platform == "darwin" else 2**20  # of ru_maxrss in a gigabyte
# Everything but times, hosts and paths: what must be the same bytes in a second run.
COMPARED = (
    "results/data/*.json*",
    "results/prepare/*/*",
    "results/rl/r1_zero/checkpoint/*",
    "results/rl/r1_zero/along/*/*",
    "results/rl/r1_zero/curve.csv",
    "results/evaluate/**/*.csv",
    "results/evaluate/**/*.jsonl",
    "results/cost/paper_cost.csv",
)


def timed(command: list[str], folder: Path, log: Path) -> float:
    """Run a command, return its wall seconds; stop with the log's name when it fails."""
    started = time.monotonic()
    with open(log, "w", encoding="utf-8") as handle:
        done = subprocess.run(
            command, cwd=folder, stdout=handle, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode != 0:
        sys.exit(f"error: {' '.join(command)} ended with {done.returncode}; see {log}")
    return time.monotonic() - started


def peak_gigabytes() -> float:
    """Return the largest resident set of any child process so far."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / RSS_UNITS


def reproduce(work: Path, name: str, seed: int) -> tuple[Path, dict]:
    """Clone, set up, run, run again; return the clone and the figures."""
    clone = work / f"fresh clone {name}"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    snakemake = [str(clone / ".venv/bin/snakemake"), "--config", f"seed={seed}"]
    figures = {
        "setup_seconds": timed(["make", "setup"], clone, work / f"{name}-setup.log"),
        "workflow_seconds": timed(snakemake, clone, work / f"{name}-run.log"),
        "second_run_seconds": timed(snakemake, clone, work / f"{name}-second.log"),
        "peak_gigabytes": peak_gigabytes(),
    }
    return clone, figures | scores(clone)


def scores(clone: Path) -> dict[str, float]:
    """Return the values over all categories by checkpoint and metric."""
    with open(clone / "results/evaluate/scores.csv", encoding="utf-8", newline="") as handle:
        return {
            f"{row['checkpoint']} {row['metric']}": float(row["value"])
            for row in csv.DictReader(handle)
            if row["category"] == "all"
        }


def digests(clone: Path) -> dict[str, str]:
    """Return the SHA-256 of every compared file; Snakemake's own time stamps are not results."""
    return {
        path.relative_to(clone).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for pattern in COMPARED
        for path in sorted(clone.glob(pattern))
        if path.is_file() and path.name != ".snakemake_timestamp"
    }


def table(rows: dict[str, dict]) -> str:
    """Return the figures as Markdown, a column per run."""
    names = list(rows)
    lines = ["| figure | " + " | ".join(names) + " |", "| --- |" + " ---: |" * len(names)]
    for figure in rows[names[0]]:
        cells = " | ".join(f"{rows[name][figure]:.3f}" for name in names)
        lines.append(f"| {figure} | {cells} |")
    return "\n".join(lines)


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("--seeds", type=int, nargs="+", default=[1])
    cli.add_argument("--repeat", action="store_true", help="run the first seed twice and compare")
    cli.add_argument("--work", type=Path, default=None, help="folder for the clones")
    args = cli.parse_args()
    work = args.work or Path(tempfile.mkdtemp(prefix="r1repro bench "))
    work.mkdir(parents=True, exist_ok=True)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    rows = {}
    for seed in args.seeds:
        clone, rows[f"seed {seed}"] = reproduce(work, f"seed {seed}", seed)
        print(f"seed {seed} done in {clone}", flush=True)
    print(table(rows))
    if args.repeat:
        first = digests(work / f"fresh clone seed {args.seeds[0]}")
        again, _ = reproduce(work, "again", args.seeds[0])
        second = digests(again)
        unequal = sorted(k for k in first.keys() | second.keys() if first.get(k) != second.get(k))
        print(f"repeated: {len(first)} files compared, {len(unequal)} differ: {unequal[:5]}")
        sys.exit(bool(unequal))


if __name__ == "__main__":
    main()
