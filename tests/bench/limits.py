# SPDX-License-Identifier: Apache-2.0
"""What the machine itself can do: rate of matrix products, memory bandwidth.

Units    FLOP per second (a multiplication and an addition are two); bytes per second, those read
         plus those written
Choices  A CPU is tried in two ways, all cores inside one product and one product per core side by
         side; the better one counts. The median of the repetitions of the best size is the limit.
"""

import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

SIZES = {"cpu": (256, 512, 1024, 2048), "cuda": (2048, 4096, 8192)}
BANDWIDTH_ELEMENTS = {"cpu": 2**25, "cuda": 2**28}  # float32: larger than any cache
REPETITIONS = 7
SHORTEST_SECONDS = 0.05  # a repetition runs its operation as often as it takes to last so long


def cores() -> int:
    """Return the processors that this process may use."""
    return len(os.sched_getaffinity(0))


def seconds_per_call(operation: Callable[[], object], device: str) -> list[float]:
    """Time an operation; return seconds per call of each repetition, after a warm-up."""
    _timed(operation, 2, device)
    calls = max(1, round(SHORTEST_SECONDS / max(_timed(operation, 1, device), 1e-9)))
    return [_timed(operation, calls, device) / calls for _ in range(REPETITIONS)]


def _timed(operation, calls: int, device: str) -> float:
    if device == "cuda":
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(calls):
            operation()
        end.record()
        torch.cuda.synchronize()
        return begin.elapsed_time(end) / 1000
    started = time.perf_counter()
    for _ in range(calls):
        operation()
    return time.perf_counter() - started


def product_rates(device: str, dtype: torch.dtype) -> list[dict]:
    """Measure square matrix products of several sizes; a row of figures for each way and size."""
    rows = []
    for size in SIZES[device]:
        pairs = [
            [torch.randn(size, size, device=device).to(dtype) for _ in range(3)]
            for _ in range(cores() if device == "cpu" else 1)
        ]
        ways = {"one product": lambda pairs=pairs: torch.mm(pairs[0][0], pairs[0][1])}
        pool = None
        if device == "cpu":
            pool = ThreadPoolExecutor(len(pairs), initializer=lambda: torch.set_num_threads(1))
            ways["a product per core"] = lambda pairs=pairs, pool=pool: list(
                pool.map(lambda three: torch.mm(three[0], three[1], out=three[2]), pairs)
            )
        for way, operation in ways.items():
            products = len(pairs) if way == "a product per core" else 1
            seconds = seconds_per_call(operation, device)
            rates = [products * 2 * size**3 / s for s in seconds]
            rows.append({"size": size, "way": way, **_summary(rates)})
        if pool is not None:
            pool.shutdown()
    return rows


def bandwidths(device: str) -> list[dict]:
    """Measure copying and a sum of two arrays; a row of figures for each."""
    size = BANDWIDTH_ELEMENTS[device]
    one, two, result = (torch.ones(size, device=device) for _ in range(3))
    ways = {
        "copy": (2, lambda: result.copy_(one)),
        "triad": (3, lambda: torch.add(one, two, alpha=3.0, out=result)),
    }
    return [
        {"way": way, **_summary([touched * 4 * size / s for s in seconds_per_call(call, device)])}
        for way, (touched, call) in ways.items()
    ]


def _summary(rates: list[float]) -> dict[str, float]:
    return {"median": statistics.median(rates), "lowest": min(rates), "highest": max(rates)}


def measure(device: str) -> dict:
    """Return all figures and the best median of each kind.

    float32, bfloat16 in FLOP per second; bandwidth in bytes per second.
    """
    torch.set_num_threads(cores())
    products = {
        name: product_rates(device, getattr(torch, name)) for name in ("float32", "bfloat16")
    }
    copies = bandwidths(device)
    best = {name: max(row["median"] for row in rows) for name, rows in products.items()}
    best["bandwidth"] = max(row["median"] for row in copies)
    return {"best": best, "products": products, "bandwidths": copies}


def contestant(device: str, turns) -> None:
    """Measure in a process of its own, so that no thread pool stays behind."""
    while turns.wait():
        turns.report(**measure(device))
