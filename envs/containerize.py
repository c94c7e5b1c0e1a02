# SPDX-License-Identifier: Apache-2.0
"""Write Dockerfile: an image that holds every environment of envs/ where Snakemake looks for it.

Contract  The text is that of `snakemake --containerize`, except for its first line: Snakemake names
          the newest miniforge, here stands one release, BASE. The image holds environments and no
          code; the code is that of the clone, which the container sees.
Needs     A command `conda` on the path, which Snakemake asks for its platform and nothing else;
          `make dockerfile` appends the test front end of tests/conda for those who have none.
Usage     python envs/containerize.py           write the file   (`make dockerfile`)
          python envs/containerize.py --check   compare only
Errors    One sentence and exit status 1; the file is written whole or not at all.
"""

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "workflow/scripts"))

from r1repro.errors import InputError  # noqa: E402
from r1repro.files import write_text_atomic  # noqa: E402

BASE = "condaforge/miniforge3:25.3.1-0"
UNPINNED = "FROM condaforge/miniforge3:latest\n"
HEADER = """\
# SPDX-License-Identifier: Apache-2.0
# Made by `make dockerfile` from envs/*.yaml (snakemake --containerize); do not edit by hand.
"""


def dockerfile() -> str:
    """Return the text; raises InputError when Snakemake gives none or one of another form."""
    answer = subprocess.run(
        [sys.executable, "-m", "snakemake", "--containerize"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if answer.returncode:
        raise InputError(f"`snakemake --containerize` failed: {answer.stderr.strip()[-500:]}")
    if answer.stdout.count(UNPINNED) != 1 or not answer.stdout.startswith(UNPINNED):
        raise InputError(
            f"the text of `snakemake --containerize` does not begin with {UNPINNED.strip()!r}; "
            "see whether envs/containerize.py fits this version of Snakemake"
        )
    return HEADER + answer.stdout.replace(UNPINNED, f"FROM {BASE}\n").rstrip() + "\n"


def main() -> None:
    """Write or compare."""
    cli = argparse.ArgumentParser(description="Write Dockerfile from envs/*.yaml.")
    cli.add_argument("--check", action="store_true", help="compare and write nothing")
    check, path = cli.parse_args().check, ROOT / "Dockerfile"
    try:
        text = dockerfile()
    except InputError as error:
        sys.exit(f"error: {error}")
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        print("Dockerfile is up to date")
        return
    if check:
        sys.exit("error: Dockerfile differs from envs/*.yaml; run `make dockerfile`")
    write_text_atomic(path, text)
    print(f"Dockerfile renewed on {BASE}")


if __name__ == "__main__":
    main()
