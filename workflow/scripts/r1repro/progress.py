# SPDX-License-Identifier: Apache-2.0
"""A progress line with the time left, on the terminal and not in the log.

Rules pass the terminal as file descriptor 3 and send stdout and stderr to the log. On a
terminal the line is rewritten in place; elsewhere a plain line appears at most every 15 seconds.
Without descriptor 3 (a program called by hand) the plain lines go to stderr.
"""

import os
import sys
import time

TERMINAL_DESCRIPTOR = 3
SECONDS_BETWEEN_PLAIN_LINES = 15.0
SECONDS_BETWEEN_REWRITES = 0.5


def _open_terminal():
    if os.environ.get("R1REPRO_PROGRESS") != "3":
        return sys.stderr
    try:
        descriptor = os.dup(TERMINAL_DESCRIPTOR)
    except OSError:  # torchrun does not hand it on to the processes it starts
        return sys.stderr
    return os.fdopen(descriptor, "w", encoding="utf-8", errors="replace")


def clock_text(seconds: float) -> str:
    """Return seconds as m:ss, or h:mm:ss from an hour on."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def announce(text: str) -> None:
    """Say one line on the terminal and in the log."""
    print(text)
    if os.environ.get("R1REPRO_PROGRESS") != "3":
        return
    stream = _open_terminal()
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except OSError:  # the terminal went away; the log has it
        return


class Progress:
    """Show how far a stage is and how long it will still take.

    `done` may start above 0 after a resume: the rate is measured from where this process began.
    """

    def __init__(self, stage: str, total: int, unit: str, done: int = 0):
        self.stage, self.total, self.unit = stage, total, unit
        self.first, self.started = done, time.monotonic()
        self.stream = _open_terminal()
        self.in_place = self.stream.isatty()
        self.last_shown = 0.0

    def update(self, done: int, note: str = "") -> None:
        """Show a position; cheap enough to be called at every step."""
        now = time.monotonic()
        pause = SECONDS_BETWEEN_REWRITES if self.in_place else SECONDS_BETWEEN_PLAIN_LINES
        if now - self.last_shown < pause and done < self.total:
            return
        self.last_shown = now
        elapsed = now - self.started
        rate = (done - self.first) / elapsed if elapsed > 0 else 0.0
        left = clock_text((self.total - done) / rate) + " left" if rate > 0 else "time left unknown"
        text = f"{self.stage}: {done}/{self.total} {self.unit}, {left}"
        text = f"{text}, {note}" if note else text
        try:
            self.stream.write(f"\r\x1b[K{text}" if self.in_place else f"{text}\n")
            self.stream.flush()
        except OSError:  # the terminal went away: training is not stopped for that
            self.stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
            self.in_place = False

    def close(self) -> None:
        """End the line."""
        if self.in_place:
            self.stream.write("\n")
            self.stream.flush()
