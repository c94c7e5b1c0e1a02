# SPDX-License-Identifier: Apache-2.0
"""Take the questions of a benchmark of others from its pinned file, and write them as prompts."""

import sys
from pathlib import Path

from r1repro.cli import run_program, stage_parser


def main() -> None:
    cli = stage_parser(__doc__)
    cli.add_argument("--benchmark", required=True, help="entry of --sources")
    for name in ("--sources", "--folder", "--out-prompts"):
        cli.add_argument(name, type=Path, required=True)
    args = cli.parse_args()

    from r1repro.audit.attempts import open_attempt
    from r1repro.files import write_jsonl_atomic
    from r1repro.tasks.benchmarks.obtain import file_of
    from r1repro.tasks.benchmarks.prompts import prompts_of
    from r1repro.tasks.benchmarks.sources import read_sources

    settings, source = args.settings, read_sources(args.sources)[args.benchmark]
    with open_attempt(
        args.attempts,
        "questions",
        scale=settings["scale"],
        settings=settings,
        seed=settings["seed"],
        gpus=args.gpus,
        code_digest=args.code,
        inputs=[args.sources],
        purpose="preparatory",
        planned_device="A100",
        part=args.benchmark,
    ) as attempt:
        file = file_of(args.benchmark, source, args.folder)
        prompts = prompts_of(args.benchmark, source, file)
        write_jsonl_atomic(args.out_prompts, prompts)
        attempt.outputs([args.out_prompts])
        print(f"{source.title}: {len(prompts)} questions from {file}, licence: {source.licence}")


if __name__ == "__main__":
    sys.exit(run_program(main))
