# SPDX-License-Identifier: Apache-2.0
"""The table of claims: every claim once, its verdict as it was written, its text harmless."""

import re
from collections import Counter
from html import unescape

import page_rows
import page_tables
import pytest

from r1repro.audit.page import claims


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


def test_the_page_opens_with_the_verdicts(html):
    """The first section is the claims; the key results come after it."""
    sections = re.findall(r'<section id="([\w-]+)"', html)
    assert sections[:4] == ["claims", "results", "ladder", "curve"]


def test_every_claim_has_one_row_with_its_verdict(html):
    """Ten lines in the table of claims are ten rows, in the same order, each with its verdict."""
    rows = re.findall(r'<tr id="claim-[^"]+" role="row" data-area="([^"]+)" data-kind="([^"]+)" '
                      r'data-verdict="([^"]+)">', html)  # fmt: skip
    assert rows == [(row[1], row[2], row[4]) for row in page_rows.CLAIM_ROWS]


def test_the_cards_count_what_the_table_holds(read):
    """Nine cards, whose numbers are those of the column and add up to all claims."""
    counted = Counter(row[4] for row in page_rows.CLAIM_ROWS)
    cards = claims.cards(read)
    assert len(cards) == 9
    assert {card["verdict"]: card["count"] for card in cards if card["count"]} == counted
    assert sum(card["count"] for card in cards) == len(page_rows.CLAIM_ROWS)


def test_a_filter_offers_what_occurs_and_nothing_else(read):
    """Each value of a filter belongs to at least one row."""
    offered = claims.choices(read)
    assert [value for value, _ in offered["area"]] == [
        "cost", "press", "results", "safety", "training",
    ]  # fmt: skip
    assert {value for value, _ in offered["verdict"]} == {row[4] for row in page_rows.CLAIM_ROWS}
    assert ("not_supported", "not supported") in offered["verdict"]


def test_a_hostile_claim_stays_text(html):
    """Statement, value, evidence and note of a claim add no tag, attribute or hidden character."""
    row = html.split('id="claim-number-10"')[1].split("</tr>")[0]
    assert set(re.findall(r"<(\w+)", row)) == {"a", "th", "td", "span"}
    text = unescape(re.sub(r"<[^>]+>", "", row))
    assert text.count("<script>document.title='taken'</script>") == 4  # in each of its four texts
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
