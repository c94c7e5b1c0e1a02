# SPDX-License-Identifier: Apache-2.0
"""Recompute the paper's cost table beside every printed cell."""

import csv
import sys
from dataclasses import asdict
from pathlib import Path

from r1repro.audit import paper_cost as paper
from r1repro.audit.attempts import open_attempt
from r1repro.audit.paper_epochs import epochs_for_updates, prompt_counts
from r1repro.audit.prices import load_prices, preferred_rows
from r1repro.audit.published import verify_checksums
from r1repro.cli import run_program, stage_parser
from r1repro.files import atomic_writer


def main() -> None:
    """Verify the published tables, recompute them, write the comparison."""
    cli = stage_parser(__doc__)
    for name in ("--cost", "--v3-cost", "--rl-data", "--prices", "--out"):
        cli.add_argument(name, type=Path, required=True)
    args = cli.parse_args()
    settings = args.settings
    with open_attempt(
        args.attempts,
        "paper_cost",
        scale=settings["scale"],
        settings=settings,
        seed=settings["seed"],
        gpus=args.gpus,
        code_digest=args.code,
        inputs=[args.cost, args.v3_cost, args.rl_data, args.prices],
        purpose="final",
    ) as attempt:
        verified = verify_checksums(args.cost.parent)
        rows = load_prices(args.prices)
        r1_price, v3_price = preferred_rows(rows, [paper.PAPER_PRICE, paper.V3_PRICE])
        stages, v3 = paper.read_paper_stages(args.cost), paper.read_v3_stages(args.v3_cost)
        lines = paper.paper_cost(stages, v3, r1_price.price, v3_price.price)
        prompts = prompt_counts(args.rl_data)
        lines += epochs_for_updates(stages, prompts, r1_price.price)
        with atomic_writer(args.out) as handle:
            table = csv.DictWriter(handle, paper.COLUMNS, lineterminator="\n")
            table.writeheader()
            table.writerows(asdict(line) for line in lines)
        attempt.outputs([args.out])
        print(f"checksums verified: {', '.join(verified)}; lines written: {len(lines)}")


if __name__ == "__main__":
    sys.exit(run_program(main))
