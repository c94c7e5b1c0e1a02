# SPDX-License-Identifier: Apache-2.0
"""The table of claims in a real browser: filter, keyboard, narrow window, print, no script."""

from pathlib import Path

import page_rows
import page_tables
import pytest
from chromium import BROWSER, NAMES, Chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason=f"no Chromium here ({', '.join(NAMES)})"),
]
SHOWN = "[...document.querySelectorAll('#claims-table tbody tr')].filter(r => r.offsetHeight > 0)"
IDS = f"{SHOWN}.map(r => r.id.replace('claim-', ''))"
STATUS = "document.getElementById('claims-status').textContent"
FOCUS = "document.activeElement.id"
ALL = len(page_rows.CLAIM_NAMES)


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    """Return a page made from the small tables, in a folder with a space."""
    options = page_tables.make(tmp_path_factory.mktemp("a page"))
    path = options["scores"].parents[1] / "report.html"
    path.write_text(page_tables.render(options)[0], encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """One browser for all tests; each opens the page anew."""
    with Chromium(tmp_path_factory.mktemp("browser")) as running:
        yield running


def choose(browser: Chromium, name: str, value: str) -> None:
    """Choose a value as a mouse would: set it and say so."""
    browser.ask(
        f"(() => {{ const box = document.getElementById('filter-{name}'); box.value = '{value}';"
        "box.dispatchEvent(new Event(box.type === 'search' ? 'input' : 'change')); })()"
    )


def test_all_claims_are_shown_at_first_and_nothing_is_complained_of(browser, report):
    """Opened from disk with the network off: every row, the filter in sight, a silent console."""
    browser.open(report)
    assert len(browser.ask(IDS)) == ALL
    assert browser.ask(STATUS) == f"{ALL} of {ALL} claims shown"
    assert browser.ask("document.getElementById('claims-filter').offsetHeight > 0") is True
    assert browser.complaints() == []


@pytest.mark.parametrize("name", ["tier", "area", "verdict"])
def test_each_filter_shows_its_rows_and_no_others(browser, report, name):
    """For every value on offer the shown rows are those of the table with that value."""
    browser.open(report)
    offered = browser.ask(
        f"[...document.getElementById('filter-{name}').options].map(o => o.value).slice(1)"
    )
    column = page_rows.CLAIM_HEADER.index(name)
    assert sorted(offered) == sorted({row[column] for row in page_rows.CLAIM_ROWS})
    for value in offered:
        choose(browser, name, value)
        wanted = page_rows.claims_with(name, value)
        if value == "consistent":
            wanted.remove("gpu-hours")  # whose other check decides
        assert browser.ask(IDS) == [x.replace("Odd <id>", "number-8") for x in wanted]
        assert browser.ask(STATUS).startswith(f"{len(wanted)} of {ALL} claims shown: {name} ")


def test_filters_and_words_narrow_together(browser, report):
    """Area cost has two claims; with these words one, with another word none."""
    browser.open(report)
    choose(browser, "area", "cost")
    assert browser.ask(IDS) == ["gpu-hours", "press-648"]
    choose(browser, "text", "days MEANS  49,152")
    assert browser.ask(IDS) == ["gpu-hours"]
    assert browser.ask(STATUS).endswith("area cost, text \u201cdays MEANS  49,152\u201d")
    choose(browser, "text", "nowhere")
    assert browser.ask(IDS) == []
    assert browser.ask(STATUS).startswith(f"0 of {ALL} claims shown")


def test_the_keyboard_alone_filters_and_resets(browser, report):
    """Type into the search, go on with Tab, choose by letters, reset with Enter."""
    browser.open(report)
    browser.ask("location.hash = '#claims'")  # a link into a folded section opens it
    browser.ask("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    browser.ask("document.querySelector('#claims-table').closest('.scroll').focus()")
    browser.ask("document.getElementById('filter-text').focus()")
    browser.press(*"seeds 1, 2")
    assert browser.ask(IDS) == ["rl-alone", "voting-adds"]
    order = []
    for _ in range(4):
        browser.press("Tab")
        order.append(browser.ask(FOCUS))
    assert order == ["filter-tier", "filter-area", "filter-verdict", "filter-reset"]
    browser.ask("document.getElementById('filter-verdict').focus()")
    browser.press(*"contra")
    assert browser.ask(IDS) == ["voting-adds"]
    browser.press("Tab", "Enter")
    assert len(browser.ask(IDS)) == ALL
    assert browser.ask(FOCUS) == "filter-text"


def test_changes_are_announced(browser, report):
    """The count is a live region that a screen reader speaks without being asked."""
    browser.open(report)
    live = "document.getElementById('claims-status')"
    assert browser.ask(f"{live}.getAttribute('aria-live')") == "polite"
    assert browser.ask(f"{live}.getAttribute('role')") == "status"


def test_a_card_leads_to_its_rows(browser, report):
    """The count of a verdict is a link; following it shows that verdict alone."""
    browser.open(report)
    browser.ask("document.querySelector('a[data-verdict=implausible]').click()")
    assert browser.ask(IDS) == ["phys-no"]
    assert browser.ask("location.hash") == "#claims-table"


def test_a_link_to_a_hidden_claim_shows_it(browser, report):
    """A row that the filter hides comes back when an address names it."""
    browser.open(report)
    choose(browser, "verdict", "implausible")
    browser.ask("new Promise(done => { addEventListener('hashchange', () => done()); "
                "location.hash = '#claim-rl-alone' })")  # fmt: skip
    browser.ask("0")
    assert "rl-alone" in browser.ask(IDS)


def test_hostile_claims_run_nothing(browser, report):
    """The text of a claim that tries to run a script and to load an image does neither."""
    browser.open(report)
    assert browser.ask("document.title").startswith("r1repro, mini")
    assert browser.ask("document.querySelectorAll('img').length") == 0
    assert browser.ask("document.scripts.length") == 1


def test_another_script_is_refused(browser, report, tmp_path):
    """One changed character in the script and the policy stops it; the table stays whole."""
    text = report.read_text(encoding="utf-8")
    assert text.count("box.hidden = false;") == 1
    changed = report.with_name("changed.html")
    changed.write_text(text.replace("box.hidden = false;", "box.hidden = !true;"), encoding="utf-8")
    browser.open(changed)
    assert any("Content Security Policy" in line for line in browser.complaints())
    assert browser.ask("document.getElementById('claims-filter').offsetHeight") == 0
    assert len(browser.ask(IDS)) == ALL


def test_without_script_the_whole_table_is_there(browser, report):
    """Script switched off: every row, no dead control."""
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(report)
        assert len(browser.ask(IDS)) == ALL
        assert browser.ask("document.getElementById('claims-filter').offsetHeight") == 0
        assert browser.ask(STATUS) == f"{ALL} claims"
    finally:
        browser.send("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("width", [320, 400])
def test_claims_are_readable_in_a_narrow_window(browser, report, width):
    """No sideways scrolling; every cell of a row within the window, letters of 12 px or more."""
    browser.open(report, width=width, height=800)
    assert browser.ask("document.documentElement.scrollWidth") <= width
    cells = "[...document.querySelectorAll('#claims-table tbody > tr > *')]"
    assert browser.ask(f"Math.max(...{cells}.map(c => c.getBoundingClientRect().right))") <= width
    letters = f"Math.min(...{cells}.map(c => parseFloat(getComputedStyle(c).fontSize)))"
    assert browser.ask(letters) >= 12
    controls = "[...document.querySelectorAll('#claims-filter > div > :last-child')]"
    assert (
        browser.ask(f"Math.max(...{controls}.map(c => c.getBoundingClientRect().right))") <= width
    )


def test_print_shows_the_chosen_rows_without_controls(browser, report):
    """On paper the filter's controls are gone; what it chose, and the words that say so, stay."""
    browser.open(report)
    choose(browser, "area", "cost")
    browser.send("Emulation.setEmulatedMedia", media="print")
    try:
        assert browser.ask("document.getElementById('claims-filter').offsetHeight") == 0
        assert browser.ask(IDS) == ["gpu-hours", "press-648"]
        assert browser.ask("document.getElementById('claims-status').offsetHeight > 0") is True
        assert browser.ask("document.documentElement.scrollWidth <= innerWidth") is True
    finally:
        browser.send("Emulation.setEmulatedMedia", media="")
