# SPDX-License-Identifier: Apache-2.0
"""Put the held-out accuracies of the reward models into one table."""

import sys
from pathlib import Path

from r1repro.cli import run_program, stage_parser


def main() -> None:
    cli = stage_parser(__doc__)
    cli.add_argument("--accuracies", type=Path, nargs="+", required=True)
    cli.add_argument("--out", type=Path, required=True)
    args = cli.parse_args()

    from r1repro.files import write_text_atomic
    from r1repro.tables import join_tables

    write_text_atomic(args.out, join_tables(args.accuracies))


if __name__ == "__main__":
    sys.exit(run_program(main))
