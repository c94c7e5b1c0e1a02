# SPDX-License-Identifier: Apache-2.0
"""How fast the native engine is beside TRL and transformers, and beside the machine's limits.

Needs a finished miniature (`make reproduce`) for its checkpoint, tokenizer and prompts. Measures
the machine first, then each shape; every peer runs in a process of its own and they take turns.
Prints Markdown; writes a JSON record with every round. Use an otherwise idle machine.

    python tests/bench/speed.py --shape mini fixed fixed_qwen2 --record record.json
"""

import argparse
import shlex
import sys
import tempfile
from functools import partial
from pathlib import Path

import limits
import native
import operations
import peers
import record
import report
from shapes import NAMES, NEEDS_CUDA, ROOT, BenchError, Work, prepare
from turns import interleave

PARTS = ("update", "rollout", "step", "operations", "memory")
PRECISIONS = ("float32", "bfloat16")
MEMORY_TIMES = (1, 4, 16)
# TRL keeps the samples of a rollout in one padded batch; sixteen of them may not fit.
MEMORY_TIMES_TRL = (1, 4)


ENTERED = {
    "update": (native.updates, "TRL", peers.updates),
    "rollout": (native.rollout, "transformers", peers.rollout),
    "step": (native.step, "TRL", peers.step),
    "operations": (operations.profile, None, None),
}


def contestants(part: str, work: Work, precisions: list[str]) -> dict[str, tuple]:
    """Return who takes part: the native engine and each peer in each precision."""
    if part in ("step", "operations"):
        [given] = interleave({"native": (native.give_rollout, work)}, 1, warm=0)["native"]
        if "error" in given:
            raise BenchError(f"the native engine cannot sample {work.name}: {given['error']}")
        work = (work, given["chosen"], given["groups"])
    ours, name, peer = ENTERED[part]
    entered = {"native": (ours, work)}
    for precision in precisions if peer else ():
        entered[f"{name} {precision}"] = (partial(peer, precision=precision), work)
    return entered


def peak_memory(work: Work) -> dict[str, list[dict]]:
    """Measure the added memory of one rollout and its updates at several rollout sizes."""
    rounds = {}
    for times in MEMORY_TIMES:
        larger = work.with_rollouts_of(times)
        entered = {f"native {times}x": (native.memory, larger)}
        if times in MEMORY_TIMES_TRL:
            entered[f"TRL float32 {times}x"] = (partial(peers.updates, precision="float32"), larger)
        for name, contestant in entered.items():
            rounds |= interleave({name: contestant}, 1, warm=0)
    return rounds


def measure_shape(work: Work, args: argparse.Namespace, best: dict) -> dict:
    """Measure the asked parts of one shape and print their tables."""
    measured = {}
    for part in (part for part in PARTS if part in args.parts):
        if part == "memory":
            measured[part] = peak_memory(work)
        else:
            entered = contestants(part, work, args.precisions)
            measured[part] = interleave(entered, args.rounds, args.warm)
        print("\n" + report.SECTIONS[part](work, measured[part], best), flush=True)
    return {"settings": work.settings, "compute": work.compute, **measured}


def parse(words: list[str] | None) -> argparse.Namespace:
    cli = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cli.add_argument("--shape", nargs="+", choices=NAMES, default=["mini", "fixed", "fixed_qwen2"])
    cli.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    cli.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    cli.add_argument("--rounds", type=int, default=5, help="counted rounds of each contestant")
    cli.add_argument("--warm", type=int, default=1, help="rounds before them")
    cli.add_argument("--results", type=Path, default=ROOT / "results", help="folder of a run")
    cli.add_argument("--checkpoint", type=Path, help="of `mini`; default: step 48 of that run")
    cli.add_argument("--precision", help="compute.precision of the native engine")
    cli.add_argument("--record", type=Path, help="write every figure there as JSON")
    return cli.parse_args(words)


def main() -> None:
    args = parse(None)
    command = "python tests/bench/speed.py " + shlex.join(sys.argv[1:])
    kept = {"command": command, "machine": record.machine(), "shapes": {}}
    print(report.machine(kept["machine"], command), flush=True)
    device = "cuda" if kept["machine"]["gpu"] else "cpu"
    [kept["limits"]] = interleave({"it": (limits.contestant, device)}, 1, warm=0)["it"]
    print("\n" + report.limits(kept["limits"]), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in args.shape:
            if name in NEEDS_CUDA and device == "cpu":
                print(f"\n{name}: not measured, it needs a CUDA device and none is here")
                continue
            work = prepare(name, args.results, args.checkpoint, Path(folder), args.precision)
            print(f"\n## {name}\n\n{report.settings(work)}", flush=True)
            kept["shapes"][name] = measure_shape(work, args, kept["limits"]["best"])
    if args.record:
        record.write(args.record, kept)
        print(f"\nEvery round is in {args.record}")


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(f"error: {error}")
