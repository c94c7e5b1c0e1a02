# SPDX-License-Identifier: Apache-2.0
"""Copy the tables of finished runs to results/published, one folder a seed, and judge them there.

Weights, samples and data stay behind: what is copied is what verdicts rest on, and the attempts,
which name machine and commit. Each folder has its SHA256SUMS. Beside them:

claims.csv     the verdicts over these folders, as the rule `claims` writes them
manifest.json  what they rest on: devices, commits and the SHA-256 of every file that was read
ladder.csv     each score of the ladder over the seeds: mean, standard deviation, lowest, highest
SHA256SUMS     of these three

`make evidence` publishes the runs that `make reproduce-full` made.

    python tests/bench/publish.py results results/seeds/2 --to results/published/mini
"""

import argparse
import re
import shutil
import sys
from pathlib import Path

import pandas

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "workflow/scripts"))

from r1repro.audit.claims.cells import Tables
from r1repro.audit.claims.definitions import read_claims
from r1repro.audit.claims.judge import judge
from r1repro.audit.claims.manifest import manifest
from r1repro.audit.claims.rows import counts, csv_of
from r1repro.audit.claims.runs import LIST, Run, open_runs
from r1repro.audit.published import verify_checksums
from r1repro.errors import StageError
from r1repro.files import atomic_dir, sha256_file, write_json_atomic, write_text_atomic

CLAIMS = Path("config/claims.yaml")
TABLES_OF_THE_PAPER = Path("results/published/nature")
BY_HAND = "published"  # in place of the digest of a rule's code
TABLES = (
    "data/*.csv",
    "prepare/*.csv",
    "rl/*.csv",
    "rl/*/*.csv",
    "controls/*/*.csv",
    "evaluate/*.csv",
    "evaluate/*/*.csv",
    "cost/*.csv",
    "cost/ledger.jsonl",
    "cost/seal.json",
    "cost/ledger.root*",
    "attempts/**/*.jsonl",
    "benchmarks/*.tsv",
)


MACHINE_PATH = re.compile(r'"(/[^"/][^"]*)"')  # a JSON text that is an absolute path


def listed(folder: Path, names: list[Path]) -> str:
    """Return the checksums of files as `sha256sum` writes them, paths relative to the folder."""
    return "".join(f"{sha256_file(folder / name)}  {name.as_posix()}\n" for name in names)


def publish(folder: Path, destination: Path) -> Path:
    """Copy one run's tables to destination/seed_N; return that folder.

    Raises InputError when the folder holds no run, StageError when the seed is published already
    or a record names a path of the machine.
    """
    run = Run(folder)
    target = destination / f"seed_{run.seed}"
    if target.exists():
        raise StageError(f"{target} exists; take it away first if this run is to replace it")
    chosen = sorted({path for pattern in TABLES for path in folder.glob(pattern)})
    names = [path.relative_to(folder) for path in chosen]
    for path in chosen:
        found = MACHINE_PATH.search(path.read_text(encoding="utf-8"))
        if found and path.suffix in (".json", ".jsonl"):
            raise StageError(
                f"{path} names {found[1]}, a path of this machine; run that stage again in the "
                "environment of the project's own folder (make setup)"
            )
    with atomic_dir(target) as made:
        for name in names:
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, made / name)
        (made / LIST).write_text(listed(made, names), encoding="utf-8")
    return target


def ladder_over_seeds(runs: list[Run]) -> pandas.DataFrame:
    """Return each score of the ladder over the seeds; raises MissingEvidence."""
    keys = ["benchmark", "metric", "unit", "checkpoint"]
    tables = [pandas.DataFrame(run.rows("evaluate/ladder.csv", *keys, "value")) for run in runs]
    scores = pandas.concat(tables).astype({"value": float})
    grouped = scores.groupby(keys, sort=False)["value"]
    return grouped.agg(["count", "mean", "std", "min", "max"]).round(6).reset_index()


def judge_seeds(destination: Path) -> dict[str, dict[str, int]]:
    """Write the verdicts over all published seeds and what they rest on; return their counts.

    Paths in the tables are as given, so call it from the root of the project.
    """
    verified = verify_checksums(TABLES_OF_THE_PAPER)
    tables, runs = Tables(TABLES_OF_THE_PAPER), open_runs(sorted(destination.glob("seed_*")))
    rows = judge(read_claims(CLAIMS, tables), tables, runs)
    found = counts(rows)
    ladder = ladder_over_seeds(runs).to_csv(index=False, lineterminator="\n")
    write_text_atomic(destination / "claims.csv", csv_of(rows))
    write_text_atomic(destination / "ladder.csv", ladder)
    write_json_atomic(
        destination / "manifest.json",
        manifest(CLAIMS, TABLES_OF_THE_PAPER, verified, runs, BY_HAND, found),
    )
    names = [Path(name) for name in ("claims.csv", "ladder.csv", "manifest.json")]
    write_text_atomic(destination / LIST, listed(destination, names))
    return found


def main() -> int:
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("runs", type=Path, nargs="+", help="folders of finished runs, one a seed")
    cli.add_argument("--to", type=Path, required=True, help="for instance results/published/mini")
    args = cli.parse_args()
    try:
        for folder in args.runs:
            target = publish(folder, args.to)
            print(f"{target}: {len((target / LIST).read_text().splitlines())} files")
        for tier, verdicts in judge_seeds(args.to).items():
            print(f"{tier}: " + ", ".join(f"{n} {name}" for name, n in verdicts.items()))
    except StageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
