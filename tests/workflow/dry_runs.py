# SPDX-License-Identifier: Apache-2.0
"""Snakemake's command line in forks of one process that has imported it already.

About a hundred tests ask for a plan. Each asks Snakemake's own `main`, in a process of its own with
its own folder, arguments and environment; only the import of Snakemake and its plugins is done once.

    python tests/workflow/dry_runs.py

reads a line of JSON per command (folder, arguments, environment, output, seconds) and answers with
a line that holds the exit status, negative for a signal.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path


@cache
def _server() -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def forked_snakemake(
    folder: Path, arguments: tuple[str, ...], environment: dict[str, str], seconds: int
) -> subprocess.CompletedProcess:
    """Run Snakemake in a folder and return its exit status and what it said.

    A command that takes longer than `seconds` ends with the status of SIGALRM.
    """
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as output:
        server = _server()
        request = [str(folder), arguments, environment, output.name, seconds]
        print(json.dumps(request), file=server.stdin, flush=True)
        status = int(server.stdout.readline())
        return subprocess.CompletedProcess(arguments, status, output.read())


def _command(folder: str, arguments: list[str], environment: dict, output: str) -> None:
    """Become `python -m snakemake` in a folder; does not return."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    nothing, written = os.open(os.devnull, os.O_RDONLY), os.open(output, os.O_WRONLY)
    for source, target in ((nothing, 0), (written, 1), (written, 2)):
        os.dup2(source, target)
    sys.path[0] = folder
    sys.argv = [sys.modules["snakemake"].__file__, *arguments]
    sys.modules["snakemake.cli"].main()


def _serve() -> None:
    import jsonschema  # noqa: F401
    import smart_open  # noqa: F401
    from snakemake.cli import get_argument_parser

    get_argument_parser()  # which looks for the plugins and imports them
    for line in sys.stdin:
        *request, seconds = json.loads(line)
        child = os.fork()
        if child == 0:
            signal.alarm(seconds)
            _command(*request)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    _serve()
