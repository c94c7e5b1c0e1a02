# SPDX-License-Identifier: Apache-2.0
"""The ledger in itself: each line follows the one before it, and every head is a root over it.

A chain proves order, not that it is the only one: whoever changes a line can compute all later
links and the root anew. That is found only against a root published before (--root), a signature
(--allowed-signers), or what others recorded: `records`, `benchmarks`, `wandb`, `slurm`.
"""

import shutil
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path

from r1repro.audit.ledger.heads import (
    NAMESPACE,
    ROOT,
    SEAL,
    SealDamaged,
    read_heads,
    root_text,
)
from r1repro.audit.ledger.proofs import consistent
from r1repro.audit.ledger.scan import Seal, scan
from r1repro.audit.ledger.seen import milliseconds
from r1repro.audit.verify.findings import Report
from r1repro.audit.verify.folder import Run

HOW = {
    "chain": "sed -n '{before},{line}p' {file}",
    "schema": "sed -n '{line}p' {file}",
}
OTHERWISE = "sed -n '{line}p' {file}"


def check(run: Run, report: Report) -> None:
    """Read the ledger, tell its faults, and hold it against its heads."""
    path, seal = run.ledger_path, run.cost / SEAL
    try:
        run.heads = read_heads(run.cost)
    except SealDamaged as error:
        report.error("heads", run.name(seal), "", str(error), f"cat {run.name(seal)}")
    if not path.is_file():
        if run.heads or seal.exists():
            what = "the ledger is missing but was sealed"
            report.error("chain", run.name(path), "", what, f"cat {run.name(seal)}")
        else:
            report.note(
                f"{run.name('cost')}: no ledger, so nothing shows that no record is missing"
            )
        return
    seals = [Seal(head.size, milliseconds(head.time_utc)) for head in run.heads]
    run.ledger = ledger = scan(path, seals)
    report.looked("lines of the ledger", ledger.size)
    for found in ledger.part.faults:
        how = HOW.get(found.check, OTHERWISE).format(
            line=found.index + 1, before=max(found.index, 1), file=run.name(path)
        )
        tell = report.error if found.level == "error" else report.warning
        tell(found.check, run.name(path), f"line {found.index + 1}", found.what, how)
    for name, number in ledger.part.left_out.items():
        what = f"{number} more findings of this kind"
        report.error(name, run.name(path), "", what, f"less {run.name(path)}")
    if ledger.cut:
        what = f"{ledger.cut} bytes follow the last whole line: its tail was cut off"
        report.error("chain", run.name(path), f"line {ledger.size + 1}", what, f"tail -n 1 {path}")
    _heads(run, report)


def _heads(run: Run, report: Report) -> None:
    ledger, seal = run.ledger, run.cost / SEAL
    if not run.heads:
        if not seal.exists():
            what = "there is a ledger but no head of it"
            report.error("heads", run.name(seal), "", what, f"ls {run.name('cost')}")
        return
    for number, head in enumerate(run.heads, start=1):
        place = f"head {number}"
        report.looked("heads")
        if head.size > ledger.size:
            what = f"the ledger has {ledger.size} lines of {head.size}: its tail was cut"
            report.error("heads", run.name(seal), place, what, f"wc -l {run.name(run.ledger_path)}")
        elif ledger.head_roots[head.size] != head.root:
            what = f"the first {head.size} lines have the root {ledger.head_roots[head.size]}"
            report.error("heads", run.name(seal), place, what, f"cat {run.name(seal)}")
    for number, (earlier, later) in enumerate(pairwise(run.heads), start=2):
        first, second = (earlier.size, earlier.root), (later.size, later.root)
        if later.consistency is None or not consistent(later.consistency, first, second):
            what = "no proof that the head before it is a beginning of it"
            report.error("heads", run.name(seal), f"head {number}", what, f"cat {run.name(seal)}")
        if later.time_utc < earlier.time_utc:
            what = "it is older than the head before it: the clock was set back"
            report.error("heads", run.name(seal), f"head {number}", what, f"cat {run.name(seal)}")
    last = run.heads[-1]
    if ledger.size > last.size:
        what = f"{ledger.size - last.size} lines lie under no head"
        how = f"tail -n +{last.size + 1} {run.name(run.ledger_path)}"
        report.error("heads", run.name(run.ledger_path), f"line {last.size + 1}", what, how)
    text = run.cost / ROOT
    if not text.is_file() or text.read_bytes() != root_text(last.size, last.root).encode():
        what = "it is not the root and size of the last head"
        report.error("heads", run.name(text), "", what, f"cat {run.name(text)} {run.name(seal)}")


def check_root(runs: list[Run], report: Report, root: str) -> None:
    """Hold a root that was published elsewhere against the heads of all ledgers here."""
    for run in runs:
        for head in run.heads:
            if head.root == root:
                known = run.ledger is not None and run.ledger.head_roots.get(head.size) == root
                if known:
                    report.looked("published roots")
                    return
    what = f"no ledger here has the published root {root}: it was changed since, or is another one"
    report.error("root", SEAL, "", what, f"cat cost/{SEAL}")


def check_signature(run: Run, report: Report, allowed: Path) -> None:
    """Check the signature of the last head against the keys that are allowed to sign."""
    text, signature = run.cost / ROOT, run.cost / f"{ROOT}.sig"
    if run.ledger is None:
        return
    how = f"ssh-keygen -Y check-novalidate -n {NAMESPACE} -s {signature} < {text}"
    if not signature.is_file():
        report.error("signature", run.name(signature), "", "the root is not signed", how)
        return
    principal = _keygen("find-principals", "-f", str(allowed), "-s", str(signature))
    if principal is None or not run.heads:
        what = f"it is of no key in {allowed}"
        report.error("signature", run.name(signature), "", what, how)
        return
    # what is signed is made from the head, so that a changed text beside it does not help
    with tempfile.TemporaryFile() as handle:
        handle.write(root_text(run.heads[-1].size, run.heads[-1].root).encode())
        handle.seek(0)
        verified = _keygen(
            "verify", "-f", str(allowed), "-I", principal.splitlines()[0],
            "-n", NAMESPACE, "-s", str(signature), stdin=handle,
        )  # fmt: skip
    if verified is None:
        report.error("signature", run.name(signature), "", "it is not of the last head", how)
    else:
        report.looked("signatures")


def _keygen(action: str, *arguments: str, stdin=subprocess.DEVNULL) -> str | None:
    """Return what ssh-keygen says, None where it refuses; raises FileNotFoundError without it."""
    program = shutil.which("ssh-keygen")
    if program is None:
        raise FileNotFoundError("ssh-keygen is not installed; a signature needs OpenSSH")
    command = [program, "-Y", action, *arguments]
    done = subprocess.run(
        command, stdin=stdin, capture_output=True, text=True, errors="replace", check=False
    )
    return done.stdout if done.returncode == 0 else None
