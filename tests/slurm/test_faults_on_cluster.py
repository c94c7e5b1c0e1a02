# SPDX-License-Identifier: Apache-2.0
"""Claims about jobs that a cluster breaks: the work is finished, byte for byte, and all is billed.

The first four faults hit four runs at the same time, each its own job; the others follow one by
one, because they hit the whole cluster.
"""

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from slurm_cluster import ask, wait_for
from slurm_faults import (
    INTERVAL,
    SECONDS,
    Broken,
    branch,
    check_bill,
    results_of,
    stop_training,
)
from small_disk import fill, small_disk

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(2400)]


def cancel(cluster, broken):
    """scancel, by a user or an administrator."""
    ask("scancel", broken.job)


def time_out(cluster, broken):
    """The stage hangs until the job's time limit, which is set to what it has run already."""
    stop_training(broken)
    ask("scontrol", "update", f"JobId={broken.job}", "TimeLimit=1")


def requeue(cluster, broken):
    """An administrator puts the running job back into the queue."""
    ask("scontrol", "requeue", broken.job)


def crash(cluster, broken):
    """The node loses power in mid-training; Slurm starts the job on the other one.

    It comes back after the work is done. A node that is back within a minute, as no machine is,
    is told once more to end the job of that id (Slurm 22.05), whatever runs there under it by then.
    """
    node = broken.node
    cluster.crash_node(node)
    wait_for("the node to be down", lambda: "down" in cluster.node_state(node), 120)
    return lambda: cluster.start_node(node)


FAULTS = {
    "cancelled": (cancel, {}),
    "timed out": (time_out, {}),
    "requeued": (requeue, {}),
    # on nodes that the other jobs do not use
    "node failed": (crash, {"slurm_partition": "a100", "gres": "gpu:a100:1"}),
}


@pytest.fixture(scope="module")
def broken(cluster, finished, tmp_path_factory) -> dict[str, Broken]:
    """Four runs, each broken in its own way and run to its end by the same command."""

    def break_one(name: str) -> Broken:
        fault, asked = FAULTS[name]
        clone = branch(finished.clone, tmp_path_factory.mktemp(name.replace(" ", "_")), **asked)
        one = Broken.start(clone)
        mend = fault(cluster, one)
        one.run.finish(SECONDS)
        if mend is not None:
            mend()
        return one

    with ThreadPoolExecutor(len(FAULTS)) as threads:
        return dict(zip(FAULTS, threads.map(break_one, FAULTS), strict=True))


@pytest.mark.parametrize("name", FAULTS)
def test_the_results_are_those_of_an_undisturbed_run(name, broken, finished):
    """Bitwise: weights, tokenizer, and each row of metrics but for times."""
    assert results_of(broken[name].clone) == results_of(finished.clone)


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("cancelled", ["CANCELLED", "COMPLETED"]),
        ("timed out", ["TIMEOUT", "COMPLETED"]),
        ("requeued", ["REQUEUED", "COMPLETED"]),
        ("node failed", ["NODE_FAIL", "COMPLETED"]),
    ],
)
def test_the_broken_job_is_billed(name, states, broken):
    """Slurm has a run that ended badly and one that went well; both are accounted for in full."""
    result = broken[name].accounting()
    check_bill(result)
    assert [found.job.state for found in result.jobs] == states
    assert all(len(found.attempts) == 1 for found in result.jobs)
    assert result.jobs[0].parts["recorded"] > 0


@pytest.mark.parametrize("name", ["requeued", "node failed"])
def test_slurm_itself_starts_the_job_again_under_its_id(name, broken):
    """The profile asks for requeueing: no retry of Snakemake is spent on it."""
    first, second = broken[name].accounting().jobs
    assert first.job.job_id == second.job.job_id


@pytest.mark.parametrize("name", ["cancelled", "requeued"])
def test_work_lost_to_sigterm_is_less_than_one_update(name, broken):
    """The stage finishes its rollout, saves, and ends its record; the next goes on from there."""
    stopped, _ = broken[name].attempts()
    assert stopped[-1]["kind"] == "end"
    assert (stopped[-1]["exit_code"], stopped[-1]["signal"]) == (143, 15)
    assert broken[name].resumed_after() == stopped[-1]["step"]
    assert broken[name].purposes() == ["superseded", "final"]


def test_work_lost_to_sigkill_is_less_than_the_checkpoint_interval(broken):
    """A power cut: no end in the record, and at most the updates since the last checkpoint."""
    one = broken["node failed"]
    killed, _ = one.attempts()
    assert killed[-1]["kind"] == "heartbeat"
    lost = (killed[-1]["step"] or 0) - one.resumed_after()
    assert lost < INTERVAL
    assert one.resumed_after() % INTERVAL == 0
    assert one.purposes() == ["failed", "final"]


def run_to_the_end(broken: Broken, finished) -> list[str]:
    """Wait for a good end, compare, and return the states of all runs of the job."""
    broken.run.finish(SECONDS)
    assert results_of(broken.clone) == results_of(finished.clone)
    result = broken.accounting()
    check_bill(result)
    return [found.job.state for found in result.jobs]


def test_a_restarted_controller_loses_nothing(cluster, finished, tmp_path):
    """slurmctld is gone for some seconds while the job trains: one job, one attempt."""
    one = Broken.start(branch(finished.clone, tmp_path))
    cluster.end("slurmctld")
    cluster.start_controller()
    assert run_to_the_end(one, finished) == ["COMPLETED"]
    assert len(one.attempts()) == 1


def test_an_absent_database_delays_the_bill_and_loses_nothing(cluster, finished, tmp_path):
    """slurmdbd is away until the job has ended; the run ends well, the accounting comes later."""
    one = Broken.start(branch(finished.clone, tmp_path))
    cluster.end("slurmdbd")
    try:
        one.run.finish(SECONDS)
    finally:
        cluster.start_slurmdbd()
    assert run_to_the_end(one, finished) == ["COMPLETED"]


def test_a_preempted_job_goes_on_where_it_was(cluster, finished, tmp_path):
    """Jobs of a partition with priority take the nodes; the stage has the grace time to save."""
    one = Broken.start(branch(finished.clone, tmp_path, slurm_partition="h800_low"))
    node = one.node
    subprocess.run(
        ["sbatch", "-A", "lab", "-p", "h800", "-w", node, "--gres=gpu:8", "--wrap", "sleep 3"],
        check=True,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
    )
    states = run_to_the_end(one, finished)
    assert states[-1] == "COMPLETED"
    assert set(states[:-1]) <= {"PREEMPTED", "FAILED", "REQUEUED", "CANCELLED"} and states[:-1]
    stopped, _ = one.attempts()
    assert (stopped[-1]["exit_code"], stopped[-1]["signal"]) == (143, 15)
    assert one.resumed_after() == stopped[-1]["step"]


@pytest.fixture
def disk_of_a_clone(finished, tmp_path):
    """A clone on a file system of its own, with a little more room than a run asks for."""
    used = int(subprocess.check_output(["du", "-sm", finished.clone], text=True).split()[0])
    with small_disk(tmp_path / "disk", used + 300) as place:
        yield branch(finished.clone, place)


def test_a_full_shared_folder_stops_the_stage_and_room_lets_it_finish(disk_of_a_clone, finished):
    """Not a byte can be written in mid-training; with room again the same command goes on."""
    one = Broken.start(disk_of_a_clone, "--retries", "0")
    ballast = disk_of_a_clone / "ballast"
    fill(ballast)
    assert one.run.wait(SECONDS) != 0
    wait_for("the job to end", lambda: ask("squeue", "-h") == "", SECONDS)
    ballast.unlink()
    failed = one.accounting()
    assert failed.findings == []
    assert failed.jobs[0].job.state == "FAILED"
    again = one.again()
    assert run_to_the_end(again, finished) == ["FAILED", "COMPLETED"]
    assert again.resumed_after() >= INTERVAL
