# SPDX-License-Identifier: Apache-2.0
"""Make the page a reviewer opens and the summary the terminal ends with."""

import sys
from pathlib import Path

from r1repro.audit.attempts import open_attempt
from r1repro.audit.page import document, summary
from r1repro.audit.page.inputs import Paths, read_evidence
from r1repro.cli import run_program, stage_parser
from r1repro.files import write_text_atomic

TABLES = ("prompts_manifest", "corpus_manifest", "tokens_manifest", "decontamination")
TABLES += (
    "dev1_metrics",
    "rl_metrics",
    "test",
    "scores",
    "curve",
    "cost_by_stage",
    "paper_cost",
    "templates",
)
OTHERS = ("base_metrics", "published_curve", "attempts")
PUBLISHED_CURVE = Path("results/published/nature/r1_zero_curve.csv")


def main() -> None:
    cli = stage_parser(__doc__)
    for name in (*TABLES, "out_report", "out_summary"):
        cli.add_argument(f"--{name.replace('_', '-')}", type=Path, required=True)
    cli.add_argument("--samples", type=Path, nargs="+", required=True)
    # none where the base is the user's own
    cli.add_argument("--base-metrics", type=Path, nargs="?", help="training metrics of the base")
    cli.add_argument("--published-curve", type=Path, default=PUBLISHED_CURVE)
    args = cli.parse_args()
    tables = {name: getattr(args, name) for name in (*TABLES, *OTHERS)}
    paths = Paths(samples=args.samples, **tables)
    with open_attempt(
        args.attempts,
        "page",
        scale=args.settings["scale"],
        settings=args.settings,
        seed=args.settings["seed"],
        gpus=args.gpus,
        code_digest=args.code,
        inputs=[path for path in paths.files() if path.is_file()],
        purpose="final",
    ) as attempt:
        evidence = read_evidence(paths, args.settings)
        write_text_atomic(args.out_report, document.build(evidence, paths, args.out_report))
        write_text_atomic(args.out_summary, summary.build(evidence, args.out_report))
        attempt.outputs([args.out_report, args.out_summary])


if __name__ == "__main__":
    sys.exit(run_program(main))
