# SPDX-License-Identifier: Apache-2.0
"""A copy of the repository in a folder whose name has a space, and Snakemake in it."""

import atexit
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import forks
from forks import ADDRESS, HASHES, Fork

ROOT = Path(__file__).resolve().parents[2]


def repository_files() -> list[str]:
    """Return every file git tracks or would track, relative to the root."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in answer.stdout.split("\0") if name and (ROOT / name).is_file()]


def copy_repository(folder: Path) -> Path:
    """Copy the repository, without results of runs, to a folder named with a space."""
    target = folder / "a clone"
    compiled = [path.relative_to(ROOT) for path in (ROOT / "workflow").rglob("__pycache__/*.pyc")]
    for name in (*repository_files(), *compiled):  # or each clone would compile all of it anew
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)
    return target


def snakemake_command(*arguments: str) -> list[str]:
    """Return the command line that runs Snakemake with this environment's Python."""
    return [sys.executable, "-m", "snakemake", *arguments]


@cache
def fork_server() -> str:
    """Start the process that forks, for as long as this one lives; return its address."""
    # no TemporaryDirectory: a child of multiprocessing would drop it, and with it the folder
    folder = tempfile.mkdtemp(prefix="r1repro-forks-")
    address = f"{folder}/socket"
    server = subprocess.Popen(
        [sys.executable, Path(forks.__file__).with_name("fork_server.py"), address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # what libraries read when they are imported: stages show no bars, and tests no network
        env=os.environ | HASHES | {"TQDM_DISABLE": "1", "HF_HUB_OFFLINE": "1"},
    )
    atexit.register(shutil.rmtree, folder)
    atexit.register(server.communicate)  # which closes its input and waits for its end
    assert server.stdout.readline() == b"ready\n"
    return address


def forked_python() -> dict[str, str]:
    """Return the variables with which a shell has forks made where it calls python."""
    python = shlex.join([sys.executable, "-IS", forks.__file__])
    return {ADDRESS: fork_server(), "BASH_FUNC_python%%": f'() {{ {python} "$@"; }}'}


def start_snakemake(folder: Path, *arguments: str, output: int, **variables: str) -> Fork:
    """Start Snakemake in a folder, as the first of a process group; return its fork.

    `output` is the file descriptor of stdout and stderr.
    """
    with open(os.devnull) as nothing:
        return Fork(
            fork_server(),
            ["-m", "snakemake", *arguments],
            os.environ | variables,
            [nothing.fileno(), output, output],
            str(folder),
        )


def snakemake(
    folder: Path, *arguments: str, seconds: int = 400, forked_stages: bool = True
) -> subprocess.CompletedProcess:
    """Run Snakemake in a folder and return what it said; stdout and stderr together.

    Unless its stages are forked each is run by a new Python, as for a user. What takes longer than
    `seconds` is killed.
    """
    variables = {"WANDB_MODE": "offline"} | (forked_python() if forked_stages else {})
    with tempfile.TemporaryFile("r+", encoding="utf-8") as output:
        run = start_snakemake(folder, *arguments, output=output.fileno(), **variables)
        try:
            status = run.wait(seconds)
        except TimeoutError:
            os.killpg(run.pid, signal.SIGKILL)
            status = run.wait()
        output.seek(0)
        return subprocess.CompletedProcess(arguments, status, output.read())
