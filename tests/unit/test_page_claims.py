# SPDX-License-Identifier: Apache-2.0
"""The table of claims: every claim once, its verdict as it was written, its text harmless."""

import re
from html import unescape

import page_rows
import page_tables
import pytest

from r1repro.audit.page import claims
from r1repro.errors import InputError


@pytest.fixture(scope="module")
def options(tmp_path_factory) -> dict:
    return page_tables.make(tmp_path_factory.mktemp("with a space"))


@pytest.fixture(scope="module")
def html(options) -> str:
    return page_tables.render(options)[0]


@pytest.fixture(scope="module")
def read(options) -> list[claims.Claim]:
    results = options["claims"].parents[1]
    return claims.read_claims(options["claims"], options["claims_config"], results)


def test_the_page_opens_with_the_answer(html):
    """Three sentences, then the headline claims, then all of them."""
    sections = re.findall(r'<section id="([\w-]+)"', html)
    assert sections[:4] == ["answer", "headline", "curve", "bill"]
    answer = html.split('id="answer"')[1].split("</section>")[0]
    recipe, cost, untested = re.findall(r"<li>(.*?)</li>", answer)
    assert "1 supported (RL alone); 1 contradicted (voting adds)" in recipe
    assert "1 of 2 checks (49,152 against 41,000, 20\u202f%, contradiction)" in cost
    assert "GPU-hours are plausible (cost model 90,123.4 [40,000, 200,000]" in cost
    assert "reflection" in untested


def test_the_answer_follows_the_table(tmp_path):
    """The same page with a bound above the report says that the hours are implausible."""
    options = page_tables.make(tmp_path)
    page_tables.edit(options["claims"], "world,plausible", "world,implausible")
    assert "GPU-hours are implausible" in page_tables.render(options)[0]


def test_every_claim_has_one_row_with_its_worst_verdict_of_each_kind(html):
    """Eleven checks are eight claims, in the order of the table."""
    rows = re.findall(r'<tr id="claim-([^"]+)" role="row" data-tier="([^"]+)" data-area="([^"]+)" '
                      r'data-verdict="([^"]+)">', html)  # fmt: skip
    names = [row[0].replace("number-8", "Odd <id>") for row in rows]
    assert names == page_rows.CLAIM_NAMES
    assert rows[3] == ("gpu-hours", "headline", "cost", "inconsistent|plausible")


def test_the_counts_are_those_of_claims_not_of_checks(read):
    counted = {
        (verdict.agrees_with, verdict.word): number
        for _, row in claims.counts(read)
        for verdict, number in row
    }
    assert counted == {
        ("paper", "consistent"): 1, ("paper", "inconsistent"): 2, ("world", "plausible"): 1,
        ("world", "implausible"): 1, ("experiment", "supported"): 1,
        ("experiment", "undecided"): 1, ("experiment", "contradicted"): 1,
        ("nothing", "not testable here"): 1,
    }  # fmt: skip


def test_a_filter_offers_what_occurs_and_nothing_else(read):
    """Each value of a filter belongs to at least one row."""
    offered = claims.choices(read)
    assert offered["tier"] == ["headline", "finding", "number"]
    assert offered["area"] == ["cost", "results", "safety", "training"]
    verdict = page_rows.CLAIM_HEADER.index("verdict")
    assert set(offered["verdict"]) == {row[verdict] for row in page_rows.CLAIM_ROWS}


def test_an_interval_is_drawn_where_there_is_one(read):
    """The marks of 0.53 [0.48, 0.58] beside zero and this run, from 5 to 95."""
    (drawn,) = read[0].checks
    assert drawn.drawing == {"zero": 5, "mean": 87.31, "low": 79.48, "high": 95, "this_run": 87.24}
    assert read[7].checks[0].drawing is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("world,plausible", "world,supported", "one of implausible, undecided, plausible"),
        ("headline,cost,paper", "rumour,cost,paper", "one of headline, finding, number"),
        ("voting-adds", "press-648", "a claim of its own"),
    ],
)
def test_a_word_that_no_claim_can_have_is_one_sentence(tmp_path, old, new, words):
    options = page_tables.make(tmp_path)
    page_tables.edit(options["claims"], old, new)
    with pytest.raises(InputError, match=words):
        page_tables.render(options)


def test_a_hostile_claim_stays_text(html):
    """Statement, value, evidence and note of a claim add no tag, attribute or hidden character."""
    row = html.split('id="claim-number-8"')[1].split("</tr>")[0]
    assert set(re.findall(r"<(\w+)", row)) == {"a", "th", "td", "span", "div"}
    text = unescape(re.sub(r"<[^>]+>", "", row))
    assert text.count("<script>document.title='taken'</script>") == 5  # in each of its five texts
    assert "{{ 6*7 }}" in text and "\u27e8U+202E\u27e9" in text
    assert "\u202e" not in html
    assert html.count("<script>") == 1


def test_evidence_leads_to_file_and_section(options):
    """A file that is there is linked from the page's folder, and the section that shows it too."""
    results = options["claims"].parents[1]
    cell = "results/evaluate/scores.csv: r1_zero all pass@1; 64 x 8; config/claims.yaml"
    cell += "; sft_data.csv:domain=math:samples"
    score, words, config, published = claims.evidence_items(cell, results)
    assert (score.link, score.section) == ("evaluate/scores.csv", "scores")
    assert (words.link, words.section) == ("", "")
    assert (config.link, config.section) == ("../config/claims.yaml", "")
    assert (published.link, published.section) == ("published/nature/sft_data.csv", "recipe")


def test_evidence_of_another_seed_is_not_said_to_be_on_this_page(options):
    """Committed tables of other runs are linked where they are; no section shows them."""
    results = options["claims"].parents[1]
    other = results / "published/mini/seed_2/evaluate/scores.csv"
    other.parent.mkdir(parents=True)
    other.write_text("checkpoint\n")
    (item,) = claims.evidence_items("results/published/mini/seed_2/evaluate/scores.csv", results)
    assert (item.link, item.section) == ("published/mini/seed_2/evaluate/scores.csv", "")


@pytest.mark.parametrize(
    "cell",
    [
        "results/../../x.csv",
        "/etc/passwd.csv",
        "javascript:alert(1).csv",
        "http://evil.example/a.csv",
    ],
)
def test_evidence_outside_the_repository_is_no_link(options, cell):
    """Only a path below the repository becomes a link."""
    (options["claims"].parents[2] / "x.csv").write_text("secret\n")
    assert all(not item.link for item in claims.evidence_items(cell, options["claims"].parents[1]))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("101376", "101,376"),
        ("0.5304166666", "0.5304"),
        ("0.000123456", "0.0001235"),
        ("-0.02", "\u22120.02"),
        ("512.0", "512"),
        ("1e-9", "0.000000001"),
        ("nan", "nan"),
        ("1e400", "1e400"),
        ("[1, 2]", "[1, 2]"),
        ("", ""),
    ],
)
def test_values_are_short_and_never_wrong(text, shown):
    """A number keeps four decimals or four digits; anything else is shown as it stands."""
    assert claims.tidy(text) == shown


def test_a_claim_without_statement_shows_its_id(tmp_path):
    """A claim that config/claims.yaml does not know is not dropped."""
    options = page_tables.make(tmp_path)
    page_tables.edit(options["claims_config"], "id: press-648", "id: press-649")
    html = page_tables.render(options)[0]
    assert '<a class="hash" href="#claim-press-648">press-648</a>' in html
    assert "Statement of press-648." not in html
