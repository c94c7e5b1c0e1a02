# SPDX-License-Identifier: Apache-2.0
"""Attempts against the offline runs of Weights & Biases: id, start, steps, tokens, runtime, exit.

The client writes them from a process of its own while the stage runs.
unbilled   a run that no attempt names: work that is not billed
missing    an attempt whose run is not in a folder that has others
longer     the run lasted longer than the attempt counts
steps      the last step of the run is beyond that of the attempt, or behind that of one that ended
exit       the run ended well and the attempt did not, or the other way round
"""

from r1repro.audit.ledger.seen import milliseconds
from r1repro.audit.verify.findings import Report
from r1repro.audit.verify.folder import Run
from r1repro.audit.verify.wandb_reader import Empty, NotReadable, OfflineRun, read_run

SLACK_SECONDS = 2.0
START_SECONDS = 60.0  # an attempt hashes its inputs before its run begins


def check(run: Run, report: Report) -> None:
    """Compare every offline run with the attempt that names it."""
    folder = run.folder / "wandb"
    files = sorted(folder.glob("offline-run-*/run-*.wandb"))
    if not files:
        report.note(f"{run.name('wandb')}: no offline runs, so nothing was compared with them")
        return
    by_id = {entry["wandb_run_id"]: entry for entry in run.attempts if entry["wandb_run_id"]}
    found = set()
    for path in files:
        name, how = run.name(path), f"wandb leet inspect --json {run.name(path.parent)}"
        try:
            offline = read_run(path)
        except (NotReadable, OSError) as error:
            named = path.stem.removeprefix("run-")
            ended = named in by_id and by_id[named]["exit_code"] is not None
            if isinstance(error, Empty) and not ended:
                report.note(f"{name}: empty, killed before the client wrote anything")
                found.add(named)
                continue
            report.error("wandb", name, "", f"it cannot be read ({error})", how)
            continue
        found.add(offline.run_id)
        if path.stem != f"run-{offline.run_id}":
            what = f"it holds the run {offline.run_id}: two files were exchanged"
            report.error("wandb", name, "", what, how)
        if offline.run_id not in by_id:
            what = f"no attempt names the run {offline.run_id}, so its work is not billed"
            report.error("wandb", name, "", what, how)
            continue
        report.looked("offline runs")
        entry = by_id[offline.run_id]
        for what in _differences(entry, offline):
            report.error("wandb", name, entry["attempt_id"], what, how)
    for name in by_id.keys() - found:
        record = by_id[name]["record"]
        what = f"it names the W&B run {name}, which is not among those of this folder"
        report.warning("wandb", run.name(record), "", what, f"ls -d {run.name('wandb')}/*{name}")


def _differences(entry: dict, offline: OfflineRun):
    """Yield what an attempt and its run cannot both tell."""
    took = entry["elapsed_ms"] / 1000
    if offline.runtime_seconds is not None and offline.runtime_seconds > took + SLACK_SECONDS:
        yield f"the run lasted {offline.runtime_seconds} s, its attempt counts {took:.1f} s"
    if offline.started is not None:
        after = offline.started - milliseconds(entry["started_utc"]) / 1000
        if not -SLACK_SECONDS <= after <= max(took, START_SECONDS) + SLACK_SECONDS:
            yield f"the run began {after:.1f} s after its attempt, which counts {took:.1f} s"
    ended = offline.exit_code is not None
    if ended and entry["exit_code"] is not None and (
        (offline.exit_code == 0) != (entry["exit_code"] == 0)
    ):  # fmt: skip
        yield f"the run ended with {offline.exit_code}, its attempt with {entry['exit_code']}"
    if ended and entry["exit_code"] is None and offline.exit_code == 0:
        yield "the run ended well, its attempt has no end"
    if offline.last_step is None or entry["step"] is None:
        return
    if offline.last_step > entry["step"] and entry["exit_code"] is not None:
        yield f"the run reached step {offline.last_step}, its attempt counts {entry['step']}"
    if entry["exit_code"] == 0 and ended and offline.last_step < entry["step"]:
        yield f"the attempt reached step {entry['step']}, its run {offline.last_step}"
    for name, amount in offline.sums.items():
        if entry["exit_code"] == 0 and amount > entry[name]:
            yield f"the run logged {amount} {name}, its attempt counts {entry[name]}"
