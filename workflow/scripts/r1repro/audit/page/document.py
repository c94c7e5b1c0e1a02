# SPDX-License-Identifier: Apache-2.0
"""The page as one HTML text: evidence in, a self-contained document out.

The templates of workflow/report hold all wording, every table and every chart; everything they
print is escaped, except the drawings, whose texts were escaped when they were drawn.
"""

import base64
import hashlib
from functools import cache, partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateNotFound
from markupsafe import Markup

from r1repro.audit.page import answers, claims, environments, history, ladder, paper_bill, scores
from r1repro.audit.page.bars import Range, RangeChart, draw_ranges
from r1repro.audit.page.drawing import Chart, Line, draw
from r1repro.audit.page.grids import grid
from r1repro.audit.page.wording import FILTERS, interval
from r1repro.errors import InputError

TEMPLATE, STYLE = "page.html.jinja", "page.css"
SCRIPTS = ("page.js", "calculator.js")


def _drawn(draw_it, kind, options: dict) -> Markup:
    """Return a drawing as markup; texts that a template escaped are escaped when drawn instead."""
    plain = {k: v.unescape() if isinstance(v, Markup) else v for k, v in options.items()}
    return Markup(draw_it(kind(**plain)))


@cache
def environment(folder: Path) -> Environment:
    """Return the environment of the templates."""
    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        extensions=["jinja2.ext.do"],
    )
    made.filters |= FILTERS | {
        "harmless": answers.harmless,
        "ranged": scores.ranged,
        "cell": paper_bill.cell,
        "counted": claims.counts,
        "choices": claims.choices,
    }
    made.globals |= {
        "grid": partial(grid, cache(partial(made.compile_expression, undefined_to_none=False))),
        "chart": lambda **options: _drawn(draw, Chart, options),
        "line": Line,
        "ranges": lambda **options: _drawn(draw_ranges, RangeChart, options),
        "range_row": Range,
        "interval": interval,
        "steps": ladder.STEPS,
        "categories": scores.CATEGORY_NAMES,
        "styles": claims.STYLES,
        "environment_label": environments.label,
        "environment_lines": environments.lines,
        "packages": history.packages,
        "ladder_groups": ladder.groups,
    }
    return made


def render(template: str, evidence: dict) -> str:
    """Return a template filled; raises InputError when the folder of templates is not whole."""
    folder = evidence["templates"]
    try:
        found = environment(folder).get_template(template)
    except TemplateNotFound as error:
        raise InputError(f"{folder} must hold {error}; restore it with git") from error
    return found.render(evidence)


def build(evidence: dict) -> str:
    """Return the page; raises InputError when a column of metrics or a template is missing."""
    folder = evidence["templates"]
    try:
        style, *scripts = (
            (folder / name).read_text(encoding="utf-8") for name in (STYLE, *SCRIPTS)
        )
    except FileNotFoundError as error:
        raise InputError(f"{error.filename} does not exist; restore it with git") from error
    script = "".join(scripts)
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    # the hash by which the page's own policy admits this script and no other
    context = {"style": Markup(style), "script": Markup(script), "script_hash": f"sha256-{digest}"}
    return render(TEMPLATE, evidence | context)
