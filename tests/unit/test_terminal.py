# SPDX-License-Identifier: Apache-2.0
"""Claims about what a person sees of a run, from records as Snakemake's logger makes them."""

import io
import logging
from types import SimpleNamespace

import pytest
from snakemake.logging import ColorizingTextHandler, DefaultFormatter, logger
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent

from r1repro import terminal as module
from r1repro.terminal import Terminal, follow
from r1repro.time_left import Plan, Planned

FAILURE = {
    "rule_name": "base",
    "rule_msg": None,
    "jobid": 1,
    "input": [],
    "output": ["results/prepare/base"],
    "log": ["logs/base.log"],
    "conda_env": None,
    "shellcmd": "python pretrain.py",
    "aux": {},
}


class Run:
    """A Terminal, what it wrote, and a clock that stands still until it is moved."""

    def __init__(self, folder, monkeypatch):
        self.seconds, self.folder, self.stream = 0.0, folder, io.StringIO()
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.seconds))
        monkeypatch.setattr(module, "SECONDS_BETWEEN_LOOKS", 1e6)  # looks are the test's
        plain = ColorizingTextHandler(stream=self.stream, formatter=DefaultFormatter())
        stages = {1: Planned("base", 2, 60.0), 2: Planned("score_base", 2, 40.0, after=(1,))}
        self.terminal = Terminal(plain, lambda: Plan(stages, cores=2))

    def log(self, stage):
        return self.folder / f"{stage}.log"

    def event(self, event, msg=None, **fields):
        self.terminal.handle(logging.makeLogRecord({"msg": msg, "event": event} | fields))

    def start(self, job, stage, message):
        log = [str(self.log(stage))]
        self.event(LogEvent.JOB_INFO, jobid=job, rule_msg=f"{stage}: {message}", log=log)

    def finish(self, job):
        self.event(LogEvent.JOB_FINISHED, job_id=job)

    def look(self, seconds):
        self.seconds += seconds
        self.terminal._look()

    def lines(self):
        return self.stream.getvalue().splitlines()


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run of two stages, 60 s and 40 s when they ran before, without a terminal."""
    run = Run(tmp_path, monkeypatch)
    yield run
    run.terminal.close()


def test_without_a_terminal_a_run_is_a_line_for_each_stage(run):
    """What Snakemake says beside it is left out."""
    run.event(None, "Select jobs to execute...")
    run.event(LogEvent.RUN_INFO, "Job stats:\njob count")
    run.start(1, "base", "pretraining from scratch")
    run.event(LogEvent.SHELLCMD, shellcmd="python pretrain.py")
    run.seconds = 60.0
    run.finish(1)
    run.event(LogEvent.PROGRESS, done=1, total=3)
    run.start(2, "score_base", "evaluating base")
    run.seconds = 100.0
    run.finish(2)
    run.event(LogEvent.JOB_INFO, jobid=0, rule_msg=None, log=[])  # the target `all`
    run.finish(0)
    assert run.lines() == [
        "whole run: 0 %, about 1:40 left, 0 of 2 stages",
        "base: done in 1:00 (60 %, about 0:40 left, 1 of 2 stages)",
        "score_base: done in 0:40 (2 of 2 stages)",
    ]


def test_a_stage_of_a_day_adds_less_than_30_lines(run):
    """A line after half a minute of silence; each silence is a quarter longer than the last."""
    run.start(1, "base", "pretraining from scratch")
    for second in range(0, 86_400, 10):
        with run.log("base").open("a") as log:
            log.write(f"base: {second}/86400 steps, 1:10 left, loss 1.5\n")
        run.look(10.0)
        if second == 20:
            assert run.lines()[1:] == [
                "running base: 20/86400 steps, 1:10 left, loss 1.5 "
                "(21 %, about 1:50 left, 0 of 2 stages)"
            ]
    assert 25 <= len(run.lines()) < 32
    assert all(line.startswith("running base: ") for line in run.lines()[1:])


def test_a_stage_that_says_nothing_is_shown_with_what_it_does(run):
    """So is one whose log still is that of an earlier attempt."""
    run.log("base").write_text("base: 83/84 steps, 0:01 left\n")
    run.start(1, "base", "pretraining from scratch")
    run.look(31.0)
    assert "running base: 0:31 so far, pretraining from scratch (" in run.lines()[-1]
    run.log("base").write_text("base: 1/84 steps, time left unknown\n")
    run.look(60.0)
    assert "running base: 1/84 steps, time left unknown (" in run.lines()[-1]


def test_a_part_of_a_stage_is_named_and_a_whole_one_is_not_named_twice(run):
    """The score of base has one part, a curve many."""
    run.start(2, "score_base", "evaluating base")
    stage = run.terminal.running[2]
    run.log("score_base").write_text("score base: 3/20 questions, 0:09 left\n")
    run.look(1.0)
    assert stage.text() == "3/20 questions, 0:09 left"
    with run.log("score_base").open("a") as log:
        log.write("score point 1 of 2, greedy: 4/4 questions, 0:00 left\n")
    run.look(1.0)
    assert stage.text() == "point 1 of 2, greedy: 4/4 questions, 0:00 left"


def test_a_note_of_a_stage_is_shown_whole_and_once(run):
    """The root of the ledger, which somebody may want to copy."""
    run.start(1, "base", "entering every attempt")
    run.look(1.0)
    run.log("base").write_text(f"a line of the log\nnote: root {'ab' * 32}, not signed\n")
    run.look(1.0)
    run.finish(1)
    assert [line for line in run.lines() if "root" in line] == [f"root {'ab' * 32}, not signed"]
    assert "a line of the log" not in run.stream.getvalue()


def test_a_failure_is_shown_as_snakemake_shows_it(run):
    """And so is what this handler does not know."""
    run.start(1, "base", "pretraining from scratch")
    before = len(run.stream.getvalue())
    run.event(LogEvent.JOB_ERROR, "Error", **FAILURE)
    run.event(None, "Exiting because a job execution failed.")
    block = run.stream.getvalue()[before:]
    assert "\nError in rule base:\n" in block
    assert "\n    log: logs/base.log (check log file(s) for error details)\n" in block
    assert block.endswith("\nExiting because a job execution failed.\n")
    assert run.terminal.running == {}


def test_a_fault_of_the_display_does_not_end_the_run(run):
    """Snakemake's lines come in its place."""

    def broken():
        raise ZeroDivisionError("no stages")

    run.terminal.make_plan = broken
    run.start(1, "base", "pretraining from scratch")
    run.finish(1)
    run.event(LogEvent.JOB_FINISHED, "Finished jobid: 1 (Rule: base)", job_id=1)
    assert "the run goes on but can no longer be shown here (ZeroDivisionError" in run.lines()[0]
    assert run.lines()[-1] == "Finished jobid: 1 (Rule: base)"


ASKED = {
    "dryrun": False,
    "verbose": False,
    "printshellcmds": False,
    "debug_dag": False,
    "log_handler_settings": {},
    "quiet": {Quietness.HOST, Quietness.REASON},
}


@pytest.mark.parametrize(
    ("asked", "main", "ours"),
    [
        ({}, True, True),
        ({"dryrun": True}, True, False),
        ({"verbose": True}, True, False),
        ({"printshellcmds": True}, True, False),
        ({"debug_dag": True}, True, False),
        ({"log_handler_settings": {"rich": None}}, True, False),
        ({"quiet": {Quietness.RULES}}, True, False),
        ({"quiet": None}, True, True),
        ({}, False, False),
    ],
)
def test_snakemakes_own_lines_stay_where_they_were_asked_for(asked, main, ours):
    """Also in the process of a job."""
    settings = SimpleNamespace(**ASKED | asked)
    workflow = SimpleNamespace(is_main_process=main, output_settings=settings)
    plain = ColorizingTextHandler(stream=io.StringIO())
    plain.name = "DefaultStreamHandler"
    kept, logger.handlers = logger.handlers, [plain]
    try:
        follow(workflow, lambda: Plan({}, 2))
        assert [type(handler) is Terminal for handler in logger.handlers] == [ours]
    finally:
        logger.handlers = kept
