# SPDX-License-Identifier: Apache-2.0
"""Files against the checksums that attempts recorded, and where every input came from.

output    a file or folder is what the last completed attempt that wrote it left
input     it was written by an attempt that had ended before, with the checksum that was read
score     every checkpoint in evaluate/ was scored by an attempt, from a checkpoint that an
          attempt made (or from one that lies outside: the user's own base)
Folders   Snakemake puts `.snakemake_timestamp` into folders after their attempt: a folder has
          two checksums, with that file and without it, and either is right.
Choices   Inputs of programs that write the report are left to `output`; committed evidence below
          published/ is left to `published`. A file that is no longer here cannot be compared
          and is counted.
"""

from collections import defaultdict
from pathlib import Path

from r1repro.audit.ledger.seen import milliseconds
from r1repro.audit.stage_cost import REPORTING
from r1repro.audit.verify.benchmarks import WITHOUT_ATTEMPT
from r1repro.audit.verify.findings import Report
from r1repro.audit.verify.folder import Run
from r1repro.files import sha256_file, sha256_text

TIMESTAMP = ".snakemake_timestamp"
SLACK_MS = 2_000


class _Digests:
    """The checksums that a recorded path may have now; each is computed once."""

    def __init__(self, run: Run):
        self.run = run
        self._known: dict[str, frozenset[str]] = {}

    def of(self, recorded: str) -> frozenset[str]:
        """Return the checksums, none for what is not here."""
        if recorded not in self._known:
            path = self.run.local(recorded)
            self._known[recorded] = frozenset() if path is None else frozenset(_digests(path))
        return self._known[recorded]


def _digests(path: Path):
    """Yield the checksums of a file, or of a folder with Snakemake's file and without it."""
    if path.is_file():
        yield sha256_file(path)
    elif path.is_dir():
        names = sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())
        lines = {name: f"{sha256_file(path / name)}  {name}\n" for name in names}
        yield sha256_text("".join(lines.values()))
        yield sha256_text("".join(lines[name] for name in names if name != TIMESTAMP))
        if TIMESTAMP not in lines:
            empty = sha256_text("")
            lines[TIMESTAMP] = f"{empty}  {TIMESTAMP}\n"
            yield sha256_text("".join(lines[name] for name in sorted(lines)))


def check(run: Run, report: Report) -> None:
    """Check outputs, inputs and scored checkpoints."""
    digests = _Digests(run)
    makers: dict[str, list[dict]] = defaultdict(list)
    for entry in run.attempts:
        if entry["outcome"] == "completed":
            for path in entry["outputs"]:
                makers[path].append(entry)
    for entries in makers.values():
        entries.sort(key=lambda entry: entry["ended_utc"])
    _outputs(run, report, makers, digests)
    for entry in run.attempts:
        if entry["stage"] not in REPORTING:
            _inputs(run, report, entry, makers, digests)
    _scored(run, report, makers)


def _outputs(run: Run, report: Report, makers: dict, digests: _Digests) -> None:
    absent = 0
    for path, entries in makers.items():
        if run.local(path) is None:
            continue
        now = digests.of(path)
        if not now:
            absent += 1
            continue
        report.looked("outputs")
        expected = entries[-1]["outputs"][path]
        if expected not in now:
            ident = entries[-1]["attempt_id"]
            what = f"it is not what attempt {ident} of {entries[-1]['stage']} left"
            report.error("output", run.name(run.local(path)), "", what, _sha(run, path))
    if absent:
        what = "outputs are not in this folder, so not compared"
        report.note(f"{run.name('attempts')}: {absent} {what}")


def _sha(run: Run, path: str) -> str:
    return f"sha256sum {run.name(run.local(path))}; grep {path} {run.name('attempts')}/*/*.jsonl"


def _inputs(run: Run, report: Report, entry: dict, makers: dict, digests: _Digests) -> None:
    began = milliseconds(entry["started_utc"])
    name = run.name(entry["record"])
    for path, digest in entry["inputs"].items():
        local = run.local(path)
        if local is None or run.folder / "published" in [local, *local.parents]:
            continue
        if local.stem in WITHOUT_ATTEMPT:
            continue
        report.looked("inputs")
        how = f"grep {path} {run.name('attempts')}/*/*.jsonl"
        made = makers.get(path, [])
        before = [m for m in made if milliseconds(m["ended_utc"]) <= began + SLACK_MS]
        if not made:
            report.error("input", name, path, "no attempt on record made this input", how)
        elif not before:
            what = f"it was read {entry['started_utc']}, before any attempt had made it"
            report.error("input", name, path, what, how)
        elif _differs(path, digest, before, digests):
            what = "what was read is not what any attempt before it wrote"
            report.error("input", name, path, what, how)


def _differs(path: str, read: str, before: list[dict], digests: _Digests) -> bool:
    """Say whether what was read is nothing that was written before."""
    if not digests.of(path) and not Path(path).suffix:
        return False  # a folder that is gone: Snakemake's file may be all the difference
    return not any(_same(maker["outputs"][path], read, path, digests) for maker in before)


def _same(written: str, read: str, path: str, digests: _Digests) -> bool:
    """Say whether two checksums are of one content, be it with Snakemake's file or without."""
    return written == read or {written, read} <= digests.of(path)


def _scored(run: Run, report: Report, makers: dict) -> None:
    folder = run.folder / "evaluate"
    if not folder.is_dir():
        return
    scorers = {
        entry["part"]: entry
        for entry in run.attempts
        if entry["stage"] == "score" and entry["outcome"] == "completed"
    }
    for path in sorted(folder.iterdir()):
        if not path.is_dir():
            continue
        name, how = run.name(path), f"ls {run.name('attempts')}/score"
        report.looked("scored checkpoints")
        scorer = scorers.get(path.name)
        if scorer is None:
            report.error("score", name, "", "no completed attempt scored this checkpoint", how)
            continue
        sources = [source for source in scorer["inputs"] if not Path(source).suffix]
        if not sources:
            what = f"attempt {scorer['attempt_id']} names no checkpoint that it scored"
            report.error("score", name, "", what, how)
        for source in sources:
            if run.local(source) is None:
                report.note(f"{name}: its checkpoint {source} lies outside and was made elsewhere")
            elif source not in makers:
                what = f"no attempt on record made its checkpoint {source}"
                report.error("score", name, "", what, how)
