# SPDX-License-Identifier: Apache-2.0
"""Put the score tables of all checkpoints into one."""

import sys
from pathlib import Path

from r1repro.cli import run_program, stage_parser


def main() -> None:
    cli = stage_parser(__doc__)
    cli.add_argument("--scores", type=Path, nargs="+", required=True)
    cli.add_argument("--out-scores", type=Path, required=True)
    args = cli.parse_args()

    from r1repro.files import write_text_atomic
    from r1repro.tables import join_tables

    write_text_atomic(args.out_scores, join_tables(args.scores))


if __name__ == "__main__":
    sys.exit(run_program(main))
