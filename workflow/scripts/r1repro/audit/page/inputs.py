# SPDX-License-Identifier: Apache-2.0
"""The files a page is made from, read once and checked, and where they are linked."""

import os
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

from r1repro.audit.economics.case import paper_case
from r1repro.audit.economics.inputs import read_economics
from r1repro.audit.ledger.heads import read_heads
from r1repro.audit.page import (
    answers,
    bill,
    calculator,
    claims,
    curves,
    dataset,
    economics,
    history,
    ladder,
    paper_bill,
    plausibility,
    recipe,
    training,
)
from r1repro.audit.page.scores import Scores
from r1repro.audit.page.tables import absent
from r1repro.audit.paper_cost import TOTAL, read_paper_stages, read_v3_stages
from r1repro.audit.prices import load_prices, preferred_rows
from r1repro.errors import InputError, SettingsError
from r1repro.files import sha256_file

SCALES = ("smoke", "mini", "node", "paper")  # what the page has a headline for
# every table, in the order in which the page links them
LINKED = (
    "claims", "claims_config", "ladder", "ladder_tests", "published_ladder", "scores", "curve",
    "curves", "rl_metrics", "base_metrics", "dev1_metrics", "rm_accuracy", "sft_statistics",
    "sft_rejections", "published_sft", "samples", "test", "prompts_manifest", "corpus_manifest",
    "tokens_manifest", "decontamination", "cost_by_stage", "seal", "paper_cost", "published_curve",
    "published_cost", "published_v3_cost", "scopes", "power", "sensitivity", "hourly", "rivals",
    "allocation", "carbon", "projection", "cost_model", "cost_model_measured", "economics_config",
    "cost_model_config", "own_model_config", "prices",
)  # fmt: skip


class Paths(SimpleNamespace):
    """Where the inputs are, by the program's options: LINKED, `attempts` and `templates`.

    base_metrics   None where the base is the user's own
    curves         of other stages, those that the configuration has; samples: of each checkpoint
    seal           heads of the ledger, None where the attempts are not sealed
    """

    seal: Path | None = None

    def linked(self) -> list[tuple[str, Path]]:
        """Return every table with the option that names it."""
        found = [(option, getattr(self, option) or []) for option in LINKED]
        return [(o, p) for o, at in found for p in ([at] if isinstance(at, Path) else at)]


def sample_files(paths: Sequence[Path]) -> dict[str, Path]:
    """Return the answers to show by checkpoint, which is the name of the folder.

    The base's and r1_zero's always, r1's where there is an r1.
    """
    by_name = {path.parent.name: path for path in paths}
    for name in ("base", "r1_zero"):
        if name not in by_name:
            raise InputError(
                f"--samples has no file in a folder named {name}; pass "
                f"results/evaluate/{name}/samples.jsonl"
            )
    return {name: by_name[name] for name in ("base", "r1_zero", "r1") if name in by_name}


def read_evidence(paths: Paths, settings: dict, report: Path) -> dict:
    """Read all inputs and return what the templates show; `report` is where the page will lie.

    Raises InputError at the first input that is missing or malformed.
    """
    scale, checkpoint = settings["scale"], settings["model"]["checkpoint"]
    attempts = history.read_attempts(paths.attempts)
    finished = history.finished(attempts, scale)
    if not finished:
        raise InputError(
            f"{paths.attempts} holds no completed attempt of scale {scale}; run "
            "`snakemake` with this configuration first"
        )
    if scale not in SCALES:
        raise SettingsError(
            f"the scale {scale!r} has no headline on the page; set scale to one of "
            f"{', '.join(SCALES)}"
        )
    return {
        "scale": scale,
        "seed": settings["seed"],
        "settings": settings,
        "own_base": Path(checkpoint).name if checkpoint else None,
        "attempts": attempts,
        "finished": finished,
        "head": next(reversed(read_heads(paths.seal.parent)), None) if paths.seal else None,
        "scores": Scores(paths.scores),
        "claims": claims.read_claims(paths.claims, paths.claims_config, report.parent),
        "ladder": ladder.read_ladder(paths.ladder, paths.ladder_tests, paths.published_ladder),
        "accuracy": recipe.read_accuracy(paths.rm_accuracy),
        "domains": recipe.read_domains(paths.sft_statistics, "mean_rounds", "mean_tokens"),
        "paper_domains": recipe.read_domains(paths.published_sft, "avg_rounds", "avg_tokens"),
        "rejections": recipe.read_rejections(paths.sft_rejections),
        "curve": curves.read_curve(paths.curve),
        "stage_curves": curves.read_stage_curves(paths.curves),
        "published_curve": curves.read_curve(paths.published_curve, published=True),
        "metrics": training.read_metrics(paths.rl_metrics, "update"),
        "base_losses": paths.base_metrics and training.read_metrics(paths.base_metrics, "step"),
        "dev1_losses": training.read_metrics(paths.dev1_metrics, "step"),
        "questions": answers.pairs(sample_files(paths.samples)),
        "data": dataset.read_dataset(
            paths.prompts_manifest,
            paths.corpus_manifest,
            paths.tokens_manifest,
            paths.decontamination,
        ),
        "files": links(paths, report),
        "templates": paths.templates,
    } | read_costs(paths)


def read_costs(paths: Paths) -> dict:
    """Read everything about money and time; raises InputError."""
    known = read_economics(paths.economics_config)
    price = preferred_rows(load_prices(paths.prices), known.prices["base"])[0].price
    stages = read_paper_stages(paths.published_cost)
    printed = next(stage.usd for stage in stages if stage.name == TOTAL)
    if not printed:
        raise InputError(f"{paths.published_cost} has no printed total in USD; restore it with git")
    case = paper_case(stages, read_v3_stages(paths.published_v3_cost), price)
    tables = {name: economics.read_table(name, getattr(paths, name)) for name in economics.TABLES}
    return tables | {
        "bill": bill.read_bill(paths.cost_by_stage),
        "paper_bill": paper_bill.read_paper_bill(paths.paper_cost),
        "case": case,
        "calculator": calculator.context(case, known, printed),
        "by_input": economics.by_input(tables["sensitivity"]),
        "by_scope": economics.by_scope(tables["sensitivity"]),
        "model": plausibility.read_model(paths.cost_model),
        "measured": plausibility.read_measured(paths.cost_model_measured),
    }


def links(paths: Paths, report: Path) -> list[dict]:
    """Return the files behind the page with links relative to it; raises InputError."""
    table = []
    for option, path in paths.linked():
        if not path.is_file():
            raise absent(path)
        name = Path(os.path.relpath(path, report.parent)).as_posix()
        link = {"option": option, "name": name, "link": quote(name)}
        table.append(link | {"size": path.stat().st_size, "sha256": sha256_file(path)})
    return table
