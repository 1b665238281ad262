from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from docsearch.errors import IndexBusy, StorageFull
from docsearch.store.lock import alone, is_held, writer_lock

HOLD = """
import sys
from pathlib import Path
from docsearch.store.lock import writer_lock
with writer_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """A process that holds the lock until its stdin is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_told_who_is_writing(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        with pytest.raises(IndexBusy, match=rf"process {process.pid}\b") as caught, writer_lock(tmp_path):
            pass
        assert caught.value.exit_code == 4
        process.communicate("")
    with writer_lock(tmp_path):
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.kill()
        process.wait()
    with writer_lock(tmp_path):
        assert (tmp_path / "writer.pid").read_text() == str(os.getpid())
    assert not (tmp_path / "writer.pid").exists()


def test_the_lock_is_freed_by_an_error_inside(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), writer_lock(tmp_path):
        raise ZeroDivisionError
    with writer_lock(tmp_path), pytest.raises(IndexBusy), writer_lock(tmp_path):
        pass


def test_what_is_done_alone_is_not_done_twice(tmp_path: Path) -> None:
    lock = tmp_path / "made" / "learning.lock"
    assert not is_held(lock)
    with alone(lock, "another round runs"):
        assert is_held(lock)
        assert lock.parent.stat().st_mode & 0o777 == 0o700
        with pytest.raises(IndexBusy, match="another round runs"), alone(lock, "another round runs"):
            pass
    assert not is_held(lock)


def test_a_lock_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageFull, match="cannot write"), alone(tmp_path / "file" / "x.lock", "busy"):
        pass
