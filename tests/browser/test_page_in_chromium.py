# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser: no request, no console message, no sideways scrolling.

Chromium itself calls home at its start; such requests carry the initiator "not an origin" in its
network log. A request of a page carries the page's origin ("null" for a file), and the first test
shows on a bad page that the probe sees it.
"""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import page_tables
import pytest
from chromium import BROWSER, FLAGS, NAMES

SECONDS = 90
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason=f"no Chromium here ({', '.join(NAMES)})"),
]


@dataclass(frozen=True)
class Visit:
    """What a browser saw of a page."""

    dom: str
    console: list[str]
    requests: list[str]


def visit(path: Path, folder: Path, *more: str) -> Visit:
    """Open a file in a fresh browser profile and return DOM, console lines and its requests."""
    folder.mkdir()
    log = folder / "network.json"
    command = [BROWSER, *FLAGS, *more, f"--user-data-dir={folder / 'profile'}"]
    command += [f"--log-net-log={log}", "--dump-dom", path.as_uri()]
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=True
    )
    events = json.loads(log.read_text(encoding="utf-8"))["events"]
    parameters = [event["params"] for event in events if "params" in event]
    asked = [
        p["url"]
        for p in parameters
        if "url" in p and "initiator" in p and p["initiator"] != "not an origin"
    ]
    outside = sorted({url for url in asked if not url.startswith(("file:", "data:"))})
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    return Visit(done.stdout, console, outside)


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    """Return a page made from the small tables, in a folder with a space."""
    folder = tmp_path_factory.mktemp("a page")
    options = page_tables.make(folder)
    path = options["scores"].parents[1] / "report.html"
    path.write_text(page_tables.render(options)[0], encoding="utf-8")
    return path


def test_the_probe_sees_a_bad_page(tmp_path):
    """A page that loads an image and fails in a script is caught: the next test can fail."""
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<!DOCTYPE html><img src='http://evil.example/x.png'><script>throw Error('boom')</script>",
        encoding="utf-8",
    )
    seen = visit(bad, tmp_path / "browser")
    assert seen.requests == ["http://evil.example/x.png"]
    assert any("boom" in line for line in seen.console)


def test_the_page_asks_for_nothing_and_complains_of_nothing(report, tmp_path):
    """Opened from disk with no network, the page is whole: figures, charts, hostile answer."""
    seen = visit(report, tmp_path / "browser")
    assert seen.requests == []
    assert seen.console == []
    text = re.sub(r"<[^>]+>", "", seen.dom)
    for figure in ("21.0\u202f%", "73.0\u202f%", "2,788,000", "147,336", "unknown"):
        assert figure in text
    assert seen.dom.count('class="chart"') == 22
    assert seen.dom.count("<script") == 1
    assert "&lt;script&gt;alert('x')&lt;/script&gt;" in seen.dom


@pytest.mark.parametrize("width", [320, 400, 768, 1200])
def test_the_page_never_scrolls_sideways(report, tmp_path, width):
    """In a window of any usual width the page is no wider than the window."""
    frame = report.with_name(f"frame{width}.html")
    frame.write_text(
        f"""<!DOCTYPE html><iframe id="page" src="report.html" width="{width}" height="900"
        style="border:0"></iframe><p id="found">nothing</p><script>
        onload = () => {{
          const root = document.getElementById("page").contentDocument.documentElement;
          document.getElementById("found").textContent =
            "page " + root.scrollWidth + " window " + root.clientWidth;
        }}</script>""",
        encoding="utf-8",
    )
    seen = visit(frame, tmp_path / "browser", "--allow-file-access-from-files")
    found = re.search(r"page (\d+) window (\d+)", re.sub(r"(?s)<script.*?</script>", "", seen.dom))
    assert found is not None, "the frame could not be measured"
    assert int(found[2]) == width
    assert int(found[1]) <= width


def test_the_page_prints(report, tmp_path):
    """Chromium turns the page into a PDF of several sheets."""
    sheet = tmp_path / "page.pdf"
    visit_folder = tmp_path / "browser"
    command = [BROWSER, *FLAGS, f"--user-data-dir={visit_folder}", f"--print-to-pdf={sheet}"]
    subprocess.run([*command, report.as_uri()], capture_output=True, timeout=SECONDS, check=True)
    data = sheet.read_bytes()
    assert data.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", data)) >= 4
