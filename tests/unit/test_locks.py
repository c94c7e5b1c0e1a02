# SPDX-License-Identifier: Apache-2.0
"""Claims about the locks of a run and of a stage, on file systems with flock and without."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from r1repro.errors import StageError
from r1repro.preflight import take_lock
from r1repro.state import StageState

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
ABSENT = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)
TAKE = {
    "run": take_lock,
    "stage": lambda path: StageState(path.parent, "same", wait_seconds=0).lock,
}
# A program whose flock answers as the file system of a cluster does.
PROGRAM = """
import fcntl, os, sys
from pathlib import Path
from r1repro.cli import run_program
from r1repro.state import StageState

def flock(descriptor, operation):
    raise OSError(int(sys.argv[2]), os.strerror(int(sys.argv[2])))

def main():
    with StageState(Path(sys.argv[1]), "same", wait_seconds=0) as state:
        state.save(1, lambda folder: (folder / "data").write_text("kept"))

fcntl.flock = flock
sys.exit(run_program(main))
"""


@pytest.fixture
def refuse(monkeypatch):
    """Return what makes flock answer with an error number."""

    def choose(number: int) -> None:
        def flock(_descriptor, _operation):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(fcntl, "flock", flock)

    return choose


@pytest.mark.parametrize("what", TAKE)
@pytest.mark.parametrize("number", ABSENT)
def test_without_flock_the_work_goes_on_and_one_warning_says_so(
    tmp_path, refuse, capsys, what, number
):
    """The warning names the file, the reason and the process that was there last."""
    (tmp_path / "lock").write_text("4711 on node7")
    refuse(number)
    TAKE[what](tmp_path / "lock").close()
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith("warning: ")
    for part in (str(tmp_path / "lock"), os.strerror(number), "process 4711 on node7"):
        assert part in said
    assert (tmp_path / "lock").read_text().startswith(f"{os.getpid()} on ")


@pytest.mark.parametrize("what", TAKE)
@pytest.mark.parametrize("number", [errno.EWOULDBLOCK, errno.EACCES])
def test_a_lock_of_another_process_is_refused_and_its_holder_named(tmp_path, refuse, what, number):
    """EACCES counts as held: POSIX allows it, and network file systems answer so."""
    (tmp_path / "lock").write_text("4711 on node7")
    refuse(number)
    with pytest.raises(StageError, match="process 4711 on node7"):
        TAKE[what](tmp_path / "lock")
    assert (tmp_path / "lock").read_text() == "4711 on node7"


@pytest.mark.parametrize("what", TAKE)
@pytest.mark.parametrize("number", [errno.EINTR, errno.EIO, errno.EINVAL, errno.ESTALE])
def test_any_other_answer_of_flock_is_one_sentence(tmp_path, refuse, what, number):
    """Neither a run without a lock nor a traceback."""
    refuse(number)
    with pytest.raises(StageError, match=rf"cannot be used \({os.strerror(number)}\)") as caught:
        TAKE[what](tmp_path / "lock")
    assert str(tmp_path / "lock") in str(caught.value)


@pytest.mark.parametrize("what", TAKE)
@pytest.mark.parametrize("trouble", ["a folder", "a file above", "a link to nowhere"])
def test_a_lock_file_that_cannot_be_is_one_sentence(tmp_path, what, trouble):
    """Something else stands in its place, or above it."""
    path = tmp_path / "state" / "lock"
    if trouble == "a file above":
        path.parent.write_text("")
    else:
        path.parent.mkdir()
        path.mkdir() if trouble == "a folder" else path.symlink_to(tmp_path / "no" / "where")
    with pytest.raises(StageError, match="the lock file .* cannot be used"):
        TAKE[what](path)


@pytest.mark.parametrize("what", TAKE)
def test_a_folder_that_takes_no_file_is_one_sentence(tmp_path, monkeypatch, what):
    """A read-only file system; root may write in a folder without write permission."""

    def refused(*_arguments, **_options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(StageError, match="Read-only file system"):
        TAKE[what](tmp_path / "lock")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EIO])
def test_a_program_without_flock_saves_and_one_with_a_broken_one_says_why(tmp_path, number):
    """Exit 0 with a checkpoint and one warning, or exit 1 with one error; never a traceback."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, tmp_path / "state", str(number)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
    )
    works = number == errno.ENOLCK
    assert done.returncode == (0 if works else 1)
    assert done.stderr.startswith("warning: " if works else "error: ")
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "state/step_00000001/data").exists() == works
