# SPDX-License-Identifier: Apache-2.0
"""Make the page a reviewer opens and the summary the terminal ends with."""

import sys
from pathlib import Path

from r1repro.audit.attempts import open_attempt
from r1repro.audit.page import document, summary
from r1repro.audit.page.inputs import LINKED, Paths, read_evidence
from r1repro.cli import run_program, stage_parser
from r1repro.files import write_text_atomic

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
# not every configuration has them: heads of the ledger where the attempts are not sealed, metrics
# of the base where it is the user's own, curves of stages beside r1_zero
OPTIONAL = ("seal", "base_metrics", "curves")
NEEDED = (*(n for n in LINKED if n not in (*OPTIONAL, *PUBLISHED, "samples")), "templates")


def main() -> None:
    cli = stage_parser(__doc__)
    for name in (*NEEDED, "out_report", "out_summary"):
        cli.add_argument(f"--{name.replace('_', '-')}", type=Path, required=True)
    cli.add_argument("--samples", type=Path, nargs="+", required=True)
    cli.add_argument("--seal", type=Path, help="heads of the ledger")
    cli.add_argument("--base-metrics", type=Path, nargs="?", help="training metrics of the base")
    cli.add_argument("--curves", type=Path, nargs="*", default=[], help="curves of other stages")
    for name, path in PUBLISHED.items():
        cli.add_argument(f"--{name.replace('_', '-')}", type=Path, default=path)
    args = cli.parse_args()
    paths = Paths(**{name: getattr(args, name) for name in (*LINKED, "attempts", "templates")})
    with open_attempt(
        args.attempts,
        "page",
        scale=args.settings["scale"],
        settings=args.settings,
        seed=args.settings["seed"],
        gpus=args.gpus,
        code_digest=args.code,
        inputs=[path for _, path in paths.linked() if path.is_file()],
        purpose="final",
    ) as attempt:
        evidence = read_evidence(paths, args.settings, args.out_report)
        write_text_atomic(args.out_report, document.build(evidence))
        write_text_atomic(args.out_summary, summary.build(evidence, args.out_report))
        attempt.outputs([args.out_report, args.out_summary])


if __name__ == "__main__":
    sys.exit(run_program(main))
