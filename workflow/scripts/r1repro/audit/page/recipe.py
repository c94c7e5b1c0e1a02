# SPDX-License-Identifier: Apache-2.0
"""What lies between the stages: the pilot, the reward models and the data of the second SFT.

Units   accuracy: share of the held-out examples, with its 95 % interval; samples and n: counts;
        tokens and rounds: means per sample.
Source  ours: results/prepare/rm_accuracy.csv, results/data/sft_statistics.csv and
        sft_rejections.csv. Theirs: Nature Supplementary Table 2, committed as
        results/published/nature/sft_data.csv.
"""

from dataclasses import dataclass
from pathlib import Path

from r1repro.audit.page.answers import harmless
from r1repro.audit.page.grids import Grid, Line, columns
from r1repro.audit.page.scores import CATEGORY_NAMES, Scores
from r1repro.audit.page.tables import read_rows
from r1repro.audit.page.wording import count, percent, percent_interval
from r1repro.errors import InputError

MODELS = {
    "rm_helpful": "helpful: pairs, on the final answer",
    "rm_safety": "safety: single responses, whole",
}
REASONS = {
    "sampled": "sampled",
    "wrong": "wrong answer",
    "unreadable": "not readable",
    "mixed_language": "languages mixed",
    "repetition": "repetition",
    "duplicate": "the same text again",
    "surplus": "more than is kept of one prompt",
    "kept": "kept",
}


@dataclass(frozen=True)
class Domain:
    """One line of the data statistics, of this run or of the paper; no sample has no mean."""

    name: str
    samples: int
    rounds: float | None
    tokens: float | None


@dataclass(frozen=True)
class Recipe:
    """The tables of this section, as read."""

    accuracy: Grid
    domains: list[Domain]
    paper_domains: list[Domain]
    rejections: dict[str, int]


def read_recipe(accuracy: Path, statistics: Path, rejections: Path, published: Path) -> Recipe:
    """Read the four tables; raises InputError that names file, line and column."""
    return Recipe(
        _accuracy(accuracy),
        _domains(statistics, "mean_rounds", "mean_tokens"),
        _domains(published, "avg_rounds", "avg_tokens"),
        _rejections(rejections),
    )


def _accuracy(path: Path) -> Grid:
    rows = []
    for row in read_rows(path, ("model", "set", "n", "accuracy", "ci_low", "ci_high")):
        value, low, high = (row.share(c) for c in ("accuracy", "ci_low", "ci_high"))
        if low > high:
            raise row.fault("ci_high", f"an end not below ci_low ({low})")
        model = row.text("model")
        cells = [MODELS.get(model, harmless(model)), harmless(row.text("set").replace("_", " "))]
        cells += [count(row.whole("n")), percent(value), percent_interval(low, high)]
        rows.append(Line(cells))
    heads = columns("Reward model", "Held-out set", "#Examples", "#Accuracy", "#95 % interval")
    caption = "This run. Accuracy on examples that the reward model was not trained on."
    return Grid("Accuracy of the reward models", caption, heads, rows)


def _domains(path: Path, rounds: str, tokens: str) -> list[Domain]:
    found = []
    for row in read_rows(path, ("domain", "samples", rounds, tokens)):
        means = [row.number_or_none(column) for column in (rounds, tokens)]
        domain = Domain(row.text("domain"), row.whole("samples"), *means)
        if domain.samples and None in means:
            raise row.fault(rounds if means[0] is None else tokens, "a number")
        found.append(domain)
    if len({domain.name for domain in found}) != len(found):
        raise InputError(f"{path} names a domain twice; remake it")
    return found


def _rejections(path: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in read_rows(path, ("reason", "count")):
        if row.text("reason") in found:
            raise row.fault("reason", "one line for each reason")
        found[row.text("reason")] = row.whole("count")
    return found


def domain_grid(domains: list[Domain], name: str, caption: str) -> Grid:
    """Return the statistics with the columns of the paper's Supplementary Table 2."""
    rows = [
        Line(
            [
                CATEGORY_NAMES.get(domain.name, harmless(domain.name.capitalize())),
                count(domain.samples),
                _mean(domain.rounds),
                _mean(domain.tokens),
            ],
            "total" if domain.name == "total" else "",
        )
        for domain in domains
    ]
    heads = columns("Domain", "#Samples", "#Mean rounds", "#Mean tokens")
    return Grid(name, caption, heads, rows)


def _mean(value: float | None) -> str:
    return "\u2013" if value is None else f"{value:,.1f}"


def rejection_grid(rejections: dict[str, int]) -> Grid:
    """Return what became of the samples of dev2, all of them first."""
    order = [reason for reason in REASONS if reason in rejections]
    order += [reason for reason in rejections if reason not in REASONS]
    total = rejections.get("sampled", 0)
    rows = [
        Line(
            [
                REASONS.get(reason, harmless(reason)),
                count(rejections[reason]),
                percent(rejections[reason] / total) if total else "",
            ],
            "all" if reason in ("sampled", "kept") else "",
        )
        for reason in order
    ]
    caption = "This run. Every sample of dev2 by the first rule that it broke."
    return Grid("Rejection sampling", caption, columns("Samples", "#Count", "#Share"), rows)


def pilot_sentence(scores: Scores) -> str:
    """Say what the pilot found and what it is for; without a pilot, that there was none."""
    before = scores.find("small_base", "all", "pass@1")
    after = scores.find("pilot", "all", "pass@1")
    if before is None or after is None:
        return "This configuration runs no pilot, so nothing was tried on a smaller model first."
    rose = "raised" if after.low > before.high else "did not clearly raise"
    return (
        f"The recipe of R1-Zero was tried on the smaller base first, and {rose} its pass@1: "
        f"{percent(before.value)} {percent_interval(before.low, before.high)} before, "
        f"{percent(after.value)} {percent_interval(after.low, after.high)} after. The paper did "
        "the same with a model of about 30 billion parameters on A100 GPUs and gives no result. "
        "It is one input to the decision to scale; it stops the run only where the configuration "
        "says so."
    )


def context(recipe: Recipe, scores: Scores) -> dict:
    """Return what the template shows of this section."""
    own = domain_grid(recipe.domains, "SFT data of this run", "This run, sft_statistics.csv.")
    theirs = domain_grid(
        recipe.paper_domains, "SFT data of the paper", "Nature, Supplementary Table 2."
    )
    return {
        "pilot_sentence": pilot_sentence(scores),
        "reward_model_table": recipe.accuracy,
        "sft_table": own,
        "paper_sft_table": theirs,
        "rejection_table": rejection_grid(recipe.rejections),
    }
