# SPDX-License-Identifier: Apache-2.0
"""Make what the reward models learn from: judged pairs and responses marked safe or unsafe."""

import sys
from pathlib import Path

from r1repro.audit.attempts import open_attempt
from r1repro.cli import run_program, stage_parser
from r1repro.tasks.data.write import write_preferences


def main() -> None:
    cli = stage_parser(__doc__)
    for name in ("--validation", "--test", "--out-manifest"):
        cli.add_argument(name, type=Path, required=True)
    names = ("pairs", "heldout", "safety", "safety_heldout")
    for name in names:
        cli.add_argument(f"--out-{name.replace('_', '-')}", type=Path, required=True)
    args = cli.parse_args()
    settings = args.settings
    files = {name: getattr(args, f"out_{name}") for name in names}
    with open_attempt(
        args.attempts,
        "preferences",
        scale=settings["scale"],
        settings=settings,
        seed=settings["seed"],
        gpus=args.gpus,
        code_digest=args.code,
        inputs=[args.validation, args.test],
        purpose="preparatory",
    ) as attempt:
        write_preferences(settings, [args.validation, args.test], files, args.out_manifest)
        attempt.outputs([*files.values(), args.out_manifest])


if __name__ == "__main__":
    sys.exit(run_program(main))
