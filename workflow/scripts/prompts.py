# SPDX-License-Identifier: Apache-2.0
"""Make train, validation and test prompts, their manifest, report and test of the filter."""

import os
import sys
from pathlib import Path

from r1repro.audit.attempts import open_attempt
from r1repro.cli import run_program, stage_parser
from r1repro.tasks.data.write import write_prompts


def main() -> None:
    cli = stage_parser(__doc__)
    cli.add_argument("--user-prompts", type=Path, nargs="*", default=[], help="own prompts")
    for name in ("train", "validation", "test", "manifest", "decontamination", "recall", "worked"):
        cli.add_argument(f"--out-{name}", type=Path, required=True)
    args = cli.parse_args()
    settings = args.settings
    files = {split: getattr(args, f"out_{split}") for split in ("train", "validation", "test")}
    with open_attempt(
        args.attempts,
        "prompts",
        scale=settings["scale"],
        settings=settings,
        seed=settings["seed"],
        gpus=args.gpus,
        code_digest=args.code,
        inputs=[path for path in args.user_prompts if path.is_file() and os.access(path, os.R_OK)],
        purpose="preparatory",
    ) as attempt:
        made = [args.out_manifest, args.out_decontamination, args.out_recall, args.out_worked]
        write_prompts(settings, args.user_prompts, files, *made)
        attempt.outputs([*files.values(), *made])


if __name__ == "__main__":
    sys.exit(run_program(main))
