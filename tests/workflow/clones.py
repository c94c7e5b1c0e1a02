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
FORKS = Path(forks.__file__)


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
    folder = tempfile.TemporaryDirectory(prefix="r1repro-forks-")
    address = f"{folder.name}/socket"
    server = subprocess.Popen(
        [sys.executable, FORKS.with_name("fork_server.py"), address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | HASHES | {"TQDM_DISABLE": "1"},  # as run_program sets it
    )
    atexit.register(folder.cleanup)
    atexit.register(server.communicate)  # which closes its input and waits for its end
    assert server.stdout.readline() == b"ready\n"
    return address


def forked_python() -> dict[str, str]:
    """Return the variables by which the shells of rules find a `python` that forks."""
    python = shlex.join([sys.executable, "-IS", str(FORKS)])
    return {ADDRESS: fork_server(), "BASH_FUNC_python%%": f'() {{ {python} "$@"; }}'}


def start_snakemake(
    folder: Path, *arguments: str, output: int, stdin: int | None = None, **variables: str
) -> Fork:
    """Start Snakemake in a folder, the first of a process group; its stages are forked as well.

    `output` is the file descriptor of stdout and stderr, `stdin` one of a terminal.
    """
    with open(os.devnull) as nothing:
        files = [nothing.fileno() if stdin is None else stdin, output, output]
        environment = os.environ | forked_python() | variables
        command = ["-m", "snakemake", *arguments]
        return Fork(fork_server(), command, environment, files, str(folder))


def snakemake(
    folder: Path, *arguments: str, seconds: int = 400, **variables: str
) -> subprocess.CompletedProcess:
    """Run Snakemake in a folder and return what it said; stdout and stderr together."""
    with tempfile.TemporaryFile("r+", encoding="utf-8") as output:
        variables = {"WANDB_MODE": "offline"} | variables
        run = start_snakemake(folder, *arguments, output=output.fileno(), **variables)
        try:
            status = run.wait(seconds)
        except TimeoutError:
            os.killpg(run.pid, signal.SIGKILL)
            status = run.wait()
        output.seek(0)
        return subprocess.CompletedProcess(arguments, status, output.read())
