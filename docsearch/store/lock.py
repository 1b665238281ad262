"""One writer at a time. The lock is the operating system's, so it goes with the process that held it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from docsearch.errors import IndexBusy, StorageFull


@contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Holds the index's write lock.

    Raises:
        IndexBusy: another process holds it; the message says which.
        StorageFull: the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    note = folder / "writer.pid"
    lock = FileLock(folder / "writer.lock", timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout as error:
        raise IndexBusy(
            f"another docsearch (process {_owner(note)}) is writing to this index",
            hint="wait until it is done, or stop it; searching works meanwhile",
        ) from error
    except OSError as error:
        raise StorageFull(
            f"cannot write the index in {folder}: {error.strerror or error}",
            hint="check the folder's permissions and the space on its disk; searching works meanwhile",
        ) from error
    try:
        _sign(note)
        yield
    finally:
        with suppress(OSError):
            note.unlink(missing_ok=True)
        lock.release()


def _owner(note: Path) -> str:
    try:
        return note.read_text().strip() or "unknown"
    except (OSError, UnicodeDecodeError):
        return "unknown"


def _sign(note: Path) -> None:
    """Leaves word of who writes; a full disk is met by what is written next."""
    with suppress(OSError):
        note.write_text(str(os.getpid()))
        note.chmod(0o600)
