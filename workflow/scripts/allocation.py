# SPDX-License-Identifier: Apache-2.0
"""Divide the time this run held its machine into busy, start-up and idle; add its carbon."""

import sys
from dataclasses import asdict
from pathlib import Path

from r1repro.audit.attempt_records import read_attempts
from r1repro.audit.attempts import open_attempt
from r1repro.audit.economics import allocation, carbon
from r1repro.audit.economics.inputs import read_economics
from r1repro.audit.prices import load_prices, preferred_rows
from r1repro.cli import run_program, stage_parser
from r1repro.files import write_text_atomic
from r1repro.tables import csv_text


def main() -> None:
    """Read records and benchmarks, write both tables."""
    cli = stage_parser(__doc__)
    for name in ("--inputs", "--prices", "--benchmarks", "--out", "--out-carbon"):
        cli.add_argument(name, type=Path, required=True)
    args = cli.parse_args()
    settings = args.settings
    with open_attempt(
        args.attempts,
        "allocation",
        scale=settings["scale"],
        settings=settings,
        seed=settings["seed"],
        gpus=args.gpus,
        code_digest=args.code,
        inputs=[args.inputs, args.prices],
        purpose="final",
    ) as attempt:
        known = read_economics(args.inputs)
        preferred = preferred_rows(load_prices(args.prices), settings["cost"]["price_basis"])
        records = read_attempts(args.attempts)
        pause_ms = round(known.allocation.longest_pause_minutes * 60_000)
        timed = allocation.read_benchmarks(args.benchmarks)
        rows = allocation.allocation(records, timed, preferred, pause_ms)
        table = csv_text([asdict(row) for row in rows], allocation.COLUMNS)
        write_text_atomic(args.out, table)
        energy = carbon.carbon(records, known.grids)
        table = csv_text([asdict(row) for row in energy], carbon.COLUMNS)
        write_text_atomic(args.out_carbon, table)
        attempt.outputs([args.out, args.out_carbon])
        print(f"attempts: {len(records)}; lines: {len(rows)} and {len(energy)}")


if __name__ == "__main__":
    sys.exit(run_program(main))
