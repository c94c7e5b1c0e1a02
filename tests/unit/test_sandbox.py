# SPDX-License-Identifier: Apache-2.0
"""What the sandbox does for whoever uses it, and what it survives; attacks have their own file."""

import time
from pathlib import Path

import pytest

from r1repro.errors import StageError
from r1repro.tasks.sandbox import (
    InvalidJob,
    Job,
    Limits,
    Sandbox,
    SandboxUnavailable,
)
from r1repro.tasks.sandbox.inside import syscall_filter

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow" / "scripts"
DOUBLE = "def f(x): return 2 * x"


@pytest.fixture(scope="module")
def sandbox():
    """A warm sandbox at the best level of this machine."""
    with Sandbox(Limits(cpu_seconds=2, wall_seconds=10)) as warm:
        yield warm


def only(sandbox: Sandbox, source: str, *inputs):
    """Run one source on the inputs (one argument each) and return its outcome."""
    return sandbox.run([Job(source, "f", [[x] for x in inputs])])[0]


def test_outputs_come_back_in_order(sandbox):
    """Forty answers, each with outputs of its own, in the order of the jobs and of the inputs."""
    jobs = [Job(f"def f(x, y): return x * {n} + y", "f", [[1, 0], [2, 5]]) for n in range(40)]
    assert [o.outputs for o in sandbox.run(jobs)] == [[n, 2 * n + 5] for n in range(40)]


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -(2**100),
        0.1,
        -0.0,
        "",
        "汉字 \U0001f600 \x00\n",
        [],
        {},
        [[1, "a"], {"k": [None]}],
    ],
)
def test_plain_values_come_back_exactly(sandbox, value):
    """Each JSON value goes in as an argument and comes back equal and of the same type."""
    outcome = only(sandbox, "def f(x): return x", value)
    assert outcome.outputs == [value]
    assert type(outcome.outputs[0]) is type(value)
    assert repr(outcome.outputs[0]) == repr(value)


def test_one_and_true_stay_different(sandbox):
    """Python holds 1 == True == 1.0; the types survive for the judge to compare."""
    outcome = sandbox.run([Job("def f(): return [1, True, 1.0]", "f", [[]])])[0]
    assert [type(v) for v in outcome.outputs[0]] == [int, bool, float]


def test_tuples_come_back_as_lists(sandbox):
    """JSON has no tuples."""
    assert only(sandbox, "def f(x): return (x, (x,))", 1).outputs == [[1, [1]]]


def test_common_modules_can_be_imported(sandbox):
    """An honest answer may use the standard library's usual modules."""
    source = (
        "import math, re, itertools, functools, collections, heapq, bisect, string, random\n"
        "from datetime import datetime\nfrom fractions import Fraction\n"
        "from dataclasses import dataclass\nfrom typing import List\n"
        "@dataclass\nclass P:\n    x: int\n"
        "def f(x):\n    year = datetime.strptime('2025', '%Y').year\n"
        "    return [math.gcd(x, 6), str(Fraction(x, 6)), year]"
    )
    assert only(sandbox, source, 4).outputs == [[2, "2/3", 2025]]


def test_chance_and_hashes_are_the_same_each_time():
    """Two sandboxes give the same random numbers, the same order of a set."""
    source = (
        "import random\ndef f(x): return [random.random(), list({'a', 'b', 'c', 'd'}), hash('a')]"
    )
    seen = []
    for _ in range(2):
        with Sandbox() as fresh:
            seen.append(only(fresh, source, 1).outputs)
    assert seen[0] == seen[1] is not None


def test_one_call_does_not_see_what_another_did_to_its_arguments(sandbox):
    """A result is turned into text before the next call can change it."""
    source = "kept = []\ndef f(x):\n    kept.append(x)\n    return kept"
    assert only(sandbox, source, 1, 2).outputs == [[1], [1, 2]]


def test_answers_do_not_share_memory(sandbox):
    """What one answer leaves in a module is not there for the next."""
    source = (
        "import math\ndef f(x):\n    math.left = getattr(math, 'left', 0) + x\n    return math.left"
    )
    jobs = [Job(source + f"  # {n}", "f", [[1], [1]]) for n in range(6)]
    assert [o.outputs for o in sandbox.run(jobs)] == [[1, 2]] * 6


def test_identical_jobs_run_once(sandbox):
    """Fifty times the same answer that takes 0.2 s: far less than the ten seconds of fifty runs."""
    job = Job("import time\ndef f(x):\n    time.sleep(0.2)\n    return x", "f", [[1]])
    begin = time.monotonic()
    outcomes = sandbox.run([job] * 50)
    assert time.monotonic() - begin < 5
    assert {str(o.outputs) for o in outcomes} == {"[1]"}


def test_sixty_four_answers_can_run_at_the_same_time():
    """With 64 cells, 64 answers that sleep 0.3 s each take far less than 19 s."""
    source = "import time\ndef f(x):\n    time.sleep(0.3)\n    return x"
    with Sandbox(cells=64) as wide:
        begin = time.monotonic()
        outcomes = wide.run([Job(source, "f", [[n]]) for n in range(64)])
        assert time.monotonic() - begin < 8
    assert [o.outputs for o in outcomes] == [[n] for n in range(64)]


def test_no_jobs_are_no_outcomes(sandbox):
    """An empty batch returns at once."""
    assert sandbox.run([]) == []


def test_no_inputs_still_execute_the_source(sandbox):
    """A job without inputs is ok with no outputs, and an error if the source is wrong."""
    outcomes = sandbox.run([Job(DOUBLE, "f", []), Job("f = ", "f", [])])
    assert [(o.status, o.outputs) for o in outcomes] == [("ok", []), ("error", None)]


def test_a_source_of_a_megabyte_does_not_block(sandbox):
    """More than any socket buffer holds, also to an answer that never reads."""
    source = DOUBLE + "\n" + "# filler\n" * 120_000
    assert only(sandbox, source, 4).outputs == [8]


def test_the_cpu_limit_is_kept_to_a_tenth_of_a_second():
    """0.3 s of CPU: stopped after at least that and, with ample wall time, at most 0.2 s more."""
    with Sandbox(Limits(cpu_seconds=0.3, wall_seconds=30)) as strict:
        outcome = only(strict, "def f(x):\n    while True: pass", 1)
    assert outcome.status == "cpu_limit"
    assert 0.3 <= outcome.cpu_seconds < 0.5


def test_an_ordinary_answer_knows_what_it_cost(sandbox):
    """CPU time is reported for an answer that ended well, too."""
    assert 0 < only(sandbox, DOUBLE, 1).cpu_seconds < 1


def test_the_output_limit_is_for_all_outputs_together():
    """Three results of 40 bytes pass a limit of 200, six do not."""
    with Sandbox(Limits(output_bytes=200)) as small:
        assert only(small, "def f(x): return 'x' * 38", *range(3)).status == "ok"
        assert only(small, "def f(x): return 'x' * 38", *range(6)).status == "output_limit"


def test_an_unknown_level_is_refused_by_name():
    """A misspelt level is no reason to run with less protection."""
    with pytest.raises(SandboxUnavailable, match="'bublewrap'"):
        Sandbox(level="bublewrap")


@pytest.mark.parametrize(
    "wrong",
    [
        {"cpu_seconds": 0},
        {"memory_mb": -1},
        {"wall_seconds": float("nan")},
        {"wall_seconds": float("inf")},
        {"processes": 0},
        {"processes": 1.5},
        {"output_bytes": True},
    ],
)
def test_a_senseless_limit_is_refused(wrong):
    """Zero, negative, not finite or not whole: -1 would mean 'no limit' to the kernel."""
    with pytest.raises(InvalidJob, match=next(iter(wrong))):
        Limits(**wrong)


@pytest.mark.parametrize("inputs", [[1], [[{1, 2}]], [[float("nan")]], [[b"x"]]])
def test_inputs_that_are_not_json_are_the_callers_error(sandbox, inputs):
    """Raised before anything runs, as an error a user can read."""
    with pytest.raises(InvalidJob):
        sandbox.run([Job(DOUBLE, "f", inputs)])
    assert issubclass(InvalidJob, StageError)


def test_the_filter_knows_no_call_twice():
    """A number listed twice on an architecture would be a slip in the table."""
    tables = {**syscall_filter.COMPUTATION, **syscall_filter.PROCESSES}
    for column in range(2):
        numbers = [row[column] for row in tables.values() if row[column] is not None]
        assert len(numbers) == len(set(numbers))


def test_a_batch_of_64_takes_less_than_a_second_and_a_half(sandbox):
    """About 0.2 s on two idle cores; seven times that on a busy machine."""
    jobs = [Job(f"def f(x): return {n} * x + 1", "f", [[x] for x in range(8)]) for n in range(64)]
    best = float("inf")
    for _ in range(3):
        begin = time.monotonic()
        assert all(o.ok for o in sandbox.run(jobs))
        best = min(best, time.monotonic() - begin)
    assert best < 1.5
