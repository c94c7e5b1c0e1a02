# SPDX-License-Identifier: Apache-2.0
"""Check a folder of exports: our own exact checks, then each outside validator.

Prints one line a check, with its findings below, and ends with 0 if all hold, with 1 if one found
something, and with 2 if one could not run (no record, or an environment that cannot be made).
Usage    python envs/checkers/check.py [EXPORTS] [--attempts FOLDER] [--prices FILE]
"""

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.append(str(ROOT / "workflow" / "scripts"))

from install import CheckerUnavailable, install  # noqa: E402

from r1repro.audit.exports import outside  # noqa: E402
from r1repro.audit.exports.checks.folder import folder_findings  # noqa: E402
from r1repro.errors import StageError  # noqa: E402

RULES = HERE / "mlperf_open_grpo.yaml"
MOST_SHOWN = 20


def outside_findings(name: str, folder: Path) -> list[str]:
    """Return what one outside validator finds; raises CheckerUnavailable."""
    environment = install(name)
    if name == "focus":
        return outside.focus(environment, folder / "focus.csv")
    if name == "ro-crate":
        return outside.ro_crate(environment, folder / "ro-crate", HERE / "ro_crate_cache.py")
    if name == "in-toto":
        return outside.in_toto(environment, folder / "in-toto", HERE / "in_toto_inside.py")
    logs = sorted((folder / "mlperf").glob("*.log"))
    found = [] if logs else ["there is no log"]
    for log in logs:
        found += [f"{log.name}: {what}" for what in outside.mlperf(environment, log, RULES)]
    return found


def report(name: str, found: list[str]) -> int:
    """Print one check and return its exit code."""
    print(f"{'FAIL' if found else 'ok':5} {name}")
    for what in found[:MOST_SHOWN]:
        print(f"      {what}")
    if len(found) > MOST_SHOWN:
        print(f"      and {len(found) - MOST_SHOWN} more")
    return int(bool(found))


def main() -> int:
    """Run all checks and return the exit code."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("exports", type=Path, nargs="?", default=ROOT / "results" / "exports")
    cli.add_argument("--attempts", type=Path, help="as a rule the folder beside the exports")
    cli.add_argument("--prices", type=Path, default=ROOT / "config" / "prices.yaml")
    args = cli.parse_args()
    folder = args.exports
    try:
        if not folder.is_dir():
            raise StageError(f"{folder} does not exist; make it with `snakemake exports`")
        attempts = args.attempts or folder.parent / "attempts"
        own = folder_findings(folder, attempts, args.prices)
    except (StageError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    worst = max(report(f"own exact checks: {name}", found) for name, found in own.items())
    missing = False
    for name in ("focus", "mlperf", "ro-crate", "in-toto"):
        try:
            worst = max(worst, report(f"outside validator: {name}", outside_findings(name, folder)))
        except CheckerUnavailable as error:
            print(f"none  outside validator: {name}\n      {error}")
            missing = True
    return worst or (2 if missing else 0)


if __name__ == "__main__":
    sys.exit(main())
