# SPDX-License-Identifier: Apache-2.0
"""Claims about how far a run is and how long it will still take; the numbers are done by hand."""

import json

import pytest

from r1repro.time_left import Plan, Planned, Started, seconds_before


def test_two_stages_of_one_core_share_two_cores():
    """60 s and 40 s of one core each, side by side: 100 core-seconds on two cores, or 60 s."""
    plan = Plan({1: Planned("score_base", 1, 60.0), 2: Planned("score_r1", 1, 40.0)}, cores=2)
    assert plan.outlook({}) == (0.0, 60.0)


def test_a_chain_takes_the_sum_however_many_cores_there_are():
    """Each of three stages waits for the one before it."""
    chain = {n: Planned(f"stage{n}", 2, 10.0, after=(n - 1,)) for n in (1, 2, 3)}
    assert Plan(chain, cores=64).outlook({}) == (0.0, 30.0)


def test_a_machine_half_as_fast_needs_twice_the_time():
    """50 of 100 s known before took 100; with 5 s of trust the rest takes 50 * 105 / 55."""
    plan = Plan({1: Planned("base", 2, 50.0), 2: Planned("r1", 2, 50.0, after=(1,))}, cores=2)
    plan.done[1] = 100.0
    share, left = plan.outlook({})
    assert left == pytest.approx(95.4545, abs=1e-3)
    assert share == pytest.approx(100 / 195.4545, abs=1e-5)


def test_a_running_stage_counts_what_it_still_needs():
    """30 of 50 s are over; what the stage itself says counts if it is more."""
    plan = Plan({1: Planned("base", 2, 50.0)}, cores=2)
    assert plan.outlook({1: Started(30.0, None)}) == (0.6, 20.0)
    assert plan.outlook({1: Started(30.0, 70.0)}) == (0.3, 70.0)


def test_a_stage_never_run_before_leaves_the_time_unknown_until_it_says_itself():
    """No number is made up; on a cluster, where jobs wait in a queue, there is none either."""
    stages = {1: Planned("base", 2, None), 2: Planned("r1", 2, 10.0, after=(1,))}
    plan = Plan(stages, cores=2)
    assert plan.outlook({}) is None
    assert plan.outlook({1: Started(5.0, None)}) is None
    assert plan.outlook({1: Started(5.0, 15.0)}) == (5 / 30, 25.0)
    assert Plan(stages, cores=None).outlook({1: Started(5.0, 15.0)}) is None


def test_a_run_of_another_scale_is_no_basis(tmp_path):
    """The toy's seconds would promise the miniature in half a minute."""
    benchmark, attempts = tmp_path / "base.tsv", tmp_path / "attempts"
    assert seconds_before(benchmark, attempts, "mini") is None
    benchmark.write_text("s\th:m:s\n12.5000\t0:00:12\n")
    assert seconds_before(benchmark, attempts, "mini") == 12.5
    attempts.mkdir()
    for time, scale in (("20260101T000000Z", "mini"), ("20260102T000000Z", "smoke")):
        (attempts / f"{time}-1-a.jsonl").write_text(json.dumps({"scale": scale}) + "\n{}\n")
    assert seconds_before(benchmark, attempts, "mini") is None
    assert seconds_before(benchmark, attempts, "smoke") == 12.5


@pytest.mark.parametrize("content", ["", "s\th:m:s\n", "s\th:m:s\nNA\tNA\n", "h:m:s\n0:00:12\n"])
def test_a_damaged_benchmark_file_is_no_basis(tmp_path, content):
    """As a kill leaves it."""
    (tmp_path / "base.tsv").write_text(content)
    assert seconds_before(tmp_path / "base.tsv", tmp_path / "attempts", "mini") is None
