# SPDX-License-Identifier: Apache-2.0
"""Tables of the speed benchmarks, from the rounds that contestants reported."""

import statistics

from arithmetic import PASSES, decode_bytes, forward_flop
from operations import PRODUCTS
from record import percent, spread, table
from shapes import Work
from turns import Ratio, ratio

QUIET = 0.1  # share of the machine that others may take before a table says so


def machine(found: dict, command: str) -> str:
    """Say what ran where."""
    versions = ", ".join(f"{name} {version}" for name, version in found["packages"].items())
    where = f"{found['processor']} ({', '.join(found['instructions'])})"
    return (
        f"Machine: {where}, {found['cores']} cores, {found['memory_bytes'] / 2**30:.0f} GiB; "
        f"GPU: {found['gpu'] or 'none'}\n"
        f"Versions: Python {found['python']}, {versions}; commit {found['commit']}\n"
        f"Time: {found['time']}\nCommand: `{command}`"
    )


def limits(found: dict) -> str:
    """Show the best rates and how they were reached."""
    rows = []
    for kind in ("float32", "bfloat16"):
        best = max(found["products"][kind], key=lambda row: row["median"])
        how = f"{best['way']}, {best['size']} x {best['size']}"
        rows.append([f"products, {kind}", *_giga(best, "GFLOP/s"), how])
    best = max(found["bandwidths"], key=lambda row: row["median"])
    rows.append(["memory", *_giga(best, "GB/s"), best["way"]])
    shown = table(["limit", "median", "lowest to highest", "reached by"], rows)
    return "\n".join([shown, *_remarks({"limits": [found]})])


def _giga(row: dict, unit: str) -> list[str]:
    low, high = row["lowest"] / 1e9, row["highest"] / 1e9
    return [f"{row['median'] / 1e9:.1f} {unit}", f"{low:.1f} to {high:.1f}"]


def settings(work: Work) -> str:
    """Say in a line what the shape does per update."""
    s = work.settings
    return (
        f"{s['questions_per_update']} questions x {s['group_size']} samples per update, "
        f"{s['updates_per_rollout']} updates per rollout, at most {s['max_response_tokens']} "
        f"tokens per response, temperature {s['temperature']}; native engine: {work.compute}"
    )


def _sound(rounds: dict[str, list[dict]]) -> dict[str, list[dict]]:
    return {name: found for name, found in rounds.items() if found and "error" not in found[0]}


def _remarks(rounds: dict[str, list[dict]]) -> list[str]:
    """Say who failed and whether the machine was busy with something else."""
    lines = [
        f"\n{name} did not run: {found[0]['error']}"
        for name, found in rounds.items()
        if found and "error" in found[0]
    ]
    taken = [entry["disturbed"] for found in _sound(rounds).values() for entry in found]
    if taken and statistics.median(taken) > QUIET:
        lines.append(
            f"\nOther processes took {percent(statistics.median(taken))} of the machine: "
            "these figures must not be quoted."
        )
    return lines


def compare(slow: list[float], fast: list[float]) -> str:
    """Return how many times as fast the second is, with the spread over the rounds."""
    found: Ratio = ratio(slow, fast)
    return f"{found.median:.2f} [{found.lowest:.2f}, {found.highest:.2f}]"


def _race(rounds: dict, unit: str, amount: str, seconds: str, rate_unit: str) -> list[str]:
    """Tabulate contestants: seconds per unit, units per second, native against each."""
    sound = _sound(rounds)
    per = {
        name: [entry[seconds] / entry[amount] for entry in found] for name, found in sound.items()
    }
    rows = []
    for name, values in per.items():
        faster = "1" if name == "native" else "–"
        if name != "native" and "native" in per:
            faster = compare(values, per["native"])
        rate = spread([1 / value for value in values])
        scaled = [1e6 * value for value in values] if unit == "token" else values
        rows.append([name, spread(scaled), rate, faster])
    shown = "µs per token" if unit == "token" else f"seconds per {unit}"
    head = ["contestant", shown, rate_unit, "native is faster by"]
    return [table(head, rows), *_remarks(rounds)]


def update(work: Work, rounds: dict, best: dict) -> str:
    """The whole update: the race, the lengths, and the share of the machine's arithmetic."""
    parts = ["### Whole update\n", *_race(rounds, "update", "updates", "seconds", "updates/s")]
    sound = _sound(rounds)
    if sound:
        parts += ["", lengths(next(iter(sound.values()))[-1]["groups"])]
        parts += ["", _shares(work, sound, best)]
    return "\n".join(parts)


def _configuration(work: Work):
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(work.checkpoint, local_files_only=True)


def _shares(work: Work, sound: dict[str, list[dict]], best: dict) -> str:
    """Show seconds of each phase and the needed arithmetic over the measured rate of products."""
    config, rows = _configuration(work), []
    for name, found in sound.items():
        precision = found[0].get("precision") or name.split()[-1]
        phases = {**{phase: phase for phase in PASSES}, "whole": "seconds"}
        cells = []
        for phase, column in phases.items():
            passes = PASSES.get(phase, sum(PASSES.values()))
            shares = [
                passes * forward_flop(config, entry["groups"]) / entry[column] / best[precision]
                for entry in found
                if entry[column] > 0
            ]
            spent = statistics.median(entry[column] / entry["updates"] for entry in found)
            cells.append(f"{spent:.3g} s, {percent(statistics.median(shares))}")
        rows.append([f"{name} ({precision})", *cells])
    head = ["seconds per update, share of the rate", *PASSES, "whole"]
    native = sound.get("native")
    note = ""
    if native:
        needed = [forward_flop(config, e["groups"]) * sum(PASSES.values()) for e in native]
        counted = [entry["flop_counted"] for entry in native]
        per = native[0]["updates"]
        note = (
            f"\n\nArithmetic per update: {statistics.median(needed) / per / 1e9:.2f} GFLOP needed, "
            f"{statistics.median(counted) / per / 1e9:.2f} GFLOP as the attempt's record counts."
        )
    return table(head, rows) + note


def lengths(groups: list) -> str:
    """Describe the responses of one rollout."""
    asked = [question for question, _ in groups]
    made = sorted(length for _, responses in groups for length in responses)
    at = {q: made[min(int(q * len(made)), len(made) - 1)] for q in (0.5, 0.9, 0.99)}
    padded = len(made) * (max(asked) + made[-1])
    real = sum(q * len(responses) + sum(responses) for q, responses in groups)
    return (
        f"Lengths of one rollout in tokens: questions {min(asked)} to {max(asked)}; responses mean "
        f"{statistics.mean(made):.1f}, median {at[0.5]}, 90 % {at[0.9]}, 99 % {at[0.99]}, longest "
        f"{made[-1]}. Padded to a rectangle this is {percent(1 - real / padded)} padding."
    )


def rollout(work: Work, rounds: dict, best: dict) -> str:
    """The rollout alone: useful tokens, and decoding against the bandwidth's floor."""
    parts = ["### Rollout\n", *_race(rounds, "token", "tokens", "seconds", "tokens/s")]
    native = _sound(rounds).get("native")
    if native:
        size = 2 if native[0]["precision"] == "bfloat16" else 4
        config = _configuration(work)
        floors = [
            decode_bytes(config, size, entry["groups"]) / best["bandwidth"] / entry["seconds"]
            for entry in native
        ]
        parts.append(f"\nBandwidth floor over native seconds: {percent(statistics.median(floors))}")
    return "\n".join(parts)


def step(work: Work, rounds: dict, best: dict) -> str:
    """The training step alone, on one given rollout."""
    race = _race(rounds, "update", "updates", "update", "updates/s")
    return "\n".join(["### Training step on a given rollout\n", *race])


def operations(work: Work, rounds: dict, best: dict) -> str:
    """What the reference pass and the updates of one rollout spend their time on, on one core."""
    parts = ["### Where the time of reference pass and updates goes (one core, profiled)\n"]
    native = _sound(rounds).get("native")
    if native:
        whole = [sum(entry["seconds_by_kind"].values()) for entry in native]
        rows = [
            [
                kind,
                percent(
                    statistics.median(
                        entry["seconds_by_kind"][kind] / total
                        for entry, total in zip(native, whole, strict=True)
                    )
                ),
            ]
            for kind in native[0]["seconds_by_kind"]
        ]
        rates = [e["product_flop"] / e["seconds_by_kind"][PRODUCTS] for e in native]
        rate = statistics.median(rates)
        parts += [
            table(["operation", "share of the time"], rows),
            f"\nThe products themselves run at {rate / 1e9:.0f} GFLOP/s on this one core.",
        ]
    return "\n".join([*parts, *_remarks(rounds)])


def memory(work: Work, rounds: dict, best: dict) -> str:
    """Added peak memory by samples per rollout."""
    sound = _sound(rounds)
    rows = []
    for name, found in sound.items():
        samples = work.responses_per_update * found[0]["updates"]
        rows.append([name, samples, f"{found[0]['bytes'] / 2**20:.0f}"])
    head = ["contestant, samples per rollout", "samples", "MiB added at the peak"]
    failed = [line for line in _remarks(rounds) if "did not run" in line]
    return "\n".join(["### Memory\n", table(head, rows), *failed])


SECTIONS = {
    "update": update,
    "rollout": rollout,
    "step": step,
    "operations": operations,
    "memory": memory,
}
