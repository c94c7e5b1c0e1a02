# SPDX-License-Identifier: Apache-2.0
"""Find the runs in a folder and put every check to each of them."""

from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.ledger.heads import LEDGER, SEAL
from r1repro.audit.published import LIST
from r1repro.audit.verify import (
    benchmarks,
    chain,
    files,
    plausibility,
    published,
    records,
    slurm,
    step_logs,
    sums,
    times,
    wandb_runs,
)
from r1repro.audit.verify.findings import Report
from r1repro.audit.verify.folder import Run, read_ledger_lines, read_records
from r1repro.errors import InputError

DEEPEST = 3
CHECKS = (
    records.check, times.check, sums.check, benchmarks.check, wandb_runs.check, files.check,
    plausibility.check, step_logs.check,
)  # fmt: skip
# folders of a run that hold no other run
SKIPPED = {
    "attempts", "benchmarks", "claims", "controls", "cost", "data", "evaluate", "prepare", "rl",
    "state", "wandb",
}  # fmt: skip


@dataclass(frozen=True)
class Options:
    """What a user adds: a root published elsewhere, an sacct dump, keys that may sign."""

    root: str | None = None
    sacct: Path | None = None
    allowed_signers: Path | None = None


def _is_run(folder: Path) -> bool:
    cost = folder / "cost"
    return (folder / "attempts").is_dir() or any((cost / name).exists() for name in (LEDGER, SEAL))


def _below(folder: Path, depth: int) -> list[Path]:
    """Return folders to look into, not those of data, state or checkpoints."""
    found = [folder]
    if depth < DEEPEST:
        for path in sorted(folder.iterdir()):
            skipped = path.name.startswith(".") or (_is_run(folder) and path.name in SKIPPED)
            if path.is_dir() and not path.is_symlink() and not skipped:
                found += _below(path, depth + 1)
    return found


def verify(folder: Path, options: Options) -> Report:
    """Verify everything below a folder; raises InputError where there is nothing to verify."""
    folder = folder.resolve()
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; name one that holds a run or published evidence")
    folders = _below(folder, 0)
    places = [path for path in folders if _is_run(path)]
    lists = [path for path in folders if (path / LIST).is_file()]
    if not places and not lists:
        raise InputError(
            f"{folder} holds no attempts, no cost/{LEDGER} and no {LIST}; name the folder of "
            "results of a run, results/published, or one of its folders"
        )
    report, runs = Report(), []
    for place in places:
        shown = "" if place == folder else f"{place.relative_to(folder).as_posix()}/"
        run = Run(place, shown)
        runs.append(run)
        chain.check(run, report)
        read_records(run)
        read_ledger_lines(run, report)
        for check in CHECKS:
            check(run, report)
        if options.allowed_signers is not None:
            chain.check_signature(run, report, options.allowed_signers)
    for place in lists:
        published.check(place, folder, report)
    if options.sacct is not None:
        slurm.check(runs, report, options.sacct)
    if options.root is not None:
        chain.check_root(runs, report, options.root)
    return report
