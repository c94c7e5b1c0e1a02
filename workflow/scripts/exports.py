# SPDX-License-Identifier: Apache-2.0
"""Write the records of a run in the formats that auditors' tools read."""

import sys
from pathlib import Path

from r1repro.audit.attempts import open_attempt
from r1repro.audit.exports.folder import Source, load, write_exports
from r1repro.audit.prices import load_prices, preferred_rows
from r1repro.cli import run_program, stage_parser
from r1repro.files import atomic_dir
from r1repro.provenance import SCRIPTS

ROOT = SCRIPTS.parents[1]


def main() -> None:
    """Read records, prices and tables; write the folder of exports."""
    cli = stage_parser(__doc__)
    for name in ("--results", "--prices", "--out"):
        cli.add_argument(name, type=Path, required=True)
    cli.add_argument("--stages", nargs="+", required=True, help="RL stages with learning curves")
    for name in ("--tables", "--workflow"):
        cli.add_argument(name, type=Path, nargs="+", required=True)
    args = cli.parse_args()
    settings = args.settings
    with open_attempt(
        args.attempts,
        "exports",
        scale=settings["scale"],
        settings=settings,
        seed=settings["seed"],
        gpus=args.gpus,
        code_digest=args.code,
        inputs=[args.prices, *args.tables],
        purpose="final",
    ) as attempt:
        source = Source(
            results=args.results,
            attempts=args.attempts,
            stages=tuple(args.stages),
            tables=tuple(args.tables),
            workflow=in_crate(args.workflow),
            about=f"scale {settings['scale']}, seed {settings['seed']}",
            leave_out=attempt.id,
        )
        preferred = preferred_rows(load_prices(args.prices), settings["cost"]["price_basis"])
        loaded = load(source, preferred)
        with atomic_dir(args.out) as folder:
            count = write_exports(folder, source, loaded)
        attempt.outputs([args.out])
        unpriced = sum(item.price is None for item in loaded.billed)
        print(f"{count} files; {len(loaded.billed)} attempts billed, {unpriced} without a price")
        print(f"ledger root: {loaded.root or 'none, nothing was sealed'}")


def in_crate(paths: list[Path]) -> dict[str, Path]:
    """Return name in the crate -> file of the workflow; files from elsewhere are settings."""
    named: dict[str, Path] = {}
    for path in paths:
        inside = path.resolve().is_relative_to(ROOT)
        name = path.resolve().relative_to(ROOT).as_posix() if inside else f"config/{path.name}"
        named[f"config/{len(named)}_{path.name}" if name in named else name] = path
    return named


if __name__ == "__main__":
    sys.exit(run_program(main))
