# SPDX-License-Identifier: Apache-2.0
"""How every program begins and ends: common options, and errors as one line.

Exit status: 0 done, 1 an error the user can act on (one line on stderr), 143 stopped by
SIGTERM, 130 by Ctrl-C.
Anything else is a fault of ours and keeps its traceback.
"""

import argparse
import errno
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from r1repro.errors import StageError, Terminated
from r1repro.parent import watch_workflow
from r1repro.termination import listen

DISK_ERRORS = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EACCES: "the folder cannot be written; give this user write permission",
    errno.EPERM: "the file system refuses the operation; give this user write permission",
    errno.EROFS: "the file system is read-only; use a folder on a writable disk",
}


def stage_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with the options that every stage program has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--settings", type=json.loads, required=True, help="JSON of this stage")
    parser.add_argument("--gpus", type=int, required=True, help="0 is CPU; never guessed")
    parser.add_argument("--state", type=Path, required=True, help="folder of checkpoints and lock")
    parser.add_argument("--attempts", type=Path, required=True, help="folder of attempt records")
    parser.add_argument("--code", required=True, help="digest of the code behind the rule")
    return parser


def disk_trouble(error: Exception) -> str | None:
    """Say what is wrong with the disk and what to do, or None for any other error.

    Libraries written in Rust (safetensors, tokenizers) put the number of the system's error into
    the text of an exception of their own.
    """
    number = error.errno if isinstance(error, OSError) else None
    written = re.search(r"\(os error (\d+)\)", str(error))
    if number is None and written is not None:
        number = int(written.group(1))
    return DISK_ERRORS.get(number)


def run_program(main: Callable[[], None]) -> int:
    """Run a program's main and turn our own errors and disk trouble into one line."""
    listen()
    watch_workflow()
    # Bars of libraries would fill the log with control characters; ours goes to the terminal.
    os.environ["TQDM_DISABLE"] = "1"
    try:
        main()
    except Terminated as error:
        print(f"error: {error}", file=sys.stderr)
        return 128 + signal.SIGTERM
    except KeyboardInterrupt:
        print("error: stopped by Ctrl-C; run the same command again to continue", file=sys.stderr)
        return 128 + signal.SIGINT
    except StageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except Exception as error:
        trouble = disk_trouble(error)
        if trouble is None:
            raise
        where = getattr(error, "filename", None) or "a file of this stage"
        print(
            f"error: {where} could not be written: {trouble}, then run the same command again; "
            "everything saved so far is kept",
            file=sys.stderr,
        )
        return 1
    return 0
