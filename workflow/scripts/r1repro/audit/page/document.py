# SPDX-License-Identifier: Apache-2.0
"""The page as one HTML text: evidence in, a self-contained document out."""

import base64
import hashlib
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateNotFound
from markupsafe import Markup

from r1repro.audit.page import (
    claims,
    costs,
    curves,
    environments,
    grids,
    history,
    ladder,
    paper_bill,
    prose,
    recipe,
    training,
)
from r1repro.audit.page.inputs import Evidence, Paths, links
from r1repro.audit.page.wording import count, duration
from r1repro.errors import InputError

TEMPLATE, STYLE = "page.html.jinja", "page.css"
SCRIPTS = ("page.js", "calculator.js")
SECTIONS = (
    ("answer", "The answer"),
    ("headline", "Headline claims"),
    ("curve", "Learning curve"),
    ("bill", "The bill"),
    ("run", "This run"),
    ("claims", "Every claim"),
    ("ladder", "Ladder"),
    ("training", "Training"),
    ("scores", "Checkpoints"),
    ("recipe", "Pilot, reward models, SFT data"),
    ("answers", "Sample answers"),
    ("data", "Data"),
    ("paper-cost", "The paper\u2019s cost"),
    ("bill-depends", "What the bill depends on"),
    ("plausibility", "Plausibility"),
    ("rivals", "Other models"),
    ("cost", "This run\u2019s cost"),
    ("projection", "Projection"),
    ("excluded", "Excluded"),
    ("attempts", "Attempts and rerun"),
    ("files", "Files"),
)
MOST_ATTEMPTS = 200
SMALL = (4.0, 2.9)  # inches of a chart that is one of many


def build(evidence: Evidence, paths: Paths, report: Path) -> str:
    """Return the page; `report` is where it will lie, for the links.

    Raises InputError when a table of metrics or the template cannot be read.
    """
    environment = Environment(
        loader=FileSystemLoader(paths.templates),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    try:
        template = environment.get_template(TEMPLATE)
        style = (paths.templates / STYLE).read_text(encoding="utf-8")
        script = "".join((paths.templates / name).read_text(encoding="utf-8") for name in SCRIPTS)
    except (TemplateNotFound, FileNotFoundError) as error:
        raise InputError(
            f"{paths.templates} must hold {TEMPLATE}, {STYLE} and {' and '.join(SCRIPTS)}; "
            "restore it with git"
        ) from error
    files = links(paths, report)
    context = {"style": Markup(style), "sections": SECTIONS, "files": files}
    context["evidence"] = partial(costs.evidence, files)
    context |= {"script": Markup(script), "script_hash": script_hash(script)}
    for part in PARTS:
        context |= part(evidence)
    return template.render(context | _training(paths))


def script_hash(script: str) -> str:
    """Return the hash by which the page's own policy admits this script and no other."""
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"


def _svg(charts: list[str]) -> list[Markup]:
    """Mark our own drawings as markup; their texts were escaped when they were drawn."""
    return [Markup(chart) for chart in charts]


def _head(evidence: Evidence) -> dict:
    headline, warning = prose.headline(evidence.scale, evidence.own_base)
    done = evidence.finished
    busy = sum(a.seconds for a in done)
    facts = [
        ("When", history.period(done)),
        ("Machine", "; ".join(history.machines(done))),
        ("Host", ", ".join(history.hosts(done))),
        ("Commit", history.commits(done)),
        ("Seed", str(evidence.seed)),
        ("Stages", f"{len(done)} completed in {duration(busy)} of work"),
    ]
    if evidence.head is not None:
        facts.append(("Ledger", prose.ledger(evidence.head.size, evidence.head.root)))
    return {
        "title": f"r1repro, {evidence.scale}, seed {evidence.seed}: {headline.split(':')[0]}",
        "headline": headline,
        "scale": evidence.scale,
        "lede": [warning, prose.what_was_run(evidence)],
        "facts": facts,
        "results_sentence": claims.counts_sentence(evidence.claims),
    }


def _claims(evidence: Evidence) -> dict:
    found = evidence.claims
    return {
        "claims": found,
        "answer": claims.answers(found),
        "answer_note": prose.ANSWER.format(scale=evidence.kind, seed=evidence.seed),
        "headline_claims": claims.of_tier(found, "headline"),
        "headline_note": prose.HEADLINE,
        "claim_counts": claims.counts(found),
        "claim_choices": claims.choices(found),
        "claims_sentence": f"{count(len(found))} claims of the paper, and of the press about it.",
        "claims_note": prose.CLAIMS,
    }


def _ladder(evidence: Evidence) -> dict:
    without = ", ".join(ladder.paper_rows_without(evidence.ladder))
    return {
        "ladder_steps": [ladder.NAMES[step] for step in ladder.STEPS],
        "ladder_groups": ladder.groups(evidence.ladder),
        "ladder_sentence": ladder.sentence(evidence.ladder),
        "ladder_scale": evidence.kind,
        "ladder_tests": ladder.tests_grid(evidence.ladder),
        "ladder_without": without,
    }


def _curve(evidence: Evidence) -> dict:
    per_category = evidence.settings["evaluate"]["curve_prompts_per_category"]
    others = [
        curves.own_charts(curve, stage, SMALL) for stage, curve in evidence.stage_curves.items()
    ]
    return {
        "stage_charts": _svg([chart for pair in others for chart in pair]),
        "stage_sentence": " ".join(
            f"{stage}: {curves.accuracy_sentence(curve)}"
            for stage, curve in evidence.stage_curves.items()
        ),
        "curve_sentence": f"This run: {curves.accuracy_sentence(evidence.curve)} "
        f"The {curves.length_sentence(evidence.curve)}",
        "curve_charts": _svg(curves.own_charts(evidence.curve)),
        "curve_caption": "This run, checkpoints saved along the way, as in Figure 1 of the paper. "
        f"Test questions behind each point: {per_category} per category, fewer than in the "
        "table of checkpoints below, so the ends of the curve may differ from it.",
        "curve_table": grids.curve_grid(evidence.curve),
        "paper_charts": _svg(curves.published_charts(evidence.published_curve)),
        "paper_curve_caption": "DeepSeek-R1-Zero on AIME 2024: another model (671 billion "
        "parameters), other questions, other lengths, and axes of its own. Lines are digitised "
        "from Figures 2 and 3 of the preprint (up to update 8,400) and Figure 1 of the Nature "
        "article (lengths beyond, read by eye, about 15\u202f%); hollow marks are values printed "
        "in the text, at the last update.",
    }


def _scores(evidence: Evidence) -> dict:
    return {
        "consensus": evidence.scores.consensus,
        "score_overview": grids.overview_grid(evidence.scores),
        "general_table": grids.general_grid(evidence.scores),
        "score_groups": grids.score_groups(evidence.scores),
        "scores_caption": "This run. 95\u202f% bootstrap intervals over the questions in brackets; "
        "length is the mean number of tokens of a response.",
    }


def _recipe(evidence: Evidence) -> dict:
    return recipe.context(evidence.recipe, evidence.scores)


def _answers(evidence: Evidence) -> dict:
    return {
        "questions": evidence.questions,
        "answers_note": "Chosen by rule, not by eye: of each category the first question of the "
        "test split, of each checkpoint its first sample. Text of the models is shown as it came; "
        "invisible characters are written as their code points.",
    }


def _data(evidence: Evidence) -> dict:
    return {
        "data_paragraphs": evidence.data.paragraphs(),
        "data_tables": evidence.data.grids(),
    }


def _costs(evidence: Evidence) -> dict:
    parts = paper_bill.parts(evidence.costs.paper_bill)
    return {"bill_parts": parts} | costs.context(evidence.costs)


def _history(evidence: Evidence) -> dict:
    attempts = evidence.attempts
    done = sum(a.record.completed for a in attempts)
    left_out = max(0, len(attempts) - MOST_ATTEMPTS)
    sentence = (
        f"{count(len(attempts))} attempts are on record in this folder, {count(done)} of them "
        f"completed. The results above rest on the last completed attempt of each stage."
    )
    if left_out:
        sentence += f" The table shows the last {MOST_ATTEMPTS}; {count(left_out)} came before."
    return {
        "attempts_sentence": sentence,
        "attempts_table": grids.attempts_grid(attempts[-MOST_ATTEMPTS:]),
        "environment": history.packages(evidence.finished),
        "environments": environments.lines([(a.name, a.environment) for a in attempts]),
        "commands": prose.COMMANDS,
    }


def _training(paths: Paths) -> dict:
    charts, updates = training.reinforcement_charts(paths.rl_metrics)
    losses = [training.loss_chart(paths.dev1_metrics, "dev1", "dev1: fine-tuning loss")]
    what = "dev1 on the cold-start responses only"
    if paths.base_metrics is not None:
        losses.insert(0, training.loss_chart(paths.base_metrics, "base", "base: pretraining loss"))
        what = f"the base on the corpus, {what}"
    return {
        "training_sentence": f"Every one of the {count(updates)} policy updates of r1_zero, as "
        "logged while it trained.",
        "training_charts": _svg(charts),
        "training_caption": "A group is the set of answers sampled to one question; where all its "
        "rewards are equal it teaches nothing. Time per update depends on the machine.",
        "loss_charts": _svg(losses),
        "loss_caption": f"Loss on the training rows, one point per optimiser step: {what}.",
    }


PARTS = (
    _head,
    _claims,
    _ladder,
    _curve,
    _scores,
    _recipe,
    _answers,
    _data,
    _costs,
    _history,
)
