# SPDX-License-Identifier: Apache-2.0
"""What the terminal shows while a run goes on, in place of Snakemake's lines.

On a terminal the running stages and the whole are rewritten in place, below one line for each
finished stage. Elsewhere there is that line alone, and one about what runs after a silence that
grows by a quarter each time: a run of a day stays below 30 of these.

Choices  A logging.Handler, because a logger plugin of Snakemake has to be installed and named on
         the command line, and this code lies in a clone. It stands in for the handler of the
         terminal; what it does not show itself (warnings, errors, whatever it does not know) goes
         to that one unchanged, and Snakemake's log file is not touched.
         A fault of the display ends the display, never the run: Snakemake's handler takes over.
         What a stage says of itself is read from its log, which also works on a cluster.
         The cursor stays visible, so that `kill -9` leaves a usable terminal.
"""

import contextlib
import logging
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

from r1repro.progress import LINE, NOTE, clock_seconds, clock_text
from r1repro.time_left import Plan, Planned, Started, miniature_seconds, seconds_before

SECONDS_BETWEEN_LOOKS = 0.5
FIRST_SILENCE, SILENCE_GROWS = 30.0, 1.25
BAR = 12  # characters
NARROW = 70  # columns; below there is no room for bars
SHOWN_OTHERWISE = {
    LogEvent.RUN_INFO,
    LogEvent.RESOURCES_INFO,
    LogEvent.JOB_STARTED,
    LogEvent.GROUP_INFO,
    LogEvent.SHELLCMD,
    LogEvent.PROGRESS,
}
CHATTER = re.compile(
    r"Assuming unrestricted|Using shell|Select jobs to execute|Activating "
    r"|Conda environments: ignored|Singularity containers: ignored|Group jobs: inactive"
)


class Stage:
    """A running stage and what its log says."""

    def __init__(self, name: str, message: str, log: Path):
        self.name, self.message, self.log = name, message, log
        self.began = self.read_at = time.monotonic()
        self.progress: re.Match | None = None
        # Until it changes, the file is the log of an earlier attempt.
        self.before, self.offset = self._identity(), 0

    def _identity(self) -> tuple[int, int, int] | None:
        try:
            found = self.log.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def look(self) -> list[str]:
        """Read what is new in the log; return the lines that the terminal is to show."""
        identity = self._identity()
        if identity is None or identity == self.before:
            return []
        if identity[2] < self.offset:  # begun anew
            self.offset = 0
        with self.log.open("rb") as file:
            file.seek(self.offset)
            whole = file.read().rpartition(b"\n")[0]
        self.offset += len(whole) + 1 if whole else 0
        lines = whole.decode(errors="replace").split("\n")
        for found in filter(None, map(LINE.fullmatch, lines)):
            self.progress, self.read_at = found, time.monotonic()
        return [line.removeprefix(NOTE) for line in lines if line.startswith(NOTE)]

    def started(self) -> Started:
        """Return how long it has run and what it says is left."""
        now, left = time.monotonic(), None
        if self.progress and self.progress["left"]:
            left = max(0.0, clock_seconds(self.progress["left"]) - (now - self.read_at))
        return Started(now - self.began, left)

    def share(self) -> float | None:
        """Return the part of its work that is done, None where it does not say."""
        found = self.progress
        return int(found["done"]) / int(found["total"]) if found else None

    def text(self) -> str:
        """Return how far it is, or what it does where it does not say."""
        if not self.progress:
            return f"{clock_text(self.started().elapsed)} so far, {self.message}"
        label, position = self.progress["label"], self.progress[0].removeprefix
        part = label.partition(" ")[2]  # `score base` is the whole of score_base
        own = not part or self.name.endswith(f"_{part}")
        return position(f"{label}: ") if own else position(f"{label.partition(' ')[0]} ")


class Terminal(logging.Handler):
    """Show a run from the records of Snakemake's logger.

    plain  Snakemake's handler of the terminal, for what is not shown here
    plan   returns the stages to run; called when the first one starts
    """

    def __init__(self, plain: logging.StreamHandler, plan: Callable[[], Plan]):
        super().__init__()
        self.plain, self.make_plan = plain, plan
        plain.nocolor = plain.nocolor or bool(os.environ.get("NO_COLOR"))
        self.in_place = plain.stream.isatty() and os.environ.get("TERM") not in (None, "dumb")
        self.plan: Plan | None = None
        self.running: dict[int, Stage] = {}
        self.ended = threading.Event()
        self.console = self.live = None
        self.began = self.last_said = time.monotonic()
        self.silence = FIRST_SILENCE

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record, or leave it to Snakemake's handler."""
        event = getattr(record, "event", None)
        if event == LogEvent.JOB_INFO and not self.ended.is_set():
            self._guarded(lambda: self._start(record))
        elif event == LogEvent.JOB_FINISHED and not self.ended.is_set():
            self._guarded(lambda: self._finish(record.job_id))
        elif event in SHOWN_OTHERWISE or (event is None and CHATTER.match(str(record.msg))):
            return
        else:
            if event == LogEvent.JOB_ERROR:
                self.running.pop(record.jobid, None)
            self._guarded(self._stop_live)
            self.plain.handle(record)
            self.last_said = time.monotonic()
            if self.in_place and self.plan and not self.ended.is_set():
                self._guarded(self._start_live)

    def _guarded(self, show: Callable[[], None]) -> None:
        """Show something; a fault in that ends the display and not the run."""
        try:
            show()
        except Exception as error:  # noqa: BLE001 - see Choices
            self.ended.set()
            words = f"warning: the run goes on but can no longer be shown here ({error!r})"
            with contextlib.suppress(Exception):
                self._stop_live()
            with contextlib.suppress(OSError):  # there is no terminal any more
                self.plain.handle(logging.makeLogRecord({"msg": words}))

    def end(self) -> None:
        """Take the display off the terminal; what comes later stands below it."""
        self.acquire()
        try:
            self.ended.set()
            self._stop_live()
        finally:
            self.release()

    def close(self) -> None:
        """End the display, also where the run ends without our messages."""
        self.end()
        super().close()

    # ---- stages ---------------------------------------------------------------------------------

    def _start(self, record: logging.LogRecord) -> None:
        if not record.log:  # a target
            return
        if self.plan is None:
            self.plan, self.began = self.make_plan(), time.monotonic()
            if self.in_place:
                self._start_live()
            else:
                self._say(f"whole run: {self._position()[1]}")
            threading.Thread(target=self._watch, daemon=True).start()
        log = Path(record.log[0])
        message = (record.rule_msg or "").partition(": ")[2]
        self.running[record.jobid] = Stage(log.stem, message, log)
        if self.in_place:
            self.live.refresh()  # at once: a short stage may end before the next look

    def _finish(self, job: int) -> None:
        stage = self.running.pop(job, None)
        if stage is None:
            return
        for note in stage.look():
            self._say(note, whole=True)
        took = self.plan.done[job] = stage.started().elapsed
        text = f"{stage.name}: done in {clock_text(took)}"
        self._say(text if self.in_place else f"{text} ({self._position()[1]})")

    def _watch(self) -> None:
        while not self.ended.wait(SECONDS_BETWEEN_LOOKS):
            self.acquire()
            try:
                if not self.ended.is_set():
                    self._guarded(self._look)
            finally:
                self.release()

    def _look(self) -> None:
        for stage in self.running.values():
            for note in stage.look():
                self._say(note, whole=True)
        if self.in_place:
            self.live.refresh()
        elif self.running and time.monotonic() - self.last_said >= self.silence:
            self.silence *= SILENCE_GROWS
            stages = list(self.running.values())
            texts = [f"{stage.name}: {stage.text()}" for stage in stages[:4]]
            texts += [f"{len(stages) - 4} more"] if len(stages) > 4 else []
            self._say(f"running {'; '.join(texts)} ({self._position()[1]})")

    # ---- words ----------------------------------------------------------------------------------

    def _position(self) -> tuple[float, str]:
        """Return how far the whole is, as a share and in words with the time left."""
        done, total = len(self.plan.done), len(self.plan.stages)
        stages = f"{done} of {total} stages"
        if done == total:
            return 1.0, stages
        found = self.plan.outlook({job: stage.started() for job, stage in self.running.items()})
        if found is None:
            return done / total, f"{stages}, time left unknown"
        percent = min(99, int(100 * found[0]))  # while a stage takes longer than before
        return found[0], f"{percent} %, about {clock_text(found[1])} left, {stages}"

    def _say(self, text: str, whole: bool = False) -> None:
        """Write a line that stays; on a terminal cut to its width unless it is needed whole."""
        self.last_said = time.monotonic()
        if self.live:
            how = {"soft_wrap": True} if whole else {"no_wrap": True, "overflow": "ellipsis"}
            self.console.print(text, markup=False, highlight=False, emoji=False, **how)
        else:
            print(text, file=self.plain.stream, flush=True)

    # ---- in place -------------------------------------------------------------------------------

    def _start_live(self) -> None:
        from rich.console import Console  # only here: most calls of Snakemake run nothing
        from rich.live import Live

        self.console = self.console or Console(
            file=self.plain.stream,
            force_terminal=True,
            no_color=self.plain.nocolor or None,
        )
        self.live = Live(
            console=self.console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            get_renderable=self._view,
        )
        self.live.start(refresh=True)
        self.console.show_cursor(True)

    def _stop_live(self) -> None:
        if self.live:
            live, self.live = self.live, None
            live.stop()

    def _view(self):
        """Return the whole run and its running stages, one line each, as wide as the terminal."""
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        width = self.console.width
        longest = max(len(name) for name in ["whole run", *self.plan.names()])
        grid = Table.grid(padding=(0, 1), expand=True)
        cut = {"no_wrap": True, "overflow": "ellipsis"}
        grid.add_column(width=min(longest, 2 * width // 5), **cut)
        if width >= NARROW:
            grid.add_column(width=BAR)
        grid.add_column(ratio=1, **cut)

        def row(name: str, share: float | None, text: str) -> None:
            bar = "" if share is None else ProgressBar(total=1.0, completed=share, width=BAR)
            grid.add_row(Text(name), *([bar] if width >= NARROW else []), Text(text))

        share, text = self._position()
        row("whole run", share, f"{text}, {clock_text(time.monotonic() - self.began)} so far")
        for stage in self.running.values():
            row(stage.name, stage.share(), stage.text())
        return grid


def plan_of(workflow, table: Path, scale: str, results: Path) -> Plan:
    """Return the stages that a workflow is about to run, with how long each took before."""
    miniature = miniature_seconds(table) if scale == "mini" else {}
    jobs = {job: workflow.dag.jobid(job) for job in workflow.dag.needrun_jobs() if job.log}
    stages = {}
    for job, number in jobs.items():
        stage = Path(job.log[0]).stem
        records = results / "attempts" / stage
        if not records.is_dir():  # a rule of several stages keeps their records in one folder
            records = records.with_name(job.rule.name)
        before = seconds_before(Path(str(job.benchmark)), records, scale)
        after = tuple(jobs[other] for other in workflow.dag.dependencies[job] if other in jobs)
        seconds = miniature.get(stage) if before is None else before
        stages[number] = Planned(stage, job.threads, seconds, after)
    return Plan(stages, workflow.cores if workflow.local_exec else None)


def follow(workflow, plan: Callable[[], Plan]) -> None:
    """Show this run instead of Snakemake's lines, in the process that runs the workflow.

    These stay where the user asked for more of them, for fewer, for a dry run or for a logger
    plugin.
    """
    from snakemake.settings.enums import Quietness

    asked = workflow.output_settings
    if (
        not workflow.is_main_process
        or asked.dryrun
        or asked.verbose
        or asked.printshellcmds
        or asked.debug_dag
        or asked.log_handler_settings
        or set(asked.quiet or ()) - {Quietness.HOST, Quietness.REASON}
    ):
        return
    for handler in list(logger.handlers):
        if handler.name == "DefaultStreamHandler":
            logger.removeHandler(handler)
            logger.addHandler(Terminal(handler, plan))


def end() -> None:
    """Take the display off the terminal, before the last words of a run."""
    for handler in logger.handlers:
        if isinstance(handler, Terminal):
            handler.end()
