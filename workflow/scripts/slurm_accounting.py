# SPDX-License-Identifier: Apache-2.0
"""Put Slurm's accounting of this run's jobs beside its attempts; every difference has a name."""

import sys
from pathlib import Path

from r1repro.audit.attempt_records import read_attempts
from r1repro.audit.attempts import open_attempt
from r1repro.audit.slurm_accounting import (
    JOB_COLUMNS,
    RULE_COLUMNS,
    job_cells,
    reconcile,
    rule_table,
)
from r1repro.audit.slurm_jobs import read_jobs
from r1repro.cli import run_program, stage_parser
from r1repro.errors import InputError
from r1repro.files import write_text_atomic
from r1repro.tables import csv_text


def main() -> None:
    """Read dump and records, write both tables, and fail where they contradict each other."""
    cli = stage_parser(__doc__)
    for name in ("--sacct", "--out-by-rule", "--out-jobs"):
        cli.add_argument(name, type=Path, required=True)
    args = cli.parse_args()
    settings = args.settings
    jobs = read_jobs(args.sacct)
    records = read_attempts(args.attempts)
    with open_attempt(
        args.attempts,
        "slurm_accounting",
        scale=settings["scale"],
        settings=settings,
        seed=settings["seed"],
        gpus=args.gpus,
        code_digest=args.code,
        inputs=[args.sacct],
        purpose="final",
    ) as attempt:
        result = reconcile(jobs, records)
        write_text_atomic(args.out_by_rule, csv_text(rule_table(result), RULE_COLUMNS))
        write_text_atomic(args.out_jobs, csv_text([job_cells(j) for j in result.jobs], JOB_COLUMNS))
        attempt.outputs([args.out_by_rule, args.out_jobs])
        print(f"jobs: {len(jobs)}; attempts outside Slurm: {result.outside}")
        for finding in result.findings:
            print(f"finding: {finding}")
        if result.findings:
            raise InputError(
                f"{args.sacct} and {args.attempts} contradict each other in "
                f"{len(result.findings)} places, the first: {result.findings[0]}; the log has all"
            )


if __name__ == "__main__":
    sys.exit(run_program(main))
