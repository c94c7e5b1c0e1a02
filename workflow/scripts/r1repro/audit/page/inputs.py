# SPDX-License-Identifier: Apache-2.0
"""The files a page is made from, read once and checked, and where they are linked."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from r1repro.audit.ledger.heads import Head, read_heads
from r1repro.audit.page import answers, claims, costs, curves, dataset, history, ladder, recipe
from r1repro.audit.page.scores import Scores
from r1repro.audit.page.tables import absent
from r1repro.audit.page.wording import size
from r1repro.errors import InputError
from r1repro.files import sha256_file


@dataclass(frozen=True)
class Paths:
    """Where the inputs are; the names are the program's options."""

    prompts_manifest: Path
    corpus_manifest: Path
    tokens_manifest: Path
    decontamination: Path
    base_metrics: Path | None  # None: the base is the user's own
    dev1_metrics: Path
    rl_metrics: Path
    samples: Sequence[Path]
    test: Path
    scores: Path
    claims: Path
    claims_config: Path
    ladder: Path
    ladder_tests: Path
    published_ladder: Path
    curve: Path
    curves: Sequence[Path]  # of other stages; those that the configuration has
    published_curve: Path
    rm_accuracy: Path
    sft_statistics: Path
    sft_rejections: Path
    published_sft: Path
    cost_by_stage: Path
    paper_cost: Path
    published_cost: Path
    published_v3_cost: Path
    scopes: Path
    power: Path
    sensitivity: Path
    hourly: Path
    rivals: Path
    allocation: Path
    carbon: Path
    projection: Path
    cost_model: Path
    cost_model_measured: Path
    economics_config: Path
    cost_model_config: Path
    own_model_config: Path
    prices: Path
    attempts: Path
    templates: Path
    seal: Path | None = None  # heads of the ledger, where the attempts are sealed

    def linked(self) -> list[tuple[Path, str, str]]:
        """Return every table with what it holds and the option that names it."""
        table = []
        for option, holds in HOLDS.items():
            found = getattr(self, option)
            found = [found] if isinstance(found, Path) else found or []
            table += [(path, holds, option) for path in found]
        return table

    def files(self) -> list[Path]:
        """Return every table."""
        return [path for path, _, _ in self.linked()]


HOLDS = {
    "claims": "every claim of the paper with its verdict",
    "claims_config": "the claims as stated, with the check of each",
    "ladder": "the ladder from R1-Zero to R1",
    "ladder_tests": "paired tests between its checkpoints",
    "published_ladder": "the paper's Table 2",
    "scores": "all scores with 95\u202f% intervals",
    "curve": "the learning curve of R1-Zero",
    "curves": "the learning curve of this stage",
    "rl_metrics": "training metrics of R1-Zero, a line per policy update",
    "base_metrics": "training metrics of the base",
    "dev1_metrics": "training metrics of dev1",
    "rm_accuracy": "held-out accuracy of the reward models",
    "sft_statistics": "the data of the second SFT by domain",
    "sft_rejections": "what became of the samples of dev2",
    "published_sft": "the paper's Supplementary Table 2",
    "samples": "every sampled answer of this checkpoint",
    "test": "the test questions",
    "prompts_manifest": "counts, checksums and seed of the prompts",
    "corpus_manifest": "counts, checksums and seed of the corpus",
    "tokens_manifest": "lengths of all data files in tokens",
    "decontamination": "what the 10-gram filter removed",
    "cost_by_stage": "the bill of this run",
    "seal": "the roots of the ledger behind the bill",
    "paper_cost": "the paper's cost table, recomputed",
    "published_curve": "the paper's learning curve, digitised",
    "published_cost": "the paper's cost table as printed",
    "published_v3_cost": "the base model's cost table as printed",
    "scopes": "the paper's bill by what it holds and leaves out",
    "power": "energy and carbon of the paper's hours under assumptions",
    "sensitivity": "the paper's bill under other prices, scopes, utilisations and failures",
    "hourly": "the printed GPU-hours at other prices, rented and owned",
    "rivals": "published and estimated costs of other models",
    "allocation": "busy, start-up and idle time of this run",
    "carbon": "energy and carbon of this run by source",
    "projection": "from this run's speed to the published run",
    "cost_model": "the published run from first principles",
    "cost_model_measured": "the same formulas beside this run's stages",
    "economics_config": "what the tables about the bill assume",
    "cost_model_config": "inputs of the cost model, each with status and source",
    "own_model_config": "this run's hardware for the cost model",
    "prices": "dated prices with sources",
}


@dataclass(frozen=True)
class Evidence:
    """Everything the page shows, as read."""

    scale: str
    seed: int
    settings: dict
    scores: Scores
    claims: list[claims.Claim]
    ladder: ladder.Ladder
    recipe: recipe.Recipe
    curve: curves.Curve
    stage_curves: dict[str, curves.Curve]
    published_curve: curves.Curve
    questions: list[answers.Question]
    data: dataset.Dataset
    costs: costs.Costs
    attempts: list[history.Attempt]
    finished: list[history.Attempt]
    own_base: str | None  # name of the folder of a base that was not trained here
    head: Head | None = None  # of the ledger

    @property
    def kind(self) -> str:
        """Return what the numbers belong to: the scale, and a base that is not of that scale."""
        return self.scale if self.own_base is None else f"{self.scale} with an own base"


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


def read_evidence(paths: Paths, settings: dict, report: Path) -> Evidence:
    """Read all inputs; `report` is where the page will lie, for the links of the claims.

    Raises InputError at the first input that is missing or malformed.
    """
    checkpoint = settings["model"]["checkpoint"]
    attempts = history.read_attempts(paths.attempts)
    finished = history.finished(attempts, settings["scale"])
    if not finished:
        raise InputError(
            f"{paths.attempts} holds no completed attempt of scale {settings['scale']}; run "
            "`snakemake` with this configuration first"
        )
    return Evidence(
        scale=settings["scale"],
        seed=settings["seed"],
        settings=settings,
        scores=Scores(paths.scores),
        claims=claims.read_claims(paths.claims, paths.claims_config, report.parent),
        ladder=ladder.read_ladder(paths.ladder, paths.ladder_tests, paths.published_ladder),
        recipe=recipe.read_recipe(
            paths.rm_accuracy, paths.sft_statistics, paths.sft_rejections, paths.published_sft
        ),
        curve=curves.read_curve(paths.curve),
        stage_curves=curves.read_stage_curves(paths.curves),
        published_curve=curves.read_published_curve(paths.published_curve),
        questions=answers.pairs(sample_files(paths.samples)),
        data=dataset.read_dataset(
            paths.prompts_manifest,
            paths.corpus_manifest,
            paths.tokens_manifest,
            paths.decontamination,
        ),
        costs=costs.read_costs(paths),
        attempts=attempts,
        finished=finished,
        own_base=Path(checkpoint).name if checkpoint else None,
        head=None if paths.seal is None else next(reversed(read_heads(paths.seal.parent)), None),
    )


def links(paths: Paths, report: Path) -> list[dict[str, str]]:
    """Return the files behind the page with links relative to it; raises InputError."""
    table = []
    for path, holds, option in paths.linked():
        if not path.is_file():
            raise absent(path)
        relative = Path(os.path.relpath(path, report.parent)).as_posix()
        table.append(
            {
                "option": option,
                "name": relative,
                "link": quote(relative),
                "holds": holds,
                "size": size(path.stat().st_size),
                "sha256": sha256_file(path),
            }
        )
    return table
