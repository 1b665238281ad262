"""One writer at a time. The lock is the operating system's, so it goes with the process that held it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from docsearch.errors import IndexBusy


@contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Holds the index's write lock.

    Raises:
        IndexBusy: another process holds it; the message says which.
    """
    from filelock import FileLock, Timeout

    note = folder / "writer.pid"
    lock = FileLock(folder / "writer.lock", timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout as error:
        owner = note.read_text().strip() if note.exists() else "unknown"
        raise IndexBusy(
            f"another docsearch (process {owner}) is writing to this index",
            hint="wait until it is done, or stop it; searching works meanwhile",
        ) from error
    try:
        note.write_text(str(os.getpid()))
        note.chmod(0o600)
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()
