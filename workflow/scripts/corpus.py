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
    for name in ("--out-base-corpus", "--out-cold-start", "--out-general-sft", "--out-manifest"):
        cli.add_argument(name, type=Path, required=True)
    args = cli.parse_args()
    settings = args.settings
    outputs = [args.out_base_corpus, args.out_cold_start, args.out_general_sft, args.out_manifest]
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
