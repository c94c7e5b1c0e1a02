# SPDX-License-Identifier: Apache-2.0
"""The page: self-contained, valid, accessible, deterministic, and honest about its scale."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import page_tables
import pytest

VOID = {"meta", "link", "br", "img", "input", "hr"}
LOADING = {"img", "iframe", "object", "embed", "audio", "video", "source", "base", "form"}
STYLE = page_tables.ROOT / "workflow/report/page.css"


class Reader(HTMLParser):
    """Collect tags, identifiers and text; note every tag that is closed out of order."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.faults: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)):
            self.faults.append(f"attribute twice in {tag}")
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.text += data

    def attributes(self, name: str) -> list[str]:
        """Return every value of an attribute."""
        return [values[name] for _, values in self.tags if name in values]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("with a space")


@pytest.fixture(scope="module")
def options(folder) -> dict:
    return page_tables.make(folder)


@pytest.fixture(scope="module")
def html(options) -> str:
    return page_tables.render(options)[0]


@pytest.fixture(scope="module")
def page(html) -> Reader:
    return Reader(html)


def test_same_inputs_give_the_same_bytes(options, html):
    """Two pages from the same files are equal byte for byte, charts included."""
    page_tables.DRAWN.clear()
    assert page_tables.render(options)[0] == html


def test_page_loads_nothing(html, page):
    """No tag, style or link of the page makes a browser fetch anything; one script, by hash."""
    assert not LOADING & {tag for tag, _ in page.tags}
    assert page.attributes("src") == []
    assert {v for v in page.attributes("href") if ":" in v} == {"data:,"}
    assert "@import" not in html
    assert set(re.findall(r"url\((.)", html)) <= {"#"}
    policy = next(v["content"] for t, v in page.tags if "http-equiv" in v)
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert len(scripts) == 1 and [v for t, v in page.tags if t == "script"] == [{}]
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    allowed = f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
    assert policy == allowed + "img-src data:; base-uri 'none'; form-action 'none'"
    assert not re.search(r"\b(fetch|XMLHttpRequest|import|eval|innerHTML|Function)\b", scripts[0])
    assert not any(name.startswith("on") for _, values in page.tags for name in values)


def test_tags_are_closed_in_order_and_identifiers_are_unique(page):
    """Every tag is closed where it was opened, and no identifier stands twice."""
    assert page.faults == []
    assert page.open == []
    identifiers = page.attributes("id")
    assert len(identifiers) == len(set(identifiers))


def test_references_inside_the_page_lead_somewhere(html, page):
    """Each #anchor, aria reference and clip path of the page names an identifier that exists."""
    known = set(page.attributes("id"))
    anchors = {v[1:] for v in page.attributes("href") if v.startswith("#")}
    labels = {name for v in page.attributes("aria-labelledby") for name in v.split()}
    clips = set(re.findall(r"url\(#([^)]+)\)", html))
    assert len(anchors) > 10
    assert anchors | labels | clips <= known


def test_headings_do_not_skip_a_level(page):
    """A screen reader's outline has one first heading and no hole."""
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False))


def test_each_chart_has_a_text_alternative_with_its_numbers(html, page):
    """Every chart is an image with title and description; the curve's ends are in words."""
    charts = [v for tag, v in page.tags if tag == "svg" and v.get("class") == "chart"]
    assert len(charts) == 22
    assert all(v["role"] == "img" and "aria-labelledby" in v for v in charts)
    described = re.findall(r"<desc [^>]*>([^<]+)</desc>", html)
    assert len(described) == len(charts)
    assert "pass@1 goes from 21.0\u202f% at update 0 to 73.0\u202f% at update 60" in described[0]


def test_wide_tables_can_be_scrolled_by_keyboard(page):
    """Every scrolling region takes the focus and has a name."""
    regions = [v for _, v in page.tags if v.get("class") == "scroll"]
    assert len(regions) >= 8
    assert all(v["tabindex"] == "0" and v["role"] == "region" and v["aria-label"] for v in regions)


def test_scale_comes_first_and_is_in_words(page):
    """The first heading says that this is a miniature and not the paper's model."""
    body = page.text[page.text.index("Skip to the results") :]
    assert body.index("Miniature: nothing here is the paper's model") < body.index("The answer")
    assert "seed 3" in page.text


def test_paper_numbers_stand_only_under_a_label(html):
    """The paper's curve, data and cost lie in boxes, its ladder in lines, that all say whose."""
    assert html.count('class="paper"') == 6
    for chart in ("paper-accuracy", "paper-length"):
        before = html[: html.index(f'id="{chart}-title"')]
        assert before.rindex('class="paper"') > before.rindex("<section")
    outside = re.sub(r'(?s)<(aside|div) class="paper".*?</(aside|section)>', "", html)
    for number in ("147,336", "804,745"):
        assert number in html
        assert number not in outside
    lines = re.findall(r'(?s)<tr class="from-paper">.*?</tr>', html)
    assert len(lines) == 3 and all("<td>from the paper</td>" in line for line in lines)
    assert ">59.0<" not in re.sub(r'(?s)<tr class="from-paper">.*?</tr>', "", html)


def test_model_output_stays_text(page):
    """A hostile answer appears in letters; it adds no tag and no invisible character."""
    assert "<script>alert('x')</script>" in page.text
    assert "{{ 7*7 }}" in page.text
    assert "\u27e8U+202E\u27e9\u27e8U+D800\u27e9" in page.text
    assert not set("\x00\x1b\u202e") & set(page.text)


def test_unknown_price_is_the_word_unknown(html):
    """The base has no price: its cost is shown as unknown and the sum says so."""
    row = re.search(r'<tr><th scope="row">base</th><td>preparatory</td>.*?</tr>', html)[0]
    assert row.count('<span class="unknown">unknown</span>') == 4  # price, cost, energy, source
    assert "0.00489 + unknown" in html
    assert "0.00489 USD for the lines with a price, unknown for 1 more" in html


def test_killed_and_failed_attempts_are_listed(page):
    """An attempt without an end record and one with exit 1 stand in the list, with the reason."""
    assert "killed: no end record" in page.text
    assert "failed, exit 1: the disk is full <b>" in page.text
    assert "7 attempts are on record in this folder, 5 of them completed" in page.text


def test_links_are_relative_and_lead_to_the_files(options, page):
    """Each link to a file works from the folder of the page, also in a folder with a space."""
    report = options["scores"].parents[1]
    links = [v for v in page.attributes("href") if not v.startswith(("#", "data:"))]
    assert len(links) == 77
    assert all((report / unquote(link)).is_file() for link in links)


def test_smoke_scale_says_what_it_is(tmp_path):
    """At smoke scale the page and the summary say so."""
    options = page_tables.make(tmp_path)
    for path in options["attempts"].rglob("*.jsonl"):
        page_tables.edit(path, '"mini"', '"smoke"')
    html, summary = page_tables.render(options, scale="smoke")
    assert "Smoke test: nothing here is the paper" in html
    assert "this run (scale smoke, seed" in html
    assert "Smoke test: nothing here is the paper" in summary


def test_user_settings_of_matplotlib_do_not_change_the_page(options, html):
    """A matplotlibrc of the user's own leaves every byte as it is."""
    import matplotlib

    page_tables.DRAWN.clear()
    with matplotlib.rc_context({"font.size": 30, "svg.hashsalt": "x", "lines.linewidth": 9}):
        assert page_tables.render(options)[0] == html


def _luminance(colour: str) -> float:
    """Relative luminance of #rrggbb as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("ground", ["light", "dark"])
def test_contrast_meets_wcag_aa(ground):
    """Text reaches 4.5:1 and lines of charts 3:1 on both grounds."""
    assert _contrast("#000000", "#ffffff") == pytest.approx(21)
    blocks = re.findall(r":root \{(.*?)\}", STYLE.read_text(encoding="utf-8"), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[ground == "dark"]))
    for name in ("ink", "soft", "link"):
        assert _contrast(colours[name], colours["paper"]) >= 4.5, name
        assert _contrast(colours[name], colours["panel"]) >= 4.5, name
    for name in ("pass", "warn", "fail"):
        assert _contrast(colours[name], colours[f"{name}-ground"]) >= 4.5, name
    for name in ("blue", "vermilion", "green", "grey"):
        assert _contrast(colours[name], colours["paper"]) >= 3, name


def test_summary_fits_a_terminal(options):
    """At most 30 lines of ASCII and 100 columns, verdicts and ladder among them, path last."""
    summary = page_tables.render(options)[1]
    lines = summary.splitlines()
    assert 12 <= len(lines) <= 30
    assert all(len(line) <= 100 for line in lines[:-1])
    assert summary.isascii()
    assert lines[-1].endswith("results/report.html")
    assert "Miniature: nothing here is the paper's model" in lines[0]
    assert "8 claims: 1 consistent, 2 inconsistent; 1 plausible, 1 implausible" in summary
    assert "  voting-adds  contradicted" in summary and "this run not run" in summary
    assert "math pass@1 %: r1_zero 74.0, dev1 55.0, dev2 70.0, dev3 71.0, r1 80.0" in summary
