# SPDX-License-Identifier: Apache-2.0
"""Add up what the sessions of pytest kept in a file (see tests/conftest.py) and print it.

    python .ci/summary.py FILE SESSIONS

A line a reason of skipped tests, the most frequent first; the last line is the sum. Exit status 1
if a session is missing: it died before it could say anything.
"""

import json
import sys
from collections import Counter
from pathlib import Path

MOST_REASONS = 5

sessions = [json.loads(line) for line in Path(sys.argv[1]).read_text("utf-8").splitlines()]
wanted = int(sys.argv[2])
skipped = Counter()
for session in sessions:
    skipped.update(session["skipped"])
passed, failed = (sum(session[kind] for session in sessions) for kind in ("passed", "failed"))
if len(sessions) != wanted:
    print(f"error: {len(sessions)} of {wanted} test commands came to their end")
print(f"ran {passed + failed} tests in {len(sessions)} commands; skipped {skipped.total()}")
for reason, number in skipped.most_common(MOST_REASONS):
    print(f"  skipped {number}: {reason[:120]}")
if len(skipped) > MOST_REASONS:
    print(f"  and {len(skipped) - MOST_REASONS} reasons more, told by each command above")
print(f"{passed} passed, {failed} failed, {skipped.total()} skipped")
sys.exit(len(sessions) != wanted)
