# SPDX-License-Identifier: Apache-2.0
"""Take the picture of the page that README shows: the top of a real report, in a small PNG.

python tests/browser/picture.py results/report.html docs/page.png
"""

import argparse
import sys
import tempfile
from pathlib import Path

from chromium import BROWSER, NAMES, Chromium

WIDTH, HEIGHT = 1120, 1000  # CSS pixels of the window
SCALE = 0.75  # pixels of the picture for one of them
LIMIT = 200_000  # bytes
# The page is long; the picture begins where the answer does.
START = "document.getElementById('answer').scrollIntoView()"


def main() -> int:
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("report", type=Path, help="the page")
    cli.add_argument("picture", type=Path, help="where the PNG goes")
    args = cli.parse_args()
    if BROWSER is None:
        print(f"error: no Chromium here ({', '.join(NAMES)}); install one", file=sys.stderr)
        return 1
    if not args.report.is_file():
        print(f"error: {args.report} does not exist; run `make reproduce`", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as profile, Chromium(Path(profile)) as browser:
        browser.open(args.report)
        browser.resize(WIDTH, HEIGHT, SCALE)
        browser.ask(START)
        browser.picture(args.picture)
    size = args.picture.stat().st_size
    if size > LIMIT:
        print(f"error: {args.picture} has {size} bytes, more than {LIMIT}", file=sys.stderr)
        return 1
    print(f"{args.picture}: {size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
