# SPDX-License-Identifier: Apache-2.0
"""Progress lines in the log of a stage, in one form that the terminal of the run can read.

A program writes plain lines to stderr, which its rule sends to the log; r1repro.terminal reads
the logs of the running stages. That works on a cluster too, where only the log is shared.

    r1_zero: 12/84 updates, 1:10 left, length_mean 20.312
    note: a line that the terminal shows as it is, without `note: `
"""

import re
import sys
import time

SECONDS_BETWEEN_LINES = 2.0
# Of the time so far, so that the log of a run of weeks has thousands of lines, not a million.
SHARE_BETWEEN_LINES = 0.001
LINE = re.compile(
    r"(?P<label>.+?): (?P<done>\d+)/(?P<total>\d+) (?P<unit>[^,]+), "
    r"(?:(?P<left>[\d:]+) left|time left unknown)(?:, (?P<note>.*))?"
)
NOTE = "note: "


def clock_text(seconds: float) -> str:
    """Return seconds as m:ss, or h:mm:ss from an hour on."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def clock_seconds(text: str) -> int:
    """Return the seconds of what clock_text wrote."""
    seconds = 0
    for part in text.split(":"):
        seconds = 60 * seconds + int(part)
    return seconds


def announce(text: str) -> None:
    """Write one line to the log that the terminal of the run shows too."""
    print(f"{NOTE}{text}", flush=True)


class Progress:
    """Write how far a stage is and how long it will still take.

    `done` may start above 0 after a resume: the rate is measured from where this process began.
    """

    def __init__(self, stage: str, total: int, unit: str, done: int = 0):
        self.stage, self.total, self.unit = stage, total, unit
        self.first, self.started = done, time.monotonic()
        self.last_written = 0.0

    def update(self, done: int, note: str = "") -> None:
        """Write a position; cheap enough to be called at every step."""
        now = time.monotonic()
        elapsed = now - self.started
        pause = max(SECONDS_BETWEEN_LINES, SHARE_BETWEEN_LINES * elapsed)
        if now - self.last_written < pause and done < self.total:
            return
        self.last_written = now
        rate = (done - self.first) / elapsed if elapsed > 0 else 0.0
        left = clock_text((self.total - done) / rate) + " left" if rate > 0 else "time left unknown"
        text = f"{self.stage}: {done}/{self.total} {self.unit}, {left}"
        try:
            print(f"{text}, {note}" if note else text, file=sys.stderr, flush=True)
        except OSError:  # a disk without room: training is not stopped for that
            return
