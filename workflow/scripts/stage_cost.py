# SPDX-License-Identifier: Apache-2.0
"""Price every attempt of this run by stage; unknown prices stay unknown."""

import csv
import json
import sys
from pathlib import Path

from r1repro.audit.attempt_records import AttemptRecord, counted, read_attempts
from r1repro.audit.attempts import open_attempt
from r1repro.audit.ledger.contents import preferred_prices, read_entries
from r1repro.audit.ledger.contents import records as read_records
from r1repro.audit.ledger.heads import read_heads
from r1repro.audit.prices import PriceRow, load_prices, preferred_rows
from r1repro.audit.stage_cost import COLUMNS, cells, cost_by_stage, summary
from r1repro.cli import run_program, stage_parser
from r1repro.errors import InputError
from r1repro.files import atomic_writer
from r1repro.tracking import open_tracker


def sealed_records(path: Path, preferred: list[PriceRow]) -> tuple[list[AttemptRecord], dict]:
    """Return the attempts of a ledger, and what tracking tells of it.

    Raises InputError where the ledger holds other prices than those of the configuration.
    """
    entries, heads = read_entries(path), read_heads(path.parent)
    if preferred_prices(entries) != preferred:
        raise InputError(
            f"{path} holds other prices than the price table and cost.price_basis name; seal "
            "again with `snakemake cost`"
        )
    head = heads[-1] if heads else None
    told = {} if head is None else {"ledger.size": head.size, "ledger.root": head.root}
    return read_records(entries), told


def main() -> None:
    """Read records and prices, write the table."""
    cli = stage_parser(__doc__)
    for name in ("--prices", "--wandb", "--out"):
        cli.add_argument(name, type=Path, required=True)
    cli.add_argument("--ledger", type=Path, nargs="?", help="the sealed attempts, else --records")
    cli.add_argument("--records", type=Path, help="folder that is billed; as a rule --attempts")
    cli.add_argument("--tracking", type=json.loads, required=True)
    args = cli.parse_args()
    billed = args.records or args.attempts
    settings = args.settings
    with open_attempt(
        args.attempts,
        "stage_cost",
        scale=settings["scale"],
        settings=settings,
        seed=settings["seed"],
        gpus=args.gpus,
        code_digest=args.code,
        inputs=[args.prices],
        purpose="final",
    ) as attempt:
        preferred = preferred_rows(load_prices(args.prices), settings["cost"]["price_basis"])
        records, sealed = read_attempts(billed), {}
        if args.ledger is not None:
            records, sealed = sealed_records(args.ledger, preferred)
        rows = [cells(row) for row in cost_by_stage(records, preferred)]
        if not rows:
            raise InputError(
                f"there is no attempt record below {billed}, so nothing can be billed; "
                "run the stages first, or put their records back"
            )
        with atomic_writer(args.out) as handle:
            table = csv.DictWriter(handle, COLUMNS, lineterminator="\n")
            table.writeheader()
            table.writerows(rows)
        attempt.outputs([args.out])
        group = f"{settings['scale']}-seed{settings['seed']}"
        with open_tracker(args.tracking, "stage_cost", group, settings, args.wandb) as tracker:
            attempt.wandb_run_id = tracker.run_id
            tracker.summary(summary(rows) | sealed)
        others = [record for record in records if record.attempt_id != attempt.id]
        print(f"records read: {counted(others)}; rows written: {len(rows)}")


if __name__ == "__main__":
    sys.exit(run_program(main))
