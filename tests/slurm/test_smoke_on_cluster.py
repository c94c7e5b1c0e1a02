# SPDX-License-Identifier: Apache-2.0
"""Claims about `snakemake rl --workflow-profile profiles/slurm`: what ran where, and its bill."""

import csv
import json
import re
import shutil
import subprocess
import sys
from collections import defaultdict

import pytest
from slurm_runs import ON_TWO_NODES, accounted_independently, attempts_of, sacct

from r1repro.audit.attempt_records import read_attempts
from r1repro.audit.slurm_accounting import reconcile, rule_table
from r1repro.audit.slurm_jobs import read_jobs

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(1800)]

DECIMALS = 6  # of hours in the table
SHORT = {"prompts", "corpus", "preferences", "tokenizer"}
PREPARATION = {"base", "small_base", "pilot", "dev1", "rm_helpful", "rm_safety"}
RL = {"r1_zero", "dev2", "sft_data", "dev3", "r1", "distill", "small_zero"}


@pytest.fixture(scope="module")
def dump(finished, tmp_path_factory):
    """The accounting of the run, as an auditor would be given it: of its run id, as lab.md says."""
    path = tmp_path_factory.mktemp("accounting") / "sacct.txt"
    (run_id,) = set(re.findall(r"SLURM run ID: (\S+)", finished.said))
    path.write_text(sacct(finished.since, f"--name={run_id}"), encoding="utf-8")
    return path


def test_each_stage_ran_where_the_paper_ran_it(finished, dump):
    """Short steps on no GPU, preparation on A100, RL on H800, each job to its end."""
    jobs = read_jobs(dump)
    assert {job.state for job in jobs} == {"COMPLETED"}
    partitions = defaultdict(set)
    for job in jobs:
        partitions[job.partition].add(job.rule)
    assert partitions == {"cpu": SHORT, "a100": PREPARATION, "h800": RL}
    assert {job.gpus for job in jobs if job.partition == "cpu"} == {0}


def test_two_nodes_trained_one_stage_by_torchrun_with_each_engine(finished, dump):
    """Both stages held two nodes, their processes met, and every update is in the metrics."""
    held = {job.rule: (job.nodes, job.gpus) for job in read_jobs(dump)}
    engines = set()
    for stage in ON_TWO_NODES:
        assert held[stage] == (2, 2)
        (attempt,) = attempts_of(finished.clone, stage)
        begin = attempt[0]
        assert (begin["nodes"], begin["gpus_per_node"]) == (2, 1)
        engines.add(begin["settings"][stage]["engine"])
        with (finished.clone / f"results/rl/{stage}/metrics.csv").open() as table:
            assert [int(row["update"]) for row in csv.DictReader(table)] == list(range(1, 9))
    assert engines == {"native", "trl"}


def test_every_gpu_second_of_the_accounting_is_explained(finished, dump):
    """Recorded work, start-up and wind-down add up to what Slurm accounted, rule by rule."""
    result = reconcile(read_jobs(dump), read_attempts(finished.clone / "results/attempts"))
    assert result.findings == []
    by_rule = accounted_independently(dump)
    *rules, total = rule_table(result)
    assert {line["rule"] for line in rules} == SHORT | PREPARATION | RL
    for line in rules:
        assert float(line["difference_gpu_hours"]) == 0
        seconds = by_rule[line["rule"]]
        assert float(line["accounted_gpu_hours"]) == round(seconds / 3600, DECIMALS)
        if seconds:
            assert float(line["recorded_gpu_hours"]) > 0
            assert float(line["start_up_gpu_hours"]) > 0
            assert float(line["without_record_gpu_hours"]) == 0
    assert float(total["accounted_gpu_hours"]) == round(sum(by_rule.values()) / 3600, DECIMALS)


def test_the_rule_writes_the_table_of_the_reconciliation(finished, dump):
    """`snakemake slurm_accounting` after sacct; it runs beside Snakemake, not as a job."""
    target = finished.clone / "results/cost"
    target.mkdir(exist_ok=True)
    shutil.copy(dump, target / "sacct.txt")
    command = [sys.executable, "-m", "snakemake", "slurm_accounting"]
    done = subprocess.run(command, cwd=finished.clone, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with (target / "slurm_by_rule.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert rows[-1]["rule"] == "all"
    assert {row["state"] for row in rows[:-1]} == {"COMPLETED"}
    print(json.dumps(rows, indent=1))
