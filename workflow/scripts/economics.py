# SPDX-License-Identifier: Apache-2.0
"""Write what the paper's bill holds, leaves out and depends on, beside other models' costs."""

import sys
from dataclasses import asdict
from pathlib import Path

from r1repro.audit.attempts import open_attempt
from r1repro.audit.economics import hourly, rivals, scopes, sensitivity
from r1repro.audit.economics.case import paper_case
from r1repro.audit.economics.inputs import ENDS, read_economics
from r1repro.audit.paper_cost import TOTAL, read_paper_stages, read_v3_stages
from r1repro.audit.prices import load_prices, preferred_rows
from r1repro.audit.published import verify_checksums
from r1repro.cli import run_program, stage_parser
from r1repro.errors import InputError
from r1repro.files import write_text_atomic
from r1repro.tables import csv_text

INPUTS = ("inputs", "prices", "cost", "v3_cost", "rivals")
TABLES = ("scopes", "power", "sensitivity", "hourly", "rivals")


def _tables(args) -> dict[str, tuple[list, tuple[str, ...]]]:
    """Return the rows and columns of each table."""
    known = read_economics(args.inputs)
    listed = load_prices(args.prices)
    rows = preferred_rows(listed, [known.prices[end] for end in ENDS])
    prices = {end: row.price for end, row in zip(ENDS, rows, strict=True)}
    stages = read_paper_stages(args.cost)
    case = paper_case(stages, read_v3_stages(args.v3_cost), prices["base"])
    total = next(stage for stage in stages if stage.name == TOTAL)
    if total.gpu_hours is None or total.usd is None:
        raise InputError(f"{args.cost} has no printed total; restore it with git")
    printed = scopes.Printed(total.gpu_hours, total.usd)
    varied = sensitivity.one_at_a_time(case, prices, known) + sensitivity.grid(case, prices, known)
    return {
        "scopes": (scopes.scope_rows(case, printed, known), scopes.SCOPE_COLUMNS),
        "power": (list(scopes.power_rows(case, printed, known)), scopes.POWER_COLUMNS),
        "sensitivity": (varied, sensitivity.COLUMNS),
        "hourly": (hourly.hourly(listed, known.prices["base"], printed, known), hourly.COLUMNS),
        "rivals": (rivals.rivals(args.rivals, prices), rivals.COLUMNS),
    }


def main() -> None:
    """Verify the published tables, then write all five tables."""
    cli = stage_parser(__doc__)
    for name in (*INPUTS, *(f"out_{table}" for table in TABLES)):
        cli.add_argument(f"--{name.replace('_', '-')}", type=Path, required=True)
    args = cli.parse_args()
    with open_attempt(
        args.attempts,
        "economics",
        scale=args.settings["scale"],
        settings=args.settings,
        seed=args.settings["seed"],
        gpus=args.gpus,
        code_digest=args.code,
        inputs=[getattr(args, name) for name in INPUTS],
        purpose="final",
    ) as attempt:
        verify_checksums(args.cost.parent)
        for name, (rows, columns) in _tables(args).items():
            out = getattr(args, f"out_{name}")
            write_text_atomic(out, csv_text([asdict(row) for row in rows], columns))
            attempt.outputs([out])
            print(f"{name}: {len(rows)} lines")


if __name__ == "__main__":
    sys.exit(run_program(main))
