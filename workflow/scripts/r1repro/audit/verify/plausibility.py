# SPDX-License-Identifier: Apache-2.0
"""Hours against work: nothing is faster than its device.

floor    FLOP / seconds <= peak of what was held (`peaks`); more is impossible
share    of the peak, for reinforcement learning on GPUs above 25 %: far beyond what is published
rate     generated tokens/s/GPU <= 2,800 x (37e9 / N) x (peak / 989e12), from the best published
         decoding of a model of 37e9 active parameters; N = FLOP / (2 x tokens) is at least that
         of the model, so the bound errs on the careful side
counts   a completed stage did all steps it announced; tokens were not made without FLOP
"""

from r1repro.audit.verify.findings import Report
from r1repro.audit.verify.folder import Run
from r1repro.audit.verify.peaks import gpu_peak, peak_of

MOST_SHARE = 0.25
TOKENS_PER_SECOND, ACTIVE_PARAMETERS, PEAK = 2800.0, 37e9, 989e12


def check(run: Run, report: Report) -> None:
    """Check what all attempts together and each by itself can have done."""
    _floor(run, report)
    for entry in run.attempts:
        for level, check_name, what in _implausible(entry):
            tell = report.error if level == "error" else report.warning
            how = f"tail -n 1 {run.name(entry['record'])}"
            tell(check_name, run.name(entry["record"]), "", what, how)


def _floor(run: Run, report: Report) -> None:
    unknown = set()
    for (device, precision, gpus, cores), fastest in run.sums.fastest.items():
        report.looked("kinds of hardware")
        peak = peak_of(device, precision, gpus, cores)
        if peak is None:
            unknown.add(device)
        elif fastest.flop_per_second > peak:
            held = f"{gpus} x {device}" if gpus else f"{cores} cores of {device}"
            what = (
                f"{fastest.flop_per_second:.3g} FLOP/s on {held}, which can do "
                f"{peak:.3g} at most: hours are missing or work was not done"
            )
            if run.ledger is not None:
                file, record = run.name(run.ledger_path), f"line {fastest.index + 1}"
                how = f"sed -n '{fastest.index + 1}p' {file}"
            else:
                file, record = run.name(run.attempts[fastest.index]["record"]), ""
                how = f"tail -n 1 {file}"
            report.error("floor", file, record, what, how)
    for device in sorted(unknown):
        report.note(f"no peak is known of {device!r}, so its FLOP were not held against it")


def _implausible(entry: dict):
    """Yield (level, check, what) of one attempt."""
    seconds = entry["elapsed_ms"] / 1000
    tokens = entry["tokens_generated"]
    if (tokens or entry["tokens_trained"]) and not entry["flop"]:
        yield "error", "counts", "it counts tokens but no FLOP"
    done = entry["outcome"] == "completed" and entry["steps_total"]
    if done and entry["step"] != entry["steps_total"]:
        what = f"it ended well at step {entry['step']} of {entry['steps_total']}"
        yield "error", "counts", what
    gpus = entry["nodes"] * entry["gpus_per_node"]
    peak = gpu_peak(entry["device"]) if gpus else None
    if peak is None or seconds <= 0 or not tokens or not entry["flop"]:
        return
    share = entry["flop"] / seconds / (gpus * peak)
    if MOST_SHARE < share <= 1:
        yield "warning", "share", f"it used {100 * share:.0f} % of the peak of its GPUs"
    parameters = entry["flop"] / (2 * tokens)
    most = TOKENS_PER_SECOND * ACTIVE_PARAMETERS / parameters * peak / PEAK
    if tokens / seconds / gpus > most:
        what = f"{tokens / seconds / gpus:.0f} tokens/s/GPU, of {most:.0f} that can be believed"
        yield "warning", "rate", what
