# SPDX-License-Identifier: Apache-2.0
"""Make the base corpus and the cold-start set without any problem of validation and test."""

import sys
from pathlib import Path

from r1repro.audit.attempts import open_attempt
from r1repro.cli import run_program, stage_parser
from r1repro.tasks.data.write import write_corpus


def main() -> None:
    cli = stage_parser(__doc__)
    for name in ("--train", "--validation", "--test"):
        cli.add_argument(name, type=Path, required=True)
    made = ("base_corpus", "cold_start", "cold_start_more", "general_sft", "manifest")
    for name in made:
        cli.add_argument(f"--out-{name.replace('_', '-')}", type=Path, required=True)
    args = cli.parse_args()
    settings = args.settings
    outputs = [getattr(args, f"out_{name}") for name in made]
    with open_attempt(
        args.attempts,
        "corpus",
        scale=settings["scale"],
        settings=settings,
        seed=settings["seed"],
        gpus=args.gpus,
        code_digest=args.code,
        inputs=[args.train, args.validation, args.test],
        purpose="preparatory",
    ) as attempt:
        write_corpus(settings, [args.validation, args.test], *outputs)
        attempt.outputs(outputs)


if __name__ == "__main__":
    sys.exit(run_program(main))
