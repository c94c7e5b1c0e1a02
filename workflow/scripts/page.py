# SPDX-License-Identifier: Apache-2.0
"""Make the page a reviewer opens and the summary the terminal ends with."""

import sys
from pathlib import Path

from r1repro.audit.attempts import open_attempt
from r1repro.audit.page import document, summary
from r1repro.audit.page.inputs import Paths, read_evidence
from r1repro.cli import run_program, stage_parser
from r1repro.files import write_text_atomic

TABLES = (
    "prompts_manifest",
    "corpus_manifest",
    "tokens_manifest",
    "decontamination",
    "dev1_metrics",
    "rl_metrics",
    "test",
    "scores",
    "claims",
    "claims_config",
    "ladder",
    "ladder_tests",
    "curve",
    "rm_accuracy",
    "sft_statistics",
    "sft_rejections",
    "cost_by_stage",
    "paper_cost",
    "scopes",
    "power",
    "sensitivity",
    "hourly",
    "rivals",
    "allocation",
    "carbon",
    "projection",
    "cost_model",
    "cost_model_measured",
    "templates",
)
NATURE = Path("results/published/nature")
PUBLISHED = {
    "published_curve": NATURE / "r1_zero_curve.csv",
    "published_ladder": NATURE / "stages_benchmarks.csv",
    "published_sft": NATURE / "sft_data.csv",
    "published_cost": NATURE / "cost.csv",
    "published_v3_cost": NATURE / "v3_cost.csv",
    "economics_config": Path("config/economics.yaml"),
    "cost_model_config": Path("config/cost_model.yaml"),
    "own_model_config": Path("config/cost_model_mini.yaml"),
    "prices": Path("config/prices.yaml"),
}
OTHERS = ("base_metrics", "curves", "attempts", "seal", *PUBLISHED)


def main() -> None:
    cli = stage_parser(__doc__)
    for name in (*TABLES, "out_report", "out_summary"):
        cli.add_argument(f"--{name.replace('_', '-')}", type=Path, required=True)
    cli.add_argument("--samples", type=Path, nargs="+", required=True)
    # none where the attempts are not sealed
    cli.add_argument("--seal", type=Path, help="heads of the ledger")
    # none where the base is the user's own
    cli.add_argument("--base-metrics", type=Path, nargs="?", help="training metrics of the base")
    # those of the stages that the configuration has beside r1_zero
    cli.add_argument("--curves", type=Path, nargs="*", default=[], help="curves of other stages")
    for name, path in PUBLISHED.items():
        cli.add_argument(f"--{name.replace('_', '-')}", type=Path, default=path)
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
        evidence = read_evidence(paths, args.settings, args.out_report)
        write_text_atomic(args.out_report, document.build(evidence, paths, args.out_report))
        write_text_atomic(args.out_summary, summary.build(evidence, args.out_report))
        attempt.outputs([args.out_report, args.out_summary])


if __name__ == "__main__":
    sys.exit(run_program(main))
