# SPDX-License-Identifier: Apache-2.0
"""The page's calculator in a real browser: totals as in Python, keyboard, narrow window, print."""

from decimal import Decimal
from pathlib import Path

import page_tables
import pytest
from chromium import BROWSER, NAMES, Chromium

from r1repro.audit.economics.inputs import read_economics
from r1repro.audit.page import calculator

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason=f"no Chromium here ({', '.join(NAMES)})"),
]
PRINTED, BASE = Decimal(294_000), Decimal(2_788_000)
OWN = {
    "gpus": "512", "zero": "198", "r1": "80", "sft": "5000", "price": "2", "failed": "0",
    "preparatory": "1", "utilisation": "100", "base": "0", "kw": "0.7", "pue": "1.2",
    "grid": "0.5568",
}  # fmt: skip
TOTALS = (
    "Object.fromEntries([...document.querySelectorAll('#calc-totals dd')]"
    ".map(d => [d.id.slice('calc-out-'.length), d.textContent]))"
)
VALUES = (
    "Object.fromEntries([...document.querySelectorAll('#calc-controls input')]"
    ".map(i => [i.id.slice('calc-'.length), i.value]))"
)
FAULT = "document.getElementById('calc-fault').textContent"


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


def enter(browser: Chromium, **fields: str) -> None:
    """Type values into fields, as an input event tells the script."""
    for name, value in fields.items():
        browser.ask(
            f"(() => {{ const box = document.getElementById('calc-{name}'); box.value = '{value}';"
            "box.dispatchEvent(new Event('input')); })()"
        )


def expected(**changes: str) -> dict[str, str]:
    """Return what Python says for the own values with some replaced."""
    fields = {name: Decimal(value) for name, value in (OWN | changes).items()}
    return calculator.totals(fields, BASE, PRINTED)


def test_at_first_it_shows_the_papers_own_case(browser, report):
    """Before a key is pressed the script has computed what the page already said."""
    browser.open(report)
    assert browser.ask(VALUES) == OWN
    assert browser.ask(TOTALS) == expected()
    assert browser.ask(TOTALS)["usd"] == "294,672"
    assert browser.complaints() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"price": "4.916"},
        {"gpus": "648"},
        {"r1": "96"},
        {"zero": "76.154"},
        {"failed": "25", "preparatory": "3"},
        {"utilisation": "30"},
        {"base": "100"},
        {"base": "25", "price": "1.67", "kw": "1.275", "pue": "1.3", "grid": "0.366"},
        {"gpus": "1", "zero": "0", "r1": "0", "sft": "0"},
        {
            "gpus": "2048",
            "zero": "333.3",
            "failed": "7.5",
            "preparatory": "1.5",
            "utilisation": "71.7",
        },
    ],
)
def test_totals_follow_every_input_as_in_python(browser, report, changes):
    """Each change, typed into the fields, gives the digits that the Python formula gives."""
    browser.open(report)
    enter(browser, **changes)
    assert browser.ask(TOTALS) == expected(**changes)
    assert browser.ask("document.getElementById('calc-preset').value") == ""


def test_every_reading_fills_the_fields_with_its_own_values(browser, report):
    """Choosing a reading is typing it: fields and totals are those of Python."""
    browser.open(report)
    names = browser.ask("[...document.getElementById('calc-preset').options].map(o => o.value)")
    known = read_economics(page_tables.ROOT / "config/economics.yaml")
    wanted = [s.name for s in known.scopes if s.low is not None and not s.distilled]
    assert names == ["", *wanted]
    for name in wanted:
        browser.ask(
            "(() => { const box = document.getElementById('calc-preset');"
            f"box.value = '{name}'; box.dispatchEvent(new Event('change')); }})()"
        )
        values = browser.ask(VALUES)
        assert browser.ask(TOTALS) == expected(**values)
    assert browser.ask(TOTALS)["hours"] == "3,340,510"  # the last one: everything


@pytest.mark.parametrize("value", ["", "-1", "x", "1e400"])
def test_what_is_no_number_is_named_and_gives_no_total(browser, report, value):
    """A field that cannot be read leaves dashes and a sentence, never a wrong total."""
    browser.open(report)
    enter(browser, price=value)
    assert set(browser.ask(TOTALS).values()) == {"\u2013"}
    assert browser.ask(FAULT) == "Not a number from 0 on: USD per GPU-hour"
    assert browser.ask("document.getElementById('calc-price').ariaInvalid") == "true"
    enter(browser, price="2")
    assert browser.ask(TOTALS) == expected() and browser.ask(FAULT) == ""


def test_no_utilisation_divides_by_zero(browser, report):
    browser.open(report)
    enter(browser, utilisation="0")
    assert set(browser.ask(TOTALS).values()) == {"\u2013"}


def test_the_keyboard_alone_changes_and_resets(browser, report):
    """Tab leads through the fields in order; typing changes totals; Enter on the button resets."""
    browser.open(report)
    browser.ask("location.hash = '#bill-depends'")  # a link into a folded section opens it
    browser.ask("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    browser.ask("document.getElementById('calc-preset').focus()")
    order = []
    for _ in range(len(OWN) + 1):
        browser.press("Tab")
        order.append(browser.ask("document.activeElement.id"))
    assert order == [*(f"calc-{name}" for name in OWN), "calc-reset"]
    browser.ask("document.getElementById('calc-price').focus()")
    browser.ask("document.getElementById('calc-price').select()")
    browser.press(*"3")
    assert browser.ask(TOTALS) == expected(price="3")
    browser.ask("document.getElementById('calc-reset').focus()")
    browser.press("Enter")
    assert browser.ask(VALUES) == OWN and browser.ask(TOTALS) == expected()


@pytest.mark.parametrize("width", [320, 400])
def test_it_fits_a_narrow_window(browser, report, width):
    """Every field and total lies within the window, wide enough for a finger."""
    browser.open(report, width=width, height=800)
    parts = (
        "[...document.querySelectorAll('#calculator input, #calculator dd, #calculator select')]"
    )
    rights = f"Math.max(...{parts}.map(p => p.getBoundingClientRect().right))"
    assert browser.ask(rights) <= width
    heights = (
        "Math.min(...[...document.querySelectorAll('#calculator input')].map(p => p.offsetHeight))"
    )
    assert browser.ask(heights) >= 38
    assert browser.ask("document.documentElement.scrollWidth") <= width


def test_print_shows_inputs_and_totals_as_text(browser, report):
    """On paper there are no controls, but the values that the totals belong to."""
    browser.open(report)
    enter(browser, price="3")
    browser.send("Emulation.setEmulatedMedia", media="print")
    try:
        assert browser.ask("document.getElementById('calc-controls').offsetHeight") == 0
        words = "document.getElementById('calc-inputs')"
        assert browser.ask(f"{words}.offsetHeight > 0") is True
        assert "USD per GPU-hour 3;" in browser.ask(f"{words}.textContent")
        assert browser.ask(TOTALS)["usd"] == "442,008"
        assert browser.ask("document.getElementById('calc-totals').offsetHeight > 0") is True
    finally:
        browser.send("Emulation.setEmulatedMedia", media="")


def test_without_script_the_own_case_stands_there(browser, report):
    """Script switched off: no dead field; the inputs and totals of the paper's own case."""
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(report)
        assert browser.ask("document.getElementById('calc-controls').offsetHeight") == 0
        assert browser.ask(TOTALS) == expected()
        assert browser.ask("document.getElementById('calc-inputs').offsetHeight > 0") is True
    finally:
        browser.send("Emulation.setScriptExecutionDisabled", value=False)
