# SPDX-License-Identifier: Apache-2.0
"""What a benchmark ran on, and how its figures are shown: Markdown tables and a JSON record."""

import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import time
from pathlib import Path

from shapes import ROOT

PACKAGES = ("torch", "transformers", "trl", "accelerate", "datasets", "tokenizers")
FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")


def machine() -> dict:
    """Describe processor, memory, GPU and versions; no host name, no path."""
    import torch

    words = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = next((x for x in words.splitlines() if x.startswith("model name")), ": unknown")
    flags = set(words.split())
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": model.split(":", 1)[1].strip(),
        "instructions": [flag for flag in FLAGS if flag in flags],
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": pages,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "commit": _commit(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, check=False
        ).stdout.strip()

    changed = " with local changes" if git("status", "--porcelain") else ""
    return (git("rev-parse", "--short", "HEAD") or "unknown") + changed


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table; the first column is text, the others are numbers."""
    marks = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [head, marks, *rows])


def spread(values: list[float]) -> str:
    """Return the median and, in brackets, the lowest and the highest value."""
    median, low, high = (short(pick(values)) for pick in (statistics.median, min, max))
    return f"{median} [{low}, {high}]"


def short(value: float) -> str:
    """Return a number with three digits, or all digits before the point."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def percent(share: float) -> str:
    """Return a share as a percentage."""
    return f"{100 * share:.0f} %"


def write(path: Path, record: dict) -> None:
    """Write the record as JSON, rounded to six digits, a line for each of its sections."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sections = (
        f"{json.dumps(name)}: {json.dumps(_rounded(part), ensure_ascii=False)}"
        for name, part in record.items()
    )
    path.write_text("{" + ",\n".join(sections) + "}\n", encoding="utf-8")


def _rounded(value):
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value
