# SPDX-License-Identifier: Apache-2.0
"""Claims about config/paper.yaml on profiles/slurm: 64 nodes of 8 H800, as the controller sees it.

Snakemake submits through a program named sbatch that writes its arguments down and hands them to
the real one with --hold: the controller checks and accepts the request and starts nothing.
"""

import os
import re
import shutil

import pytest
import yaml
from slurm_cluster import ask, wait_for
from slurm_configuration import ACCOUNT
from slurm_packages import find
from slurm_runs import ROOT, Run, make_clone

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(600)]

SBATCH = """\
#!/bin/sh
printf '%s\\n' "$@" >"{folder}/asked-$$"
exec {sbatch} --hold "$@"
"""
TARGETS = ("results/rl/r1_zero/metrics.csv", "results/prepare/dev1_metrics.csv")
INPUTS = ("results/prepare/base/config.json", "results/data/train.jsonl",
          "results/data/cold_start.jsonl")  # fmt: skip
# the disk of this machine is too small for the paper's checkpoints, and none is made
DISK = ("--config", "scale=smoke")
LESS = ("--allowed-rules", "r1_zero", "dev1", "--rerun-triggers", "mtime")
# what each stage asks for: rule -> (options of sbatch, TRES that the controller makes of them)
EXPECTED = {
    "r1_zero": (
        {"-p": "h800", "-A": ACCOUNT, "--nodes": "64", "--ntasks": "64", "--gpus": "h800:512",
         "--mem": "1800000", "-t": "1440"},
        {"node": "64", "gres/gpu": "512", "gres/gpu:h800": "512", "mem": "112500G"},
    ),
    "dev1": (
        {"-p": "a100", "-A": ACCOUNT, "--nodes": "8", "--ntasks": "8", "--gpus": "a100:64",
         "--mem": "1000000", "-t": "720"},
        {"node": "8", "gres/gpu": "64", "gres/gpu:a100": "64", "mem": "7812.50G"},
    ),
}  # fmt: skip


@pytest.fixture
def clone(tmp_path):
    """A clone with the profile of a lab, and files where the inputs of both stages would be."""
    target = make_clone(tmp_path)
    profile = yaml.safe_load((ROOT / "profiles/slurm/profile.yaml").read_text(encoding="utf-8"))
    profile["default-resources"]["slurm_account"] = ACCOUNT
    place = target / "profiles/standin/profile.yaml"
    place.write_text(yaml.safe_dump(profile), encoding="utf-8")
    for name in INPUTS:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text("{}")
    return target


def options(arguments: list[str]) -> dict[str, str]:
    """Return the options of a command line, in both forms."""
    found = {}
    for place, text in enumerate(arguments):
        if text.startswith("--") and "=" in text:
            name, _, found[name] = text.partition("=")
        elif text.startswith("-") and place + 1 < len(arguments):
            found[text] = arguments[place + 1]
    return found


def test_the_paper_scale_asks_for_64_nodes_of_8_gpus(cluster, clone, tmp_path, monkeypatch):
    """Nodes, tasks, GPUs, partition, account and memory, once as asked and once as understood."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "sbatch"
    program.write_text(SBATCH.format(folder=folder, sbatch=find("sbatch")))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    run = Run(clone, *TARGETS, *LESS, "--configfile", "config/paper.yaml", *DISK)
    try:
        wait_for(
            "both submissions",
            lambda: run.process.poll() is not None or len(list(folder.glob("asked-*"))) == 2,
            300,
        )
        wait_for("both jobs", lambda: ask("squeue", "-h").count("\n") == 2, 60)
        for path in folder.glob("asked-*"):
            asked = options(path.read_text().splitlines())
            rule = asked["--comment"].removeprefix("rule_")
            wanted, tres = EXPECTED[rule]
            assert {name: asked.get(name) for name in wanted} == wanted
            assert not {"--gres", "--ntasks-per-gpu", "--gpus-per-task"} & asked.keys()
            assert "--requeue" in path.read_text()
            shown = ask("scontrol", "show", "job", job_of(rule))
            understood = dict(p.split("=") for p in re.search(r" TRES=(\S+)", shown)[1].split(","))
            assert {name: understood.get(name) for name in tres} == tres
            assert re.search(r"NumNodes=(\d+)", shown)[1] == tres["node"]
        assert len(EXPECTED) == 2
    finally:
        run.kill()
        ask("scancel", "-u", "root")
    assert run.text().count("has been submitted with SLURM jobid") == 2
    shutil.rmtree(clone)


def job_of(rule: str) -> str:
    """Return the id of the waiting job of a rule."""
    rows = ask("squeue", "-h", "-o", "%i %k").splitlines()
    return next(row.split()[0] for row in rows if row.split()[1] == f"rule_{rule}")
